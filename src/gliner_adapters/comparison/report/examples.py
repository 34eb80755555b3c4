"""Examples of errors, chosen by rule and not by eye."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from gliner_adapters.comparison.report.page import Code, Excerpt, Inline, Piece
from gliner_adapters.documents import Document, Entity
from gliner_adapters.evaluation import Alignment
from gliner_adapters.evaluation.error_analysis import ERROR_KINDS, ErrorKind

#: Characters of text shown on either side of an error.
AROUND = 90
#: The kinds shown, one example each.
KINDS: tuple[ErrorKind, ...] = tuple(kind for kind in ERROR_KINDS if kind != "correct")


@dataclass(frozen=True)
class Mistake:
    """An error and the document that it stands in.

    Attributes:
        document: the gold document.
        position: its place in the split, counted from 0.
        alignment: what is wrong.
    """

    document: Document
    position: int
    alignment: Alignment


def choose(mistakes: Sequence[Mistake], documents: int) -> list[Mistake]:
    """One mistake of each kind that there is, spread over the split.

    The split is cut into as many equal parts as there are kinds; of the n-th kind the mistake is taken whose document
    is nearest to the middle of the n-th part, the first one of equals.
    """
    chosen = []
    for number, kind in enumerate(KINDS):
        middle = documents * (number + 0.5) / len(KINDS)
        of_kind = [mistake for mistake in mistakes if mistake.alignment.kind == kind]
        if of_kind:
            chosen.append(min(of_kind, key=lambda mistake: abs(mistake.position + 0.5 - middle)))
    return chosen


def excerpt(mistake: Mistake, method: str) -> Excerpt:
    """The text around a mistake, its gold and its predicted span marked."""
    alignment, text = mistake.alignment, mistake.document.text
    head: list[Inline] = [Code(method), f", {alignment.kind.replace('_', ' ')}, document {mistake.document.id}: "]
    head.append(", ".join(_named(side, entity) for side, entity in _sides(alignment)))
    return Excerpt(tuple(head), tuple(_pieces(text, alignment)))


def _sides(alignment: Alignment) -> list[tuple[str, Entity]]:
    sides = (("gold", alignment.gold), ("predicted", alignment.predicted))
    return [(side, entity) for side, entity in sides if entity is not None]


def _named(side: str, entity: Entity) -> str:
    score = f" ({entity.score:.2f})" if entity.score is not None else ""
    return f"{side} {entity.label}{score}"


def _pieces(text: str, alignment: Alignment) -> list[Piece]:
    """The text cut where a span begins or ends; it starts and ends between words."""
    spans = [(entity.start, entity.end) for _, entity in _sides(alignment)]
    first, last = min(start for start, _ in spans), max(end for _, end in spans)
    begin, end = _word_start(text, first), _word_end(text, last)
    edges = sorted({begin, end, *(edge for span in spans for edge in span)})
    pieces = [] if begin == 0 else [Piece("… ", False, False)]
    for start, stop in pairwise(edges):
        inside = [
            entity is not None and entity.start <= start < entity.end
            for entity in (alignment.gold, alignment.predicted)
        ]
        pieces.append(Piece(text[start:stop], *inside))
    return pieces if end == len(text) else [*pieces, Piece(" …", False, False)]


def _word_start(text: str, position: int) -> int:
    """A place between words about :data:`AROUND` characters before."""
    start = max(0, position - AROUND)
    while 0 < start < position and not text[start - 1].isspace():
        start += 1
    return start


def _word_end(text: str, position: int) -> int:
    """A place between words about :data:`AROUND` characters after."""
    end = min(len(text), position + AROUND)
    while position < end < len(text) and not text[end].isspace():
        end -= 1
    return end
