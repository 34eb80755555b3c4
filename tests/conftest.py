"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Where the real corpora lie; skips where they are missing."""
    directory = Path(os.environ.get("GLINER_ADAPTERS_DATA", PROJECT.parent / "shared" / "data"))
    if not directory.is_dir():
        pytest.skip(f"no corpora at {directory}; set GLINER_ADAPTERS_DATA to their folder")
    return directory
