"""doccano's JSON Lines, as it exports and imports sequence labelling.

    {"id": 7, "text": "Naloxone helps.", "label": [[0, 8, "Chemical"]]}
    {"id": 7, "text": "Naloxone helps.", "relations": [],
     "entities": [{"id": 1, "start_offset": 0, "end_offset": 8, "label": "Chemical"}]}

The list is called ``label`` (or ``labels``); exports of relation projects have ``entities``. Some versions call the
text ``data``. What else a record has is kept in ``Document.meta["doccano"]``.
"""

from __future__ import annotations

from typing import Any

from gliner_adapters.documents.formats.base import WriteOptions
from gliner_adapters.documents.formats.json_entities import Note, make_entity, triple_entity
from gliner_adapters.documents.formats.json_fields import Malformed, as_object, field, first_record, identifier
from gliner_adapters.documents.formats.json_records import JsonRecords
from gliner_adapters.documents.formats.report import WriteReport
from gliner_adapters.documents.types import Document, Entity

_LISTS = ("label", "labels")
_TEXTS = ("text", "data")


class Doccano(JsonRecords):
    """Reader and writer for doccano's JSON Lines."""

    name = "doccano"
    shared_endings = (".jsonl", ".ndjson", ".json")
    summary = "doccano's JSON Lines: a text and label, a list of [start, end, type]"

    def recognises(self, head: bytes) -> bool:
        """A text with ``label``, a list of lists, or with entities that have a ``start_offset``."""
        record = first_record(head)
        if not isinstance(record, dict) or not any(isinstance(record.get(name), str) for name in _TEXTS):
            return False
        for name in _LISTS:
            if isinstance(record.get(name), list):
                return all(isinstance(each, list) for each in record[name])
        entities = record.get("entities")
        return isinstance(entities, list) and any(isinstance(e, dict) and "start_offset" in e for e in entities)

    def parse(self, record: Any, note: Note) -> Document:
        """A document from a record."""
        record = as_object(record, "a record")
        key = next((name for name in _TEXTS if name in record), _TEXTS[0])
        text = field(record, key, str)
        named = [name for name in (*_LISTS, "entities") if isinstance(record.get(name), list)]
        if len(named) != 1:
            found = " and ".join(named) if named else ", ".join(map(repr, record)) or "nothing"
            raise Malformed(f"expected one of the lists 'label', 'labels' and 'entities', found {found}")
        (name,) = named
        if name == "entities":
            entities = [_object(value, text, note) for value in record[name]]
        else:
            entities = [triple_entity(value, text, name, note) for value in record[name]]
        rest = {key: value for key, value in record.items() if key not in ("id", key, name)}
        return Document(text, entities, identifier(record), meta={self.name: rest} if rest else {})

    def record(self, document: Document, number: int, options: WriteOptions, report: WriteReport) -> dict[str, Any]:
        """A record with ``label``; with ``entities`` where the document came with relations or ids."""
        kept = document.meta.get(self.name, {})
        record: dict[str, Any] = {} if document.id is None else {"id": document.id}
        record["text"] = document.text
        if "relations" in kept or any((entity.meta or {}).get(self.name) for entity in document.entities):
            record["entities"] = [
                {
                    "id": (entity.meta or {}).get(self.name, {}).get("id", place),
                    "label": entity.label,
                    "start_offset": entity.start,
                    "end_offset": entity.end,
                }
                for place, entity in enumerate(document.entities, 1)
            ]
        else:
            record["label"] = [[entity.start, entity.end, entity.label] for entity in document.entities]
        return record | kept


def _object(value: Any, text: str, note: Note) -> Entity:
    record = as_object(value, "each of 'entities'")
    own = {key: each for key, each in record.items() if key not in ("start_offset", "end_offset", "label")}
    start, end, label = field(record, "start_offset", int), field(record, "end_offset", int), record.get("label")
    return make_entity(text, start, end, label, note=note, meta={"doccano": own} if own else None)


FORMAT = Doccano()
