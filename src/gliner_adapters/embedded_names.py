"""Which bases come with the package; it costs no import, so that help can name them."""

from __future__ import annotations

from pathlib import Path

#: Where the package keeps its bases.
EMBEDDED = Path(__file__).resolve().parent / "bases"
BASE_FILE = "base.json"


def embedded_bases() -> list[str]:
    """Names of the bases in the package."""
    return sorted(path.parent.name for path in EMBEDDED.glob(f"*/{BASE_FILE}"))
