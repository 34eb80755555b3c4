"""Recipes, corpora and sources of the tests, all made up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bases import LABELS
from gliner_adapters.corpora import Corpus, CorpusInfo
from gliner_adapters.documents import Document, Label, Window, write_documents
from gliner_adapters.model import Base, Passage
from gliner_adapters.model.passages import Segmenter
from gliner_adapters.pretraining import Recipe
from gliner_adapters.pretraining.data import Source
from gliner_adapters.pretraining.recipe import TypeTexts

#: Texts for the types of the corpus `sample`, which comes with the package.
SAMPLE_LABELS = {
    "Chemical": {"names": ["chemical", "drug"], "descriptions": ["a substance"]},
    "Disease": {"names": ["disease"], "descriptions": ["an illness", "a disorder of the body"]},
    "Gene": {"names": ["gene"]},
    "CellLine": {"names": ["cell line"]},
}


def content(**changes: Any) -> dict[str, Any]:
    """What a recipe's file holds, over the corpus that comes with the package."""
    return {
        "name": "tiny",
        "architecture": "bi",
        "corpora": ["sample"],
        "held_out": [],
        "labels": {"sample": SAMPLE_LABELS},
        **changes,
    }


def recipe(**changes: Any) -> Recipe:
    """A recipe over the corpus that comes with the package."""
    return Recipe.model_validate(content(**changes))


def passage(length: int, *spans: tuple[int, int, int]) -> Passage:
    """So many words of one sub-token each."""
    return Passage(0, Window(0, length), np.arange(length), np.arange(length + 1), list(spans))


def source(
    name: str, passages: Sequence[Passage], texts: Sequence[TypeTexts], known: Sequence[tuple[int, ...]] | None = None
) -> Source:
    """A source of passages; every type is known everywhere unless said otherwise."""
    everywhere = tuple(range(len(texts)))
    return Source(name, list(texts), list(passages), list(known or [everywhere] * len(passages)))


def types(*names: str) -> list[TypeTexts]:
    """Types of one name each."""
    return [TypeTexts(names=(name,)) for name in names]


def toy_source(base: Base, documents: Sequence[Document]) -> Source:
    """Documents with the labels of the tiny bases, as passages of one base."""
    segmenter = Segmenter(base, LABELS)
    return source("toy", segmenter.passages(documents, gold=True), types(*(label.name for label in LABELS)))


def made_corpus(
    folder: Path, documents: Sequence[Document], *, kind: str = "jsonl", fully_annotated: bool = True
) -> Corpus:
    """A corpus of the tests with the types ``C`` (chemical) and ``D`` (disease), as if it were registered."""
    path = folder / f"train.{kind}"
    write_documents(documents, path, kind)
    labels: Mapping[str, Label] = {"C": Label("chemical"), "D": Label("disease")}
    info = CorpusInfo.model_validate(
        {
            "name": "made",
            "title": "A corpus of the tests",
            "use": "pretraining",
            "format": kind,
            "fully_annotated": fully_annotated,
            "folder": "Made",
            "source": None,
            "files": {"train": {"path": path.name, "size": 1, "blob": "0" * 40}},
            "licence": {"name": "CC0-1.0", "redistribution": True},
            "citations": [],
            "labels": [{"tag": tag, "name": label.name, "description": "made up"} for tag, label in labels.items()],
        }
    )
    return Corpus("made", {"train": path}, labels=labels, info=info, format=kind)
