"""How figures look and how they are written; `figures` says what they show.

The same data gives the same bytes: nothing is dated, ids come from the figure's name, and nobody's own matplotlib
settings count.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO, StringIO
from typing import TYPE_CHECKING, Any

from gliner_adapters.comparison.report.page import Drawn

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Text and axes, grid lines, background. A page may put its own colours in their place.
INK, RULE, PAPER = "#1b1b1f", "#d5d5da", "#ffffff"
#: Colours that most colour-blind readers tell apart. Source: M. Okabe and K. Ito, Color Universal Design (2008).
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
#: What tells things apart where there are no colours.
MARKERS = ("o", "s", "^", "D", "v", "P")
HATCHES = ("", "////", "....")
LINES = ("-", "--", "-.", ":")
DPI = 150
#: A number of two digits or more before its point: what stands behind the second decimal is less than anyone sees.
_COORDINATE = re.compile(r"(?<![\d.])(\d{2,}\.\d{2})\d+")
#: Inches of one panel.
PANEL_WIDTH, PANEL_HEIGHT = 5.6, 4.3


@contextmanager
def settings(name: str) -> Iterator[None]:
    """Matplotlib as all figures want it, while one is made and saved."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(
            {
                "svg.hashsalt": name,
                "font.size": 9.0,
                "axes.titlesize": 10.0,
                "axes.edgecolor": INK,
                "axes.labelcolor": INK,
                "axes.spines.top": False,
                "axes.spines.right": False,
                "axes.grid": True,
                "axes.axisbelow": True,
                "grid.color": RULE,
                "grid.linewidth": 0.6,
                "hatch.linewidth": 0.6,
                "legend.frameon": False,
                "text.color": INK,
                "xtick.color": INK,
                "ytick.color": INK,
                "figure.facecolor": PAPER,
                "axes.facecolor": PAPER,
                "savefig.facecolor": PAPER,
            }
        )
        yield


def panels(number: int, width: float = PANEL_WIDTH, height: float = PANEL_HEIGHT) -> tuple[Figure, list[Axes]]:
    """A figure with so many panels, two in a row."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = min(2, number)
    rows = -(-number // columns)
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(rows, columns, squeeze=False).ravel().tolist()
    for unused in grid[number:]:
        unused.remove()
    return figure, grid[:number]


def style(number: int) -> dict[str, Any]:
    """Colour and marker of the n-th thing; they differ in grey, too."""
    place = number % len(COLOURS)
    return {"color": COLOURS[place], "marker": MARKERS[place], "markeredgecolor": PAPER, "markeredgewidth": 0.6}


def deviation(values: Sequence[float]) -> float:
    """Standard deviation for a whisker; none of a single value."""
    return statistics.stdev(values) if len(values) > 1 else 0.0


def settle(figure: Figure) -> None:
    """Fix where everything stands, so that labels can be put among it."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")


def save(figure: Figure) -> Drawn:
    """Both forms of a figure."""
    svg, png = StringIO(), BytesIO()
    dateless: dict[str, Any] = {"Date": None, "Creator": None}
    figure.savefig(svg, format="svg", metadata=dateless)
    figure.savefig(png, format="png", dpi=DPI, metadata={"Software": None})
    text = "\n".join(line.strip() for line in svg.getvalue().splitlines())
    text = _COORDINATE.sub(r"\1", text)
    return Drawn(text + "\n", png.getvalue())
