"""One thread, so that a tiny run is as fast as it can be and repeats itself whatever the machine; processes to kill."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _one_thread(one_thread: None) -> None:
    """In every test of this package."""


@pytest.fixture(scope="module")
def processes() -> Iterator[Any]:
    """Processes that start with the libraries loaded: forks of a server that has imported them."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["training.toy"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))  # the server looks for what it preloads here
        yield context
