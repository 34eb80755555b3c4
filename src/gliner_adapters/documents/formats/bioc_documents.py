"""A document as BioC says it, in JSON's own values: what BioC JSON and BioC XML have in common.

See :mod:`.bioc_json` for what the values are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from gliner_adapters.documents.formats.base import DISCONTINUOUS, Discontinuous
from gliner_adapters.documents.formats.json_fields import Malformed, as_object, field, identifier
from gliner_adapters.documents.formats.normal_forms import same_when_normalised
from gliner_adapters.documents.formats.report import ReadReport, WriteReport
from gliner_adapters.documents.types import Document, Entity
from gliner_adapters.errors import DataError

NORMALISED = "text of an annotation is a normal form of what stands at its offsets"
METADATA = "metadata that BioC does not hold left out"
BOUNDARIES = "word and sentence boundaries left out"
SENTENCE = "infon of a sentence left out"
UNKNOWN = "field that BioC does not know left out"

#: Characters that may be missing between two passages: what is left out of an article is less, and a wrong offset more.
MOST_MISSING = 1_000_000

_OWN_INFONS = ("type", "identifier", "score")
#: The fields that are read, by what has them.
_FIELDS = {
    "document": ("id", "infons", "passages", "annotations", "relations"),
    "passage": ("offset", "infons", "text", "sentences", "annotations", "relations"),
    "sentence": ("offset", "infons", "text", "annotations", "relations"),
    "annotation": ("id", "infons", "text", "locations"),
}


def from_bioc(value: Any, path: str, line: int, report: ReadReport, discontinuous: Discontinuous = "span") -> Document:
    """The document that a BioC document says, as JSON holds it.

    Raises:
        DataError: it is malformed; with ``path:line``.
    """
    try:
        return _Reader(path, line, report, discontinuous).document(value)
    except Malformed as error:
        raise DataError(str(error), path, line) from None


class _Reader:
    """Reads one document."""

    def __init__(self, path: str, line: int, report: ReadReport, discontinuous: Discontinuous) -> None:
        self._path = path
        self._line = line
        self._report = report
        self._discontinuous = discontinuous

    def document(self, value: Any) -> Document:
        record = self._known(value, "document")
        passages = [self._known(each, "passage") for each in field(record, "passages", list)]
        text = ""
        layout: list[dict[str, Any]] = []
        annotations: list[Any] = []
        sentences: list[tuple[int, int]] = []
        for passage in passages:
            start = field(passage, "offset", int)
            parts = [self._known(each, "sentence") for each in field(passage, "sentences", list, [])]
            relations = field(passage, "relations", list, [])
            whole = field(passage, "text", str, None)
            if whole is not None:
                text = _append(text, start, whole, "\n")
            for part in parts:
                first, words = field(part, "offset", int), field(part, "text", str)
                if whole is None:
                    text = _append(text, first, words, "\n" if first == start else " ")
                elif text[first : first + len(words)] != words:
                    raise Malformed(f"the sentence at offset {first} is not the passage's text there")
                if words:
                    sentences.append((first, first + len(words)))
                annotations += field(part, "annotations", list, [])
                relations = relations + field(part, "relations", list, [])
                for _ in field(part, "infons", dict, {}):
                    self._note(SENTENCE)
            annotations += field(passage, "annotations", list, [])
            kept = {"infons": field(passage, "infons", dict, {}), "relations": relations}
            layout.append({"start": start, "end": len(text), **{key: each for key, each in kept.items() if each}})
        # Offsets count the document's characters, so it does not matter which passage has them.
        annotations += field(record, "annotations", list, [])
        meta = {key: record[key] for key in ("infons", "relations") if record.get(key)}
        if layout != [{"start": 0, "end": len(text)}]:
            meta["passages"] = layout
        entities = [entity for each in annotations for entity in self._entities(text, self._known(each, "annotation"))]
        return Document(text, entities, identifier(record), None, sentences or None, {"bioc": meta} if meta else {})

    def _known(self, value: Any, what: str) -> Mapping[str, Any]:
        """A value that has to be an object; what it has beside BioC's own fields is counted."""
        record = as_object(value, f"{'an' if what[0] == 'a' else 'a'} {what}")
        for key in record.keys() - _FIELDS[what]:
            if record[key] not in (None, "", [], {}):
                self._note(UNKNOWN)
        return record

    def _note(self, kind: str) -> None:
        self._report.add_repair(kind, self._path, self._line)

    def _entities(self, text: str, record: Mapping[str, Any]) -> list[Entity]:
        """The entity of an annotation; of one with several parts what the option says."""
        entity, parts = self._entity(text, record)
        if len(parts) == 1:
            return [entity]
        self._note(DISCONTINUOUS[self._discontinuous])
        if self._discontinuous == "span":
            return [entity]
        if self._discontinuous == "drop":
            return []
        return [replace(entity, start=start, end=end, meta=None) for start, end in parts]

    def _entity(self, text: str, record: Mapping[str, Any]) -> tuple[Entity, list[tuple[int, int]]]:
        """The entity from the first part to the last, and the parts."""
        infons = field(record, "infons", dict, {})
        places = [as_object(each, "a location") for each in field(record, "locations", list)]
        if not places:
            raise Malformed("an annotation has no location")
        starts = [field(place, "offset", int) for place in places]
        ends = [start + field(place, "length", int) for start, place in zip(starts, places, strict=True)]
        start, end = min(starts), max(ends)
        for first, last in zip(starts, ends, strict=True):
            if not 0 <= first < last <= len(text):
                raise Malformed(
                    f"expected an annotation within the text's {len(text)} characters, found {first}-{last}"
                )
        mention = field(record, "text", str, None)
        kept: dict[str, Any] = {}
        if len(places) > 1:
            kept["locations"], kept["text"] = [[s, e - s] for s, e in zip(starts, ends, strict=True)], mention
        elif mention is not None and mention != text[start:end]:
            if not same_when_normalised(mention, text[start:end]):
                raise Malformed(
                    f"expected the mention {mention[:40]!r} at {start}-{end}, found {text[start:end][:40]!r}"
                )
            self._note(NORMALISED)
            kept["text"] = mention
        kept |= {key: value for key, value in {"id": record.get("id")}.items() if value is not None}
        if more := {key: value for key, value in infons.items() if key not in _OWN_INFONS}:
            kept["infons"] = more
        label = field(infons, "type", str)
        if not label:
            raise Malformed("an annotation's type is empty")
        concept = infons.get("identifier")
        entity = Entity(
            start, end, label, _score(infons), None if concept is None else str(concept),
            {"bioc": kept} if kept else None,
        )  # fmt: skip
        return entity, list(zip(starts, ends, strict=True))


def _append(text: str, offset: int, more: str, gap: str) -> str:
    """A text with another stretch at an offset; characters in between are not in the file."""
    if offset < len(text):
        raise Malformed(f"expected passages in order without overlap, found offset {offset} after {len(text)}")
    if offset - len(text) > MOST_MISSING:
        raise Malformed(f"a passage at offset {offset}, {offset - len(text):,} characters after what is before it")
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
        raise Malformed(f"expected a score between 0 and 1, found {value!r}")
    return score


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
