"""Watching processes that others started."""

from __future__ import annotations

import time
from pathlib import Path


def ended(pid: int, within: float = 60) -> bool:
    """Whether a process ends soon (Linux)."""
    until = time.monotonic() + within
    while time.monotonic() < until:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True  # it has ended, and waits for the one that started it
        except OSError:
            return True
        time.sleep(0.02)
    return False
