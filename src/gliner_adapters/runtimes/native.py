"""Runtimes inside torch: weights held in the type that they are multiplied in."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn

from gliner_adapters.errors import ConfigError
from gliner_adapters.model.parts import TextEncoder, device_of
from gliner_adapters.runtimes.int8 import Int8Linear


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


def _reading_copy(encoder: TextEncoder) -> TextEncoder:
    """A copy that can be rewired; it shares the memory of all weights."""
    shared: dict[int, Any] = {id(p): _constant(p.detach()) for p in encoder.parameters()}
    return copy.deepcopy(encoder, shared).eval()


def _constant(weight: torch.Tensor) -> nn.Parameter:
    return nn.Parameter(weight, requires_grad=False)
