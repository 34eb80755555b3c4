"""From entities in characters to spans of spaCy's tokens, and what is written to a ``Doc``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from spacy.tokens import Doc, Span, SpanGroup

from gliner_adapters.documents import Entity
from gliner_adapters.errors import ConfigError
from gliner_adapters.integrations.spacy_settings import Alignment

#: Attributes of the group: a score a span, as spaCy's span categorizer writes it, and where the entity lay before it
#: was fitted to tokens (start and end in characters).
SCORES = "scores"
OFFSETS = "offsets"


@dataclass
class AlignmentCounts:
    """What became of the entities of all documents that a component read.

    Attributes:
        documents: how many were read.
        found: entities in them.
        moved: entities that begin or end within a token, so that their span is another.
        left_out: entities without a span: not on tokens with ``strict``, no whole token within with ``contract``.
        merged: entities whose span and label another one with a higher score has, too.
        not_in_ents: spans that are in the group only, as another entity in ``doc.ents`` overlaps them.
    """

    documents: int = 0
    found: int = 0
    moved: int = 0
    left_out: int = 0
    merged: int = 0
    not_in_ents: int = 0


class Placed(NamedTuple):
    """A span of tokens, and the entity that it stands for."""

    span: Span
    entity: Entity

    @property
    def score(self) -> float:
        """The entity's."""
        return self.entity.score or 0.0


def place(doc: Doc, entities: Sequence[Entity], alignment: Alignment, counts: AlignmentCounts) -> list[Placed]:
    """The spans of entities, in their order; of several with the same label in the same place the best.

    Args:
        doc: whose tokens they are.
        entities: in offsets of its text.
        alignment: what to do with those that do not begin and end with tokens.
        counts: is added to.
    """
    placed: dict[tuple[int, int, str], Placed] = {}
    for entity in entities:
        span = doc.char_span(entity.start, entity.end, label=entity.label, alignment_mode=alignment)
        if span is None:
            counts.left_out += 1
            continue
        counts.moved += (span.start_char, span.end_char) != (entity.start, entity.end)
        key, new = (span.start, span.end, entity.label), Placed(span, entity)
        if key in placed:
            counts.merged += 1
            new = max(placed[key], new, key=lambda each: each.score)
        placed[key] = new
    counts.documents += 1
    counts.found += len(entities)
    return list(placed.values())


def write_group(doc: Doc, key: str, placed: Sequence[Placed]) -> None:
    """Write spans with their scores to a group of ``doc.spans``; what it held before is replaced."""
    attrs = {
        SCORES: np.asarray([each.score for each in placed], dtype=np.float32),
        OFFSETS: np.asarray([(each.entity.start, each.entity.end) for each in placed], dtype=np.int64).reshape(-1, 2),
    }
    doc.spans[key] = SpanGroup(doc, name=key, attrs=attrs, spans=[each.span for each in placed])


def write_ents(doc: Doc, placed: Sequence[Placed], counts: AlignmentCounts, *, overwrite: bool) -> None:
    """Write spans to ``doc.ents``, which has no room for overlaps: by falling score, as flat decoding goes.

    Args:
        doc: the document.
        placed: the spans.
        counts: is added to.
        overwrite: whether they replace entities that are there; else these stay, and tokens that are blocked for
            entities stay blocked.
    """
    there, blocked = list(doc.ents), [doc[token.i : token.i + 1] for token in doc if _is_blocked(token)]
    taken = set() if overwrite else {token.i for span in (*there, *blocked) for token in span}
    known = {(span.start, span.end, span.label) for span in there}
    chosen = []
    for span, _ in sorted(placed, key=lambda each: -each.score):
        if taken.isdisjoint(range(span.start, span.end)):
            chosen.append(span)
            taken.update(range(span.start, span.end))
        elif (span.start, span.end, span.label) not in known:
            counts.not_in_ents += 1
    if overwrite:
        there, blocked = ([s for s in spans if taken.isdisjoint(range(s.start, s.end))] for spans in (there, blocked))
    doc.set_ents([*there, *chosen], blocked=blocked)


def _is_blocked(token: object) -> bool:
    """Whether a token is marked as one that no entity may hold: the begin of an entity without a type."""
    return token.ent_iob_ == "B" and not token.ent_type  # type: ignore[attr-defined]


def span_score(span: Span) -> float | None:
    """The score of a span: that of the same span with the same label in a group of ``doc.spans`` that has scores.

    Args:
        span: of any component, one of ``doc.ents`` for example.

    Returns:
        the score; ``None`` where no group has it.
    """
    for group in span.doc.spans.values():
        scores = group.attrs.get(SCORES)
        if scores is None or len(scores) != len(group):
            continue
        for other, score in zip(group, scores, strict=True):
            if (other.start, other.end, other.label) == (span.start, span.end, span.label):
                return float(score)
    return None


def register_score(name: str) -> None:
    """Register ``span._.NAME``, which gives :func:`span_score`.

    Raises:
        ConfigError: another attribute has this name.
    """
    if Span.has_extension(name):
        if Span.get_extension(name)[2] is not span_score:
            raise ConfigError(f"extension: span._.{name} is registered already and is something else; choose a name")
        return
    Span.set_extension(name, getter=span_score)
