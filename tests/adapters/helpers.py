"""Adapters as after training, and what they say of a few texts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from bases import LABELS, RECIPES, TinyBase, free
from gliner_adapters.adapters import TrainedAdapter, describe
from gliner_adapters.documents import Label
from gliner_adapters.methods import METHODS, attach
from gliner_adapters.model import Base
from gliner_adapters.model.passages import Segmenter
from parts_reader import PartsReader

Tiny = Callable[[str], TinyBase]

#: One base of each encoder type and architecture.
BASES = ("uni-bert", "uni-deberta", "uni-modernbert", "bi-bert", "bi-deberta", "bi-modernbert")
#: Every technique on every base that it works on.
COMBINATIONS = [
    pytest.param(method, name, id=f"{method}-{name}")
    for method in sorted(METHODS)
    for name in BASES
    if RECIPES[name].architecture in METHODS[method].architectures
]
ON_BI = [c for c in COMBINATIONS if str(c.values[1]).startswith("bi-")]
every_combination = pytest.mark.parametrize(("method", "name"), COMBINATIONS)
every_bi_combination = pytest.mark.parametrize(("method", "name"), ON_BI)


@torch.no_grad()
def trained_adapter(base: Base, method: str, labels: tuple[Label, ...] = LABELS, **known: Any) -> TrainedAdapter:
    """An adapter whose parameters have moved, described; the same one each time."""
    adapter = attach(method, base, labels)
    generator = torch.Generator().manual_seed(2)
    for parameter in adapter.trained().values():
        parameter.add_(0.02 * torch.randn(parameter.shape, generator=generator))
    return describe(adapter, base, **{"threshold": 0.4, **known})


def logits(trained: TrainedAdapter) -> Tensor:
    """What the adapter gives for all texts, as one batch."""
    base, adapter = trained.base, trained.adapter
    reading: dict[str, Any] = {"label_style": adapter.options.label_style, "reserve": adapter.text_overhead()}
    predictor = PartsReader(base, adapter.plug(base), adapter.labels, adapter.label_inputs(base), **reading)
    batch = predictor.collate(Segmenter(base, adapter.labels, "window", **reading).passages(free()))
    return predictor.logits(batch)


def logits_digest(trained: TrainedAdapter) -> str:
    """sha256 over the bytes of the logits."""
    return hashlib.sha256(logits(trained).contiguous().numpy().tobytes()).hexdigest()
