"""Tags of words, to and from entities: IOB2, and its relatives IOB1, IO, BIOES and BILOU."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from gliner_adapters.documents.types import Entity
from gliner_adapters.documents.words import Span, entity_words

OFF_BOUNDARY = "not on word boundaries"
OVERLAPPING = "overlaps another entity"
#: Prefixes of tags, and what schemes they tell of beside IOB2.
PREFIXES = {"B": "IOB2", "I": "IOB2", "E": "BIOES", "S": "BIOES", "L": "BILOU", "U": "BILOU"}


def split_tag(tag: str) -> tuple[str, str]:
    """``("B", "Disease")`` for ``B-Disease``, ``("O", "")`` for ``O``.

    Of BIOES and BILOU, ``S`` and ``U`` are single words and ``E`` and ``L`` the last ones; both pairs mean the same.

    Raises:
        ValueError: if it is neither ``O`` nor a prefix of one of these schemes, a hyphen and a type.
    """
    if tag == "O":
        return "O", ""
    prefix, label = tag[:1], tag[2:]
    if prefix not in PREFIXES or tag[1:2] != "-" or not label or label != label.strip():
        raise ValueError(f"expected a tag O, B-TYPE or I-TYPE (or E-, S-, L-, U-TYPE), found {tag!r}")
    return prefix, label


def tags_to_entities(words: Sequence[Span], tags: Sequence[tuple[str, str]]) -> tuple[list[Entity], list[int]]:
    """Entities of tagged words.

    An ``I`` that continues nothing (after ``O``, at the start, or after another type) begins an entity, which
    reads IOB1 and IO as well. So does the last word of an entity (``E``, ``L``) that continues nothing.

    Args:
        words: character spans of the words.
        tags: for each word ``(prefix, label)`` as :func:`split_tag` gives them.

    Returns:
        The entities in text order, and the indices of the words with such a stray tag.
    """
    entities: list[Entity] = []
    stray: list[int] = []
    first, open_label = 0, ""
    for index, (prefix, label) in enumerate(tags):
        last = prefix in ("E", "L")
        if (prefix == "I" or last) and label == open_label:
            if last:
                entities.append(Entity(words[first][0], words[index][1], open_label))
                open_label = ""
            continue
        if open_label:
            entities.append(Entity(words[first][0], words[index - 1][1], open_label))
        if prefix == "I" or last:
            stray.append(index)
        first, open_label = index, label
        if last or prefix in ("S", "U"):
            entities.append(Entity(words[index][0], words[index][1], label))
            open_label = ""
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
