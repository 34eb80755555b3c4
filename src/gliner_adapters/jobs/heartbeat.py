"""What each worker does at the moment, as small files that whoever asks can read."""

from __future__ import annotations

import json
import os
import platform
import time
from contextlib import suppress
from dataclasses import asdict, dataclass

from gliner_adapters.jobs.folder import JobFolder
from gliner_adapters.jobs.inputs import Input

#: Seconds between two beats at least, and after which a worker counts as gone.
INTERVAL, GONE = 1.0, 120.0


@dataclass(frozen=True, slots=True)
class WorkerState:
    """A worker.

    Attributes:
        host: where it runs.
        pid: its process.
        input: what it reads.
        documents: how many of it are done.
        documents_per_second: since it took the input.
        seen: when it said so, in seconds since 1970.
    """

    host: str
    pid: int
    input: str
    documents: int
    documents_per_second: float
    seen: float


class Heartbeat:
    """Says what this process does. A failure to say it is no failure of the job."""

    def __init__(self, folder: JobFolder) -> None:
        self._file = folder.workers / f"{platform.node()}-{os.getpid()}.json"
        self._input, self._since, self._beaten = "", time.monotonic(), float("-inf")

    def __call__(self, given: Input, documents: int) -> None:
        """So many documents of an input are done; zero when it is taken."""
        now = time.monotonic()
        if given.path != self._input:
            self._input, self._since = given.path, now
        elif now - self._beaten < INTERVAL:
            return
        self._beaten = now
        rate = documents / (now - self._since) if now > self._since else 0.0
        state = WorkerState(platform.node(), os.getpid(), given.path, documents, round(rate, 1), time.time())
        with suppress(OSError):
            fresh = self._file.with_suffix(".part")
            fresh.write_text(json.dumps(asdict(state)), encoding="utf-8")
            fresh.replace(self._file)

    def end(self) -> None:
        """This process does nothing any more."""
        with suppress(OSError):
            self._file.unlink(missing_ok=True)


def workers(folder: JobFolder) -> list[WorkerState]:
    """What is known of the workers, the gone ones left out."""
    found = []
    for file in sorted(folder.workers.glob("*.json")) if folder.workers.is_dir() else []:
        with suppress(OSError, ValueError, TypeError):
            state = WorkerState(**json.loads(file.read_text(encoding="utf-8")))
            if time.time() - state.seen < GONE:
                found.append(state)
    return found
