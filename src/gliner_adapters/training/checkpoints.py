"""Checkpoints from which a killed run goes on as if nothing had happened.

A checkpoint is a folder of safetensors and JSON (no pickle). It is written beside its place and moved there, so
a run that is killed while writing leaves the one before it.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from gliner_adapters.errors import ConfigError
from gliner_adapters.methods import Adapter
from gliner_adapters.storage import storing, write_tensors, write_text
from gliner_adapters.training.averaging import MovingAverage


@dataclass
class Progress:
    """Where a run stands.

    Attributes:
        step: steps done in all.
        epoch: the epoch that the next step belongs to, from 0.
        batch: batches of that epoch that are done.
        loss_sum: sum of the losses of the epoch's steps so far.
        best: the best evaluation so far, a row of ``curve`` or ``untrained``.
        stale: evaluations since the best one.
        curve: one row an evaluation after training steps.
        untrained: the row of the evaluation before the first step, if there was one.
        cost: see :class:`~gliner_adapters.training.cost.Cost`.
    """

    step: int = 0
    epoch: int = 0
    batch: int = 0
    loss_sum: float = 0.0
    best: dict[str, Any] | None = None
    stale: int = 0
    curve: list[dict[str, Any]] = field(default_factory=list)
    untrained: dict[str, Any] | None = None
    cost: dict[str, float] = field(default_factory=dict)


class Checkpoints:
    """The checkpoint of one run.

    Args:
        folder: where the run keeps its files.
        key: digest of everything that decides the run's outcome; a checkpoint with another key is refused.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self.folder = folder
        self.key = key
        self.current = folder / "checkpoint"
        self.best = folder / "best.safetensors"

    def save(
        self,
        progress: Progress,
        adapter: Adapter,
        optimiser: torch.optim.Optimizer,
        average: MovingAverage | None = None,
    ) -> None:
        """Replace the checkpoint."""
        fresh, old = self.folder / "checkpoint.new", self.folder / "checkpoint.old"
        shutil.rmtree(fresh, ignore_errors=True)
        try:
            with storing(fresh):
                fresh.mkdir(parents=True)
            write_tensors(fresh / "adapter.safetensors", tensors_of(adapter))
            write_tensors(fresh / "optimiser.safetensors", _optimiser_tensors(optimiser))
            write_tensors(fresh / "random.safetensors", _random_states())
            if average is not None:
                write_tensors(fresh / "average.safetensors", average.tensors())
            write_text(fresh / "progress.json", json.dumps({"key": self.key, **vars(progress)}))
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)  # the room that a part of it takes may be what is missing
            raise
        if self.current.exists():  # else a run was killed right here, and the old one is all there is
            shutil.rmtree(old, ignore_errors=True)
            self.current.rename(old)
        fresh.rename(self.current)
        shutil.rmtree(old, ignore_errors=True)

    def load(
        self, adapter: Adapter, optimiser: torch.optim.Optimizer, average: MovingAverage | None = None
    ) -> Progress | None:
        """Restore the last checkpoint into all that is given and the random generators; ``None`` if there is none.

        Raises:
            ConfigError: the checkpoint belongs to a run with other data, labels, base or options.
        """
        # Killed between the two renames: the checkpoint before is still there under its other name.
        folder = self.current if self.current.exists() else self.folder / "checkpoint.old"
        if not folder.exists():
            return None
        content = json.loads((folder / "progress.json").read_text())
        if content.pop("key") != self.key:
            raise ConfigError(
                f"the checkpoint in {self.folder} belongs to a run with other data, labels, base or options; "
                "repeat the options of that run (begun on another processor, give its --precision by name), or start "
                "anew with --overwrite"
            )
        restore_tensors(adapter, load_file(folder / "adapter.safetensors"))
        _restore_optimiser(optimiser, load_file(folder / "optimiser.safetensors"))
        _restore_random(load_file(folder / "random.safetensors"))
        if average is not None:
            average.restore(load_file(folder / "average.safetensors"))
        return Progress(**content)

    def save_best(self, adapter: Adapter) -> None:
        """Keep the adapter's weights as the best so far."""
        write_tensors(self.best, tensors_of(adapter))

    def restore_best(self, adapter: Adapter) -> None:
        """Put the best weights back."""
        restore_tensors(adapter, load_file(self.best))

    def clear(self) -> None:
        """Remove everything: the run is finished."""
        rest = self.folder / "checkpoint.new"
        shutil.rmtree(rest, ignore_errors=True)
        for name in ("checkpoint.old", "checkpoint"):
            # Moved out of sight first: a half-removed checkpoint must not be taken for one.
            if (self.folder / name).exists():
                (self.folder / name).rename(rest)
                shutil.rmtree(rest, ignore_errors=True)
        self.best.unlink(missing_ok=True)


def tensors_of(adapter: Adapter) -> dict[str, Tensor]:
    """The trained tensors by name, on the CPU."""
    return {name: p.detach().cpu().contiguous() for name, p in adapter.trained().items()}


@torch.no_grad()
def restore_tensors(adapter: Adapter, tensors: dict[str, Tensor]) -> None:
    """Copy tensors into the adapter's trained parameters; the names must be the same."""
    parameters = adapter.trained()
    if set(parameters) != set(tensors):
        raise ConfigError("the saved tensors are not those that the method trains")
    for name, parameter in parameters.items():
        parameter.copy_(tensors[name])


def _optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    state = optimiser.state_dict()["state"]
    return {f"{i}.{key}": value.cpu().contiguous() for i, entry in state.items() for key, value in entry.items()}


def _restore_optimiser(optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        index, key = name.split(".", 1)
        state.setdefault(int(index), {})[key] = tensor
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})


def _random_states() -> dict[str, Tensor]:
    states = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state()
    return states


def _restore_random(states: dict[str, Tensor]) -> None:
    torch.set_rng_state(states["cpu"])
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])
