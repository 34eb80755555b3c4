"""Several workers, on this machine or on a cluster, by Ray.

Each worker is an actor that loads base and adapters once and takes one input at a time. A worker that dies, alone or
with its node, takes nothing with it but the input that it was at: another one begins that anew.
"""

from __future__ import annotations

import logging
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gliner_adapters.adapters.config import CONFIG_FILE, WEIGHTS_FILE
from gliner_adapters.errors import ConfigError, GlinerAdaptersError
from gliner_adapters.extras import require
from gliner_adapters.jobs.folder import Attempt, JobFolder
from gliner_adapters.jobs.heartbeat import Heartbeat
from gliner_adapters.jobs.inputs import Input
from gliner_adapters.jobs.reading import JobReader, adapter_folder
from gliner_adapters.jobs.settings import JobSettings
from gliner_adapters.jobs.work import FileWork
from gliner_adapters.jobs.worker import Outcome, Worker

#: Inputs that are handed to a worker at a time: the one it is at, and the next.
IN_HAND = 2
#: Workers that may die before they have begun, and before any other has begun or done an input since.
STILLBORN = 3
#: What Ray says of an actor that its node took along.
NODE_DIED = "its node has died"
#: Heaps that the C library parts its threads among, at most. Ray's own threads take all that there are by default, and
#: the reading stages, new with each input, would get each of them in turn: every one grows to the size of the largest.
ARENAS = "2"
#: Seconds without a worker that has begun after which that is told; and to wait for workers that are ended.
PATIENCE, TIDYING = 120.0, 5.0

logger = logging.getLogger(__name__)


class RayWorker:
    """The actor: a :class:`~gliner_adapters.jobs.worker.Worker` in a process of its own.

    Args:
        path: the job's folder.
        settings: what the job does.
        adapters: name to the files of each adapter.
    """

    def __init__(self, path: str, settings: JobSettings, adapters: dict[str, dict[str, bytes]]) -> None:
        folder = JobFolder(path)
        self._files = tempfile.TemporaryDirectory(prefix="gliner-adapters-worker-")
        places = {}
        for name, files in adapters.items():
            places[name] = Path(self._files.name) / name
            places[name].mkdir(parents=True)
            for file, content in files.items():
                (places[name] / file).write_bytes(content)
        self._heartbeat = Heartbeat(folder)
        self._worker = Worker(folder, JobReader(settings, places), self._heartbeat)

    def ready(self) -> str:
        """The digest of the fingerprint, once everything is loaded."""
        return self._worker.reader.digest

    def close(self) -> None:
        """Remove what it has written for itself: an actor is ended from outside, which tidies nothing."""
        self._files.cleanup()

    def do(self, given: Input) -> Outcome:
        """Do an input."""
        try:
            return self._worker.do(given)
        finally:
            self._heartbeat.end()  # an actor is ended from outside, and says nothing then


@dataclass
class _Actor:
    """An actor with what it was given."""

    handle: Any
    ready: Any
    begun: bool = False
    in_hand: dict[Any, Input] = field(default_factory=dict)


class RayEngine:
    """Does inputs by actors of Ray.

    Args:
        folder: the job's, on a disk that all nodes see.
        settings: what the job does; its threads are the processor cores of each worker, and on a GPU each has one.
        reader: made from the settings; the workers' own must have its fingerprint.
        workers: how many.
        address: a cluster's; by default one is begun on this machine and ended with the job.

    Raises:
        ConfigError: Ray is missing, or its cluster cannot be reached.
    """

    def __init__(
        self, folder: JobFolder, settings: JobSettings, reader: JobReader, workers: int, address: str | None = None
    ) -> None:
        self.folder, self.settings, self.workers, self._reader = folder, settings, workers, reader
        self._ray: Any = require("ray", "scale")
        self._own = not self._ray.is_initialized()
        if self._own:
            self._begin(address)
        self._adapters = self._ray.put({name: _files(source) for name, source in settings.adapters.items()})

    def _begin(self, address: str | None) -> None:
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR", "configure_logging": False}
        if address is None:
            address = "local"  # one of our own, whatever else runs on this machine
            options |= {"num_cpus": self.workers * self.settings.threads, "include_dashboard": False}
        logging.getLogger("ray").setLevel(logging.ERROR)  # `logging_level` does nothing where it configures no logging
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        try:
            self._ray.init(address=address, **options)
        except Exception as error:  # plain ones too: of a start that takes too long, for one
            raise ConfigError(f"Ray cannot be begun or reached ({address}): {error}") from error

    def run(self, inputs: Iterable[Input]) -> Iterator[Outcome]:
        """See :class:`~gliner_adapters.jobs.engines.Engine`."""
        waiting = iter(inputs)
        again: list[Input] = []
        actors: list[_Actor] = []
        stillborn, told = 0, False
        try:
            while True:
                while len(actors) < self.workers and self._more(waiting, again):
                    actors.append(self._actor())
                    self._fill(actors[-1], waiting, again)
                for actor in actors:
                    self._fill(actor, waiting, again)
                refs = [ref for actor in actors for ref in (*actor.in_hand, *(() if actor.begun else (actor.ready,)))]
                if not refs or not (again or any(actor.in_hand for actor in actors)):
                    return
                ended, _ = self._ray.wait(refs, num_returns=1, timeout=None if told else PATIENCE)
                if not ended:
                    told = self._tell_waiting(actors)
                    continue
                (ref,) = ended
                actor = next(each for each in actors if ref in each.in_hand or ref is each.ready)
                try:
                    value = self._ray.get(ref)
                except self._ray.exceptions.RayActorError as error:
                    again += actor.in_hand.values()
                    actors.remove(actor)
                    if not actor.begun and NODE_DIED not in str(error):  # which says nothing of workers
                        stillborn += 1
                    if stillborn >= STILLBORN:
                        raise ConfigError(f"workers die before they can begin: {_told(error)}") from error
                    continue
                except self._ray.exceptions.RayTaskError as error:
                    cause = error.cause
                    raise (cause if isinstance(cause, GlinerAdaptersError) else error) from None
                if ref is actor.ready:
                    actor.begun, stillborn = True, 0
                    self._check(value)
                    continue
                actor.in_hand.pop(ref)
                stillborn = 0
                yield value
        finally:
            if closing := [actor.handle.close.remote() for actor in actors if actor.begun and not actor.in_hand]:
                self._ray.wait(closing, num_returns=len(closing), timeout=TIDYING)
            for actor in actors:
                self._ray.kill(actor.handle)
            self._tidy([given for actor in actors for given in actor.in_hand.values()])
            if self._own:
                self._ray.shutdown()

    def _tidy(self, left: list[Input]) -> None:
        """Remove what workers leave that are ended with their inputs in hand: they were not to blame."""
        work, until = FileWork(self.folder, self._reader), time.monotonic() + TIDYING
        for given in left:
            while True:
                with self.folder.claim(given.name) as ours:
                    if ours and self.folder.attempt(given) == Attempt(size=given.size, modified=given.modified):
                        work.clear(given)
                        self.folder.end_attempt(given.name)
                if ours or time.monotonic() > until:  # the claim is free once the worker is gone
                    break
                time.sleep(0.05)

    @staticmethod
    def _more(waiting: Iterator[Input], again: list[Input]) -> bool:
        """Whether there is something for one more worker; what had to be looked at is kept for it."""
        again += [] if again else [each for each in (next(waiting, None),) if each is not None]
        return bool(again)

    def _tell_waiting(self, actors: list[_Actor]) -> bool:
        """Say, once, if no worker could begin: the cluster may have no room for any, or be growing."""
        if any(actor.begun for actor in actors):
            return True
        free = {name: count for name, count in self._ray.available_resources().items() if name in ("CPU", "GPU")}
        logger.warning(
            "no worker could begin within %.0f s: each asks for %d CPUs%s, and the cluster has %s free. Waiting; end "
            "the job and give fewer --threads if it has no room for them",
            PATIENCE,
            self.settings.threads,
            " and a GPU" if self.settings.device.startswith("cuda") else "",
            free or "none",
        )
        return True

    def _fill(self, actor: _Actor, waiting: Iterator[Input], again: list[Input]) -> None:
        """Give an actor what it can have in hand."""
        while len(actor.in_hand) < (IN_HAND if actor.begun else 1):
            given = again.pop(0) if again else next(waiting, None)
            if given is None:
                return
            actor.in_hand[actor.handle.do.remote(given)] = given

    def _actor(self) -> _Actor:
        threads, gpu = self.settings.threads, self.settings.device.startswith("cuda")
        # The setting of the driver's own thread pools would be copied to every worker, where it means another thing.
        variables = {"OMP_NUM_THREADS": str(threads), "TOKENIZERS_PARALLELISM": "false", "MALLOC_ARENA_MAX": ARENAS}
        kind = self._ray.remote(num_cpus=threads, num_gpus=1 if gpu else 0, runtime_env={"env_vars": variables})(
            RayWorker
        )
        handle = kind.remote(str(self.folder.path.absolute()), self.settings, self._adapters)
        return _Actor(handle, handle.ready.remote())

    def _check(self, digest: str) -> None:
        if digest != self._reader.digest:
            raise ConfigError(
                "a worker has another base, other adapters or other versions of packages than this machine; install "
                "the same ones on all nodes"
            )


def _files(source: str) -> dict[str, bytes]:
    """An adapter's files, to be sent to the workers."""
    folder = adapter_folder(source)
    return {name: (folder / name).read_bytes() for name in (CONFIG_FILE, WEIGHTS_FILE)}


def _told(error: Exception) -> str:
    """The last line of what Ray says, which is the cause."""
    return (str(error).strip().splitlines() or ["unknown reason"])[-1].strip()
