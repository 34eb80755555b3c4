"""One thread, so that a tiny run is as fast as it can be and repeats itself whatever the machine; processes to kill."""

from __future__ import annotations

from typing import Any

import pytest

from warm import warm_context


@pytest.fixture(autouse=True)
def _one_thread(one_thread: None) -> None:
    """In every test of this package."""


@pytest.fixture(scope="session")
def processes() -> Any:
    """Processes that start with the libraries loaded: forks of a server that has imported them."""
    return warm_context()
