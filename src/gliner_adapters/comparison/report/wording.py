"""How figures are written, in the report's tables and in its sentences."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from gliner_adapters.comparison.report.cells import Cell
from gliner_adapters.comparison.report.page import Code, Inline, Number

_NOTHING = Number("", None)


def f1(value: float) -> str:
    """A score."""
    return f"{value:.4f}"


def spread(values: Sequence[float]) -> Number:
    """Mean ± standard deviation of scores; empty without any."""
    if not values:
        return _NOTHING
    mean = statistics.mean(values)
    deviation = f" ± {f1(statistics.stdev(values))}" if len(values) > 1 else ""
    return Number(f1(mean) + deviation, mean)


def points(difference: float) -> str:
    """A difference of scores in points, hundredths of F1."""
    return f"{100 * difference:+.1f}"


def p_value(p: float) -> str:
    """A p-value; below 0.001 only that."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def percent(share: float) -> str:
    """A share of a whole."""
    return f"{100 * share:.1f}%"


def measured(value: float | None, unit: str, digits: int = 0) -> Number:
    """A measured quantity with its unit; empty if it was not measured."""
    return _NOTHING if value is None else Number(f"{value:,.{digits}f} {unit}".rstrip(), value)


def size(number: float | None) -> Number:
    """Bytes, to the last one."""
    return measured(number, "B")


def documents(limit: int | None) -> str:
    """An amount of training data."""
    return "all" if limit is None else f"{limit:,}"


def who(cell: Cell) -> tuple[Code, Code]:
    """Method and base, the first two columns of most tables."""
    return Code(cell.method), Code(cell.base)


def listed(names: Sequence[Inline]) -> tuple[Inline, ...]:
    """Names with commas between them, to be put into a sentence."""
    parts: list[Inline] = []
    for number, name in enumerate(names):
        parts += [", ", name] if number else [name]
    return tuple(parts)
