"""Tests between methods: runs that share seed and data, on the same test documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gliner_adapters.comparison.report.cells import Cell, CorpusRuns
from gliner_adapters.comparison.report.gold import Gold
from gliner_adapters.comparison.report.page import Code, Number, Table
from gliner_adapters.comparison.report.wording import p_value, points, who
from gliner_adapters.evaluation import PairedTest, paired_test


@dataclass(frozen=True)
class Comparison:
    """A method against another on the same base.

    Attributes:
        cell: the method.
        against: the other.
        by_seed: seed to difference of macro F1, over the seeds that both have.
        test: of the mean difference over those seeds. Documents are drawn anew, seeds are not.
    """

    cell: Cell
    against: Cell
    by_seed: dict[int, float]
    test: PairedTest

    @property
    def difference(self) -> float:
        """Macro F1 of the method less that of the other, mean over common seeds."""
        return self.test.difference.value


def compare(gold: Gold, cell: Cell, against: Cell, resamples: int) -> Comparison | None:
    """Test a method against another; ``None`` if no seed is common."""
    seeds = cell.common_seeds(against)
    if not seeds:
        return None
    runs = {seed: (cell.seeds[seed], against.seeds[seed]) for seed in seeds}
    by_seed = {seed: a.metrics["macro_f1"] - b.metrics["macro_f1"] for seed, (a, b) in runs.items()}
    test = paired_test(
        gold.table(against, seeds),
        gold.table(cell, seeds),
        gold.mean_over_seeds("macro_f1"),
        groups=gold.groups,
        resamples=resamples,
    )
    return Comparison(cell, against, by_seed, test)


def comparisons(runs: CorpusRuns, gold: Gold, resamples: int) -> list[Comparison]:
    """Each method against full fine-tuning of its base; where that was not run, against the best one."""
    found = []
    for cell in runs.members:
        against = runs.reference(cell.base) or next(c for c in runs.members if c.base == cell.base)
        if cell is not against and (comparison := compare(gold, cell, against, resamples)):
            found.append(comparison)
    return found


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for their number, after Holm: the i-th smallest of m times m - i + 1, never falling.

    Source: S. Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics (1979).
    """
    corrected = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = largest
    return corrected


def paired_table(found: Sequence[Comparison]) -> Table:
    """The comparisons of one corpus."""
    found = sorted(found, key=lambda comparison: -comparison.difference)
    corrected = holm([comparison.test.p_value for comparison in found])
    rows = tuple(
        (
            *who(c.cell),
            Code(c.against.method),
            Number(points(c.difference), c.difference),
            f"{points(c.test.difference.low)} to {points(c.test.difference.high)}",
            ", ".join(f"{seed}: {points(difference)}" for seed, difference in c.by_seed.items()),
            Number(p_value(c.test.p_value), c.test.p_value),
            Number(p_value(adjusted), adjusted),
        )
        for c, adjusted in zip(found, corrected, strict=True)
    )
    resamples = found[0].test.resamples
    caption = (
        "Differences of macro F1 in points, on the same base, seed and data: mean over the seeds that both have, its "
        f"95% paired bootstrap interval, and p by approximate randomisation ({resamples:,} resamples of the "
        "documents; seeds stay as they are), also corrected for the number of tests (Holm)."
    )
    head = ("method", "base", "against", "difference", "95% interval", "seed by seed", "p", "p corrected")
    return Table(caption, head, rows, sorted_by=3)
