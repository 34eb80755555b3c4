"""Types that are the same but for their spelling, and edges that belong to no entity."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from gliner_adapters.documents import Document, Entity

_LETTERS = re.compile(r"[\W_]+")
#: What no mention begins or ends with. A full stop or a bracket may belong to it.
_STRAY = ",;:"


def type_key(label: str) -> str:
    """What spellings of a type have in common that differ in case, spaces and punctuation alone."""
    return _LETTERS.sub("", label.casefold()) or label


def spellings(counts: Mapping[str, int]) -> dict[str, str]:
    """The most frequent spelling of each type that has a more frequent one.

    Args:
        counts: entities of each type.
    """
    groups: dict[str, list[str]] = {}
    for label in counts:
        groups.setdefault(type_key(label), []).append(label)
    found = {}
    for group in groups.values():
        best = max(group, key=lambda label: (counts[label], label))
        found.update({label: best for label in group if label != best})
    return found


def near(counts: Mapping[str, int]) -> list[tuple[str, str]]:
    """Pairs of types, the rarer first, that one letter sets apart: a plural or a slip, maybe."""
    keys = {label: type_key(label) for label in counts}
    ordered = sorted(counts, key=lambda label: (counts[label], label))
    return [
        (one, other)
        for place, one in enumerate(ordered)
        for other in ordered[place + 1 :]
        if keys[one] != keys[other] and min(len(keys[one]), len(keys[other])) > 3 and _one_apart(keys[one], keys[other])
    ]


def _one_apart(one: str, other: str) -> bool:
    """Whether one letter more, less or other makes one of the other."""
    if len(one) > len(other):
        one, other = other, one
    if len(other) - len(one) > 1:
        return False
    at = next((place for place, letter in enumerate(one) if letter != other[place]), len(one))
    return one[at:] == other[at + 1 :] or one[at + 1 :] == other[at + 1 :]


def count_types(documents: Iterable[Document]) -> Counter[str]:
    """Entities of each type."""
    return Counter(entity.label for document in documents for entity in document.entities)


def trimmed(text: str, entity: Entity) -> tuple[int, int]:
    """The entity without white space and stray punctuation at its edges; it may come out empty."""
    start, end = entity.start, entity.end
    while start < end and (text[start].isspace() or text[start] in _STRAY):
        start += 1
    while start < end and (text[end - 1].isspace() or text[end - 1] in _STRAY):
        end -= 1
    return start, end
