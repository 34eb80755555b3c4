"""One thread, so that a tiny run is as fast as it can be and repeats itself whatever the machine."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _one_thread(one_thread: None) -> None:
    """In every test of this package."""
