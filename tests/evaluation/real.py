"""The real test sets as documents, one a sentence, and predictions made by corrupting them."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from pathlib import Path

from gliner_adapters.documents.formats import read_documents
from gliner_adapters.documents.types import Document

from .helpers import corrupt, with_word_spans, word_spans

REAL = [
    ("JNLPBA", ("protein", "DNA", "RNA", "cell_type", "cell_line")),
    ("BC5CDR-IOB", ("Chemical", "Disease")),
]


def read_real(data_dir: Path, folder: str, split: str = "test") -> list[Document]:
    return list(read_documents(data_dir / folder / f"{split}.tsv", "iob2"))


def corrupted(documents: Iterable[Document], labels: Sequence[str], seed: int) -> list[Document]:
    """Predictions of a mediocre system, always the same for one seed."""
    rng = random.Random(seed)
    return [
        with_word_spans(document, corrupt(len(document.words or ()), word_spans(document), labels, rng))
        for document in documents
    ]
