"""What a training run gave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gliner_adapters.model.passages import Losses
from gliner_adapters.training.cost import Cost


@dataclass
class TrainingResult:
    """What a run gave. The adapter that was passed in holds the best weights.

    Attributes:
        threshold: the configuration's, else chosen on devel, else 0.5.
        best: the row of the best evaluation, or ``None`` without devel data.
        curve: one row an evaluation after training steps.
        untrained: the row of the adapter before its first step, ``None`` where it was not scored. It competes: if it
            is ``best``, training did not help.
        steps: optimiser steps taken.
        sentences: training passages.
        cost: time and memory.
        losses: training entities that could not be used, counted.
    """

    threshold: float
    best: dict[str, Any] | None
    curve: list[dict[str, Any]]
    untrained: dict[str, Any] | None
    steps: int
    sentences: int
    cost: Cost
    losses: Losses

    @property
    def helped(self) -> bool | None:
        """Whether an evaluation was better than the untrained adapter's; ``None`` where that was not scored."""
        return None if self.untrained is None else self.best != self.untrained
