"""Running a job."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from gliner_adapters.errors import ConfigError
from gliner_adapters.jobs.folder import Attempt, JobFolder
from gliner_adapters.jobs.inputs import Input, find_inputs, is_address
from gliner_adapters.jobs.records import DeadLetter, FileRecord
from gliner_adapters.jobs.settings import JobSettings
from gliner_adapters.jobs.worker import Outcome

if TYPE_CHECKING:
    from gliner_adapters.jobs.engines import Engine
    from gliner_adapters.jobs.reading import JobReader


@dataclass
class JobSummary:
    """What a run did.

    Attributes:
        inputs: that it was to do.
        done: by it.
        before: that were done before, by a valid record.
        elsewhere: that another process is at.
        changed: of ``done``, those that were done before and have changed since.
        documents_in: in the inputs done by it, as are the other counts.
        documents_out: in their outputs.
        documents_failed: among their dead letters.
        entities: found, by label.
        seconds: it took.
        stopped: why it ended early; ``None`` if it did not.
    """

    inputs: int = 0
    done: int = 0
    before: int = 0
    elsewhere: int = 0
    changed: int = 0
    documents_in: int = 0
    documents_out: int = 0
    documents_failed: int = 0
    entities: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    stopped: str | None = None

    def add(self, outcome: Outcome) -> None:
        """Count what became of an input."""
        if outcome.state == "was done":
            self.before += 1
        elif outcome.state == "done":
            assert outcome.record is not None
            self.done += 1
            self.changed += outcome.changed
            self.documents_in += outcome.record.documents_in
            self.documents_out += outcome.record.documents_out
            self.documents_failed += outcome.record.documents_failed
            self.entities.update(outcome.record.entities)


#: Called with each input that has ended, and with what was counted until then.
Observer = Callable[[Outcome, JobSummary], None]


def run(
    out: str | Path,
    inputs: Sequence[str] = (),
    settings: JobSettings | None = None,
    *,
    workers: int = 1,
    ray_address: str | None = None,
    shard: tuple[int, int] = (1, 1),
    max_failed: int | None = None,
    observer: Observer = lambda outcome, summary: None,
    begun: Callable[[Sequence[Input]], None] = lambda inputs: None,
    again: bool = False,
) -> JobSummary:
    """Do what is left of a job; begin it, if it is not there.

    Args:
        out: the job's folder.
        inputs: files, patterns, folders, addresses; joined to those that the job has.
        settings: what the job does; by default what its folder says.
        workers: one reads in this process; more are Ray's.
        ray_address: a cluster's, for workers there.
        shard: ``(i, n)``: every n-th input, from the i-th on, counted from 1. Shards of a job may run side by side.
        max_failed: stop when more documents have failed, those of earlier runs included.
        observer: called as inputs end.
        begun: called once, with the inputs of this run.
        again: also do anew those of its inputs in which something failed.

    Raises:
        ConfigError: the folder holds another job; no input; Ray is missing.
        GlinerAdaptersError: a base or an adapter cannot be loaded, or there is no room to write. What was done stays.
    """
    from gliner_adapters.jobs.reading import JobReader

    if not (isinstance(shard, tuple) and 1 <= shard[0] <= shard[1]):
        raise ConfigError(f"a shard is I of N with 1 <= I <= N, got {shard}")
    if workers < 1 or (max_failed is not None and max_failed < 0):
        raise ConfigError(f"expected at least one worker and max_failed of at least 0, got {workers=}, {max_failed=}")
    folder = JobFolder(out)
    settings = settings or folder.settings()
    settings.ending  # noqa: B018 - raises for a format that is not written
    find_inputs(inputs)  # before anything is begun
    if not inputs and not folder.exists():
        raise ConfigError("a new job needs inputs")
    since, summary = monotonic(), JobSummary()
    with _threads_kept():
        reader = JobReader(settings)
        folder.begin(settings, [_lasting(each) for each in inputs], reader.fingerprint)
        folder.sweep()
        chosen = find_inputs(folder.patterns(), may_be_gone=True)[shard[0] - 1 :: shard[1]]
        if again:
            _forget_failed(folder, chosen)
        summary.inputs = len(chosen)
        begun(chosen)
        failed = sum(record.documents_failed for record in folder.all_records().values())
        taken = chosen
        for _ in range(2):  # what another process has at first may be left by it
            taken, left = [], taken
            engine = _engine(folder, settings, reader, min(workers, max(1, len(left))), ray_address)
            outcomes = engine.run(left)
            try:
                for outcome in outcomes:
                    if outcome.state == "taken":
                        taken.append(outcome.input)
                        continue
                    summary.add(outcome)
                    summary.seconds = monotonic() - since
                    failed += _failed(outcome)
                    observer(outcome, summary)
                    if max_failed is not None and failed > max_failed:
                        summary.stopped = f"{failed} documents have failed, more than {max_failed}"
                        return summary
            finally:
                outcomes.close()  # type: ignore[attr-defined]
            if not taken:
                break
        summary.elsewhere, summary.seconds = len(taken), monotonic() - since
    return summary


def retry(out: str | Path, **options: object) -> JobSummary:
    """Do anew what has dead letters, and what is left.

    Args:
        out: the job's folder.
        options: those of :func:`run`, inputs and settings aside.

    Raises:
        ConfigError: there is no job; and as for :func:`run`.
    """
    folder = JobFolder(out)
    folder.digest()  # raises where there is no job
    return run(out, again=True, **options)  # type: ignore[arg-type]


def _forget_failed(folder: JobFolder, inputs: Sequence[Input]) -> None:
    """Let the inputs with dead letters be done anew; those that another process has are its own to do."""
    for given in inputs:
        with folder.claim(given.name) as ours:
            record = folder.record(given.name) if ours else None
            if record is None or record.failed is None:
                continue
            dead = folder.outputs / record.failed.file
            letters = dead.read_bytes().splitlines() if dead.is_file() else []
            folder.forget(given.name)
            if any(DeadLetter.model_validate_json(line).killed for line in letters):
                # What killed a process may do so again: it is read in a child from the first.
                folder.note_attempt(given.name, Attempt(size=given.size, modified=given.modified))


def _failed(outcome: Outcome) -> int:
    record: FileRecord | None = outcome.record
    return record.documents_failed if outcome.state == "done" and record is not None else 0


def _engine(
    folder: JobFolder, settings: JobSettings, reader: JobReader, workers: int, ray_address: str | None
) -> Engine:
    from gliner_adapters.jobs.engines import InProcess

    if workers == 1 and ray_address is None:
        return InProcess(folder, reader)
    from gliner_adapters.jobs.ray_engine import RayEngine

    return RayEngine(folder, settings, reader, workers, ray_address)


def _lasting(pattern: str) -> str:
    """A pattern that means the same from another folder."""
    return pattern if is_address(pattern) else os.path.abspath(Path(pattern).expanduser())  # noqa: PTH100


@contextmanager
def _threads_kept() -> Iterator[None]:
    """Give the caller's process its own number of threads back."""
    import torch

    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)
