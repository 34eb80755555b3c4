"""An evaluation report for reading: tables on a terminal, or Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from gliner_adapters.evaluation.bootstrap import Interval
from gliner_adapters.evaluation.counts import Counts, Scores
from gliner_adapters.evaluation.error_analysis import ERROR_KINDS
from gliner_adapters.evaluation.report import EvaluationReport

if TYPE_CHECKING:
    from rich.console import RenderableType

_VARIANT_NAMES = {
    "strict": "exact span and type",
    "left": "left boundary and type",
    "right": "right boundary and type",
    "partial": "overlap and type",
    "span": "exact span, any type",
}


@dataclass(frozen=True, slots=True)
class _Table:
    """A table before it has a form. The first column is text, the others are numbers."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def render(report: EvaluationReport, *, brief: bool = False) -> RenderableType:
    """The report as rich tables, for ``rich.print`` or a console.

    Args:
        report: the scores.
        brief: only the first table, exact spans by type.
    """
    # rich is imported here because training imports this package and never renders.
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    parts: list[RenderableType] = []
    for table in islice(_tables(report), 1 if brief else None):
        drawn = Table(title=table.title, title_justify="left")
        for column, name in enumerate(table.header):
            drawn.add_column(Text(name), justify="right" if column else "left")
        for row in table.rows:
            drawn.add_row(*map(Text, row))  # Text, so that brackets in labels are not read as markup
        parts.append(drawn)
    if not brief:
        parts += [Text(note) for note in _notes(report)]
    return Group(*parts)


def to_markdown(report: EvaluationReport) -> str:
    """The report as Markdown tables, ending in a newline."""
    blocks = []
    for table in _tables(report):
        rule = ("---", *["---:"] * (len(table.header) - 1))
        lines = [_markdown_row(row) for row in (table.header, rule, *table.rows)]
        blocks.append("\n".join([f"**{table.title}**", "", *lines]))
    blocks += list(_notes(report))
    return "\n\n".join(blocks) + "\n"


def _markdown_row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _tables(report: EvaluationReport) -> Iterator[_Table]:
    yield _per_type(report)
    yield _variants(report)
    if report.unseen:
        yield _Table(
            "Mentions unseen in training",
            ("type", "precision", "recall", "F1", "gold"),
            tuple(_score_rows(report.unseen)),
        )
    yield _errors(report)
    yield _confusion(report)


def _per_type(report: EvaluationReport) -> _Table:
    header: tuple[str, ...] = ("type", "precision", "recall", "F1", "gold")
    rows = list(_score_rows(report.strict))
    if report.intervals:
        drawn = report.intervals
        intervals = [*(drawn.per_type[label] for label in report.labels), drawn.micro_f1, drawn.macro_f1]
        rows = [(*row, _interval(interval)) for row, interval in zip(rows, intervals, strict=True)]
        header = (*header, f"{drawn.micro_f1.level:.0%} interval of F1")
    return _Table("Exact spans", header, tuple(rows))


def _score_rows(scores: Scores) -> Iterator[tuple[str, ...]]:
    for label in scores.labels:
        yield (label, *_ratios(scores[label]), str(scores[label].support))
    yield ("micro", *_ratios(scores.micro), str(scores.micro.support))
    macro = (scores.macro_precision, scores.macro_recall, scores.macro_f1)
    yield ("macro", *map(_number, macro), str(scores.micro.support))


def _variants(report: EvaluationReport) -> _Table:
    rows = []
    for match, scores in {"strict": report.strict, **report.variants}.items():
        macro = "" if match == "span" else _number(scores.macro_f1)  # without types there is no mean over them
        rows.append((_VARIANT_NAMES[match], *_ratios(scores.micro), macro))
    header = ("what counts as right", "precision", "recall", "micro F1", "macro F1")
    return _Table("Other matches", header, tuple(rows))


def _errors(report: EvaluationReport) -> _Table:
    rows = [(label, *(str(report.errors.by_label[label, kind]) for kind in ERROR_KINDS)) for label in report.labels]
    rows.append(("all", *(str(report.errors[kind]) for kind in ERROR_KINDS)))
    return _Table("Errors", ("type", *(kind.replace("_", " ") for kind in ERROR_KINDS)), tuple(rows))


def _confusion(report: EvaluationReport) -> _Table:
    rows = tuple(
        (gold, *(str(report.errors.confusion[gold, predicted]) for predicted in report.labels))
        for gold in report.labels
    )
    return _Table("Types of exact spans: gold in rows, predicted in columns", ("gold", *report.labels), rows)


def _notes(report: EvaluationReport) -> Iterator[str]:
    if drawn := report.intervals:
        yield f"Intervals: {drawn.resamples} bootstrap resamples of {drawn.units} units, seed {drawn.seed}."
    if report.strict.without_gold:
        labels = ", ".join(report.strict.without_gold)
        yield f"No gold mention of {labels}: it enters the macro mean as 0."
    for side, number in report.duplicates.items():
        if number:
            yield f"Exact copies counted once ({side}): {number}."


def _ratios(counts: Counts) -> tuple[str, str, str]:
    return _number(counts.precision), _number(counts.recall), _number(counts.f1)


def _number(value: float) -> str:
    return f"{value:.4f}"


def _interval(interval: Interval) -> str:
    return f"{_number(interval.low)} to {_number(interval.high)}"
