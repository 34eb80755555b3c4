"""What a format is: a name, endings, a reader and a writer.

A format is one module of this package with a constant ``FORMAT``; :mod:`.registry` finds it. The reader is a
generator over a byte stream and the writer consumes an iterable, so neither ever holds a whole file.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, ClassVar, Literal, TypeVar

from gliner_adapters.documents.formats.report import ReadReport, WriteReport
from gliner_adapters.documents.types import Document
from gliner_adapters.errors import DataError

RecordT = TypeVar("RecordT")

OnConflict = Literal["error", "drop", "split"]
"""What to do with an entity that the target format cannot express.

``error`` refuses; ``drop`` leaves the entity out (of overlapping ones the longest stays) and counts it;
``split`` cuts words at entity boundaries and drops only what overlaps. ``split`` follows the annotation into
the words, so it is meant for training data.
"""


class Format(ABC):
    """A file format for documents."""

    name: ClassVar[str]
    endings: ClassVar[tuple[str, ...]]
    """File name endings, lower case, without ``.gz``."""
    summary: ClassVar[str]
    """One line for help texts."""

    @abstractmethod
    def read(self, stream: BinaryIO, path: str, *, skip_bad: bool, report: ReadReport) -> Iterator[Document]:
        """Yield the documents of a stream.

        Args:
            stream: the bytes.
            path: what messages and document ids name.
            skip_bad: leave out bad records and count them, instead of raising.
            report: counts documents, repairs and what was left out.

        Raises:
            DataError: malformed data, with ``path:line``.
        """

    @abstractmethod
    def write(
        self, documents: Iterable[Document], stream: BinaryIO, *, on_conflict: OnConflict, report: WriteReport
    ) -> None:
        """Write documents to a stream.

        Raises:
            DataError: a document that the format cannot express, by its id.
        """


def parse_records(
    records: Iterable[RecordT], parse: Callable[[RecordT], Document], *, skip_bad: bool, report: ReadReport
) -> Iterator[Document]:
    """Parse records one by one; the one place that decides what happens to a bad record."""
    for record in records:
        try:
            document = parse(record)
        except DataError as error:
            if not skip_bad:
                raise
            report.add_skipped(error)
            continue
        report.add_document(document)
        yield document


def document_name(document: Document, number: int) -> str:
    """How an error names a document: its id, or its place in the output, counted from 1."""
    return f"document {document.id!r}" if document.id is not None else f"document number {number}"


def encode(text: str, name: str) -> bytes:
    """UTF-8 of text to be written.

    Raises:
        DataError: if the text of the document called ``name`` holds a lone surrogate, which has no UTF-8.
    """
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise DataError(f"{name} holds the lone surrogate U+{ord(text[error.start]):04X}; not Unicode text") from error
