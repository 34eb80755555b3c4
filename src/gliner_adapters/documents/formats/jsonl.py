"""JSON Lines: one document a line, lossless for every document.

    {"id": "7", "text": "Naloxone helps.", "entities": [{"start": 0, "end": 8, "label": "Chemical"}]}

Optional: ``score``, ``identifier`` (or ``id``), ``meta`` and ``text`` of an entity, the last of which is checked;
``words``, ``sentences`` (lists of ``[start, end]``) and ``meta`` of a document. Other fields of a document are kept in
its ``meta`` and counted, but for those that hold annotation in another format: these are refused.
GLiNER's training format is read as well, its word indices inclusive:

    {"tokenized_text": ["Naloxone", "helps", "."], "ner": [[0, 0, "Chemical"]]}
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, BinaryIO

from gliner_adapters.documents.formats.base import (
    Format,
    ReadOptions,
    WriteOptions,
    document_name,
    encode,
    parse_records,
)
from gliner_adapters.documents.formats.json_entities import Note, check_span, entity_of
from gliner_adapters.documents.formats.json_fields import (
    Malformed,
    as_object,
    check_text,
    field,
    first_record,
    identifier,
    is_array,
    kind_of,
    looks_like_annotation,
    parse_line,
)
from gliner_adapters.documents.formats.json_stream import JsonStream
from gliner_adapters.documents.formats.report import ReadReport, WriteReport
from gliner_adapters.documents.formats.streams import BOM, decode, numbered_lines
from gliner_adapters.documents.types import Document, Entity
from gliner_adapters.documents.words import Span, joined_spans, words_entity
from gliner_adapters.errors import DataError

_SPACE = b" \t\r\n"
_FIELDS = frozenset({"id", "text", "entities", "words", "sentences", "meta"})
_ENTITY_FIELDS = frozenset({"start", "end", "label", "text", "score", "id", "identifier", "meta"})
#: Fields of other formats that hold annotation.
_DIALECTS = {
    "annotations": "label-studio",
    "predictions": "label-studio",
    "data": "label-studio",
    "label": "doccano",
    "labels": "doccano",
    "spans": "prodigy",
    "ents": "spacy-json",
    "passages": "bioc",
}
#: Fields of examples that Prodigy's annotators answered, with spans or without.
_PRODIGYS = {"answer", "_task_hash", "_input_hash"}
_GLINER_FIELDS = frozenset({"id", "tokenized_text", "ner"})


class JsonLines(Format):
    """Reader and writer for JSON Lines."""

    name = "jsonl"
    endings = (".jsonl", ".ndjson")
    shared_endings = (".json",)
    summary = "JSON Lines, one document a line, lossless; reads GLiNER's training format too"

    def recognises(self, head: bytes) -> bool:
        """An object with a text and entities that are objects, or GLiNER's words."""
        record = first_record(head)
        if not isinstance(record, dict) or record.keys() & (_DIALECTS.keys() | _PRODIGYS):
            return False
        entities = record.get("entities", [])
        ours = isinstance(entities, list) and all(isinstance(each, dict) and "start" in each for each in entities)
        return ("text" in record and ours) or ("tokenized_text" in record and not is_array(head))

    def read(self, stream: BinaryIO, path: str, *, options: ReadOptions, report: ReadReport) -> Iterator[Document]:
        """One document a line; empty lines are passed over. One array, or objects over several lines, are read too."""

        def parse(given: tuple[int, Any]) -> Document:
            number, value = given
            try:
                if isinstance(value, bytes):
                    value = parse_line(decode(value, path, number))
                else:
                    check_text(None, value)
                record = as_object(value, "this line" if isinstance(given[1], bytes) else "a document")
                return document_of(record, lambda kind: report.add_repair(kind, path, number))
            except Malformed as error:
                raise DataError(str(error), path, number) from error

        return parse_records(_records(stream, path), parse, skip_bad=options.skip_bad, report=report)

    def write(
        self, documents: Iterable[Document], stream: BinaryIO, *, options: WriteOptions, report: WriteReport
    ) -> None:
        """One line a document. Every entity can be expressed, so ``on_conflict`` never applies."""
        for number, document in enumerate(documents, 1):
            name = document_name(document, number)
            try:
                line = json.dumps(record_of(document), ensure_ascii=False, allow_nan=False, separators=(", ", ": "))
            except (TypeError, ValueError) as error:
                raise DataError(f"{name} cannot be written as JSON: {error}") from error
            stream.write(encode(line + "\n", name))
            report.documents += 1
            report.entities += len(document.entities)


def _records(stream: BinaryIO, path: str) -> Iterator[tuple[int, Any]]:
    """Lines, or the values of a file that is one array or has objects over several lines; each with its line."""
    lines = ((n, raw.removeprefix(BOM) if n == 1 else raw) for n, raw in numbered_lines(stream, path))
    full = ((number, raw) for number, raw in lines if raw.strip(_SPACE))
    for number, raw in full:
        start = raw.strip(_SPACE)
        if start.startswith(b"["):
            source = JsonStream(lines=chain([(number, raw)], lines), path=path, line=number)
            yield from source.items()
            if rest := source.peek():
                raise source.error(f"expected nothing after the list, found {rest!r}")
        elif start == b"{":
            source = JsonStream(lines=chain([(number, raw)], lines), path=path, line=number)
            while source.peek():
                yield source.line, source.value()
        else:
            yield number, raw
            yield from full


def document_of(record: Mapping[str, Any], note: Note) -> Document:
    """The document that a record says, be it read from JSON or from a table with nested columns.

    Raises:
        Malformed: what is wrong with it.
    """
    for key in record.keys() - _FIELDS:
        value = record[key]
        if isinstance(value, (list, dict)) and value and (other := _DIALECTS.get(key)):
            if isinstance(value, list) and isinstance(value[0], dict) and "labels" in value[0]:
                other = "label-studio"
            raise Malformed(
                f"the field {key!r} looks like annotation in the format {other}; name that format to read it"
            )
    if "tokenized_text" in record:
        document, known = from_gliner(record), _GLINER_FIELDS
    else:
        document, known = _from_json(record, note), _FIELDS
    for key in record.keys() - known:
        if not document.entities and looks_like_annotation(key, record[key]):
            raise Malformed(
                f"the field {key!r} looks like annotation; expected it in 'entities', a list of objects with start, "
                "end and label"
            )
        note(f"unknown field {key!r} kept in meta")
        document.meta.setdefault(key, record[key])
    return document


def _from_json(record: Mapping[str, Any], note: Note) -> Document:
    text = field(record, "text", str)
    entities = [_entity(entity, text, note) for entity in field(record, "entities", list, [])]
    words, sentences = _spans(record, "words", text), _spans(record, "sentences", text)
    meta = dict(field(record, "meta", dict, {}))
    return Document(text, entities, identifier(record), words, sentences, meta)


def _entity(value: Any, text: str, note: Note) -> Entity:
    if isinstance(value, list):
        raise Malformed("an entity is a list, as in the format spacy-json; name that format to read it")
    value = as_object(value, "each entity")
    if unknown := value.keys() - _ENTITY_FIELDS:
        raise Malformed(f"unknown field {min(unknown)!r} of an entity; known: {', '.join(sorted(_ENTITY_FIELDS))}")
    entity = entity_of(value, text, note)
    concept = field(value, "identifier", str, field(value, "id", str, None))
    return replace(entity, identifier=concept, meta=field(value, "meta", dict, None))


def from_gliner(record: Mapping[str, Any]) -> Document:
    """A document from GLiNER's training format."""
    tokens = field(record, "tokenized_text", list)
    for token in tokens:
        if not isinstance(token, str) or not token:
            raise Malformed(f"expected 'tokenized_text' to hold words, found {token!r}")
    words = joined_spans(tokens)
    entities = []
    for row in field(record, "ner", list, []):
        match row:
            case [int(first), int(last), str(label)] if (
                label and 0 <= first <= last < len(words) and bool not in map(type, row)
            ):
                entities.append(words_entity(words, first, last, label))
            case _:
                raise Malformed(
                    "expected each entry of 'ner' to be [first word, last word, label] "
                    f"within {len(words)} words, found {json.dumps(row)[:60]}"
                )
    return Document(" ".join(tokens), entities, identifier(record), words)


def _spans(record: Mapping[str, Any], name: str, text: str) -> list[Span] | None:
    """Spans in text order that do not overlap."""
    values = field(record, name, list, None)
    if values is None:
        return None
    spans: list[Span] = []
    previous = 0
    for value in values:
        match value:
            case [int(start), int(end)] if bool not in map(type, value):
                check_span(start, end, text, name)
            case _:
                raise Malformed(f"expected each of {name!r} to be [start, end], found {kind_of(value)}")
        if start < previous:
            raise Malformed(f"expected {name!r} in text order without overlap, found {start} after {previous}")
        previous = end
        spans.append((start, end))
    return spans


def record_of(document: Document) -> dict[str, Any]:
    """A document as JSON can hold it without loss; ``TypeError`` if it cannot."""
    record: dict[str, Any] = {} if document.id is None else {"id": document.id}
    record["text"] = document.text
    record["entities"] = [_entity_to_json(entity) for entity in document.entities]
    if document.words is not None:
        record["words"] = document.words
    if document.sentences is not None:
        record["sentences"] = document.sentences
    if document.meta:
        record["meta"] = _plain(document.meta)
    return record


def _entity_to_json(entity: Entity) -> dict[str, Any]:
    record: dict[str, Any] = {"start": entity.start, "end": entity.end, "label": entity.label}
    if entity.score is not None:
        record["score"] = entity.score
    if entity.identifier is not None:
        record["id"] = entity.identifier
    if entity.meta is not None:
        record["meta"] = _plain(entity.meta)
    return record


def _plain(value: Any) -> Any:
    """The value as JSON can hold it without loss, or TypeError."""
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("a key of 'meta' is not a string")
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise TypeError(f"'meta' holds the number {value}")
    return value


FORMAT = JsonLines()
