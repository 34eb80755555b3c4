"""AdamW with a learning rate for each ingredient, and how the rates rise and fall."""

from __future__ import annotations

import math

import torch

from gliner_adapters.errors import ConfigError
from gliner_adapters.methods import Adapter
from gliner_adapters.training.config import TrainingConfig


def build_optimiser(adapter: Adapter, config: TrainingConfig) -> torch.optim.AdamW:
    """Groups by ingredient, each split into matrices (decayed) and vectors (not decayed).

    Raises:
        ConfigError: a learning rate is given for an ingredient that the method does not train, or none is known.
    """
    ingredients = adapter.ingredients()
    unknown = sorted(set(config.learning_rates) - set(ingredients))
    if unknown:
        known = ", ".join(ingredients) or "nothing"
        raise ConfigError(f"method {adapter.name!r} does not train {', '.join(unknown)}; it trains {known}")
    groups = []
    for ingredient, parameters in ingredients.items():
        rate = config.learning_rates.get(ingredient, adapter.learning_rates.get(ingredient))
        if rate is None:
            raise ConfigError(f"no learning rate for ingredient {ingredient!r} of method {adapter.name!r}")
        matrices = [p for p in parameters if p.ndim > 1]
        vectors = [p for p in parameters if p.ndim <= 1]
        for group, decay in ((matrices, config.weight_decay), (vectors, 0.0)):
            if group:
                groups.append({"params": group, "lr": rate, "peak_lr": rate, "weight_decay": decay})
    return torch.optim.AdamW(groups, fused=True)


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
