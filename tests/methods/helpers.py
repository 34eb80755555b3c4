"""What the tests of single techniques share."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from bases import LABELS, TinyBase, free
from comparing import is_near
from gliner_adapters.documents import Label
from gliner_adapters.methods import Adapter, attach
from gliner_adapters.model import Base, collate, forward, valid_spans
from gliner_adapters.model.encode import label_vectors
from gliner_adapters.model.fingerprint import fingerprint
from gliner_adapters.model.parts import Parts
from gliner_adapters.model.passages import Segmenter
from gliner_adapters.training import train
from training.toy import quick, toy_corpus


def on(*names: str) -> pytest.MarkDecorator:
    """Run a test on these tiny bases."""
    return pytest.mark.parametrize("tiny_base", names, indirect=True)


def learns(tiny_base: TinyBase, adapter: Adapter, folder: Path, **rates: float) -> None:
    """A short run on the toy corpus lowers the loss and leaves the base's weights as they were."""
    base = tiny_base.base
    weights = fingerprint(base.network.state_dict())
    config = quick(epochs=4, warmup=0.0, decay="constant", learning_rates=rates)
    result = train(base, adapter, toy_corpus(12), toy_corpus(6), config, folder=folder)
    losses = [row["loss"] for row in result.curve]
    assert losses[-1] < losses[0]
    assert fingerprint(base.network.state_dict()) == weights


def logits_of(
    base: Base, parts: Parts, style: str = "name", labels: tuple[Label, ...] = LABELS, reserve: int = 0
) -> Tensor:
    """``(S, C)`` logits of the spans of all texts; the labels are read unless the parts hold their vectors."""
    bi = base.architecture == "bi"
    batch = collate(
        Segmenter(base, labels, "window", style, reserve=reserve).passages(free()),
        base.text_tokens,
        None if bi else base.prompt(labels, style),
        base.config.subtoken_pooling,
    )
    inputs = base.label_inputs(labels, style) if parts.label_vectors is None and bi else None
    logits = forward(parts, batch, inputs, base.max_width, base.config.subtoken_pooling)
    return logits[valid_spans(batch.lengths, base.max_width)]


def scores(base: Base, adapter: Adapter, parts: Parts) -> Tensor:
    """The logits of some parts, on what an adapter reads."""
    return logits_of(base, parts, adapter.options.label_style, adapter.labels, adapter.text_overhead())


@torch.no_grad()
def quiet(base: Base, adapter: Adapter) -> Tensor:
    """The adapter's logits without dropout."""
    return scores(base, adapter, adapter.eval().plug(base))


@torch.no_grad()
def vectors(base: Base, adapter: Adapter) -> Tensor:
    """``(C, D)`` label vectors of a bi-encoder's adapter, not baked."""
    return label_vectors(adapter.eval().parts(base.parts), adapter.label_inputs(base), None)


@torch.no_grad()
def in_company_as_alone(base: Base, method: str, options: dict[str, object]) -> bool:
    """Whether a label's vector depends on nothing but the label: padding beside longer ones does not count."""
    together = vectors(base, unlike(attach(method, base, LABELS, options)))
    alone = [vectors(base, unlike(attach(method, base, [label], options)))[0] for label in LABELS]
    return is_near(together, torch.stack(alone))


@torch.no_grad()
def unlike(adapter: Adapter, by: float = 0.1) -> Adapter:
    """The adapter after something like training: each trained parameter is elsewhere, in the same way each time."""
    generator = torch.Generator().manual_seed(4)
    for parameter in adapter.trained().values():
        parameter.add_(by * torch.randn(parameter.shape, generator=generator))
    return adapter


def renamed(**descriptions: str) -> tuple[Label, ...]:
    """The labels with other descriptions."""
    return tuple(Label(label.name, descriptions.get(label.name, label.description)) for label in LABELS)
