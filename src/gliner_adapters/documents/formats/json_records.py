"""What formats share whose documents are JSON records, one a line or all in one array."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO, ClassVar

from gliner_adapters.documents.formats.base import (
    Format,
    ReadOptions,
    WriteOptions,
    document_name,
    encode,
    parse_records,
)
from gliner_adapters.documents.formats.json_entities import Note
from gliner_adapters.documents.formats.json_fields import Malformed, records_of
from gliner_adapters.documents.formats.report import ReadReport, WriteReport
from gliner_adapters.documents.types import Document
from gliner_adapters.errors import DataError

METADATA = "metadata that the format does not hold left out"
SCORES = "score left out"
IDENTIFIERS = "identifier left out"
WORDS = "word and sentence boundaries left out"
SENTENCES = "sentence boundaries left out"
IDS = "document id left out"


class JsonRecords(Format):
    """A format of JSON records. A subclass says what a record is."""

    array: ClassVar[bool] = False
    """Whether documents are written as one array; else one a line. Both are read."""
    #: What a record has no place for, by what a document or entity has.
    keeps: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def parse(self, record: Any, note: Note) -> Document | None:
        """A document from a record; ``None`` for one that is no annotation, which is noted.

        Args:
            record: a value of JSON.
            note: is told of each repair.

        Raises:
            Malformed: what is wrong with it.
        """

    @abstractmethod
    def record(self, document: Document, number: int, options: WriteOptions, report: WriteReport) -> Any:
        """A record from the document with this number in the file."""

    def parser(self, options: ReadOptions) -> Callable[[Any, Note], Document | None]:
        """What makes documents of the records of one file: :meth:`parse`, unless ``options`` matter to the format."""
        return self.parse

    def read(self, stream: BinaryIO, path: str, *, options: ReadOptions, report: ReadReport) -> Iterator[Document]:
        """One document a record."""

        parser = self.parser(options)

        def parse(given: tuple[int, Callable[[], Any]]) -> Document | None:
            line, value = given
            try:
                return parser(value(), lambda kind: report.add_repair(kind, path, line))
            except Malformed as error:
                raise DataError(str(error), path, line) from None

        return parse_records(records_of(stream, path), parse, skip_bad=options.skip_bad, report=report)

    def write(
        self, documents: Iterable[Document], stream: BinaryIO, *, options: WriteOptions, report: WriteReport
    ) -> None:
        """One record a document."""
        for number, document in enumerate(documents, 1):
            name = document_name(document, number)
            self._count_losses(document, report)
            try:
                record = json.dumps(self.record(document, number, options, report), ensure_ascii=False, allow_nan=False)
            except (TypeError, ValueError) as error:
                raise DataError(f"{name} cannot be written as JSON: {error}") from error
            before = ("[\n" if number == 1 else ",\n") if self.array else ""
            stream.write(encode(before + record + ("" if self.array else "\n"), name))
            report.documents += 1
            report.entities += len(document.entities)
        if self.array:
            stream.write(b"\n]\n" if report.documents else b"[]\n")

    def _count_losses(self, document: Document, report: WriteReport) -> None:
        """Count what a record has no place for."""
        if "words" not in self.keeps and (document.words is not None or document.sentences is not None):
            report.changes[WORDS] += 1
        elif "words" in self.keeps and document.sentences not in (None, [(0, len(document.text))]):
            report.changes[SENTENCES] += 1
        count_unkept(document, report, score="score" not in self.keeps, identifier="identifier" not in self.keeps)
        if document.meta.keys() - {self.name} or any(
            (each.meta or {}).keys() - {self.name} for each in document.entities
        ):
            report.changes[METADATA] += 1


def count_unkept(document: Document, report: WriteReport, *, score: bool, identifier: bool) -> None:
    """Count the scores and identifiers of a document's entities, in a format that has no place for them."""
    for entity in document.entities:
        if score and entity.score is not None:
            report.changes[SCORES] += 1
        if identifier and entity.identifier is not None:
            report.changes[IDENTIFIERS] += 1
