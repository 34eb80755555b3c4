"""Texts that stand in several places, and which of the places may keep them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gliner_adapters.corpora.info import SPLITS

#: Texts of fewer words (headings, mostly) may stand in several places.
SHORTEST_TEXT = 6


def is_text_of_its_own(key: str) -> bool:
    """Whether a text is long enough for its repetition to mean something.

    Args:
        key: what :func:`~gliner_adapters.corpora.splitting.text_key` gives for it.
    """
    return key.count(" ") + 1 >= SHORTEST_TEXT


def scoring_order(splits: Iterable[str]) -> Iterator[str]:
    """Splits, those that score before those that train: test, devel, train, others."""
    given = list(splits)
    yield from (split for split in reversed(SPLITS) if split in given)
    yield from (split for split in given if split not in SPLITS)
