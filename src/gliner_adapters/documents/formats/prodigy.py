"""Prodigy's JSON Lines: a text, its spans, and what the annotator answered.

    {"text": "Naloxone helps.", "spans": [{"start": 0, "end": 8, "label": "Chemical"}], "answer": "accept"}

An example that was rejected or ignored is not annotated: it is left out and counted. Tokens are not read as words: they
are Prodigy's own. What else an example and its spans have is kept in ``meta["prodigy"]``.
"""

from __future__ import annotations

from typing import Any

from gliner_adapters.documents.formats.base import WriteOptions
from gliner_adapters.documents.formats.json_entities import Note, entity_of
from gliner_adapters.documents.formats.json_fields import Malformed, as_object, field, first_record
from gliner_adapters.documents.formats.json_records import JsonRecords
from gliner_adapters.documents.formats.report import WriteReport
from gliner_adapters.documents.types import Document, Entity

#: Example of an answer that is no annotation.
NOT_ACCEPTED = "example that was not accepted left out"
_SPAN = ("start", "end", "label", "text", "score")


class Prodigy(JsonRecords):
    """Reader and writer for Prodigy's JSON Lines."""

    name = "prodigy"
    shared_endings = (".jsonl", ".ndjson", ".json")
    summary = "Prodigy's JSON Lines: a text and spans, accepted examples alone"
    keeps = frozenset({"score"})

    def recognises(self, head: bytes) -> bool:
        """A text with spans, or with an answer."""
        record = first_record(head)
        return isinstance(record, dict) and "text" in record and ("spans" in record or "_task_hash" in record)

    def parse(self, record: Any, note: Note) -> Document | None:
        """A document from an example that was accepted."""
        record = as_object(record, "an example")
        text = field(record, "text", str)
        answer = field(record, "answer", str, "accept")
        if answer not in ("accept", "reject", "ignore"):
            raise Malformed(f"expected the answer accept, reject or ignore, found {answer!r}")
        if answer != "accept":
            note(NOT_ACCEPTED)
            return None
        entities = [_entity(value, text, note) for value in field(record, "spans", list, [])]
        rest = {key: value for key, value in record.items() if key not in ("text", "spans")}
        own = rest.get("meta")
        found = own.get("id") if isinstance(own, dict) else None
        return Document(text, entities, None if found is None else str(found), meta={self.name: rest} if rest else {})

    def record(self, document: Document, number: int, options: WriteOptions, report: WriteReport) -> dict[str, Any]:
        """An accepted example; a document's id goes to its ``meta``, which Prodigy shows."""
        record: dict[str, Any] = {"text": document.text, "spans": [_span(entity) for entity in document.entities]}
        record |= document.meta.get(self.name, {})
        if document.id is not None:
            record["meta"] = {**(record.get("meta") or {}), "id": document.id}
        return {"answer": "accept", **record}


def _entity(value: Any, text: str, note: Note) -> Entity:
    span = as_object(value, "each of 'spans'")
    own = {key: each for key, each in span.items() if key not in _SPAN}
    return entity_of(span, text, note, meta={"prodigy": own} if own else None)


def _span(entity: Entity) -> dict[str, Any]:
    span: dict[str, Any] = {"start": entity.start, "end": entity.end, "label": entity.label}
    if entity.score is not None:
        span["score"] = entity.score
    return span | (entity.meta or {}).get("prodigy", {})


FORMAT = Prodigy()
