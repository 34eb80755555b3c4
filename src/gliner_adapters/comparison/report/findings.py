"""What the runs say, in sentences that are made from them."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence

from gliner_adapters.comparison.report.cells import EFFICIENT_SHARE, Cell, CorpusRuns
from gliner_adapters.comparison.report.gold import Gold
from gliner_adapters.comparison.report.page import Code, Inline, Strong, Text
from gliner_adapters.comparison.report.paired import Comparison, compare
from gliner_adapters.comparison.report.wording import documents, f1, listed, p_value, percent, points

#: Near enough to full fine-tuning, in macro F1.
NEAR = 0.01
#: The extension's transform of label tokens is judged beside the same heads without it, and alone beside the base.
EXTENSION, HEADS, UNTRAINED = "extension", "heads", "zero-shot"
#: A difference is taken for more than chance below this p.
SIGNIFICANT = 0.05


def findings(runs: CorpusRuns, gold: Gold, tested: Sequence[Comparison], resamples: int) -> list[Text]:
    """The sentences about one corpus.

    Args:
        runs: of the corpus.
        gold: its test split.
        tested: the comparisons that :func:`~.paired.comparisons` made.
        resamples: of further tests.
    """
    found: list[Text] = []
    for base in runs.bases:
        found += _best_efficient(runs, base, tested)
        found += smallest_near(runs, base)
        found += _extension(runs, base, gold, resamples)
        found += _did_not_help(runs, base)
    return found


def _did_not_help(runs: CorpusRuns, base: str) -> Iterator[Text]:
    """Methods with runs whose best state on devel was the one before training."""
    parts: list[Inline] = []
    for cell in runs.cells:
        kept = sum(run.metrics.get("training_helped") is False for run in cell.runs)
        if cell.base == base and kept:
            parts += [", " if parts else "", Code(cell.method)]
            parts.append(f" with {documents(cell.limit)} training documents ({kept} of {len(cell.runs)} runs)")
    if parts:
        yield (*_where(runs, base), "training did not help on devel, and the untrained adapter was kept: ", *parts, ".")


def _best_efficient(runs: CorpusRuns, base: str, tested: Sequence[Comparison]) -> Iterator[Text]:
    best, full = runs.best_efficient(base), runs.reference(base)
    if best is None:
        return
    head: list[Inline] = [*_where(runs, base), "the best method that trains at most "]
    head += [f"{EFFICIENT_SHARE:.0%} of the parameters is ", Code(best.method), f" ({percent(best.share)}), "]
    head += ["macro F1 ", Strong(f1(best.macro_f1)), _seeds(best)]
    if full is None:
        yield (*head, "; full fine-tuning of this base was not run.")
        return
    head.append(f"; full fine-tuning: {f1(full.macro_f1)}{_seeds(full)}")
    comparison = next((c for c in tested if c.cell is best and c.against is full), None)
    yield (*head, *(_tested(comparison) if comparison else ("; they share no seed, so they are not tested",)), ".")


def _tested(comparison: Comparison) -> Iterator[Inline]:
    interval = comparison.test.difference
    yield ". On common seeds the difference is "
    yield Strong(f"{points(comparison.difference)} points")
    yield f" (95% interval {points(interval.low)} to {points(interval.high)}, p {_p(comparison)})"


def near_full(runs: CorpusRuns, base: str) -> list[Cell]:
    """The methods that come near full fine-tuning of a base on the seeds that both have; none where it was not run."""
    full = runs.reference(base)
    if full is None:
        return []
    others = [c for c in runs.members if c.base == base and c.trains and c is not full and c.common_seeds(full)]
    return [cell for cell in others if _score(cell, full) >= _score(full, cell) - NEAR]


def _score(cell: Cell, other: Cell) -> float:
    """Mean macro F1 over the seeds that another cell has, too."""
    return statistics.mean(cell.seeds[seed].metrics["macro_f1"] for seed in cell.common_seeds(other))


def smallest_near(runs: CorpusRuns, base: str) -> Iterator[Text]:
    """Which method comes near full fine-tuning of a base with the fewest trained parameters, if that was run."""
    full = runs.reference(base)
    if full is None or not any(c.base == base and c.trains and c is not full for c in runs.members):
        return
    near = near_full(runs, base)
    where = _where(runs, base)
    if not near:
        yield (*where, f"no other method that was run comes within {100 * NEAR:g} point of full fine-tuning.")
        return
    smallest = min(near, key=lambda cell: (cell.trained_parameters, -cell.macro_f1))
    seeds = len(smallest.common_seeds(full))
    yield (
        *where,
        f"the smallest method within {100 * NEAR:g} point of full fine-tuning is ",
        Code(smallest.method),
        f": {smallest.trained_parameters:,} trained parameters ({percent(smallest.share)}), macro F1 ",
        f"{f1(_score(smallest, full))} ({_epochs_of(smallest)}) against {f1(_score(full, smallest))} "
        f"({_epochs_of(full)}) on {seeds} common seed{'s' * (seeds != 1)}.",
    )


def _extension(runs: CorpusRuns, base: str, gold: Gold, resamples: int) -> Iterator[Text]:
    """At each amount of data that both were trained with."""
    parts: list[Inline] = []
    gains = False
    for limit in dict.fromkeys(cell.limit for cell in runs.cells if cell.trains):
        extension, heads = (runs.find(base, method, limit) for method in (EXTENSION, HEADS))
        comparison = compare(gold, extension, heads, resamples) if extension and heads else None
        if comparison:
            seeds = len(comparison.by_seed)
            gains |= comparison.difference > 0 and comparison.test.p_value < SIGNIFICANT
            parts.append(
                f"{points(comparison.difference)} points with {documents(limit)} training documents "
                f"({seeds} seed{'s' * (seeds > 1)}, p {_p(comparison)})"
            )
    if parts:
        verdict = "." if gains else "; at none of these is it better beyond chance."
        yield (*_where(runs, base), Code(EXTENSION), " against ", Code(HEADS), ": ", *listed(parts), verdict)
    yield from _transform_alone(runs, base, gold, resamples)


def _transform_alone(runs: CorpusRuns, base: str, gold: Gold, resamples: int) -> Iterator[Text]:
    """What the extension's transform does without trained heads, where it was run so."""
    untrained = runs.find(base, UNTRAINED, None)
    for cell in runs.members:
        spec = cell.runs[0].spec
        if untrained is None or cell.base != base or spec["method"] != EXTENSION or spec["options"].get("heads", True):
            continue
        comparison = compare(gold, cell, untrained, resamples)
        if comparison:
            loss = spec["training"]["loss"]
            head = (*_where(runs, base), "without trained heads ", Code(EXTENSION), f" (loss {loss}) stands at ")
            told = f"{points(comparison.difference)} points, p {_p(comparison)}"
            here, there = f1(_score(cell, untrained)), f1(untrained.macro_f1)
            yield (*head, here, f" with the first seed, the base untrained at {there} ({told}).")


def _where(runs: CorpusRuns, base: str) -> tuple[Inline, ...]:
    return (Strong(runs.corpus), " with ", Code(base), ": ")


def _seeds(cell: Cell) -> str:
    seeds = f"mean of {len(cell.runs)} seeds" if len(cell.runs) > 1 else "one seed"
    return f" ({seeds}, {_epochs_of(cell)})"


def _epochs_of(cell: Cell) -> str:
    return f"{cell.epochs} epoch{'s' * (cell.epochs != 1)}"


def _p(comparison: Comparison) -> str:
    shown = p_value(comparison.test.p_value)
    return shown if shown.startswith("<") else f"= {shown}"
