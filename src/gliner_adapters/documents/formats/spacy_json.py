"""spaCy's forms of entities in JSON: training pairs, lists of triples, and ``Doc.to_json()``.

    {"text": "Naloxone helps.", "entities": [[0, 8, "Chemical"]]}
    ["Naloxone helps.", {"entities": [[0, 8, "Chemical"]]}]
    {"text": "Naloxone helps.", "ents": [{"start": 0, "end": 8, "label": "Chemical"}], "tokens": [...]}

The first is written. Records stand one a line or in one array; pairs stand in an array. What else a record has is
kept in ``Document.meta["spacy-json"]``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gliner_adapters.documents.formats.base import WriteOptions
from gliner_adapters.documents.formats.json_entities import Note, entity_of, triple_entity
from gliner_adapters.documents.formats.json_fields import (
    Malformed,
    as_object,
    field,
    first_record,
    identifier,
    kind_of,
)
from gliner_adapters.documents.formats.json_records import JsonRecords
from gliner_adapters.documents.formats.report import WriteReport
from gliner_adapters.documents.types import Document, Entity


class SpacyJson(JsonRecords):
    """Reader and writer for spaCy's JSON."""

    name = "spacy-json"
    shared_endings = (".jsonl", ".ndjson", ".json")
    summary = "spaCy's JSON: a text and entities, a list of [start, end, type]"

    def recognises(self, head: bytes) -> bool:
        """A text with entities that are triples or with ``ents``, or a pair of a text and annotations."""
        record = first_record(head)
        match record:
            case [str(), dict()]:
                return "entities" in record[1]
            case {"text": str(), "ents": list()}:
                return True
            case {"text": str(), "entities": [list(), *_]}:
                return True
        return False

    def parse(self, record: Any, note: Note) -> Document:
        """A document from a record or a pair."""
        match record:
            case [str(text), dict(annotations)]:
                record = {"text": text, **annotations}
            case dict():
                pass
            case _:
                raise Malformed(f"expected an object, or a pair of a text and annotations, found {kind_of(record)}")
        text = field(record, "text", str)
        if "ents" in record and "entities" not in record:
            entities = [_object(value, text, note) for value in field(record, "ents", list)]
        else:
            entities = [triple_entity(value, text, "entities", note) for value in field(record, "entities", list)]
        rest = {key: value for key, value in record.items() if key not in ("id", "text", "entities", "ents")}
        return Document(text, entities, identifier(record), meta={self.name: rest} if rest else {})

    def record(self, document: Document, number: int, options: WriteOptions, report: WriteReport) -> dict[str, Any]:
        """A record with a list of triples."""
        record: dict[str, Any] = {} if document.id is None else {"id": document.id}
        record["text"] = document.text
        record["entities"] = [[entity.start, entity.end, entity.label] for entity in document.entities]
        return record | document.meta.get(self.name, {})


def _object(value: Any, text: str, note: Note) -> Entity:
    record = as_object(value, "each of 'ents'")
    return replace(entity_of(record, text, note), identifier=identifier(record, "kb_id") or None)


FORMAT = SpacyJson()
