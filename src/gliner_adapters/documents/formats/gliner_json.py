"""GLiNER's training file: one array of words and entities, with inclusive word indices.

    [{"tokenized_text": ["Naloxone", "helps", "."], "ner": [[0, 0, "Chemical"]]}]

The same records one a line are read by the format ``jsonl`` as well.
"""

from __future__ import annotations

from typing import Any

from gliner_adapters.documents.formats.base import WriteOptions, document_name
from gliner_adapters.documents.formats.json_entities import Note
from gliner_adapters.documents.formats.json_fields import as_object, first_record, is_array
from gliner_adapters.documents.formats.json_records import JsonRecords
from gliner_adapters.documents.formats.jsonl import from_gliner
from gliner_adapters.documents.formats.report import WriteReport
from gliner_adapters.documents.formats.tagged_words import count_spacing
from gliner_adapters.documents.tags import OFF_BOUNDARY
from gliner_adapters.documents.types import Document
from gliner_adapters.documents.words import entity_words, refine_words, word_spans
from gliner_adapters.errors import DataError

_FIELDS = {"id", "tokenized_text", "ner"}
KEPT = "unknown field kept in meta"


class GlinerJson(JsonRecords):
    """Reader and writer for GLiNER's training file."""

    name = "gliner"
    shared_endings = (".json",)
    summary = "GLiNER's training file: one array of words and entities by word"
    array = True
    keeps = frozenset({"words"})

    def recognises(self, head: bytes) -> bool:
        """An array whose records have ``tokenized_text``."""
        record = first_record(head)
        return is_array(head) and isinstance(record, dict) and "tokenized_text" in record

    def parse(self, record: Any, note: Note) -> Document:
        """A document from a record; other fields than GLiNER's are kept in ``meta["gliner"]`` and counted."""
        record = as_object(record, "a record")
        document = from_gliner(record)
        rest = {key: value for key, value in record.items() if key not in _FIELDS}
        if rest:
            note(KEPT)
            document.meta[self.name] = rest
        return document

    def record(self, document: Document, number: int, options: WriteOptions, report: WriteReport) -> dict[str, Any]:
        """A record; the words are the document's own, or those that GLiNER would split.

        Raises:
            DataError: an entity does not begin and end on words, and ``on_conflict`` is ``error``.
        """
        words = word_spans(document)
        if options.on_conflict == "split":
            words, _ = refine_words(words, document.entities)
        rows = []
        for entity in document.entities:
            span = entity_words(words, entity)
            if span is not None:
                rows.append([*span, entity.label])
            elif options.on_conflict == "error":
                raise DataError(
                    f"{document_name(document, number)}: the entity {document.mention(entity)[:40]!r} does not begin "
                    "and end on words, which GLiNER's training file counts; on_conflict drop or split goes on"
                )
            else:
                report.dropped[OFF_BOUNDARY] += 1
                report.entities -= 1  # counted with the others of its document
        count_spacing(document, words, report)
        record: dict[str, Any] = {} if document.id is None else {"id": document.id}
        record["tokenized_text"] = [document.text[start:end] for start, end in words]
        return record | {"ner": rows} | document.meta.get(self.name, {})


FORMAT = GlinerJson()
