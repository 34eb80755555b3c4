"""Which types are taken for which: gold against predicted, of exact and of overlapping spans."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from gliner_adapters.comparison.report.page import Number, Row, Strong, Table, Text
from gliner_adapters.evaluation import Alignment

#: The side without a counterpart: no prediction for a missed gold mention, no gold for a spurious one.
NOTHING = ""

_EXACT = ("correct", "wrong_type")


def confusion(alignments: Iterable[Alignment]) -> tuple[Counter[tuple[str, str]], Counter[tuple[str, str]]]:
    """Numbers of (gold type, predicted type): of equal spans, and of spans that only overlap.

    What is missed or spurious counts among the equal ones, against :data:`NOTHING`.
    """
    exact: Counter[tuple[str, str]] = Counter()
    overlapping: Counter[tuple[str, str]] = Counter()
    for alignment in alignments:
        gold = alignment.gold.label if alignment.gold else NOTHING
        predicted = alignment.predicted.label if alignment.predicted else NOTHING
        alone = NOTHING in (gold, predicted)
        (exact if alone or alignment.kind in _EXACT else overlapping)[gold, predicted] += 1
    return exact, overlapping


def confusion_table(alignments: Iterable[Alignment], labels: Sequence[str], caption: Text) -> Table:
    """Gold types in rows, predicted types in columns; a cell is tinted by its share of the row."""
    exact, overlapping = confusion(alignments)
    rows: list[Row] = []
    for gold in (*labels, NOTHING):
        total = sum(exact[gold, predicted] + overlapping[gold, predicted] for predicted in (*labels, NOTHING))
        cells = []
        for predicted in (*labels, NOTHING):
            equal, partly = exact[gold, predicted], overlapping[gold, predicted]
            if gold == predicted == NOTHING:
                cells.append(Number("", None))
                continue
            text = f"{equal:,}" + (f" + {partly:,}" if partly else "")
            cells.append(Number(text, equal + partly, (equal + partly) / total if total else 0.0))
        rows.append((Strong(gold or "spurious"), *cells))
    return Table(caption, ("gold", *labels, "missed"), tuple(rows))
