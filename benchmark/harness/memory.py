"""What this process holds of the machine's memory."""

from __future__ import annotations

import resource
from pathlib import Path


def resident_mb() -> float:
    """What the process holds at this moment (Linux)."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 2**20
