"""Linear layers in int8. What this needs is torch alone, so that it can be tried under other processors' settings."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache

import torch
from torch import nn

#: How many times slower than float32 a plain loop is at least, and instructions for int8 never are. Far from both, so
#: that every process on a machine finds the same, however busy it is: the entities depend on it.
SLOW = 5


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
        steps = (rows / scales).round_()
        if int8_is_slow():
            products = steps @ self.weight.t().float()
        else:
            products = torch._int_mm(steps.to(torch.int8), self.weight.t()).float()
        outputs = products.mul_(scales).mul_(self.scales)
        if self.bias is not None:
            outputs += self.bias
        return outputs.view(*inputs.shape[:-1], -1)


@cache
def int8_is_slow() -> bool:
    """Whether products of int8 are many times slower than those of float32 here.

    They are where torch finds no instructions for them and runs a plain loop. Which it is, is tried out, as with
    :func:`weight_steps`.
    """
    rows, weights = torch.ones(64, 768, dtype=torch.int8), torch.ones(768, 768, dtype=torch.int8)
    floats = rows.float()

    def seconds(product: Callable[[], object]) -> float:
        product()
        start = time.perf_counter()
        product()
        return time.perf_counter() - start

    ours = min(seconds(lambda: torch._int_mm(rows, weights.t())) for _ in range(3))
    return ours > SLOW * min(seconds(lambda: floats @ weights.t().float()) for _ in range(3))


@cache
def weight_steps() -> int:
    """How many steps of int8 weights may take on either side of zero: 127, or 64.

    Processors without dot products of bytes (VNNI) add products in pairs, in 16 bits, where two of 127 steps overflow
    and two of 64 do not. Which kind this one is, is tried out: what oneDNN picks is its own affair.
    """
    if int8_is_slow():
        return 127  # sums of float32 do not overflow
    draw = torch.Generator().manual_seed(0)
    rows, weights = (torch.randint(-127, 128, (32, 128), generator=draw).to(torch.int8) for _ in range(2))
    products = torch._int_mm(rows, weights.t())
    return 127 if torch.equal(products, rows.int() @ weights.int().t()) else 64


def _scales(rows: torch.Tensor, steps: int) -> torch.Tensor:
    """``(R, 1)``: what one step of int8 stands for in each row."""
    return rows.abs().amax(1, keepdim=True).clamp_(min=1e-8) / steps
