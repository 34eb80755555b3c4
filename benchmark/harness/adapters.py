"""Adapters that change labels alone, as many as a measurement of serving needs."""

from __future__ import annotations

from pathlib import Path

import torch

from gliner_adapters.adapters import describe, save_adapter
from gliner_adapters.documents import Label
from gliner_adapters.methods import attach
from gliner_adapters.model import Base

#: What the base alone looks for; each adapter has as many labels of its own.
LABELS = ("chemical", "disease", "gene or protein", "species")
#: How far an adapter's label vectors lie from the encoded ones, as a share of their spread.
DISTANCE = 0.1
SEED = 1


@torch.no_grad()
def write_adapters(base: Base, folder: Path, count: int) -> None:
    """Deployable label-embeddings adapters ``0000``, ``0001``, ... with labels and vectors of their own."""
    generator = torch.Generator().manual_seed(SEED)
    for number in range(count):
        labels = [Label(f"{label} {number}") for label in LABELS]
        adapter = attach("label-embeddings", base, labels)
        trained = describe(adapter, base, threshold=0.5, segment="window")
        vectors = trained.adapter.baked
        assert vectors is not None
        noise = torch.randn(vectors.shape, generator=generator).to(vectors)
        trained.adapter.baked = vectors + DISTANCE * vectors.std() * noise
        save_adapter(trained, folder / f"{number:04d}", deployable=True)
