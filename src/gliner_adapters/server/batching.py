"""Many clients, one reader: a bounded queue of documents before the one thread that reads.

    client A: ▮▮▮▮▮▮▮▮▮ ─┐   a document of each in turn, until a batch has enough characters
    client B: ▮         ─┼─► [ A₁ B₁ C₁ A₂ C₂ ] ─► Annotator.read ─► each reading to the job it belongs to
    client C: ▮▮        ─┘

Taking turns keeps a client with many documents from holding up one with a single sentence. A job whose client is
gone, or whose time is up, is dropped before the next batch; what it had read by then is thrown away.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from gliner_adapters.annotate import Annotator, Reading, Request
from gliner_adapters.server.errors import busy
from gliner_adapters.server.metrics import Metrics
from gliner_adapters.server.settings import Settings


class TimeIsUp(Exception):
    """A job's time was over before all of it was read."""


@dataclass(eq=False)
class Job:
    """The documents of one HTTP request.

    Attributes:
        requests: what to read.
        deadline: in seconds of :func:`time.monotonic`; what is not read by then is dropped.
        readings: what has been read, by number of the request.
        future: gets the readings in order. Cancelling it drops the job.
    """

    requests: Sequence[Request]
    deadline: float
    readings: dict[int, Reading] = field(default_factory=dict)
    future: Future[list[Reading]] = field(default_factory=Future)
    taken: int = 0

    def finish(self, error: BaseException | None = None) -> None:
        """Give the readings, or an error, to who waits; nothing happens if nobody does."""
        if self.future.done() or not self.future.set_running_or_notify_cancel():
            return
        if error is not None:
            self.future.set_exception(error)
        else:
            self.future.set_result([self.readings[i] for i in range(len(self.requests))])


class Batcher:
    """The queue and its reader.

    Args:
        annotator: reads; only the reader's thread uses it.
        settings: bounds of queue and batches.
        metrics: is told of batches and dropped jobs.
    """

    def __init__(self, annotator: Annotator, settings: Settings, metrics: Metrics) -> None:
        self._annotator = annotator
        self._settings = settings
        self._metrics = metrics
        self._jobs: deque[Job] = deque()
        self._chars = 0
        self._documents = 0
        self._open = False
        self._change = threading.Condition()
        self._thread: threading.Thread | None = None

    @property
    def accepting(self) -> bool:
        """Whether there is a reader that takes jobs."""
        return self._open and self._thread is not None and self._thread.is_alive()

    @property
    def documents(self) -> int:
        """How many documents wait to be read."""
        return self._documents

    def start(self) -> None:
        """Begin to read."""
        self._open = True
        # A daemon: a reader that is stuck in a batch cannot keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="reader", daemon=True)
        self._thread.start()

    def close(self, seconds: float) -> None:
        """Take no more jobs, and wait until those that are there are read, or the time is up."""
        with self._change:
            self._open = False
            self._change.notify()
        if self._thread is not None:
            self._thread.join(seconds)
        with self._change:
            for job in self._jobs:
                job.finish(busy("stopping", "the server stops"))

    def submit(self, requests: Sequence[Request], deadline: float) -> Future[list[Reading]]:
        """Put requests into the queue.

        Args:
            requests: one or more, answered together.
            deadline: in seconds of :func:`time.monotonic`.

        Raises:
            ApiError: 503, the queue is full or closed.
        """
        chars = sum(_size(request) for request in requests)
        job = Job(requests, deadline)
        with self._change:
            if not self.accepting:
                raise busy("stopping", "the server stops")
            if self._full(chars):
                self._drop_unwanted()
                if self._full(chars):
                    raise busy("queue_full", "too much is waiting to be read")
            self._jobs.append(job)
            self._chars += chars
            self._documents += len(requests)
            self._change.notify()
        return job.future

    def _full(self, chars: int) -> bool:
        """Whether there is no room for a job of so many characters; an empty queue has room for any."""
        more = self._chars + chars > self._settings.queue_chars
        return len(self._jobs) >= self._settings.queue_requests or (bool(self._jobs) and more)

    def _run(self) -> None:
        """The reader's life: one batch after the other until the queue is closed and empty."""
        while batch := self._next():
            self._read_batch(batch)

    def _next(self) -> list[tuple[Job, int]]:
        """The next batch, as jobs and numbers of their requests; nothing at the end."""
        with self._change:
            while self._open or self._jobs:
                if not self._jobs:
                    self._change.wait()
                    self._gather()
                self._drop_unwanted()
                if batch := self._draw():
                    return batch
            return []

    def _gather(self) -> None:
        """Give others a moment to join the first of a batch."""
        until = time.monotonic() + self._settings.batch_wait_ms / 1000
        while self._open and self._chars < self._settings.batch_chars:
            if (left := until - time.monotonic()) <= 0:
                return
            self._change.wait(left)

    def _draw(self) -> list[tuple[Job, int]]:
        """Take documents from the jobs in turn."""
        batch: list[tuple[Job, int]] = []
        chars = 0
        while self._jobs and len(batch) < self._settings.batch_documents:
            job = self._jobs[0]
            size = _size(job.requests[job.taken])
            if batch and chars + size > self._settings.batch_chars:
                break
            batch.append((job, job.taken))
            chars += size
            job.taken += 1
            self._chars -= size
            self._documents -= 1
            self._jobs.popleft()
            if job.taken < len(job.requests):
                self._jobs.append(job)
        return batch

    def _drop_unwanted(self) -> None:
        """Take out the jobs that nobody waits for any more."""
        for job in [job for job in self._jobs if _unwanted(job)]:
            self._metrics.dropped(_unwanted(job))
            self._jobs.remove(job)
            rest = job.requests[job.taken :]
            self._chars -= sum(_size(request) for request in rest)
            self._documents -= len(rest)
            job.finish(TimeIsUp())

    def _read_batch(self, batch: list[tuple[Job, int]]) -> None:
        requests = [job.requests[number] for job, number in batch]
        started = time.monotonic()
        try:
            readings = self._annotator.read(requests)
        except Exception as error:
            self._read_apart(batch, error)
            return
        entities = sum(len(reading.document.entities) for reading in readings)
        self._metrics.batch(len(batch), sum(map(_size, requests)), entities, time.monotonic() - started)
        for (job, number), reading in zip(batch, readings, strict=True):
            job.readings[number] = reading
            if len(job.readings) == len(job.requests):
                job.finish()

    def _read_apart(self, batch: list[tuple[Job, int]], error: Exception) -> None:
        """One request's fault is not the others': those that make no sense fail, the rest is read again.

        If all of them make sense, the fault came with a text, and each is read alone.
        """
        if len(batch) == 1:
            batch[0][0].finish(error)
            return
        for job, number in batch:
            try:
                self._annotator.check(job.requests[number])
            except Exception as own:
                job.finish(own)
        good = [each for each in batch if not each[0].future.done()]
        if len(good) < len(batch) and good:
            self._read_batch(good)
            return
        for each in good:
            if not each[0].future.done():
                self._read_batch([each])


def _unwanted(job: Job) -> str:
    """Why nobody waits for a job any more; empty if somebody does."""
    if job.future.cancelled():
        return "client gone"
    if job.future.done():
        return "failed"
    return "time is up" if time.monotonic() >= job.deadline else ""


def _size(request: Request) -> int:
    return len(request.document.text)
