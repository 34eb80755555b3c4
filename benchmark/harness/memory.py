"""What a process holds of the machine's memory."""

from __future__ import annotations

import resource
from collections.abc import Iterable, Sequence
from pathlib import Path

from gliner_adapters.errors import ConfigError

#: Into how many parts a curve is cut.
TENTHS = 10

#: Documents done, and a size in MB.
Curve = list[tuple[int, float]]


def resident_mb(process: int | None = None) -> float:
    """What a process, by default this one, holds at this moment (Linux).

    Raises:
        OSError: there is no such process.
    """
    file = Path("/proc") / ("self" if process is None else str(process)) / "statm"
    pages = int(file.read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 2**20


def parts(curve: Iterable[Sequence[float]], documents: int) -> list[list[float]]:
    """The sizes in each tenth of the documents, but for the first hundredth, when all is yet to be loaded.

    Args:
        curve: of a process: documents done, and a size.
        documents: how many there are.

    Raises:
        ConfigError: the first has no size, or all others have none.
    """
    warm, tenths = documents // 100, [list[float]() for _ in range(TENTHS)]
    for count, size in curve:
        if count >= warm:
            tenths[min(TENTHS - 1, int(count) * TENTHS // documents)].append(size)
    if not (tenths[0] and any(tenths[1:])):
        raise ConfigError(f"too few documents: nothing to compare with those after the first {warm}")
    return tenths


def growth(tenths: Sequence[Sequence[float]]) -> float:
    """By how much the largest size of all exceeds the largest of the first tenth.

    Sizes go up and down with the texts that are in work: one of them says little, and the largest of many is compared
    with its like.
    """
    return max(size for sizes in tenths for size in sizes) / max(tenths[0]) - 1
