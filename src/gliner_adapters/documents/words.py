"""Words of a text as character spans, and the way between words and entities.

GLiNER scores spans of words, documents speak in characters. Everything that crosses between the two does it
here. Word indices are counted from 0; the last word of a span is inclusive, as in GLiNER; character ends are
exclusive.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import pairwise

from gliner_adapters.documents.types import Document, Entity

#: Start and end in characters, end exclusive.
Span = tuple[int, int]

# GLiNER's own definition of a word in free text. The bases were trained on it, so it may not drift.
_WORD = re.compile(r"\w+(?:[-_]\w+)*|\S")


def split_words(text: str) -> list[Span]:
    """Character spans of the words of free text, exactly as GLiNER's ``WhitespaceTokenSplitter`` does."""
    return [match.span() for match in _WORD.finditer(text)]


def word_spans(document: Document) -> Sequence[Span]:
    """The words of a document: those its source gives, or those of :func:`split_words`."""
    return document.words if document.words is not None else split_words(document.text)


def joined_spans(tokens: Iterable[str]) -> list[Span]:
    """Character spans of tokens in ``" ".join(tokens)``."""
    spans: list[Span] = []
    start = 0
    for token in tokens:
        end = start + len(token)
        spans.append((start, end))
        start = end + 1
    return spans


def entity_words(words: Sequence[Span], entity: Entity) -> tuple[int, int] | None:
    """First and last word (inclusive) of an entity, in O(log words).

    Args:
        words: character spans in text order that do not overlap.
        entity: the entity, in offsets of the same text.

    Returns:
        ``(first, last)``, or ``None`` if the entity does not begin and end on word boundaries.
    """
    first = bisect_left(words, (entity.start,))
    last = bisect_left(words, (entity.end,)) - 1
    if first > last or words[first][0] != entity.start or words[last][1] != entity.end:
        return None
    return first, last


def words_entity(words: Sequence[Span], first: int, last: int, label: str, *, score: float | None = None) -> Entity:
    """The entity over the words ``first`` to ``last``, both inclusive: the reverse of :func:`entity_words`.

    Args:
        words: character spans in text order.
        first, last: numbers of words.
        label, score: the entity's.

    Raises:
        ValueError: if ``0 <= first <= last < len(words)`` does not hold.
    """
    if not 0 <= first <= last < len(words):
        raise ValueError(f"word span {first}..{last} is outside of the text's {len(words)} words")
    return Entity(start=words[first][0], end=words[last][1], label=label, score=score)


def refine_words(words: Sequence[Span], entities: Iterable[Entity]) -> tuple[list[Span], int]:
    """Split words where an entity begins or ends inside them, so that every entity aligns.

    For training data only: the split follows the gold annotation, which unseen text does not have. Cutting
    the words of a test set this way would tell the model where entities lie. White space at the edge of an
    entity belongs to no word, so an entity with such an edge stays unaligned.

    Args:
        words: character spans in text order that do not overlap.
        entities: gold entities of the same text.

    Returns:
        The refined words, and how many entities had a boundary inside a word.
    """
    cuts: dict[int, set[int]] = {}
    needed = 0
    for entity in entities:
        inside = [
            (index, offset)
            for offset in (entity.start, entity.end)
            # The last word that begins before the offset.
            if (index := bisect_left(words, (offset,)) - 1) >= 0 and offset < words[index][1]
        ]
        needed += bool(inside)
        for index, offset in inside:
            cuts.setdefault(index, set()).add(offset)
    if not cuts:
        return list(words), 0
    refined: list[Span] = []
    for index, (start, end) in enumerate(words):
        edges = [start, *sorted(cuts.get(index, ())), end]
        refined.extend(pairwise(edges))
    return refined, needed
