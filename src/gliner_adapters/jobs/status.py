"""How far a job is."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from gliner_adapters.jobs.folder import JobFolder
from gliner_adapters.jobs.heartbeat import WorkerState, workers
from gliner_adapters.jobs.inputs import find_inputs


@dataclass(frozen=True)
class JobStatus:
    """How far a job is.

    Attributes:
        inputs: that its patterns match now, and those that are done and gone since.
        done: of them, by a record of this job.
        failing: inputs with dead letters, and how many.
        documents_in: in the inputs that are done, as are the other counts.
        documents_out: in their outputs.
        documents_failed: among their dead letters.
        entities: found, by label.
        seconds: of work, over all workers.
        working: what workers do at the moment.
    """

    inputs: int
    done: int
    failing: dict[str, int]
    documents_in: int
    documents_out: int
    documents_failed: int
    entities: Counter[str]
    seconds: float
    working: list[WorkerState]

    @property
    def left(self) -> int:
        """Inputs that are not done."""
        return self.inputs - self.done


def status(out: str | Path) -> JobStatus:
    """How far a job is.

    Raises:
        ConfigError: there is no job.
        DataError: a record is malformed.
    """
    folder = JobFolder(out)
    digest = folder.digest()
    names = {each.name for each in find_inputs(folder.patterns(), may_be_gone=True)}
    records = {name: record for name, record in folder.all_records().items() if record.fingerprint == digest}
    entities: Counter[str] = Counter()
    for record in records.values():
        entities.update(record.entities)
    return JobStatus(
        inputs=len(names | set(records)),
        done=len(records),
        failing={r.input.path: r.documents_failed for r in records.values() if r.documents_failed},
        documents_in=sum(r.documents_in for r in records.values()),
        documents_out=sum(r.documents_out for r in records.values()),
        documents_failed=sum(r.documents_failed for r in records.values()),
        entities=entities,
        seconds=sum(r.seconds for r in records.values()),
        working=workers(folder),
    )
