"""Runs in processes of their own: peak memory is then the run's, and one that dies takes none along.

They end with the process that started them, however that ends.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import torch
from filelock import FileLock, Timeout

from gliner_adapters.comparison.runner import execute, state
from gliner_adapters.comparison.specs import RunSpec
from gliner_adapters.errors import GlinerAdaptersError
from gliner_adapters.model.devices import find_device
from gliner_adapters.signals import TERMINATED, Terminated, end_with_parent, raise_on_sigterm
from gliner_adapters.training import FeatureStore

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext, SpawnContext
    from multiprocessing.process import BaseProcess

#: Where runs share word vectors, within the folder of all runs; the last call that uses it removes it.
FEATURES_FOLDER = ".features"


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        name: the run's.
        macro_f1: on test, if it finished.
        error: why it did not.
    """

    name: str
    macro_f1: float | None = None
    error: str | None = None


def execute_all(
    specs: Sequence[RunSpec], output: Path, data_dir: Path | None = None, jobs: int = 1, device: str = "cpu"
) -> Iterator[Outcome]:
    """Do runs that are not finished, each in a process of its own; a failing one does not stop the others.

    Args:
        specs: the runs.
        output: the folder that theirs lie in.
        data_dir: where registered corpora lie.
        jobs: processes at a time; the processor's cores are shared out among them.
        device: where they compute; a GPU is shared by all of them.

    Yields:
        How each run ended, as it ends.
    """
    found = str(find_device(device))  # once, rather than in every run
    threads = max(1, torch.get_num_threads() // jobs)
    waiting = [spec for spec in specs if state(spec, output / spec.name) != "finished"]
    started = _Started()
    with _shared_features(output) as features, ThreadPoolExecutor(jobs) as pool:
        tasks = [_Task(spec, output / spec.name, data_dir, features, threads, found) for spec in waiting]
        futures = [pool.submit(_in_process, started, task) for task in tasks]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:  # interrupted: those that have not begun must not begin, and those that have must not go on
            pool.shutdown(wait=False, cancel_futures=True)
            started.end()


@dataclass(frozen=True)
class _Task:
    """What a process has to know."""

    spec: RunSpec
    folder: Path
    data_dir: Path | None
    features: Path
    threads: int
    device: str


class _Started:
    """The processes that runs are in at the moment."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._running: set[BaseProcess] = set()
        self._ended = False

    @contextmanager
    def of(self, process: BaseProcess) -> Iterator[None]:
        """Start a process that is waited for within."""
        with self._lock:
            if self._ended:
                raise Terminated
            process.start()
            self._running.add(process)
        try:
            yield
        finally:
            process.join()
            with self._lock:
                self._running.remove(process)

    def end(self) -> None:
        """End them, and let none begin."""
        with self._lock:
            self._ended = True
            for process in self._running:
                process.terminate()


@contextmanager
def _shared_features(output: Path) -> Iterator[Path]:
    """The folder of shared word vectors, removed at the end unless another call still uses it.

    Each call holds a lock file there. What is interrupted leaves the vectors for the call that goes on.
    """
    folder = output / FEATURES_FOLDER
    output.mkdir(parents=True, exist_ok=True)
    guard = FileLock(output / f"{FEATURES_FOLDER}.lock")  # one call at a time comes or goes
    with guard:
        folder.mkdir(exist_ok=True)
        own = FileLock(folder / f"{uuid4().hex}.lock")
        own.acquire()
    try:
        yield folder
    finally:
        own.release()
    with guard:
        if not any(_held(lock) for lock in folder.glob("*.lock")):
            shutil.rmtree(folder, ignore_errors=True)


def _held(lock: Path) -> bool:
    """Whether a process holds a lock file; one that was killed does not."""
    try:
        FileLock(lock).acquire(timeout=0).lock.release()
    except Timeout:
        return True
    return False


@lru_cache
def _processes() -> ForkServerContext | SpawnContext:
    """Starts processes: not as forks of this one, whose threads do not survive that, but of one that has none.

    It has imported torch and all the rest once, and a run begins at once instead of after seconds.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["gliner", __name__])
    return context


def _in_process(started: _Started, task: _Task) -> Outcome:
    """Start a process for a run and wait for it."""
    context = _processes()
    receiver, sender = context.Pipe(duplex=False)
    name = task.spec.name
    process = context.Process(target=_child, args=(sender, dict(os.environ), task), name=name)
    outcome: Outcome | None = None
    with started.of(process):
        sender.close()
        with suppress(EOFError):
            outcome = receiver.recv()
    return outcome or Outcome(name, error=f"its process died (exit code {process.exitcode}); run again to go on")


def _child(sender: Connection, environment: Mapping[str, str], task: _Task) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one, which then ends it
    raise_on_sigterm()
    try:
        end_with_parent()
        os.environ.clear()  # what it is forked from has that of its own start
        os.environ.update(environment)
        torch.set_num_threads(task.threads)
        store = FeatureStore(task.features, keep=True)
        run = partial(execute, task.spec, task.folder, task.data_dir, store, task.device)
        sender.send(_attempt(task.spec.name, run))
    except Terminated:
        os._exit(TERMINATED)  # what is ours is cleaned up; the interpreter's end would wait for libraries' threads


def _attempt(name: str, run: Callable[[], dict[str, Any]]) -> Outcome:
    """A run's end; of an error that is not the input's, the whole traceback."""
    try:
        return Outcome(name, macro_f1=run()["macro_f1"])
    except GlinerAdaptersError as error:
        return Outcome(name, error=str(error))
    except Exception:
        return Outcome(name, error=traceback.format_exc())
