"""What a tuning found: its trials as plain records, and the best of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

State = Literal["completed", "pruned", "refused", "killed"]


@dataclass(frozen=True)
class Trial:
    """One trial.

    Attributes:
        number: counted from 0 over all trials of the folder.
        state: ``completed``; ``pruned`` (stopped since it fell behind); ``refused`` (settings that do not work, or a
            loss that is not a number any more); ``killed`` with its process, and tried again.
        macro_f1: on devel, the best over the evaluations; ``None`` without any.
        parameters: what was tried.
        curve: macro F1 on devel by epoch.
        seconds: wall time.
        note: why it was refused, or which killed trial it tries again.
    """

    number: int
    state: State
    macro_f1: float | None
    parameters: dict[str, Any]
    curve: dict[int, float] = field(default_factory=dict)
    seconds: float | None = None
    note: str = ""

    @property
    def score(self) -> float:
        """The macro F1 of a trial that was evaluated."""
        assert self.macro_f1 is not None
        return self.macro_f1


@dataclass(frozen=True)
class Tuning:
    """A tuning as far as it went.

    Attributes:
        identity: see :meth:`~gliner_adapters.comparison.tuning.setting.Setting.identity`.
        trials: in the order in which they began; the first one has the technique's own settings.
        importances: shares of the parameters in what sets the best trials apart, largest first; empty where there
            are too few trials to tell.
    """

    identity: dict[str, Any]
    trials: list[Trial]
    importances: Mapping[str, float]

    @property
    def completed(self) -> list[Trial]:
        """The trials that were trained to their end."""
        return [trial for trial in self.trials if trial.state == "completed"]

    @property
    def best(self) -> Trial | None:
        """The completed trial with the highest macro F1, the earlier one of equals; ``None`` without any."""
        return max(self.completed, key=lambda trial: trial.score, default=None)

    @property
    def default(self) -> Trial | None:
        """The completed trial of the technique's own settings."""
        own = self.identity["defaults"]
        return next((trial for trial in self.completed if trial.parameters == own), None)
