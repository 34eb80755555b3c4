"""The tables of one corpus: scores and cost, types, boundaries and unseen mentions, the study's figures."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from gliner_adapters.comparison.report.cells import Cell, CorpusRuns
from gliner_adapters.comparison.report.page import Code, Number, Row, Table, Text
from gliner_adapters.comparison.report.wording import (
    documents,
    f1,
    listed,
    measured,
    percent,
    points,
    size,
    spread,
    who,
)
from gliner_adapters.evaluation import Interval
from gliner_adapters.evaluation.error_analysis import ERROR_KINDS

#: Macro F1 in the study's own setting: corpus, then method.
STUDY = {"jnlpba": {"extension": 0.7016, "full": 0.7164}, "bc5cdr": {"extension": 0.8526, "full": 0.8833}}

Column = tuple[str, Callable[[Cell], Text | Number]]


def score_table(runs: CorpusRuns, intervals: Mapping[Cell, Interval]) -> Table:
    """Scores and cost of every method; a column that no run has a figure for is left out.

    Args:
        runs: of the corpus.
        intervals: of macro F1.
    """
    columns: list[Column] = [
        ("method", lambda cell: Code(cell.method)),
        ("base", lambda cell: Code(cell.base)),
        ("seeds", lambda cell: measured(len(cell.runs), "")),
        ("macro F1", lambda cell: spread(cell.values("macro_f1"))),
        ("95% interval", lambda cell: f"{f1(intervals[cell].low)} to {f1(intervals[cell].high)}"),
        ("micro F1", lambda cell: spread(cell.values("micro_f1"))),
        ("macro F1 at 0.5", lambda cell: spread(cell.values("at_half", "macro_f1"))),
        ("micro F1 at 0.5", lambda cell: spread(cell.values("at_half", "micro_f1"))),
        ("trained parameters", lambda cell: measured(cell.trained_parameters, "")),
        ("share", lambda cell: Number(percent(cell.share), cell.share)),
        ("epochs", lambda cell: measured(cell.epochs, "")),
        ("saved", lambda cell: size(cell.mean("shipped_bytes"))),
        ("deployable", lambda cell: size(cell.mean("deployable_bytes"))),
        ("training", lambda cell: measured(cell.mean("seconds"), "s")),
        ("CPU", lambda cell: measured(cell.mean("cpu_seconds"), "s")),
        ("peak memory", lambda cell: measured(cell.mean("peak_memory_mb"), "MB")),
        ("time per document", lambda cell: measured(cell.mean("latency", "ratio"), "×", 2)),
    ]
    rows = [[make(cell) for _, make in columns] for cell in runs.members]
    kept = [index for index in range(len(columns)) if any(not _empty(row[index]) for row in rows)]
    most = next((cell.limit for cell in runs.members if cell.trains), None)
    caption: Text = (
        f"Trained on {documents(most)} training documents. F1 on the whole test split: mean ± standard deviation over "
        "seeds, at the threshold that devel prefers; the interval is a bootstrap over test documents. Costs are means "
        "over seeds.",
        _on_latency(runs) if runs_have(runs, "latency") else "",
    )
    head = tuple(columns[index][0] for index in kept)
    body = tuple(tuple(row[index] for index in kept) for row in rows)
    return Table(caption, head, body, sorted_by=head.index("macro F1"))


def _on_latency(runs: CorpusRuns) -> str:
    """What the time per document is, and where it was taken: not always where the run was."""
    devices = sorted({str(d) for cell in runs.members for run in cell.runs if (d := run.value("latency", "device"))})
    return f" Time per document is that of the base alone times the figure, on {' and '.join(devices)}."


def type_table(runs: CorpusRuns) -> Table:
    """F1 of each type."""
    rows: list[Row] = [
        (*who(cell), *(spread(cell.values("per_type", name, "f1")) for name in runs.labels), _order(cell.macro_f1))
        for cell in runs.members
    ]
    head = ("method", "base", *runs.labels, "macro F1")
    return Table("F1 of each type.", head, tuple(rows), sorted_by=len(head) - 1)


def error_table(runs: CorpusRuns) -> Table:
    """Other matches, unseen mentions and kinds of mistakes; empty rows where runs lack them."""
    unseen = any(cell.values("report", "unseen", "macro", "f1") for cell in runs.members)
    rows: list[Row] = []
    for cell in runs.members:
        scores = [spread(cell.values("report", "variants", match, "macro", "f1")) for match in ("left", "right")]
        scores.append(spread(cell.values("report", "variants", "partial", "macro", "f1")))
        if unseen:
            scores.append(spread(cell.values("report", "unseen", "macro", "f1")))
        counts = [measured(cell.mean("report", "errors", "total", kind), "") for kind in ERROR_KINDS]
        rows.append((*who(cell), _order(cell.macro_f1), *scores, *counts))
    head = ("method", "base", "exact", "left boundary", "right boundary", "overlap")
    head += (*(("unseen mentions",) if unseen else ()), *(kind.replace("_", " ") for kind in ERROR_KINDS))
    caption = (
        "Macro F1 where only the left boundary and the type, the right boundary and the type, or an overlap and the "
        "type count"
        + (", and of exact spans whose string never stood in the training data" if unseen else "")
        + ". Then the kinds of mistakes, a mean over seeds: each entity has one kind."
    )
    return Table(caption, head, tuple(rows), sorted_by=2)


def with_devel_table(cells: Sequence[Cell]) -> Table:
    """Scores of what was trained on devel, too.

    Args:
        cells: of one corpus.
    """
    labels = list(cells[0].runs[0].metrics["per_type"])
    rows: list[Row] = [
        (
            *who(cell),
            documents(cell.limit),
            measured(len(cell.runs), ""),
            measured(cell.epochs, ""),
            spread(cell.values("macro_f1")),
            spread(cell.values("micro_f1")),
            *(spread(cell.values("per_type", name, "f1")) for name in labels),
        )
        for cell in cells
    ]
    head = ("method", "base", "training documents", "seeds", "epochs", "macro F1", "micro F1", *labels)
    caption = (
        "Trained on the training and the development split; epochs and threshold were fixed beforehand. F1 on the "
        "whole test split, and of each type."
    )
    return Table(caption, head, tuple(rows), sorted_by=5)


def study_table(runs: CorpusRuns) -> Table:
    """The study's figures, marked as the study's, beside ours."""
    rows: list[Row] = []
    for method, value in STUDY[runs.corpus].items():
        ours = [next((c for c in runs.members if (c.base, c.method) == (base, method)), None) for base in runs.bases]
        rows.append((Code(method), _order(value), *(spread(cell.values("macro_f1")) if cell else "" for cell in ours)))
    caption = (
        "The study's own figures, not ours, in the column marked so: its own bases (gliner_small-v2.1 and "
        "gliner-biomed-bi-small-v1.0), scored on 2,000 sampled test sentences. Ours are of other bases or of the whole "
        "test split, so they do not compare digit by digit."
    )
    head = ("method", "macro F1 (the study)", *(f"macro F1, {base} (ours)" for base in runs.bases))
    return Table(caption, head, tuple(rows))


def efficiency_table(runs: CorpusRuns) -> Table:
    """Macro F1 by number of training documents."""
    found = {(cell.method, cell.base, cell.limit): spread(cell.values("macro_f1")) for cell in runs.cells}
    pairs = dict.fromkeys((cell.method, cell.base) for cell in (*runs.members, *runs.cells))
    rows: list[Row] = [
        (Code(method), Code(base), *(found.get((method, base, limit), Number("", None)) for limit in runs.limits))
        for method, base in pairs
    ]
    head = ("method", "base", *map(documents, runs.limits))
    return Table("Macro F1 by number of training documents.", head, tuple(rows), sorted_by=len(head) - 1)


def epoch_seconds(cell: Cell) -> tuple[float, float] | None:
    """Seconds of the first epoch and of a later one, scoring on devel included; medians over seeds.

    The first one holds what is computed once, such as the word vectors of a frozen encoder. ``None`` where no run had
    two epochs.
    """
    first, later = [], []
    for run in cell.runs:
        curve = run.value("curve") or []
        steps = [(a["epoch"], a["seconds"], b["epoch"], b["seconds"]) for a, b in pairwise(curve)]
        if steps:
            first.append(curve[0]["seconds"] / curve[0]["epoch"])
            later.append(statistics.median((end - start) / (until - since) for since, start, until, end in steps))
    return (statistics.median(first), statistics.median(later)) if later else None


def epoch_table(runs: CorpusRuns) -> Table | None:
    """What an epoch costs; ``None`` where no run had two."""
    timed = [(cell, seconds) for cell in runs.members if (seconds := epoch_seconds(cell))]
    if not timed:
        return None
    timed.sort(key=lambda pair: -pair[1][1])
    rows = tuple((*who(cell), measured(first, "s", 1), measured(later, "s", 1)) for cell, (first, later) in timed)
    caption: Text = (
        "Seconds of an epoch, scoring on devel included. Where the text encoder stays frozen, its word vectors are "
        "computed once, in the first. Runs may have had other runs beside them, so these are no comparison of speeds; "
        "CPU seconds depend less on it.",
    )
    return Table(caption, ("method", "base", "first epoch", "a later epoch"), rows, sorted_by=3)


def calibration_table(runs: CorpusRuns) -> Table:
    """Expected calibration error."""
    cells = [cell for cell in runs.members if cell.values("calibration", "ece")]
    cells.sort(key=lambda cell: -(cell.mean("calibration", "ece") or 0.0))
    rows = tuple((*who(cell), spread(cell.values("calibration", "ece"))) for cell in cells)
    caption = "Expected calibration error of the predicted entities' scores; lower is better."
    return Table(caption, ("method", "base", "error"), rows, sorted_by=2)


def forgetting_table(runs: CorpusRuns) -> Table:
    """What an adapter does to a corpus that it was not trained for."""
    rows = []
    for cell in runs.members:
        before, plugged = (cell.values("forgetting", when, "macro_f1") for when in ("before", "plugged"))
        if not before:
            continue
        change = statistics.mean(plugged) - statistics.mean(before)
        equal = all(run.value("forgetting", "unplugged_equal") is not False for run in cell.runs)
        held_out = listed(sorted({str(run.value("forgetting", "corpus")) for run in cell.runs} - {"None"}))
        shown = (spread(before), spread(plugged), Number(points(change), change))
        rows.append((*who(cell), held_out, *shown, "same as before" if equal else "differs"))
    rows.sort(key=lambda row: -(row[5].order if isinstance(row[5], Number) and row[5].order is not None else 0.0))
    head = ("method", "base", "other corpus", "before", "plugged in", "points", "unplugged")
    caption = (
        "Macro F1 on another corpus, which the adapter was not trained for: of the base before, with the adapter "
        "plugged in, and whether the base is what it was once it is unplugged."
    )
    return Table(caption, head, tuple(rows), sorted_by=5)


def paraphrase_table(runs: CorpusRuns) -> Table:
    """What other words for the same types cost."""
    rows = []
    for cell in runs.members:
        own, after = (cell.values("paraphrase", words, "macro_f1") for words in ("adapted", "paraphrased"))
        if after:
            change = statistics.mean(after) - statistics.mean(own)
            rows.append((*who(cell), spread(own), spread(after), Number(points(change), change)))
    pairs: dict[str, str] = {}
    for cell in runs.members:
        for run in cell.runs:
            pairs.update(run.value("paraphrase", "labels") or {})
    renamed = listed([f"{old} → {new}" for old, new in pairs.items()])
    head = ("method", "base", "labels as trained", "labels reworded", "points")
    caption: Text = ("Macro F1 where types are asked for in other words: ", *renamed, ".")
    return Table(caption, head, tuple(rows))


def runs_have(runs: CorpusRuns, *path: str) -> bool:
    """Whether any run has a figure."""
    return any(cell.values(*path) for cell in runs.members)


def _order(value: float) -> Number:
    return Number(f1(value), value)


def _empty(cell: Text | Number) -> bool:
    return isinstance(cell, Number) and cell.order is None
