"""How often each passage of the training data is drawn, by itself or within a window of its document."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gliner_adapters.errors import ConfigError
from gliner_adapters.pretraining.data import Source
from gliner_adapters.pretraining.recipe import Recipe


def draw_counts(sources: Sequence[Source], recipe: Recipe) -> list[np.ndarray]:
    """How often each sentence is drawn by itself over the whole run, as expected counts.

    Corpora share the run in proportion to their weight to a power; within a corpus, sentences of rarer types are
    preferred and sentences without a mention are drawn less often. What `most_repeats` cuts off a small corpus is
    not given to the others: fewer sentences than asked for are drawn then.

    Raises:
        ConfigError: nothing can be drawn.
    """
    single = [
        share * (1 - recipe.sampling.window_share if _has_windows(source) else 1)
        for source, share in zip(sources, _shares(sources, recipe), strict=True)
    ]
    return [_counts(source, share, recipe) for source, share in zip(sources, single, strict=True)]


def draw_window_counts(sources: Sequence[Source], recipe: Recipe) -> list[np.ndarray]:
    """How often each window is drawn; with their sentences counted, they take their share of a corpus that has any."""
    return [
        _counts(source.windows, share * recipe.sampling.window_share, recipe)
        if source.windows is not None and recipe.sampling.window_share > 0
        else np.zeros(0)
        for source, share in zip(sources, _shares(sources, recipe), strict=True)
    ]


def _has_windows(source: Source) -> bool:
    return source.windows is not None and bool(source.windows.passages)


def _shares(sources: Sequence[Source], recipe: Recipe) -> np.ndarray:
    """How many of the run's sentences each corpus gets."""
    masses = np.array([_weights(source, recipe).sum() for source in sources])
    # A corpus of which nothing can be drawn leaves its share to the others.
    powered = np.where(masses > 0, masses**recipe.sampling.corpus_power, 0.0)
    if not powered.any():
        raise ConfigError("nothing to train on: no sentence of the recipe's corpora is left that may be drawn")
    shares: np.ndarray = powered / powered.sum() * recipe.sampling.sentences
    return shares


def _counts(source: Source, sentences: float, recipe: Recipe) -> np.ndarray:
    """How often each passage is drawn where so many sentences are drawn in all."""
    weights = _weights(source, recipe)
    mass = float((weights * (np.array(source.sizes) if source.sizes else 1)).sum())
    return np.minimum(weights / max(mass, 1e-12) * sentences, recipe.sampling.most_repeats)


def _weights(source: Source, recipe: Recipe) -> np.ndarray:
    """Weight of each passage within its corpus."""
    sampling = recipe.sampling
    mentions = source.mentions()
    most = max([*mentions, 1])
    boost = [min((most / max(n, 1)) ** sampling.type_power, sampling.type_boost) for n in mentions]
    return np.array(
        [
            max((boost[label] for _, _, label in passage.spans), default=sampling.empty_weight)
            for passage in source.passages
        ]
    )
