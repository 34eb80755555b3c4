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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, BinaryIO

from gliner_adapters.documents.formats.base import (
    Discontinuous,
    Format,
    ReadOptions,
    WriteOptions,
    document_name,
    encode,
    parse_records,
)
from gliner_adapters.documents.formats.json_fields import first_record
from gliner_adapters.documents.formats.json_stream import JsonStream
from gliner_adapters.documents.formats.normal_forms import same_when_normalised
from gliner_adapters.documents.formats.report import ReadReport, WriteReport
from gliner_adapters.documents.types import Document, Entity
from gliner_adapters.errors import DataError

DISCONTINUOUS = "annotation of several parts read as the stretch from the first to the last"
DISCONTINUOUS_AS = {
    "split": "annotation of several parts read as an entity for each",
    "drop": "annotation of several parts left out",
}
NORMALISED = "text of an annotation is a normal form of what stands at its offsets"
COLLECTION = "field of the collection left out: it belongs to no document"
METADATA = "metadata that BioC does not hold left out"
BOUNDARIES = "word and sentence boundaries left out"

_HEADER: dict[str, Any] = {"source": "", "date": "", "key": "", "infons": {}}
#: What holds the documents; the second name is PubTator's own.
_DOCUMENTS = ("documents", "PubTator3")
_OWN_INFONS = ("type", "identifier", "score")


class BioCJson(Format):
    """Reader and writer for BioC JSON."""

    name = "bioc"
    endings = (".bioc.json", ".bioc")
    shared_endings = (".json", ".jsonl", ".ndjson")
    summary = "BioC in JSON, passages with annotations"

    def recognises(self, head: bytes) -> bool:
        """A collection, or documents with passages."""
        start = re.sub(rb"\s", b"", head[:4096])
        if re.match(rb'\[?\{("[^"]*":("[^"]*"|\{[^{}]*\}|[0-9]+|null),)*"(documents|PubTator3|passages)":\[', start):
            return True
        record = first_record(head)
        return isinstance(record, dict) and any(name in record for name in ("passages", *_DOCUMENTS))

    def read(self, stream: BinaryIO, path: str, *, options: ReadOptions, report: ReadReport) -> Iterator[Document]:
        """The documents of a collection, in bounded memory. A bad annotation makes its whole document bad."""
        source = JsonStream(stream, path)

        def parse(record: tuple[int, Any]) -> Document:
            line, value = record
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


def from_bioc(value: Any, path: str, line: int, report: ReadReport, discontinuous: Discontinuous = "span") -> Document:
    """The document that a BioC document says, as JSON holds it.

    Raises:
        DataError: it is malformed; with ``path:line``.
    """
    try:
        return _Reader(path, line, report, discontinuous).document(value)
    except _Malformed as error:
        raise DataError(str(error), path, line) from None


class _Malformed(Exception):
    """What is wrong with a document."""


class _Reader:
    """Reads one document."""

    def __init__(self, path: str, line: int, report: ReadReport, discontinuous: Discontinuous) -> None:
        self._path = path
        self._line = line
        self._report = report
        self._discontinuous = discontinuous

    def document(self, value: Any) -> Document:
        record = _as(value, dict, "a document")
        passages = [_as(each, dict, "a passage") for each in _get(record, "passages", list)]
        text = ""
        layout: list[dict[str, Any]] = []
        annotations: list[Any] = []
        sentences: list[tuple[int, int]] = []
        for passage in passages:
            start = _get(passage, "offset", int)
            parts = [_as(each, dict, "a sentence") for each in _get(passage, "sentences", list, [])]
            whole = _get(passage, "text", str, None)
            if whole is not None:
                text = _append(text, start, whole, "\n")
            for part in parts:
                first, words = _get(part, "offset", int), _get(part, "text", str)
                if whole is None:
                    text = _append(text, first, words, "\n" if first == start else " ")
                elif text[first : first + len(words)] != words:
                    raise _Malformed(f"the sentence at offset {first} is not the passage's text there")
                if words:
                    sentences.append((first, first + len(words)))
                annotations += _get(part, "annotations", list, [])
            annotations += _get(passage, "annotations", list, [])
            kept = {key: passage[key] for key in ("infons", "relations") if passage.get(key)}
            layout.append({"start": start, "end": len(text), **kept})
        meta = {key: record[key] for key in ("infons", "relations") if record.get(key)}
        if layout != [{"start": 0, "end": len(text)}]:
            meta["passages"] = layout
        entities = [entity for each in annotations for entity in self._entities(text, _as(each, dict, "an annotation"))]
        return Document(text, entities, _identifier(record), None, sentences or None, {"bioc": meta} if meta else {})

    def _entities(self, text: str, record: Mapping[str, Any]) -> list[Entity]:
        """The entity of an annotation; of one with several parts what the option says."""
        entity, parts = self._entity(text, record)
        if len(parts) == 1 or self._discontinuous == "span":
            if len(parts) > 1:
                self._report.add_repair(DISCONTINUOUS, self._path, self._line)
            return [entity]
        self._report.add_repair(DISCONTINUOUS_AS[self._discontinuous], self._path, self._line)
        if self._discontinuous == "drop":
            return []
        return [replace(entity, start=start, end=end, meta=None) for start, end in parts]

    def _entity(self, text: str, record: Mapping[str, Any]) -> tuple[Entity, list[tuple[int, int]]]:
        """The entity from the first part to the last, and the parts."""
        infons = _get(record, "infons", dict, {})
        places = [_as(each, dict, "a location") for each in _get(record, "locations", list)]
        if not places:
            raise _Malformed("an annotation has no location")
        starts = [_get(place, "offset", int) for place in places]
        ends = [start + _get(place, "length", int) for start, place in zip(starts, places, strict=True)]
        start, end = min(starts), max(ends)
        if not 0 <= start < end <= len(text):
            raise _Malformed(f"expected an annotation within the text's {len(text)} characters, found {start}-{end}")
        mention = _get(record, "text", str, None)
        kept: dict[str, Any] = {}
        if len(places) > 1:
            kept["locations"], kept["text"] = [[s, e - s] for s, e in zip(starts, ends, strict=True)], mention
        elif mention is not None and mention != text[start:end]:
            if not same_when_normalised(mention, text[start:end]):
                raise _Malformed(
                    f"expected the mention {mention[:40]!r} at {start}-{end}, found {text[start:end][:40]!r}"
                )
            self._report.add_repair(NORMALISED, self._path, self._line)
            kept["text"] = mention
        kept |= {key: value for key, value in {"id": record.get("id")}.items() if value is not None}
        if more := {key: value for key, value in infons.items() if key not in _OWN_INFONS}:
            kept["infons"] = more
        label = _get(infons, "type", str)
        if not label:
            raise _Malformed("an annotation's type is empty")
        identifier = infons.get("identifier")
        entity = Entity(
            start, end, label, _score(infons), None if identifier is None else str(identifier),
            {"bioc": kept} if kept else None,
        )  # fmt: skip
        return entity, list(zip(starts, ends, strict=True))


def _identifier(record: Mapping[str, Any]) -> str | None:
    """A document's id; PubTator's own export has numbers."""
    value = record.get("id")
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else _get(record, "id", str, None)


def _append(text: str, offset: int, more: str, gap: str) -> str:
    """A text with another stretch at an offset; characters in between are not in the file."""
    if offset < len(text):
        raise _Malformed(f"expected passages in order without overlap, found offset {offset} after {len(text)}")
    if offset > len(text):
        text += " " * (offset - len(text) - 1) + gap
    return text + more


def _score(infons: Mapping[str, Any]) -> float | None:
    value = infons.get("score")
    if value is None:
        return None
    try:
        score = float(value)
    except (TypeError, ValueError):
        score = -1.0
    if not 0 <= score <= 1:
        raise _Malformed(f"expected a score between 0 and 1, found {value!r}")
    return score


_REQUIRED: Any = object()
_NAMES = {str: "a string", int: "a whole number", list: "a list", dict: "an object"}


def _get(record: Mapping[str, Any], name: str, kind: type, default: Any = _REQUIRED) -> Any:
    """A field of the right type; null and missing mean the default."""
    value = record.get(name)
    if value is None and default is not _REQUIRED:
        return default
    return _as(value, kind, f"field {name!r}")


def _as(value: Any, kind: type, what: str) -> Any:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise _Malformed(f"expected {what} to be {_NAMES[kind]}, found {json.dumps(value)[:40]}")
    return value


def to_bioc(document: Document, number: int, report: WriteReport) -> dict[str, Any]:
    """A document as JSON holds it; one without an id is called by its ``number``."""
    meta = document.meta.get("bioc", {})
    layout: Sequence[Mapping[str, Any]] = meta.get("passages") or [{"start": 0, "end": len(document.text)}]
    if document.words is not None or document.sentences is not None:
        report.changes[BOUNDARIES] += 1
    infons = meta.get("infons", {})
    # What the infons say as well is kept.
    if any(key != "bioc" and (key not in infons or infons[key] != value) for key, value in document.meta.items()):
        report.changes[METADATA] += 1
    passages: list[dict[str, Any]] = [
        {
            "offset": part["start"],
            "infons": part.get("infons", {}),
            "text": document.text[part["start"] : part["end"]],
            "sentences": [],
            "annotations": [],
            "relations": part.get("relations", []),
        }
        for part in layout
    ]
    taken = {str((entity.meta or {}).get("bioc", {}).get("id")) for entity in document.entities}
    fresh = (str(i) for i in range(1, 2 * len(document.entities) + 2) if str(i) not in taken)
    for entity in document.entities:
        if (entity.meta or {}).keys() - {"bioc"}:
            report.changes[METADATA] += 1
        # The last passage that begins before the entity does: offsets are the document's, so any would do.
        index = max((i for i, part in enumerate(layout) if part["start"] <= entity.start), default=0)
        passages[index]["annotations"].append(_annotation(document, entity, fresh))
    return {
        "id": document.id if document.id is not None else str(number),
        "infons": meta.get("infons", {}),
        "passages": passages,
        "relations": meta.get("relations", []),
    }


def _annotation(document: Document, entity: Entity, fresh: Iterator[str]) -> dict[str, Any]:
    kept = (entity.meta or {}).get("bioc", {})
    infons: dict[str, Any] = {"type": entity.label}
    if entity.identifier is not None:
        infons["identifier"] = entity.identifier
    if entity.score is not None:
        infons["score"] = repr(float(entity.score))  # infons are strings
    places, text = [[entity.start, entity.end - entity.start]], document.mention(entity)
    # Parts are kept only if they still lead to this very entity: it may have been moved since it was read.
    parts = kept.get("locations")
    if parts and (min(s for s, _ in parts), max(s + n for s, n in parts)) == (entity.start, entity.end):
        places, text = parts, kept.get("text") or text
    return {
        "id": kept["id"] if "id" in kept else next(fresh),
        "infons": {**infons, **kept.get("infons", {})},
        "text": text,
        "locations": [{"offset": start, "length": length} for start, length in places],
    }


FORMAT = BioCJson()
