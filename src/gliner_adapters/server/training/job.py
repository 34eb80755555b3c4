"""What a training is, as a file that says all of it: a server that starts anew goes on from there.

DIR/documents.jsonl       what was reviewed
DIR/training/job.json     what is trained, and how it stands
DIR/training/*.jsonl      its documents as they were when it began
DIR/training/progress.json, scores.json, child.log, adapter/    what the child writes
DIR/adapters/NAME         what was trained
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from gliner_adapters.adapters.config import BaseReference, LabelEntry
from gliner_adapters.errors import ConfigError, GlinerAdaptersError
from gliner_adapters.settings import Record

DOCUMENTS, ADAPTERS, TRAINING = "documents.jsonl", "adapters", "training"
PROGRESS, SCORES, ADAPTER, LOG = "progress.json", "scores.json", "adapter", "child.log"


class Beside(BaseModel):
    """The adapter that a new one is compared with."""

    model_config = ConfigDict(extra="forbid")

    name: str
    folder: str


class Job(Record):
    """The content of `job.json`.

    Attributes:
        name: what the adapter is going to be called.
        method: the technique.
        epochs: passes over the documents at most.
        seed: of all that is drawn.
        labels: what it learns.
        beside: the adapter to compare with; ``None`` for the base alone.
        base: of the server.
        device, precision: as the server reads.
        allow_pickle: whether the server may load pickled weights of a base.
        threads: of the child.
        train, devel, left_out: numbers of documents; see :class:`~.documents.Parts`.
        without: labels that were asked for and have no entity to learn from.
        by: who started it, or went on with it last.
        since: when, in UTC.
        state: ``running`` also where the child or the server was killed: then it is to be gone on with.
        message: why it failed, or stands still.
    """

    file: ClassVar[str] = "job.json"
    noun: ClassVar[str] = "training"
    newest: ClassVar[int] = 1
    error: ClassVar[type[GlinerAdaptersError]] = ConfigError

    format_version: int = Field(1, ge=1, le=1)
    name: str
    method: str
    epochs: int
    seed: int
    labels: list[LabelEntry]
    beside: Beside | None
    base: BaseReference
    device: str
    precision: Literal["fp32", "bf16"]
    allow_pickle: bool
    threads: int
    train: int
    devel: int
    left_out: int
    without: list[str]
    by: str
    since: str
    state: Literal["running", "finished", "failed"] = "running"
    message: str | None = None

    @staticmethod
    def documents_file(folder: Path, split: str) -> Path:
        """Where a split's documents lie."""
        return folder / f"{split}.jsonl"
