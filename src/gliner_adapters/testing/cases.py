"""What a check of a method is about, and ways to look at an adapter: its logits, and the adapter as after training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from gliner_adapters.adapters import TrainedAdapter, describe
from gliner_adapters.documents import Label
from gliner_adapters.methods import Adapter, attach, get_method
from gliner_adapters.model import Base, collate, forward, valid_spans
from gliner_adapters.model.parts import Parts
from gliner_adapters.model.passages import Segmenter
from gliner_adapters.testing.bases import LABELS, RECIPES, free, tiny_base

#: The tiny bases that methods are checked on: both architectures, two kinds of encoder.
BASES = ("bi-bert", "uni-bert", "bi-modernbert", "uni-deberta")


@dataclass(frozen=True)
class MethodCase:
    """A method on a base.

    Attributes:
        base: never changed.
        method: the name; may be a combination.
        options: of the method.
        labels: that an adapter is made for.
        training: fields of :class:`~gliner_adapters.training.TrainingConfig` for checks that train.
        where: what the base is called in messages.
    """

    base: Base
    method: str
    options: Mapping[str, Any] = field(default_factory=dict)
    labels: tuple[Label, ...] = LABELS
    training: Mapping[str, Any] = field(default_factory=dict)
    where: str = ""

    def __str__(self) -> str:
        given = "".join(f", {name}={value!r}" for name, value in self.options.items())
        return f"method {self.method!r}{given} on {self.where or self.base.id}"

    def attach(self, labels: Sequence[Label] | None = None, **options: Any) -> Adapter:
        """A fresh adapter.

        Args:
            labels: others than the case's.
            options: of the method, beside the case's.
        """
        chosen = self.labels if labels is None else tuple(labels)
        return attach(self.method, self.base, chosen, {**self.options, **options})

    def trained(self, by: float = 0.02, seed: int = 4, labels: Sequence[Label] | None = None) -> TrainedAdapter:
        """An adapter as after training, described.

        Args:
            by: how far each parameter has moved.
            seed: in which direction.
            labels: others than the case's.
        """
        return describe(unlike(self.attach(labels), by, seed), self.base, threshold=0.4)


def method_cases(
    method: str, options: Mapping[str, Any] | None = None, bases: Sequence[str] = BASES, **more: Any
) -> list[MethodCase]:
    """A method on each tiny base that it works on.

    Args:
        method: the name; may be a combination.
        options: of the method.
        bases: names of :data:`~gliner_adapters.testing.RECIPES`.
        more: other fields of the cases.
    """
    fitting = get_method(method).architectures
    return [
        MethodCase(tiny_base(name).base, method, dict(options or {}), where=name, **more)
        for name in bases
        if RECIPES[name].architecture in fitting
    ]


def logits_of(
    base: Base, parts: Parts, style: str = "name", labels: Sequence[Label] = LABELS, reserve: int = 0
) -> Tensor:
    """``(S, C)`` logits of the spans of all texts.

    Args:
        base: whose pass it is.
        parts: that it runs through; labels are read unless these hold their vectors.
        style: what is read for a label.
        labels: C of them.
        reserve: sub-tokens of the input that prompts take.
    """
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
    """``(S, C)`` logits of some parts, on what an adapter reads.

    Args:
        base: whose pass it is.
        adapter: says what is read.
        parts: that the pass runs through.
    """
    return logits_of(base, parts, adapter.options.label_style, adapter.labels, adapter.text_overhead())


@torch.no_grad()
def quiet(base: Base, adapter: Adapter) -> Tensor:
    """``(S, C)`` logits of an adapter plugged into a base, without dropout."""
    return scores(base, adapter, adapter.eval().plug(base))


@torch.no_grad()
def unlike(adapter: Adapter, by: float = 0.1, seed: int = 4) -> Adapter:
    """The adapter after something like training, in place.

    Args:
        adapter: whose trained parameters move.
        by: how far.
        seed: in which direction.
    """
    generator = torch.Generator().manual_seed(seed)
    for parameter in adapter.trained().values():
        parameter.add_(by * torch.randn(parameter.shape, generator=generator).to(parameter))
    return adapter
