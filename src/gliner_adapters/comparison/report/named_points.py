"""The figures whose points or lines bear their names: parameters against F1, and F1 by amount of data."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from gliner_adapters.comparison.report import drawing
from gliner_adapters.comparison.report.cells import Cell, CorpusRuns
from gliner_adapters.comparison.report.pareto import pareto_front
from gliner_adapters.comparison.report.placing import Box, place_labels, spread_out
from gliner_adapters.comparison.report.wording import documents

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: A corpus and one of its bases.
Panel = tuple[CorpusRuns, str]

_NAME_SIZE = 7.5
#: Pixels that a name's box is larger than the name.
_AIR = 3.0
#: Pixels about a marker's middle that no name may cover, and the distance from which a thin line leads to a name.
_MARKER, _LEAD = 6.0, 10.0


def draw_pareto(groups: Sequence[CorpusRuns]) -> Figure:
    """Macro F1 against trained parameters, a panel a corpus; every method by its name."""
    from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

    bases = sorted({base for runs in groups for base in runs.bases})
    styles = {base: drawing.style(number) for number, base in enumerate(bases)}
    figure, grid = drawing.panels(len(groups), width=6.6, height=5.4)
    for axes, runs in zip(grid, groups, strict=True):
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        axes.xaxis.set_minor_formatter(NullFormatter())
        cells = _trained(runs)
        front = _front(runs)
        axes.plot([x for x, _ in front], [y for _, y in front], color=drawing.INK, linewidth=1.0, zorder=1.5)
        for cell in cells:
            whisker = drawing.deviation(cell.values("macro_f1"))
            marks = {**styles[cell.base], "linestyle": "none", "markersize": 6.5, "elinewidth": 0.8, "zorder": 3}
            axes.errorbar(cell.trained_parameters, cell.macro_f1, whisker, **marks)
        for cell in _untrained(runs):
            axes.axhline(cell.macro_f1, color=styles[cell.base]["color"], linewidth=1.0, linestyle=":", zorder=1)
        axes.margins(0.18, 0.14)
        axes.set(title=runs.corpus, xlabel="trained parameters", ylabel="macro F1")
        axes.set_xlim(axes.get_xlim())
    for base in bases:
        grid[0].plot([], [], linestyle="none", markersize=6.5, label=base, **styles[base])
    grid[0].plot([], [], color=drawing.INK, linewidth=1.0, label="no method is smaller and better")
    figure.legend(*grid[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    drawing.settle(figure)
    for axes, runs in zip(grid, groups, strict=True):
        _name_points(axes, runs, {base: str(styles[base]["color"]) for base in bases})
    return figure


def draw_efficiency(subjects: Sequence[Panel]) -> Figure:
    """Macro F1 by training documents, a panel a corpus and base; whiskers are standard deviations over seeds."""
    figure, grid = drawing.panels(len(subjects))
    for axes, (runs, base) in zip(grid, subjects, strict=True):
        places = {limit: place for place, limit in enumerate(runs.limits)}
        for number, cells in enumerate(curves(runs, base).values()):
            line = drawing.LINES[number // len(drawing.COLOURS) % len(drawing.LINES)]
            means = [cell.macro_f1 for cell in cells]
            whiskers = [drawing.deviation(cell.values("macro_f1")) for cell in cells]
            across = [places[cell.limit] for cell in cells]
            marks = {**drawing.style(number), "linestyle": line, "markersize": 5.0, "elinewidth": 0.8}
            axes.errorbar(across, means, whiskers, **marks)
        for cell in _untrained(runs, base):
            axes.axhline(cell.macro_f1, color=drawing.INK, linewidth=1.0, linestyle=":")
        axes.set_xticks(list(places.values()), [documents(limit) for limit in places])
        axes.set(title=f"{runs.corpus}, {base}", xlabel="training documents", ylabel="macro F1")
        # A third of the panel is left for the names.
        last = len(places) - 1
        axes.set_xlim(-0.1 * last, 1.5 * last)
    drawing.settle(figure)
    for axes, (runs, base) in zip(grid, subjects, strict=True):
        _name_ends(axes, runs, base)
    return figure


def curves(runs: CorpusRuns, base: str) -> dict[str, list[Cell]]:
    """The cells of each method with several amounts of data on a base, from few documents to all."""
    found: dict[str, list[Cell]] = {}
    for cell in runs.cells:  # from few to all
        if cell.base == base and cell.trains:
            found.setdefault(cell.method, []).append(cell)
    return {method: cells for method, cells in sorted(found.items()) if len(cells) > 1}


def _trained(runs: CorpusRuns) -> list[Cell]:
    return [cell for cell in runs.members if cell.trains]


def _untrained(runs: CorpusRuns, base: str | None = None) -> list[Cell]:
    return [cell for cell in runs.members if not cell.trains and base in (None, cell.base)]


def _front(runs: CorpusRuns) -> list[tuple[float, float]]:
    """The trained cells that nothing smaller beats; a base that was not trained is the smallest there is."""
    points = [(float(cell.trained_parameters), cell.macro_f1) for cell in [*_untrained(runs), *_trained(runs)]]
    front = [points[index] for index in pareto_front(points)]
    return [(size, score) for size, score in front if size > 0]


def _name_points(axes: Axes, runs: CorpusRuns, colours: dict[str, str]) -> None:
    """Each method's name beside its point, and untrained ones at the left end of their lines."""
    cells = [*_trained(runs), *_untrained(runs)]
    left = axes.get_xlim()[0]
    points = [(float(cell.trained_parameters) if cell.trains else left, cell.macro_f1) for cell in cells]
    anchors = [_pixels(axes, *point) for point in points]
    sizes = [_extent(axes, cell.method) for cell in cells]
    markers = [
        Box(x - _MARKER, y - _MARKER, x + _MARKER, y + _MARKER)
        for cell, (x, y) in zip(cells, anchors, strict=True)
        if cell.trains
    ]
    lines = [box for a, b in pairwise(_front(runs)) for box in _along(_pixels(axes, *a), _pixels(axes, *b))]
    lines += [Box(box.left, y - 1, box.right, y + 1) for box, y in _levels(axes, runs)]
    for cell, anchor, box in zip(
        cells, anchors, place_labels(anchors, sizes, _bounds(axes), markers, lines), strict=True
    ):
        _write(axes, cell.method, anchor, box, colours[cell.base])


def _levels(axes: Axes, runs: CorpusRuns) -> list[tuple[Box, float]]:
    """The lines of what is untrained: the panel that they cross, and their height in pixels."""
    return [(_bounds(axes), _pixels(axes, axes.get_xlim()[0], cell.macro_f1)[1]) for cell in _untrained(runs)]


def _name_ends(axes: Axes, runs: CorpusRuns, base: str) -> None:
    """Each line's name at its right end, moved up or down where they would meet."""
    last = len(runs.limits) - 1
    left = _pixels(axes, 1.08 * last, axes.get_ylim()[0])[0]
    named: list[tuple[str, tuple[float, float], str]] = []
    for number, (method, cells) in enumerate(curves(runs, base).items()):
        end = _pixels(axes, runs.limits.index(cells[-1].limit), cells[-1].macro_f1)
        named.append((method, end, str(drawing.style(number)["color"])))
    height = max(_extent(axes, method)[1] for method, *_ in named)
    for cell in _untrained(runs, base):
        # Its line crosses the whole panel; the name stands on it.
        named.append((cell.method, (left, _pixels(axes, last, cell.macro_f1)[1] + 0.6 * height), drawing.INK))
    bounds, gap = _bounds(axes), 1.1 * height
    middles = spread_out([y for _, (_, y), _ in named], gap, bounds.bottom + gap / 2, bounds.top - gap / 2)
    for (name, anchor, colour), middle in zip(named, middles, strict=True):
        box = Box(left, middle - height / 2, left + _extent(axes, name)[0], middle + height / 2)
        _write(axes, name, anchor, box, colour)


def _write(axes: Axes, name: str, anchor: tuple[float, float], box: Box, colour: str) -> None:
    """A name in its box, and a thin line to its anchor if that is far."""
    nearest = min(max(anchor[0], box.left), box.right), min(max(anchor[1], box.bottom), box.top)
    far = max(abs(nearest[0] - anchor[0]), abs(nearest[1] - anchor[1])) > _LEAD
    invert = axes.transData.inverted()
    if far:
        ends = [tuple(invert.transform(point)) for point in (anchor, nearest)]
        axes.plot(*zip(*ends, strict=True), color=colour, linewidth=0.5, zorder=2, scalex=False, scaley=False)
    # Held at the side towards the anchor: in another resolution a name may be a little wider, and grows away from it.
    side, place = "center", (box.left + box.right) / 2
    if box.left >= anchor[0]:
        side, place = "left", box.left + _AIR / 2
    elif box.right <= anchor[0]:
        side, place = "right", box.right - _AIR / 2
    across, up = invert.transform((place, (box.bottom + box.top) / 2))
    axes.text(across, up, name, fontsize=_NAME_SIZE, ha=side, va="center", color=drawing.INK, zorder=4)


def _extent(axes: Axes, name: str) -> tuple[float, float]:
    """Width and height of a written name in pixels, with a little air."""
    written = axes.text(0.5, 0.5, name, fontsize=_NAME_SIZE, transform=axes.transAxes)
    box = written.get_window_extent()
    written.remove()
    return box.width + _AIR, box.height + _AIR


def _pixels(axes: Axes, x: float, y: float) -> tuple[float, float]:
    across, up = axes.transData.transform((x, y))
    return float(across), float(up)


def _bounds(axes: Axes) -> Box:
    box = axes.get_window_extent()
    return Box(box.x0 + 2, box.y0 + 2, box.x1 - 2, box.y1 - 2)


def _along(start: tuple[float, float], end: tuple[float, float], step: float = 6.0) -> list[Box]:
    """Small boxes along a line."""
    length = max(abs(end[0] - start[0]), abs(end[1] - start[1]))
    number = max(1, int(length / step))
    places = [
        tuple(a + (b - a) * index / number for a, b in zip(start, end, strict=True)) for index in range(number + 1)
    ]
    return [Box(x - 2, y - 2, x + 2, y + 2) for x, y in places]
