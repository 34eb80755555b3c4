"""Head deltas: low-rank deltas on the linear layers of GLiNER's own heads; both encoders stay frozen.

    text  ──► text encoder (frozen, cached) ──► span head ──┐
                                                 + B*·A*    ├─► scores        * trained
    label ──► label encoder (frozen) ─────────► label head ─┘
                                                 + B*·A*

The heads of a small GLiNER hold a tenth of its parameters; their deltas hold a twentieth of that. B starts at zero, so
the adapter starts as the base. A layer's weight is computed anew wherever it is used, so the factorised scoring, which
takes weights apart, needs to know of nothing. Biases are trained as they are.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.utils import parametrize

from gliner_adapters.methods.base import Adapter, Options, Part, sharing_copy
from gliner_adapters.methods.lora import check_rank, target_names
from gliner_adapters.methods.registry import register
from gliner_adapters.methods.search import Real, Whole
from gliner_adapters.model import Base, Parts


class HeadDeltasOptions(Options):
    """Options of head deltas."""

    rank: int = Field(16, ge=1)
    """Of the deltas."""
    alpha: float = Field(32.0, gt=0)
    """The deltas are scaled by alpha / rank."""


@register
class HeadDeltas(Adapter):
    """Low-rank deltas on span head and label head."""

    name = "head-deltas"
    options_type = HeadDeltasOptions
    search_space = {"rank": Whole(4, 64, log=True), "alpha": Real(8.0, 128.0, log=True)}  # noqa: RUF012
    learning_rates = {"span_head": 2e-3, "label_head": 2e-3}  # noqa: RUF012
    options: HeadDeltasOptions

    def build(self, base: Base) -> None:
        """Put fresh deltas into copies that share the base's weights."""
        assert base.parts.label_head is not None
        self.span_head = _with_deltas(base.parts.span_head, self.options)
        self.label_head = _with_deltas(base.parts.label_head, self.options)

    def parts(self, parts: Parts) -> Parts:
        """The heads with deltas stand in the place of those without."""
        return replace(parts, span_head=self.span_head, label_head=self.label_head)

    def merged_parts(self, parts: Parts) -> Parts:
        """Heads whose weights hold the deltas."""
        assert parts.label_head is not None
        span_head, label_head = _merged(self.span_head, parts.span_head), _merged(self.label_head, parts.label_head)
        return replace(parts, span_head=span_head, label_head=label_head)

    def read_alone(self, parts: Parts, base: Parts) -> Parts:
        """The heads that a pass still has."""
        if parts.span_head is self.span_head:
            parts = replace(parts, span_head=_merged(self.span_head, base.span_head))
        if parts.label_head is not None and parts.label_head is self.label_head:
            assert base.label_head is not None
            parts = replace(parts, label_head=_merged(self.label_head, base.label_head))
        return parts


class _Delta(nn.Module):
    """A matrix ``(O, I)`` to itself plus a scaled product of low rank."""

    def __init__(self, weight: Tensor, rank: int, alpha: float) -> None:
        super().__init__()
        rows, columns = weight.shape
        self.down = nn.Parameter(torch.empty(rank, columns))
        self.up = nn.Parameter(torch.zeros(rows, rank))
        self.scale = alpha / rank
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))  # as `peft` does

    def forward(self, weight: Tensor) -> Tensor:
        return weight + self.scale * (self.up @ self.down)


def _with_deltas(head: Part, options: HeadDeltasOptions) -> Part:
    """A copy of a head that shares its weights and has deltas, and biases, of its own.

    Raises:
        ConfigError: the rank is larger than a layer's.
    """
    names = target_names(head, "all-linear")
    check_rank(HeadDeltas.name, options.rank, head, names)
    biases = [f"{name}.bias" for name in names if head.get_submodule(name).bias is not None]
    duplicate = sharing_copy(head, biases)
    for name in names:
        layer = duplicate.get_submodule(name)
        assert isinstance(layer, nn.Linear)
        delta = _Delta(layer.weight, options.rank, options.alpha).to(layer.weight.device)
        parametrize.register_parametrization(layer, "weight", delta)
    return duplicate


def _merged(head: Part, plain: Part) -> Part:
    """A copy of the plain head that has the weights of the head with deltas."""
    # Not a copy of the head itself: a layer and its copy share a class, which taking the deltas out would change.
    duplicate = sharing_copy(plain)
    for name, module in head.named_modules():
        if isinstance(module, nn.Linear):
            layer = duplicate.get_submodule(name)
            layer.weight = nn.Parameter(module.weight.detach().clone(), requires_grad=False)
            if module.bias is not None:
                layer.bias = nn.Parameter(module.bias.detach().clone(), requires_grad=False)
    return duplicate
