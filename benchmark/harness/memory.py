"""What a process holds of the machine's memory."""

from __future__ import annotations

import resource
from pathlib import Path


def resident_mb(process: int | None = None) -> float:
    """What a process, by default this one, holds at this moment (Linux).

    Raises:
        OSError: there is no such process.
    """
    file = Path("/proc") / ("self" if process is None else str(process)) / "statm"
    pages = int(file.read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 2**20
