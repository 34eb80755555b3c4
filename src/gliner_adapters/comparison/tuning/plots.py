"""Plots of a tuning. The same trials give the same bytes."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from gliner_adapters.comparison.tuning.trials import Tuning

#: Okabe and Ito's colours, which colour-blind people tell apart.
BLUE, ORANGE, GREY, GREEN = "#0072B2", "#E69F00", "#999999", "#009E73"
STYLE: dict[Any, Any] = {"svg.hashsalt": "gliner-adapters", "font.family": "DejaVu Sans", "font.size": 10.0}
SIZE = (7.0, 3.6)


def history_plot(tuning: Tuning, stem: Path) -> list[Path]:
    """Macro F1 of each trial, and the best so far; the files written."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=SIZE, layout="constrained")
        axes = figure.add_subplot()
        for state, colour, marker in (("completed", BLUE, "o"), ("pruned", GREY, "x")):
            shown = [t for t in tuning.trials if t.state == state]
            axes.scatter([t.number for t in shown], [t.score for t in shown], c=colour, marker=marker, label=state)
        numbers = [trial.number for trial in tuning.completed]
        best = list(accumulate((trial.score for trial in tuning.completed), max))
        axes.step(numbers, best, where="post", color=ORANGE, label="best so far")
        if tuning.default is not None:
            axes.axhline(tuning.default.score, color=GREEN, linestyle="--", linewidth=1, label="defaults")
        axes.set_xlabel("trial")
        axes.set_ylabel("macro F1 on devel")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(frameon=False)
        return _save(figure, stem)


def importance_plot(importances: Mapping[str, float], stem: Path) -> list[Path]:
    """A bar for each parameter, the most important one on top; the files written."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(SIZE[0], 1.0 + 0.35 * len(importances)), layout="constrained")
        axes = figure.add_subplot()
        bars = axes.barh(list(importances), list(importances.values()), color=BLUE)
        axes.bar_label(bars, fmt="%.2f", padding=3)
        axes.invert_yaxis()
        axes.set_xlim(0, 1.15 * max(*importances.values(), 0.01))
        axes.set_xlabel("importance (PED-ANOVA)")
        return _save(figure, stem)


def _save(figure: Figure, stem: Path) -> list[Path]:
    """As PNG and SVG, without date and version."""
    png, svg = stem.with_suffix(".png"), stem.with_suffix(".svg")
    figure.savefig(png, dpi=150, metadata={"Software": None})
    figure.savefig(svg, metadata={"Date": None, "Creator": None})
    return [png, svg]
