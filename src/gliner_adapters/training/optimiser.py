"""AdamW with a learning rate for each ingredient and depth, and how the rates rise and fall."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator

import torch
from torch import nn

from gliner_adapters.errors import ConfigError
from gliner_adapters.methods import Adapter
from gliner_adapters.training.config import TrainingConfig

#: A parameter of an encoder's layer, by its name in transformers' models.
LAYER = re.compile(r"\blayers?[./](\d+)[./]")
#: A parameter below the first layer.
EMBEDDINGS = re.compile(r"\bembeddings[./]")


def build_optimiser(adapter: Adapter, config: TrainingConfig) -> torch.optim.AdamW:
    """Groups by ingredient and depth, each split into matrices (decayed) and vectors (not decayed).

    Raises:
        ConfigError: a learning rate is given for an ingredient that the method does not train, or none is known; or
            rates shall fall with depth, and the method trains no layers.
    """
    ingredients = adapter.ingredients()
    unknown = sorted(set(config.learning_rates) - set(ingredients))
    if unknown:
        known = ", ".join(ingredients) or "nothing"
        raise ConfigError(f"method {adapter.name!r} does not train {', '.join(unknown)}; it trains {known}")
    trained = adapter.trained()
    if config.layer_decay < 1 and not any(map(LAYER.search, trained)):
        raise ConfigError(f"layer_decay: method {adapter.name!r} trains no layer of an encoder; leave it at 1")
    groups = []
    for ingredient in ingredients:
        rate = config.learning_rates.get(ingredient, adapter.learning_rates.get(ingredient))
        if rate is None:
            raise ConfigError(f"no learning rate for ingredient {ingredient!r} of method {adapter.name!r}")
        by_share: dict[float, dict[str, nn.Parameter]] = {}
        for name, parameter in trained.items():
            if name.split(".", 1)[0] == ingredient:
                by_share.setdefault(adapter.rate_share(name), {})[name] = parameter
        for share, own in by_share.items():
            for depth, parameters in by_depth(own, config.layer_decay).items():
                matrices = [p for p in parameters if p.ndim > 1]
                vectors = [p for p in parameters if p.ndim <= 1]
                for group, decay in ((matrices, config.weight_decay), (vectors, 0.0)):
                    if group:
                        peak = rate * share * depth
                        groups.append({"params": group, "lr": peak, "peak_lr": peak, "weight_decay": decay})
    return torch.optim.AdamW(groups, fused=True)


def by_depth(parameters: dict[str, nn.Parameter], decay: float) -> dict[float, list[nn.Parameter]]:
    """Parameters of one ingredient by the share of its learning rate that they have.

    The highest layer has the whole rate, each layer below it ``decay`` times that of the one above, embeddings that of
    a layer below the first. What belongs to no layer has the whole rate.
    """
    layers = len(set(_layers(parameters)))
    found: dict[float, list[nn.Parameter]] = {}
    for name, parameter in parameters.items():
        layer = next(_layers([name]), None)
        if layer is None:
            layer = -1 if EMBEDDINGS.search(name) else layers - 1
        found.setdefault(decay ** (layers - 1 - layer), []).append(parameter)
    return found


def _layers(names: Iterable[str]) -> Iterator[int]:
    """The numbers of the layers that names speak of, from 0."""
    for name in names:
        if match := LAYER.search(name):
            yield int(match[1])


def set_learning_rates(optimiser: torch.optim.Optimizer, config: TrainingConfig, step: int, steps: int) -> None:
    """Set the rates for one step (counted from 0) of so many."""
    factor = rate_factor(config, step, steps)
    for group in optimiser.param_groups:
        group["lr"] = group["peak_lr"] * factor


def rate_factor(config: TrainingConfig, step: int, steps: int) -> float:
    """Share of the peak rate at a step: a linear rise over the warm-up, then the chosen decay to zero."""
    warm = round(config.warmup * steps)
    if step < warm:
        return (step + 1) / (warm + 1)
    if config.decay == "constant":
        return 1.0
    left = (steps - step) / max(1, steps - warm)
    return left if config.decay == "linear" else 0.5 * (1 - math.cos(math.pi * left))
