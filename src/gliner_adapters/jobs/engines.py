"""Engines: what does a job's inputs, one after the other here or several at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from gliner_adapters.jobs.folder import JobFolder
from gliner_adapters.jobs.heartbeat import Heartbeat
from gliner_adapters.jobs.inputs import Input
from gliner_adapters.jobs.reading import JobReader
from gliner_adapters.jobs.worker import Outcome, Worker


class Engine(Protocol):
    """Does inputs."""

    def run(self, inputs: Iterable[Input]) -> Iterator[Outcome]:
        """What became of each input, as they end. Closing the iterator ends the work cleanly.

        Raises:
            GlinerAdaptersError: the job cannot go on.
        """
        ...


class InProcess:
    """Does inputs in this process, one at a time.

    Args:
        folder: the job's.
        reader: made from its settings.
    """

    def __init__(self, folder: JobFolder, reader: JobReader) -> None:
        self._heartbeat = Heartbeat(folder)
        self._worker = Worker(folder, reader, self._heartbeat)

    def run(self, inputs: Iterable[Input]) -> Iterator[Outcome]:
        """See :class:`Engine`."""
        try:
            for given in inputs:
                yield self._worker.do(given)
        finally:
            self._heartbeat.end()
