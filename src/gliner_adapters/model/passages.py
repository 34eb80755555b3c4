"""Documents to passages: stretches of words that fit in one input.

A sentence of a sentence corpus is one passage. A longer text is cut into windows (at sentence ends where
possible, overlapping where not), so nothing is truncated; what cannot be kept is counted and reported.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from gliner_adapters.documents import Document, Label
from gliner_adapters.model.base import Base

Segment = Literal["sentence", "window"]


@dataclass(slots=True)
class Passage:
    """Words that go through the encoder together.

    Attributes:
        document: index of the document in the sequence that was given.
        first_word: index of the passage's first word in the document.
        ids: sub-token ids of the text, special tokens and label prompt left out.
        starts: ``(W + 1,)`` where each word's sub-tokens begin in ``ids``; word w owns
            ``ids[starts[w]:starts[w + 1]]``.
        spans: gold spans as (first word, last word, label index), words counted in the passage.
    """

    document: int
    first_word: int
    ids: np.ndarray
    starts: np.ndarray
    spans: list[tuple[int, int, int]] = field(default_factory=list)

    @property
    def words(self) -> int:
        """W, how many words the passage has."""
        return len(self.starts) - 1
