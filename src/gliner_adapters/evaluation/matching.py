"""When is a predicted entity right? Five answers, counted per label.

======== ======================================================================================
strict   same start, end and label (seqeval's strict mode; BC5CDR's and JNLPBA's complete match)
left     same start and label (JNLPBA's left boundary match)
right    same end and label (JNLPBA's right boundary match)
partial  same label and at least one character in common
span     same start and end, whatever the label
======== ======================================================================================

Matching is one to one: an entity of one side counts for at most one of the other. Exact copies within a
document (same start, end and label) are one entity on either side, as in the official scorers, which compare
sets. What ``left``, ``right`` and ``span`` project onto one key are still different entities, compared as
multisets: two predictions that share the start of one gold mention are one hit and one false positive.
``partial`` gives full credit to each pair of a largest possible one-to-one matching, so it does not depend on
the order of entities.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from gliner_adapters.documents.types import Document, Entity
from gliner_adapters.errors import ConfigError, DataError
from gliner_adapters.evaluation.counts import Counts, Scores
from gliner_adapters.evaluation.pairing import pair_documents, unique_entities

#: When a predicted entity counts as a gold one; docs/evaluation.md defines them.
Match = Literal["strict", "left", "right", "partial", "span"]
#: All matches.
MATCHES: tuple[Match, ...] = get_args(Match)

#: The single row of type-agnostic scores: a hit may have two labels, so it belongs to neither.
ANY_TYPE = "*"

_KEYS: dict[str, Callable[[Entity], Hashable]] = {
    "strict": lambda entity: (entity.start, entity.end),
    "left": lambda entity: entity.start,
    "right": lambda entity: entity.end,
    "span": lambda entity: (entity.start, entity.end),
}


@dataclass(frozen=True, slots=True)
class DocumentCounts:
    """Counts kept apart by document, for resampling.

    ``table`` is ``(N, C, 3)`` int64: N documents, named by ``ids``, in the order of gold; C labels; tp, fp, fn.
    """

    ids: tuple[str, ...]
    labels: tuple[str, ...]
    table: NDArray[np.int64]

    @property
    def scores(self) -> Scores:
        """The sum over documents."""
        return _to_scores(self.labels, self.table.sum(axis=0))


def score_documents(
    gold: Iterable[Document], predicted: Iterable[Document], labels: Sequence[str], *, match: Match = "strict"
) -> Scores:
    """Scores predictions against gold, as a stream: documents are not kept.

    Args:
        gold: annotated documents, each with an id.
        predicted: the same documents with predicted entities; any order, paired by id.
        labels: the schema. Both sides must stay within it.
        match: what counts as right, see the module's table.

    Returns:
        Counts per label; under ``match="span"`` one row, :data:`ANY_TYPE`.

    Raises:
        DataError: documents do not pair up (see :func:`~.pairing.pair_documents`), or an entity's label
            is outside the schema.
        ConfigError: an unknown ``match``.
    """
    scores = Scores(_rows(labels, match))
    for pair in pair_documents(gold, predicted):
        for label, counts in _count(*pair, labels, match).items():
            scores.per_type[label] += counts
    return scores


def count_documents(
    gold: Iterable[Document], predicted: Iterable[Document], labels: Sequence[str], *, match: Match = "strict"
) -> DocumentCounts:
    """As :func:`score_documents`, with each document's counts kept: 24·C bytes a document.

    Args:
        gold, predicted: documents, paired by id.
        labels: the schema, C of them.
        match: when a prediction counts.

    Raises:
        DataError: documents do not pair up, or a label is outside the schema.
    """
    rows = _rows(labels, match)
    ids: list[str] = []
    table: list[list[tuple[int, int, int]]] = []
    for gold_document, predicted_document in pair_documents(gold, predicted):
        counts = _count(gold_document, predicted_document, labels, match)
        found = [counts.get(row, Counts()) for row in rows]
        ids.append(str(gold_document.id))
        table.append([(count.tp, count.fp, count.fn) for count in found])
    array = np.array(table, dtype=np.int64).reshape(len(ids), len(rows), 3)
    return DocumentCounts(tuple(ids), rows, array)


def _rows(labels: Sequence[str], match: Match) -> tuple[str, ...]:
    if match not in MATCHES:
        raise ConfigError(f"unknown match {match!r}; choose one of {', '.join(MATCHES)}")
    return (ANY_TYPE,) if match == "span" else tuple(labels)


def _to_scores(labels: tuple[str, ...], table: NDArray[np.int64]) -> Scores:
    return Scores(labels, {label: Counts(*row) for label, row in zip(labels, table.tolist(), strict=True)})


def _count(gold: Document, predicted: Document, labels: Sequence[str], match: Match) -> dict[str, Counts]:
    """Counts of one document, by row; rows without any entity are left out."""
    gold_entities = schema_entities(gold, labels, "gold")
    predicted_entities = schema_entities(predicted, labels, "predicted")
    gold_rows = _by_row(gold_entities, match)
    predicted_rows = _by_row(predicted_entities, match)
    counts: dict[str, Counts] = {}
    for row in gold_rows.keys() | predicted_rows.keys():
        left, right = gold_rows.get(row, []), predicted_rows.get(row, [])
        tp = _hits(left, right, match)
        counts[row] = Counts(tp, len(right) - tp, len(left) - tp)
    return counts


def schema_entities(document: Document, labels: Sequence[str], side: str) -> list[Entity]:
    """The unique entities of a document.

    Raises:
        DataError: a label is outside the schema. Leaving it out silently would hide a misspelt label as
            missing recall.
    """
    entities = unique_entities(document)
    for entity in entities:
        if entity.label not in labels:
            raise DataError(
                f"{side} document {document.id!r} has an entity {entity.label!r} at "
                f"{entity.start}-{entity.end}, outside the schema ({', '.join(labels)}); add the label, or "
                "leave such entities out with keep_labels()"
            )
    return entities


def _by_row(entities: Iterable[Entity], match: Match) -> dict[str, list[Entity]]:
    rows: dict[str, list[Entity]] = {}
    for entity in entities:
        rows.setdefault(ANY_TYPE if match == "span" else entity.label, []).append(entity)
    return rows


def _hits(gold: list[Entity], predicted: list[Entity], match: Match) -> int:
    """Size of the one-to-one matching between entities of one row."""
    if match == "partial":
        neighbours: list[list[int]] = [[] for _ in gold]
        for left, right in overlapping(gold, predicted):
            neighbours[left].append(right)
        return maximum_matching(neighbours)
    key = _KEYS[match]
    return (Counter(map(key, gold)) & Counter(map(key, predicted))).total()


def overlapping(first: Sequence[Entity], second: Sequence[Entity]) -> Iterator[tuple[int, int]]:
    """Index pairs of entities with at least one character in common, labels aside."""
    order = sorted(range(len(second)), key=lambda index: second[index].start)
    starts = [second[index].start for index in order]
    longest = max((entity.end - entity.start for entity in second), default=0)
    for left, entity in enumerate(first):
        # Whatever starts a whole longest entity before this one has ended before it.
        for right in order[bisect_right(starts, entity.start - longest) : bisect_left(starts, entity.end)]:
            if second[right].end > entity.start:
                yield left, right


def maximum_matching(neighbours: Sequence[Sequence[int]]) -> int:
    """Size of a largest one-to-one matching; ``neighbours[i]`` are the right nodes that left node i may take.

    Augmenting paths, breadth first and without recursion (chains of overlaps in a long text may be long).
    """
    owner: dict[int, int] = {}
    mate: dict[int, int] = {}
    for root in range(len(neighbours)):
        reached_from: dict[int, int] = {}
        queue = [root]
        for left in queue:  # grows while it is read
            free = None
            for right in neighbours[left]:
                if right in reached_from:
                    continue
                reached_from[right] = left
                if right not in owner:
                    free = right
                    break
                queue.append(owner[right])
            if free is not None:
                _augment(free, reached_from, owner, mate)
                break
    return len(mate)


def _augment(free: int, reached_from: dict[int, int], owner: dict[int, int], mate: dict[int, int]) -> None:
    """Flips the path that ends in a free right node."""
    right: int | None = free
    while right is not None:
        left = reached_from[right]
        previous = mate.get(left)
        owner[right], mate[left] = left, right
        right = previous
