"""The report's figures: what each shows, from which figures of the runs."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from gliner_adapters.comparison.report import drawing
from gliner_adapters.comparison.report.cells import Cell, CorpusRuns
from gliner_adapters.comparison.report.named_points import Panel, curves, draw_efficiency, draw_pareto
from gliner_adapters.comparison.report.page import Drawn
from gliner_adapters.comparison.report.wording import percent, points

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def can_draw() -> bool:
    """Whether matplotlib is there."""
    return find_spec("matplotlib") is not None


def draw_all(groups: Sequence[CorpusRuns]) -> dict[str, Drawn]:
    """Every figure that the runs have the data for, by name."""
    panels = [(runs, base) for runs in groups for base in runs.bases]
    wanted: dict[str, tuple[Callable[..., Figure], Sequence[Any]]] = {
        "pareto": (draw_pareto, [runs for runs in groups if any(cell.trains for cell in runs.members)]),
        "types": (draw_types, [(runs, base) for runs, base in panels if runs.highlights(base)]),
        "efficiency": (draw_efficiency, [(runs, base) for runs, base in panels if curves(runs, base)]),
        "calibration": (draw_calibration, [(runs, base) for runs, base in panels if _calibrated(runs, base)]),
        "forgetting": (draw_forgetting, [runs for runs in groups if _forgot(runs)]),
    }
    drawn = {}
    for name, (draw, subjects) in wanted.items():
        if subjects:
            with drawing.settings(name):
                drawn[name] = drawing.save(draw(subjects))
    return drawn


def draw_types(subjects: Sequence[Panel]) -> Figure:
    """F1 of each type, a panel a corpus and base: untrained, best parameter-efficient, full."""
    figure, grid = drawing.panels(len(subjects))
    for axes, (runs, base) in zip(grid, subjects, strict=True):
        cells = runs.highlights(base)
        width = 0.8 / len(cells)
        for number, cell in enumerate(cells):
            values = [cell.values("per_type", name, "f1") for name in runs.labels]
            heights = [statistics.mean(each) for each in values]
            places = [index + (number - (len(cells) - 1) / 2) * width for index in range(len(heights))]
            bars = axes.bar(
                places,
                heights,
                width,
                yerr=[drawing.deviation(each) for each in values],
                color=drawing.COLOURS[number],
                edgecolor=drawing.PAPER,
                hatch=drawing.HATCHES[number],
                error_kw={"ecolor": drawing.INK, "elinewidth": 0.8},
                label=cell.method,
            )
            axes.bar_label(bars, [f"{100 * height:.0f}" for height in heights], fontsize=7, padding=2)
        axes.set_xticks(range(len(runs.labels)), [name.replace(" ", "\n") for name in runs.labels])
        axes.grid(visible=False, axis="x")
        axes.set(title=f"{runs.corpus}, {base}", ylabel="F1", ylim=(0, 1.12))
        axes.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1.0])
        axes.legend(loc="upper center", ncols=3, fontsize=8, bbox_to_anchor=(0.5, 1.02))
    return figure


def draw_calibration(subjects: Sequence[Panel]) -> Figure:
    """How often predictions of a score are right, a panel a corpus and base."""
    figure, grid = drawing.panels(len(subjects))
    for axes, (runs, base) in zip(grid, subjects, strict=True):
        axes.plot([0, 1], [0, 1], color=drawing.INK, linewidth=1.0, linestyle=":")
        for number, cell in enumerate(_calibrated(runs, base)):
            bins = pooled_bins([run.value("calibration", "bins") for run in cell.runs if run.value("calibration")])
            error = statistics.mean(cell.values("calibration", "ece"))
            label = f"{cell.method}, error {percent(error)}"
            style = {**drawing.style(number), "linestyle": drawing.LINES[number]}
            axes.plot(*zip(*bins, strict=True), markersize=5, label=label, **style)
        axes.set(title=f"{runs.corpus}, {base}", xlabel="mean score", ylabel="share that is right")
        axes.set(xlim=(0, 1.02), ylim=(0, 1.02))
        axes.legend(loc="upper left", fontsize=8)
    return figure


def draw_forgetting(groups: Sequence[CorpusRuns]) -> Figure:
    """Macro F1 on another corpus before and with the adapter, a panel a corpus that was trained for."""
    rows = max(len(_forgot(runs)) for runs in groups)
    figure, grid = drawing.panels(len(groups), height=1.3 + 0.26 * rows)
    for axes, runs in zip(grid, groups, strict=True):
        cells = sorted(_forgot(runs), key=_change)
        for row, cell in enumerate(cells):
            before, after = (statistics.mean(cell.values("forgetting", w, "macro_f1")) for w in ("before", "plugged"))
            axes.plot([before, after], [row, row], color=drawing.INK, linewidth=1.2, zorder=1)
            axes.plot(before, row, "o", color=drawing.COLOURS[0], markerfacecolor=drawing.PAPER, markersize=6)
            axes.plot(after, row, "s", color=drawing.COLOURS[1], markersize=6)
            right = max(before, after)
            axes.annotate(
                points(after - before), (right, row), (8, 0), textcoords="offset points", va="center", fontsize=8
            )
        axes.set_yticks(range(len(cells)), [f"{cell.method}, {cell.base}" for cell in cells], fontsize=8)
        axes.margins(0.2, 0.1)
        axes.set(title=f"trained for {runs.corpus}", xlabel="macro F1 on the other corpus")
        axes.plot([], [], "o", color=drawing.COLOURS[0], markerfacecolor=drawing.PAPER, label="before")
        axes.plot([], [], "s", color=drawing.COLOURS[1], label="plugged in")
    figure.legend(*grid[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def pooled_bins(runs: Sequence[Sequence[Mapping[str, Any]]]) -> list[tuple[float, float]]:
    """Mean score and share that is right of each bin, over the entities of all runs; empty bins are left out."""
    pooled = []
    for bins in zip(*runs, strict=True):
        total = sum(each["count"] for each in bins)
        if total:
            means = (sum(each["count"] * (each[name] or 0.0) for each in bins) for name in ("mean_score", "accuracy"))
            score, accuracy = (mean / total for mean in means)
            pooled.append((score, accuracy))
    return pooled


def _calibrated(runs: CorpusRuns, base: str) -> list[Cell]:
    return [cell for cell in runs.highlights(base) if cell.values("calibration", "ece")]


def _forgot(runs: CorpusRuns) -> list[Cell]:
    return [cell for cell in runs.members if cell.values("forgetting", "before", "macro_f1")]


def _change(cell: Cell) -> float:
    before, after = (statistics.mean(cell.values("forgetting", when, "macro_f1")) for when in ("before", "plugged"))
    return after - before
