"""Dropout whose random numbers are cheap.

On a processor torch draws a number for each element, which takes as long as a small matrix product. A draw of 64 bits
holds eight bytes, and a byte is fine enough to decide whether an element stays.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def dropout(inputs: Tensor, p: float) -> Tensor:
    """Dropout in training, from random bytes on a processor; ``p`` is taken in 256ths there."""
    silent = round(p * 256)
    if silent == 0 or silent >= 256 or inputs.device.type != "cpu":
        return F.dropout(inputs, p)
    draws = torch.empty((inputs.numel() + 7) // 8, dtype=torch.int64).random_(-(2**63), None)
    draws = draws.view(torch.uint8)[: inputs.numel()].view_as(inputs)
    noise = torch.ge(draws, silent, out=torch.empty_like(inputs, requires_grad=False))
    return inputs * noise.mul_(256 / (256 - silent))


class ByteDropout(nn.Dropout):
    """`nn.Dropout` by :func:`dropout`."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Zeros in training, with probability `p`."""
        return dropout(inputs, self.p) if self.training else inputs


def cheapen(module: nn.Module) -> None:
    """Put :class:`ByteDropout` in the place of every dropout within a module."""
    for parent in module.modules():
        for name, child in parent.named_children():
            if type(child) is nn.Dropout:
                setattr(parent, name, ByteDropout(child.p).train(child.training))
