"""Whoever asks sees what a worker does, from the moment at which it takes an input."""

from __future__ import annotations

from pathlib import Path

from gliner_adapters.jobs import JobFolder, JobSettings
from gliner_adapters.jobs.heartbeat import Heartbeat, workers
from gliner_adapters.jobs.inputs import find_inputs
from gliner_adapters.jobs.reading import JobReader
from gliner_adapters.jobs.worker import Worker


def test_a_worker_is_seen_from_the_moment_it_takes_an_input(
    tmp_path: Path, inputs: Path, settings: JobSettings
) -> None:
    folder = JobFolder(tmp_path / "out")
    reader = JobReader(settings)
    folder.begin(settings, [str(inputs)], reader.fingerprint)
    heartbeat, seen = Heartbeat(folder), []

    def told(given: object, documents: int) -> None:
        heartbeat(given, documents)  # type: ignore[arg-type]
        seen.append((documents, workers(folder)))

    worker = Worker(folder, reader, told)
    for given in find_inputs([str(inputs / "*.jsonl")]):
        seen.clear()
        worker.do(given)
        documents, (state,) = seen[0]
        assert (documents, state.documents, state.documents_per_second, state.input) == (0, 0, 0.0, given.path)
    heartbeat.end()
    assert workers(folder) == []
