"""IOB2 tags of words, to and from entities."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from gliner_adapters.documents.types import Entity
from gliner_adapters.documents.words import Span, entity_words

OFF_BOUNDARY = "not on word boundaries"
OVERLAPPING = "overlaps another entity"


def split_tag(tag: str) -> tuple[str, str]:
    """``("B", "Disease")`` for ``B-Disease``, ``("O", "")`` for ``O``.

    Raises:
        ValueError: if it is neither ``O`` nor ``B-TYPE`` nor ``I-TYPE``.
    """
    if tag == "O":
        return "O", ""
    prefix, label = tag[:2], tag[2:]
    if prefix not in ("B-", "I-") or not label or label != label.strip():
        hint = "; BIOES and BILOU tags are not read" if prefix in ("S-", "E-", "L-", "U-") else ""
        raise ValueError(f"expected a tag O, B-TYPE or I-TYPE, found {tag!r}{hint}")
    return prefix[0], label


def tags_to_entities(words: Sequence[Span], tags: Sequence[tuple[str, str]]) -> tuple[list[Entity], list[int]]:
    """Entities of tagged words.

    An ``I`` that continues nothing (after ``O``, at the start, or after another type) begins an entity, which
    reads IOB1 as well.

    Args:
        words: character spans of the words.
        tags: for each word ``(prefix, label)`` as :func:`split_tag` gives them.

    Returns:
        The entities in text order, and the indices of the words with such a stray ``I``.
    """
    entities: list[Entity] = []
    stray: list[int] = []
    first, open_label = 0, ""
    for index, (prefix, label) in enumerate(tags):
        if prefix == "I" and label == open_label:
            continue
        if open_label:
            entities.append(Entity(words[first][0], words[index - 1][1], open_label))
        if prefix == "I":
            stray.append(index)
        first, open_label = index, label
    if open_label:
        entities.append(Entity(words[first][0], words[-1][1], open_label))
    return entities, stray


def entities_to_tags(words: Sequence[Span], entities: Iterable[Entity]) -> tuple[list[str], list[tuple[Entity, str]]]:
    """IOB2 tags of words, and the entities that tags cannot express.

    Entities are placed longest first (then leftmost), so of overlapping or nested ones the outermost stays.

    Returns:
        One tag a word; and each entity that was left out with the reason, :data:`OFF_BOUNDARY` or
        :data:`OVERLAPPING`.
    """
    tags = ["O"] * len(words)
    left_out: list[tuple[Entity, str]] = []
    for entity in sorted(entities, key=lambda entity: (entity.start - entity.end, entity.start)):
        span = entity_words(words, entity)
        if span is None:
            left_out.append((entity, OFF_BOUNDARY))
        elif any(tags[index] != "O" for index in range(span[0], span[1] + 1)):
            left_out.append((entity, OVERLAPPING))
        else:
            tags[span[0]] = f"B-{entity.label}"
            for index in range(span[0] + 1, span[1] + 1):
                tags[index] = f"I-{entity.label}"
    return tags, left_out


def count_reasons(left_out: Iterable[tuple[Entity, str]]) -> Counter[str]:
    """How many entities were left out for each reason."""
    return Counter(reason for _, reason in left_out)
