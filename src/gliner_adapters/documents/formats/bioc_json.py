"""BioC in JSON: a collection of documents, each a list of passages with annotations.

    {"source": "", "date": "", "key": "", "infons": {}, "documents": [
      {"id": "7", "infons": {}, "passages": [
        {"offset": 0, "infons": {}, "text": "Naloxone helps.", "sentences": [], "relations": [], "annotations": [
          {"id": "1", "infons": {"type": "Chemical", "identifier": "D009270"}, "text": "Naloxone",
           "locations": [{"offset": 0, "length": 8}]}]}],
       "relations": []}]}

Offsets count characters of the document. Between passages (and between their sentences, where these carry the text)
lie characters that the file does not hold; they are read as spaces, the last of them before a passage as a line break.
What the collection says of itself belongs to no document; it is left out and counted.
An entity's score is the infon ``score``, its label ``type``, its identifier ``identifier``; other infons and the
annotation's own id are kept in ``Entity.meta["bioc"]``. ``Document.meta["bioc"]`` keeps what else a document has.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from gliner_adapters.documents.formats.base import (
    Format,
    ReadOptions,
    WriteOptions,
    document_name,
    encode,
    parse_records,
)
from gliner_adapters.documents.formats.bioc_documents import from_bioc, to_bioc
from gliner_adapters.documents.formats.json_fields import Malformed, check_text, first_record
from gliner_adapters.documents.formats.json_stream import JsonStream
from gliner_adapters.documents.formats.report import ReadReport, WriteReport
from gliner_adapters.documents.formats.streams import BOM, numbered_lines
from gliner_adapters.documents.types import Document
from gliner_adapters.errors import DataError

COLLECTION = "field of the collection left out: it belongs to no document"

_HEADER: dict[str, Any] = {"source": "", "date": "", "key": "", "infons": {}}
#: What holds the documents; the second name is PubTator's own.
_DOCUMENTS = ("documents", "PubTator3")


class BioCJson(Format):
    """Reader and writer for BioC JSON."""

    name = "bioc"
    endings = (".bioc.json", ".bioc")
    shared_endings = (".json", ".jsonl", ".ndjson")
    summary = "BioC in JSON, passages with annotations"

    def recognises(self, head: bytes) -> bool:
        """A collection, or documents with passages."""
        start = re.sub(rb"\s", b"", head.removeprefix(BOM)[:4096])
        if re.match(rb'\[?\{("[^"]*":("[^"]*"|\{[^{}]*\}|[0-9]+|null),)*"(documents|PubTator3|passages)":\[', start):
            return True
        record = first_record(head)
        return isinstance(record, dict) and any(name in record for name in ("passages", *_DOCUMENTS))

    def read(self, stream: BinaryIO, path: str, *, options: ReadOptions, report: ReadReport) -> Iterator[Document]:
        """The documents of a collection, in bounded memory. A bad annotation makes its whole document bad."""
        source = JsonStream(numbered_lines(stream, path), path)

        def parse(record: tuple[int, Any]) -> Document:
            line, value = record
            try:
                check_text(None, value)
            except Malformed as error:
                raise DataError(str(error), path, line) from None
            return from_bioc(value, path, line, report, options.discontinuous)

        def parsed(records: Iterable[tuple[int, Any]]) -> Iterator[Document]:
            return parse_records(records, parse, skip_bad=options.skip_bad, report=report)

        if source.peek() == "[":
            yield from parsed(source.items())
        else:
            yield from parsed(_documents(source, path, report))
            while source.peek() == "{":  # one document a line
                yield from parsed(_documents(source, path, report))
        if rest := source.peek():
            raise source.error(f"expected nothing after the collection, found {rest!r}")

    def write(
        self, documents: Iterable[Document], stream: BinaryIO, *, options: WriteOptions, report: WriteReport
    ) -> None:
        """One collection. Every entity can be expressed, so ``on_conflict`` never applies.

        A document without an id gets its number in the output.
        """
        stream.write(encode(json.dumps(_HEADER)[:-1] + ', "documents": [', "the collection"))
        for number, document in enumerate(documents, 1):
            name = document_name(document, number)
            try:
                record = json.dumps(to_bioc(document, number, report), ensure_ascii=False, allow_nan=False)
            except (TypeError, ValueError) as error:
                raise DataError(f"{name} cannot be written as JSON: {error}") from error
            stream.write(encode(("," if number > 1 else "") + "\n" + record, name))
            report.documents += 1
            report.entities += len(document.entities)
        stream.write(b"\n]}\n")


def _documents(source: JsonStream, path: str, report: ReadReport) -> Iterator[tuple[int, Any]]:
    """The documents of an object, which is a collection or one document, each with its line."""
    line, found = source.line, False
    members: dict[str, Any] = {}
    for name in source.members():
        if name in _DOCUMENTS:
            found = True
            yield from source.items()
        else:
            members[name] = source.value()
    if "passages" in members and not found:
        yield line, members
        return
    if not found:
        raise source.error("expected a BioC collection (an object with 'documents'), documents, or a list of them")
    for value in members.values():
        if value not in ("", {}, None):
            report.repairs[COLLECTION] += 1
            report.first_repairs.setdefault(COLLECTION, f"{path}:{source.line}")


FORMAT = BioCJson()
