"""Runtimes inside torch: weights held in the type that they are multiplied in."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import torch
from torch import nn

from gliner_adapters.errors import ConfigError
from gliner_adapters.model.parts import TextEncoder, device_of


def with_bf16_weights(encoder: TextEncoder) -> TextEncoder:
    """A copy of a text encoder whose linear layers hold bfloat16 weights; it runs under autocast.

    The numbers are autocast's own, which converts the weights of frozen layers anew in each pass. All other weights
    are shared with the original.
    """
    duplicate = _reading_copy(encoder)
    for module in duplicate.modules():
        if type(module) is nn.Linear:
            module.weight = _constant(module.weight.bfloat16())
            if module.bias is not None:
                module.bias = _constant(module.bias.bfloat16())
    return duplicate


def with_int8_layers(encoder: TextEncoder) -> TextEncoder:
    """A copy of a text encoder with int8 linear layers (:class:`Int8Linear`); all other weights are shared.

    Raises:
        ConfigError: the encoder does not lie on the CPU.
    """
    if device_of(encoder).type != "cpu":
        raise ConfigError(f"runtime 'int8' works on the CPU; the base lies on {device_of(encoder)}")
    duplicate = _reading_copy(encoder)
    found = [(name, layer) for name, layer in duplicate.named_modules() if type(layer) is nn.Linear]
    for name, layer in found:
        parent, _, own = name.rpartition(".")
        setattr(duplicate.get_submodule(parent), own, Int8Linear(layer))
    return duplicate


class Int8Linear(nn.Module):
    """A linear layer in int8: a scale for each row of the weights, and in each pass one for each sub-token.

    A scale for a whole batch, as torch's own dynamic quantisation has it, would let one sub-token's outlier coarsen all
    others, and make a passage's entities depend on its neighbours.
    """

    weight: torch.Tensor
    scales: torch.Tensor

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        scales = _scales(layer.weight, weight_steps())
        self.register_buffer("weight", (layer.weight / scales).round_().to(torch.int8))
        self.register_buffer("scales", scales.squeeze(1))
        self.bias = layer.bias

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """``(..., I)`` to ``(..., O)``."""
        rows = inputs.reshape(-1, inputs.shape[-1]).float()
        scales = _scales(rows, 127)
        products = torch._int_mm((rows / scales).round_().to(torch.int8), self.weight.t())
        outputs = products.float().mul_(scales).mul_(self.scales)
        if self.bias is not None:
            outputs += self.bias
        return outputs.view(*inputs.shape[:-1], -1)


@cache
def weight_steps() -> int:
    """How many steps of int8 weights may take on either side of zero: 127, or 64.

    Processors without dot products of bytes (VNNI) add products in pairs, in 16 bits, where two of 127 steps overflow
    and two of 64 do not. Which kind this one is, is tried out: what oneDNN picks is its own affair.
    """
    draw = torch.Generator().manual_seed(0)
    rows, weights = (torch.randint(-127, 128, (32, 128), generator=draw).to(torch.int8) for _ in range(2))
    products = torch._int_mm(rows, weights.t())
    return 127 if torch.equal(products, rows.int() @ weights.int().t()) else 64


def _scales(rows: torch.Tensor, steps: int) -> torch.Tensor:
    """``(R, 1)``: what one step of int8 stands for in each row."""
    return rows.abs().amax(1, keepdim=True).clamp_(min=1e-8) / steps


def _reading_copy(encoder: TextEncoder) -> TextEncoder:
    """A copy that can be rewired; it shares the memory of all weights."""
    shared: dict[int, Any] = {id(p): _constant(p.detach()) for p in encoder.parameters()}
    return copy.deepcopy(encoder, shared).eval()


def _constant(weight: torch.Tensor) -> nn.Parameter:
    return nn.Parameter(weight, requires_grad=False)
