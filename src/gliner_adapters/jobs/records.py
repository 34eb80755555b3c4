"""What is on record of an input that is done, and of a document that could not be."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator

#: Version of the records' form; a newer one is refused.
RECORD_VERSION = 1


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class InputRecord(_Frozen):
    """An input as it was read.

    Attributes:
        path: absolute path or address.
        size: bytes; of a folder, those of its files.
        sha256: of its bytes; of a folder, of its files' names and digests.
        modified: what the storage says changed last: nanoseconds since 1970, or a storage's own mark.
    """

    path: str
    size: int
    sha256: str
    modified: str


class OutputRecord(_Frozen):
    """A file of the job as it was committed.

    Attributes:
        file: its name in the folder ``outputs``.
        size: bytes.
        sha256: of its bytes.
    """

    file: str
    size: int
    sha256: str


class FileRecord(_Frozen):
    """An input that is done. The books balance: ``documents_in == documents_out + documents_failed``.

    Attributes:
        version: form of the record.
        fingerprint: sha256 of all that decides the output beside the input.
        input: what was read.
        output: what was written; ``None`` where the input could not be opened.
        failed: the dead letters, if there are any.
        documents_in: documents and records there, those that could not be read included.
        documents_out: documents in the output.
        documents_failed: dead letters.
        entities: found, by label.
        deleted: ids of documents that the input declares deleted (PubMed's update files).
        versions: of documents that say a version above the first, by id.
        notes: what was repaired in reading and left out in writing, a line each.
        seconds: from opening the input to the commit.
    """

    version: int = RECORD_VERSION
    fingerprint: str
    input: InputRecord
    output: OutputRecord | None
    failed: OutputRecord | None
    documents_in: int = Field(ge=0)
    documents_out: int = Field(ge=0)
    documents_failed: int = Field(ge=0)
    entities: dict[str, int]
    deleted: list[str] = Field(default_factory=list)
    versions: dict[str, int] = Field(default_factory=dict)
    notes: list[str] = Field(default_factory=list)
    seconds: float

    @model_validator(mode="after")
    def _balanced(self) -> FileRecord:
        if self.documents_in != self.documents_out + self.documents_failed:
            raise ValueError(
                f"{self.documents_in} documents in, but {self.documents_out} out and {self.documents_failed} failed"
            )
        return self


class DeadLetter(_Frozen):
    """A document, a record or the rest of a file that could not be done: one line of ``NAME.failed.jsonl``.

    Attributes:
        input: absolute path or address of the input.
        reason: why, with the place in the file where a reader gave one.
        number: which document of the input, counted from 0 among those that could be read; ``None`` where there was
            none to count.
        id: the document's id, if it has one.
        rest: whether all that follows in the file is meant.
        killed: whether a process died of it.
    """

    input: str
    reason: str
    number: int | None = None
    id: str | None = None
    rest: bool = False
    killed: bool = False
