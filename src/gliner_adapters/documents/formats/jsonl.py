"""JSON Lines: one document a line, lossless for every document.

    {"id": "7", "text": "Naloxone helps.", "entities": [{"start": 0, "end": 8, "label": "Chemical"}]}

Optional: ``score``, ``identifier`` (or ``id``) and ``meta`` of an entity; ``words``, ``sentences`` (lists of
``[start, end]``) and ``meta`` of a document. Other fields of a document are kept in its ``meta`` and counted.
GLiNER's training format is read as well, its word indices inclusive:

    {"tokenized_text": ["Naloxone", "helps", "."], "ner": [[0, 0, "Chemical"]]}
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from gliner_adapters.documents.formats.base import Format, OnConflict, document_name, encode, parse_records
from gliner_adapters.documents.formats.report import ReadReport, WriteReport
from gliner_adapters.documents.formats.streams import BOM, decode, numbered_lines
from gliner_adapters.documents.types import Document, Entity
from gliner_adapters.documents.words import Span, joined_spans, words_entity
from gliner_adapters.errors import DataError

_FIELDS = frozenset({"id", "text", "entities", "words", "sentences", "meta"})
_ENTITY_FIELDS = frozenset({"start", "end", "label", "score", "id", "identifier", "meta"})
_GLINER_FIELDS = frozenset({"id", "tokenized_text", "ner"})


class JsonLines(Format):
    """Reader and writer for JSON Lines."""

    name = "jsonl"
    endings = (".jsonl", ".ndjson")
    summary = "JSON Lines, one document a line, lossless; reads GLiNER's training format too"

    def read(self, stream: BinaryIO, path: str, *, skip_bad: bool, report: ReadReport) -> Iterator[Document]:
        """One document a line; empty lines are passed over."""

        def parse(record: tuple[int, bytes]) -> Document:
            number, raw = record
            try:
                return _parse(decode(raw.removeprefix(BOM) if number == 1 else raw, path, number), path, number, report)
            except _Malformed as error:
                raise DataError(str(error), path, number) from error

        records = ((number, raw) for number, raw in numbered_lines(stream, path) if raw.strip(b" \t\r\n"))
        return parse_records(records, parse, skip_bad=skip_bad, report=report)

    def write(
        self, documents: Iterable[Document], stream: BinaryIO, *, on_conflict: OnConflict, report: WriteReport
    ) -> None:
        """One line a document. Every entity can be expressed, so ``on_conflict`` never applies."""
        for number, document in enumerate(documents, 1):
            name = document_name(document, number)
            try:
                line = json.dumps(_to_json(document), ensure_ascii=False, allow_nan=False, separators=(", ", ": "))
            except (TypeError, ValueError) as error:
                raise DataError(f"{name} cannot be written as JSON: {error}") from error
            stream.write(encode(line + "\n", name))
            report.documents += 1
            report.entities += len(document.entities)


class _Malformed(Exception):
    """What is wrong with a line."""


def _parse(line: str, path: str, number: int, report: ReadReport) -> Document:
    try:
        record = json.loads(line)
        if "\\ud" in line or "\\uD" in line:  # an escape may hide half a character, which no writer could write
            json.dumps(record, ensure_ascii=False).encode("utf-8")
    except json.JSONDecodeError as error:
        raise _Malformed(f"not JSON: {error.msg} at column {error.colno}; expected one object a line") from error
    except UnicodeEncodeError as error:
        raise _Malformed("a string holds a lone surrogate, which is not Unicode text") from error
    except (ValueError, RecursionError) as error:
        raise _Malformed(f"not readable as JSON: {error}") from error
    if not isinstance(record, dict):
        raise _Malformed(f"expected a JSON object on this line, found {_kind(record)}")
    if "tokenized_text" in record:
        document, known = _from_gliner(record), _GLINER_FIELDS
    else:
        document, known = _from_json(record), _FIELDS
    for key in record.keys() - known:
        report.add_repair(f"unknown field {key!r} kept in meta", path, number)
        document.meta.setdefault(key, record[key])
    return document


def _from_json(record: Mapping[str, Any]) -> Document:
    text = _field(record, "text", str)
    entities = [_entity(entity, text) for entity in _field(record, "entities", list, [])]
    words, sentences = _spans(record, "words", text), _spans(record, "sentences", text)
    meta = dict(_field(record, "meta", dict, {}))
    return Document(text, entities, _identifier(record), words, sentences, meta)


def _entity(value: Any, text: str) -> Entity:
    if not isinstance(value, dict):
        raise _Malformed(f"expected each entity to be an object with start, end and label, found {_kind(value)}")
    if unknown := value.keys() - _ENTITY_FIELDS:
        raise _Malformed(f"unknown field {min(unknown)!r} of an entity; known: {', '.join(sorted(_ENTITY_FIELDS))}")
    start, end = _field(value, "start", int), _field(value, "end", int)
    _check_span(start, end, text, "entity")
    label = _field(value, "label", str)
    if not label:
        raise _Malformed("an entity's label is empty")
    score = _field(value, "score", (int, float), None)
    if score is not None and not 0 <= score <= 1:
        raise _Malformed(f"expected a score between 0 and 1, found {score}")
    identifier = _field(value, "identifier", str, _field(value, "id", str, None))
    return Entity(
        start,
        end,
        label,
        None if score is None else float(score),
        identifier,
        _field(value, "meta", dict, None),
    )


def _from_gliner(record: Mapping[str, Any]) -> Document:
    tokens = _field(record, "tokenized_text", list)
    for token in tokens:
        if not isinstance(token, str) or not token:
            raise _Malformed(f"expected 'tokenized_text' to hold words, found {token!r}")
    words = joined_spans(tokens)
    entities = []
    for row in _field(record, "ner", list, []):
        match row:
            case [int(first), int(last), str(label)] if (
                label and 0 <= first <= last < len(words) and bool not in map(type, row)
            ):
                entities.append(words_entity(words, first, last, label))
            case _:
                raise _Malformed(
                    "expected each entry of 'ner' to be [first word, last word, label] "
                    f"within {len(words)} words, found {json.dumps(row)[:60]}"
                )
    return Document(" ".join(tokens), entities, _identifier(record), words)


_REQUIRED: Any = object()
_NAMES = {str: "a string", int: "a whole number", list: "a list", dict: "an object", (int, float): "a number"}


def _field(record: Mapping[str, Any], name: str, kind: Any, default: Any = _REQUIRED) -> Any:
    """A field of the right type; null and missing mean the default."""
    value = record.get(name)
    if value is None and default is not _REQUIRED:
        return default
    if not isinstance(value, kind) or isinstance(value, bool):
        found = "nothing" if name not in record else _kind(value)
        raise _Malformed(f"expected {_NAMES[kind]} in field {name!r}, found {found}")
    return value


def _identifier(record: Mapping[str, Any]) -> str | None:
    value = record.get("id")
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return _field(record, "id", str, None)


def _spans(record: Mapping[str, Any], name: str, text: str) -> list[Span] | None:
    """Spans in text order that do not overlap."""
    values = _field(record, name, list, None)
    if values is None:
        return None
    spans: list[Span] = []
    previous = 0
    for value in values:
        match value:
            case [int(start), int(end)] if bool not in map(type, value):
                _check_span(start, end, text, name)
            case _:
                raise _Malformed(f"expected each of {name!r} to be [start, end], found {_kind(value)}")
        if start < previous:
            raise _Malformed(f"expected {name!r} in text order without overlap, found {start} after {previous}")
        previous = end
        spans.append((start, end))
    return spans


def _check_span(start: int, end: int, text: str, what: str) -> None:
    if not 0 <= start < end <= len(text):
        raise _Malformed(f"{what}: expected 0 <= start < end <= {len(text)} (the text's length), found {start}, {end}")


def _kind(value: Any) -> str:
    kinds = {dict: "an object", list: "a list", str: "a string", bool: "a truth value", type(None): "null"}
    return kinds.get(type(value), "a number")


def _to_json(document: Document) -> dict[str, Any]:
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
