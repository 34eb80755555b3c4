"""Token-classification rows, as Hugging Face's datasets have them: words and their tags, by name or by number.

    {"id": "7", "tokens": ["Naloxone", "helps", "."], "ner_tags": ["B-Chemical", "O", "O"]}

Numbers need the names that they count (``ReadOptions.tag_names``); a Parquet or Arrow file that ``datasets`` wrote
holds them itself (:mod:`.arrow_documents`). The text is the tokens joined by single spaces, with the tokens as
``words``. What else a row has is kept in ``meta["hf-tokens"]``. Names are written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gliner_adapters.documents.formats.base import ReadOptions, WriteOptions, document_name
from gliner_adapters.documents.formats.json_entities import Note
from gliner_adapters.documents.formats.json_fields import Malformed, as_object, field, first_record, identifier
from gliner_adapters.documents.formats.json_records import METADATA, JsonRecords
from gliner_adapters.documents.formats.report import WriteReport
from gliner_adapters.documents.formats.tagged_words import entities_of, tags_of
from gliner_adapters.documents.tags import split_tag
from gliner_adapters.documents.types import Document
from gliner_adapters.documents.words import joined_spans
from gliner_adapters.errors import ConfigError

TOKENS = "tokens"
#: The names that the list of tags has; the first is written.
TAGS = ("ner_tags", "tags", "labels")
NAME = "hf-tokens"


class HfTokens(JsonRecords):
    """Reader and writer for token-classification rows."""

    name = NAME
    shared_endings = (".jsonl", ".ndjson", ".json")
    summary = "Hugging Face's token-classification rows: tokens and ner_tags"
    keeps = frozenset({"words"})
    takes_tag_names = True

    def recognises(self, head: bytes) -> bool:
        """Tokens that are strings, beside a list of tags."""
        record = first_record(head)
        return (
            isinstance(record, dict)
            and "text" not in record
            and isinstance(record.get(TOKENS), list)
            and all(isinstance(token, str) for token in record[TOKENS])
            and any(isinstance(record.get(name), list) for name in TAGS)
        )

    def parser(self, options: ReadOptions) -> Callable[[Any, Note], Document]:
        """Makes documents of rows whose numbers count ``options.tag_names``."""
        tags = parsed_tags(options.tag_names)
        return lambda record, note: tagged_document(as_object(record, "a row"), tags, note)

    def parse(self, record: Any, note: Note) -> Document:
        """A document from a row whose tags are names."""
        return tagged_document(as_object(record, "a row"), (), note)

    def record(self, document: Document, number: int, options: WriteOptions, report: WriteReport) -> dict[str, Any]:
        """A row; the words are the document's own, or those that GLiNER would split."""
        name = document_name(document, number)
        words, tags, left_out = tags_of(document, name, "tags of words", options.on_conflict, report)
        report.entities -= left_out  # counted with the others of its document
        kept = dict(document.meta.get(NAME, {}))
        if document.words is not None and len(words) != len(document.words):
            # Lists with a value a word fit no longer.
            fitting = {
                key: value
                for key, value in kept.items()
                if not isinstance(value, list) or len(value) != len(document.words)
            }
            report.changes[METADATA] += len(fitting) < len(kept)
            report.changes += type(report.changes)()  # without zeros
            kept = fitting
        row: dict[str, Any] = {} if document.id is None else {"id": document.id}
        return row | {TOKENS: [document.text[start:end] for start, end in words], TAGS[0]: tags} | kept


def parsed_tags(names: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Prefix and label of each name of a tag.

    Raises:
        ConfigError: a name is no tag.
    """
    try:
        return tuple(split_tag(name) for name in names)
    except ValueError as error:
        raise ConfigError(f"tag names: {error}") from None


def tagged_document(record: Mapping[str, Any], names: Sequence[tuple[str, str]], note: Note) -> Document:
    """The document that a row says.

    Args:
        record: the row.
        names: prefix and label of the tags that numbers count.
        note: is told of repairs.

    Raises:
        Malformed: what is wrong with the row.
    """
    tokens = field(record, TOKENS, list)
    for token in tokens:
        if not isinstance(token, str) or not token:
            raise Malformed(f"expected {TOKENS!r} to hold words, found {token!r}")
    key = next((name for name in TAGS if name in record), TAGS[0])
    values = field(record, key, list)
    if len(values) != len(tokens):
        raise Malformed(f"expected a tag for each of {len(tokens)} tokens, found {len(values)}")
    tags = [_tag(value, key, names) for value in values]
    words = joined_spans(tokens)
    entities = entities_of(words, tags, lambda kind, _: note(kind))
    rest = {name: value for name, value in record.items() if name not in ("id", TOKENS, key)}
    text = " ".join(tokens)
    return Document(text, entities, identifier(record), words, meta={NAME: rest} if rest else {})


def _tag(value: Any, key: str, names: Sequence[tuple[str, str]]) -> tuple[str, str]:
    if isinstance(value, str):
        try:
            return split_tag(value)
        except ValueError as error:
            raise Malformed(str(error)) from None
    if not isinstance(value, int) or isinstance(value, bool):
        raise Malformed(f"expected {key!r} to hold names or numbers of tags, found {value!r}"[:120])
    if not names:
        raise Malformed(f"{key!r} holds numbers; say which tags they are, with tag names (--tag-names O,B-Disease,...)")
    if not 0 <= value < len(names):
        raise Malformed(f"the tag {value}, but there are {len(names)} tag names, counted from 0")
    return names[value]


FORMAT = HfTokens()
