"""One thread, so that tiny runs repeat themselves, and a base that reads any text without loss."""

from __future__ import annotations

import pytest

from bases import Recipe, build_base
from gliner_adapters.model import Base, load_base


@pytest.fixture(autouse=True)
def _one_thread(one_thread: None) -> None:
    """In every test of this package."""


@pytest.fixture(scope="session")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Base:
    """A tiny base with room for any sentence; its tokenizer works on bytes, so sub-tokens give the text back."""
    kind = Recipe("bi-reader", "bi", "modernbert", {"max_len": 1000})
    return load_base(str(build_base(kind, tmp_path_factory.mktemp("reader"), positions=8192)))
