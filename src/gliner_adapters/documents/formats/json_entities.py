"""Entities of JSON records: what every dialect checks before it has one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from gliner_adapters.documents.formats.json_fields import Malformed, field
from gliner_adapters.documents.formats.line_ends import ONE_CHARACTER, with_both_counted
from gliner_adapters.documents.types import Entity

INCLUSIVE_END = "inclusive end of an entity read as exclusive, as its text says"

Note = Callable[[str], None]
"""Counts a repair of the record at hand."""


def make_entity(
    text: str,
    start: int,
    end: int,
    label: Any,
    *,
    note: Note,
    mention: str | None = None,
    score: float | None = None,
    identifier: str | None = None,
    meta: Mapping[str, Any] | None = None,
) -> Entity:
    """An entity of a text, checked.

    Args:
        text: the text.
        start: where the entity begins.
        end: where it ends; exclusive, unless ``mention`` says otherwise.
        label: its type.
        note: is told of a repair.
        mention: what stands there, where the record says it.
        score: a probability.
        identifier: a concept's id.
        meta: what else there is; nothing and an empty mapping are the same.

    Raises:
        Malformed: the span is empty or leaves the text, another text stands there, the label is empty or no string, or
            the score is no probability.
    """
    if mention is not None and text[max(0, start) : end] != mention:
        moved = with_both_counted(text, start, end)
        if moved and text[slice(*moved)] == mention:
            note(ONE_CHARACTER)
            start, end = moved
    end = checked_end(text, start, end, mention, note)
    check_span(start, end, text, "entity")
    if score is not None and not 0 <= score <= 1:
        raise Malformed(f"expected a score between 0 and 1, found {score}")
    return Entity(
        start, end, checked_label(label), None if score is None else float(score), identifier, meta if meta else None
    )


def entity_of(record: Mapping[str, Any], text: str, note: Note, *, meta: Mapping[str, Any] | None = None) -> Entity:
    """The entity of an object with ``start``, ``end``, ``label`` and, maybe, ``text`` and ``score``.

    Raises:
        Malformed: a field is missing or of the wrong kind; or as :func:`make_entity`.
    """
    return make_entity(
        text,
        field(record, "start", int),
        field(record, "end", int),
        field(record, "label", str),
        note=note,
        mention=field(record, "text", str, None),
        score=field(record, "score", (int, float), None),
        meta=meta,
    )


def triple_entity(value: Any, text: str, what: str, note: Note) -> Entity:
    """The entity of ``[start, end, label]``.

    Raises:
        Malformed: it is no such list; or as :func:`make_entity`.
    """
    match value:
        case [int(start), int(end), str(label)] if bool not in map(type, value):
            return make_entity(text, start, end, label, note=note)
    raise Malformed(f"expected each of {what!r} to be [start, end, label], found {json.dumps(value)[:60]}")


def check_span(start: int, end: int, text: str, what: str) -> None:
    """Refuse a span that is empty or leaves the text."""
    if not 0 <= start < end <= len(text):
        raise Malformed(f"{what}: expected 0 <= start < end <= {len(text)} (the text's length), found {start}, {end}")


def checked_end(text: str, start: int, end: int, mention: str | None, note: Note) -> int:
    """The exclusive end of an entity whose text may be given; an inclusive one is noted as a repair.

    Raises:
        Malformed: another text stands there.
    """
    if mention is None or (0 <= start < end and text[start:end] == mention):
        return end
    if 0 <= start <= end and text[start : end + 1] == mention:
        note(INCLUSIVE_END)
        return end + 1
    raise Malformed(f"expected the text {mention[:40]!r} at {start}-{end}, found {text[max(0, start) : end][:40]!r}")


def checked_label(label: Any) -> str:
    """A label's name.

    Raises:
        Malformed: it is empty, or no string.
    """
    if not isinstance(label, str):
        raise Malformed(f"expected an entity's label to be a string, found {json.dumps(label)[:40]}")
    if not label:
        raise Malformed("an entity's label is empty")
    return label
