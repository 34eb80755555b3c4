"""What the tests of reading share."""

from __future__ import annotations

from typing import Any

import torch

from bases import LABELS
from gliner_adapters.adapters import TrainedAdapter, describe
from gliner_adapters.documents import Document, Label
from gliner_adapters.methods import attach
from gliner_adapters.model import Base
from gliner_adapters.testing.lives import same_entities

OTHERS = (Label("gene", "what is inherited"), Label("dose"), Label("patient", "a person who is treated"), Label("verb"))

#: A technique of each kind: what it changes decides how it is read with.
KINDS: dict[str, list[tuple[str, str, dict[str, Any]]]] = {
    "bi": [
        ("vectors", "label-embeddings", {}),
        ("descriptions", "label-descriptions", {}),
        ("injection", "injection-bi", {}),
        ("heads", "heads", {}),
        ("extension", "extension", {}),
        ("keys", "injection-deep", {}),
        ("hidden", "injection-deep", {"kind": "hidden", "prompt_length": 4}),
        ("deep-heads", "injection-deep+heads", {}),
        ("full", "full", {}),
        ("lora", "lora", {"sides": "both"}),
        ("lora-heads", "lora+heads", {}),
        ("bitfit", "bitfit", {}),
        ("deltas", "lora+head-deltas", {}),
        ("plain", "zero-shot", {}),
    ],
    "uni": [
        ("heads", "heads", {}),
        ("cross", "injection-cross", {}),
        ("cross-heads", "injection-cross+heads", {}),
        ("cross-deep", "injection-cross+injection-deep", {}),
        ("keys", "injection-deep", {}),
        ("hidden", "injection-deep", {"kind": "hidden", "prompt_length": 4}),
        ("full", "full", {}),
        ("lora", "lora", {}),
        ("lora-deep", "lora+injection-cross", {}),
        ("bitfit", "bitfit", {}),
        ("deltas", "lora+head-deltas", {}),
        ("plain", "zero-shot", {"label_style": "description"}),
    ],
}


@torch.no_grad()
def moved(
    base: Base, method: str, labels: tuple[Label, ...], options: dict[str, Any], seed: int, **known: Any
) -> TrainedAdapter:
    """An adapter as after training: each parameter elsewhere, by the seed."""
    torch.manual_seed(seed)
    adapter = attach(method, base, labels, options)
    generator = torch.Generator().manual_seed(seed)
    for parameter in adapter.trained().values():
        parameter.add_(0.02 * torch.randn(parameter.shape, generator=generator).to(parameter))
    return describe(adapter, base, **{"threshold": 0.4, **known})


def family(base: Base) -> dict[str, TrainedAdapter]:
    """Two adapters of each kind, with other labels, thresholds and segments."""
    adapters = {}
    for number, (name, method, options) in enumerate(KINDS[base.architecture]):
        adapters[name] = moved(base, method, LABELS, options, number, segment="sentence")
        labels = (*OTHERS[number % 3 :], LABELS[0])
        adapters[f"{name}-too"] = moved(base, method, labels, options, 50 + number, threshold=0.3, segment="window")
    return adapters


def assert_same(read: Document, expected: Document) -> None:
    """The same entities, with scores that differ by float rounding at most."""
    assert [e.key for e in read.entities] == [e.key for e in expected.entities]
    assert same_entities(read, expected)
