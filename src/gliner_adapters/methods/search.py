"""What is worth trying for a technique's options: the ranges that tuning searches.

Each technique declares its own, beside its options. A learning rate needs no declaration: it is searched around the
technique's own (:func:`around`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias, get_args

from gliner_adapters.model.tokens import LabelStyle


@dataclass(frozen=True)
class Real:
    """Numbers from ``low`` to ``high``, on a logarithmic scale if ``log``."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True)
class Whole:
    """Whole numbers from ``low`` to ``high``, both included, on a logarithmic scale if ``log``."""

    low: int
    high: int
    log: bool = False


@dataclass(frozen=True)
class Choice:
    """One of some values, which have no order."""

    values: tuple[str | int | float | bool | None, ...]


Range: TypeAlias = Real | Whole | Choice
#: Option names and what is tried for them.
SearchSpace: TypeAlias = Mapping[str, Range]

#: For techniques that change how labels are read.
LABEL_STYLES = Choice(get_args(LabelStyle))
#: A learning rate is tried from so many times less to so many times more than the technique's own.
SPREAD = 10.0


def around(learning_rate: float) -> Real:
    """What is tried for a learning rate."""
    return Real(learning_rate / SPREAD, learning_rate * SPREAD, log=True)
