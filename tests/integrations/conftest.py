"""Pipelines of spaCy over tiny random bases."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adapters.helpers import Tiny, trained_adapter
from gliner_adapters.adapters import save_adapter

pytest.importorskip("spacy", reason="needs the extra [spacy]")

import spacy
from spacy.language import Language

# What the entry point does where the package is installed; test_spacy_entry_point.py looks at that.
import gliner_adapters.integrations.spacy_factory  # noqa: F401
from gliner_adapters.integrations import SpacyComponent

MakePipeline = Callable[..., tuple[Language, SpacyComponent]]


@pytest.fixture
def base_folder(tiny: Tiny) -> str:
    return str(tiny("bi-bert").folder)


@pytest.fixture
def adapter_folder(tiny: Tiny, tmp_path: Path) -> Path:
    """An adapter with heads of its own."""
    return save_adapter(trained_adapter(tiny("bi-bert").base, "heads"), tmp_path / "drugs")


@pytest.fixture
def pipeline() -> MakePipeline:
    """A blank English pipeline with the component, by its config."""

    def make(name: str = "gliner_adapters", **config: Any) -> tuple[Language, SpacyComponent]:
        nlp = spacy.blank("en")
        component = nlp.add_pipe("gliner_adapters", name=name, config=config)
        assert isinstance(component, SpacyComponent)
        return nlp, component

    return make
