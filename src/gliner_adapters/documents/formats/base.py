"""What a format is: a name, endings, a reader and a writer.

A format is one module of this package with a constant ``FORMAT``; :mod:`.registry` finds it. The reader is a
generator over a byte stream and the writer consumes an iterable, so neither ever holds a whole file. A format whose
documents are folders or archives overrides :meth:`Format.read_path` and :meth:`Format.write_path`.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, ClassVar, Literal, TypeVar

from gliner_adapters.documents.formats.report import ReadReport, WriteReport
from gliner_adapters.documents.formats.streams import display_name, open_input, open_output
from gliner_adapters.documents.types import Document
from gliner_adapters.errors import ConfigError, DataError

RecordT = TypeVar("RecordT")

OnConflict = Literal["error", "drop", "split"]
"""What to do with an entity that the target format cannot express.

``error`` refuses; ``drop`` leaves the entity out (of overlapping ones the longest stays) and counts it;
``split`` cuts words at entity boundaries and drops only what overlaps. ``split`` follows the annotation into
the words, so it is meant for training data.
"""


Discontinuous = Literal["span", "split", "drop"]
"""What to make of an annotation of several parts, for an entity is one stretch of text.

``span`` reads the stretch from the first part to the last, ``split`` reads each part as an entity, ``drop`` leaves
the annotation out. Each is counted.
"""

#: What the counts say of it.
DISCONTINUOUS: dict[Discontinuous, str] = {
    "span": "annotation of several parts read as the stretch from the first to the last",
    "split": "annotation of several parts read as an entity for each",
    "drop": "annotation of several parts left out",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """How to read.

    Attributes:
        skip_bad: leave out bad records and count them, instead of raising.
        discontinuous: what to make of annotations of several parts.
        columns: what the columns of a table or of tagged words are; only for formats that take it.
        tag_names: names of tags that the file gives as numbers, in the order of these; only for formats that take it.
    """

    skip_bad: bool = False
    discontinuous: Discontinuous = "span"
    columns: tuple[str, ...] = ()
    tag_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOptions:
    """How to write.

    Attributes:
        on_conflict: what to do with entities that the format cannot express.
    """

    on_conflict: OnConflict = "error"


class Format(ABC):
    """A file format for documents. A subclass overrides :meth:`read`, :meth:`write` or both."""

    name: ClassVar[str]
    endings: ClassVar[tuple[str, ...]] = ()
    """File name endings, lower case, without ``.gz``: files called so are written in this format, and read in it
    unless their content says that they are in another one."""
    shared_endings: ClassVar[tuple[str, ...]] = ()
    """Endings of other formats that files in this format may have; :meth:`recognises` tells."""
    summary: ClassVar[str]
    """One line for help texts."""
    in_folders: ClassVar[bool] = False
    """Whether a folder can be read and written, by the format's own :meth:`read_path` and :meth:`write_path`."""

    takes_columns: ClassVar[bool] = False
    """Whether reading heeds :attr:`ReadOptions.columns`; a format that does not refuses them."""
    takes_tag_names: ClassVar[bool] = False
    """Whether reading heeds :attr:`ReadOptions.tag_names`."""

    needs: ClassVar[tuple[str, str] | None] = None
    """The package that reading and writing need, and the extra that brings it."""

    @property
    def readable(self) -> bool:
        """Whether documents can be read in this format."""
        return type(self).read is not Format.read

    @property
    def writable(self) -> bool:
        """Whether documents can be written in this format."""
        return type(self).write is not Format.write

    def recognises(self, head: bytes) -> bool:
        """Whether the content of a file is in this format.

        Args:
            head: the first bytes of a file (:data:`~.registry.HEAD` at most, decompressed), maybe cut anywhere.
        """
        return False

    def recognises_folder(self, path: Path) -> bool:
        """Whether a folder holds documents in this format."""
        return False

    def read(self, stream: BinaryIO, path: str, *, options: ReadOptions, report: ReadReport) -> Iterator[Document]:
        """Yield the documents of a stream.

        Args:
            stream: the bytes.
            path: what messages and document ids name.
            options: how to read.
            report: counts documents, repairs and what was left out.

        Raises:
            ConfigError: the format is only written.
            DataError: malformed data, with ``path:line``.
        """
        raise ConfigError(f"the format {self.name} is written, not read")

    def write(
        self, documents: Iterable[Document], stream: BinaryIO, *, options: WriteOptions, report: WriteReport
    ) -> None:
        """Write documents to a stream.

        Args:
            documents: what to write.
            stream: where to, bytes.
            options: how to write.
            report: counts documents, entities and what was dropped.

        Raises:
            ConfigError: the format is only read.
            DataError: a document that the format cannot express, by its id.
        """
        raise ConfigError(f"the format {self.name} is read, not written")

    def check_options(self, options: ReadOptions) -> None:
        """Refuse what reading would pass over.

        Raises:
            ConfigError: columns or tag names are given, and the format takes none.
        """
        if options.columns and not self.takes_columns:
            raise ConfigError(f"the format {self.name} takes no columns; leave them out")
        if options.tag_names and not self.takes_tag_names:
            raise ConfigError(f"the format {self.name} takes no names of tags; leave them out")

    def read_path(self, path: str | Path, *, options: ReadOptions, report: ReadReport) -> Iterator[Document]:
        """Yield the documents of a file, decompressed if its path ends in ``.gz``; ``-`` is standard input.

        Options, report and errors are those of :meth:`read`.
        """
        with open_input(path) as stream:
            yield from self.read(stream, display_name(path), options=options, report=report)

    def write_path(
        self, documents: Iterable[Document], path: str | Path, *, options: WriteOptions, report: WriteReport
    ) -> None:
        """Write documents to a file, which appears only when it is complete; the path ``-`` is standard output.

        Options, report and errors are those of :meth:`write`.
        """
        with open_output(path) as stream:
            self.write(documents, stream, options=options, report=report)


def parse_records(
    records: Iterable[RecordT], parse: Callable[[RecordT], Document | None], *, skip_bad: bool, report: ReadReport
) -> Iterator[Document]:
    """Parse records one by one; the one place that decides what happens to a bad record.

    Args:
        records: the records.
        parse: the document that one says; ``None`` if it says none, which ``parse`` has noted as a repair.
        skip_bad: whether to go on after a bad one.
        report: counts.
    """
    for record in records:
        try:
            document = parse(record)
        except DataError as error:
            if not skip_bad:
                raise
            report.add_skipped(error)
            continue
        if document is None:
            report.add_left_out()
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
