"""How far a training is: written by the child as it goes, read by the server whenever somebody asks."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from gliner_adapters.storage import write_text
from gliner_adapters.training import Reporter

#: Seconds between two writings at least; the beginning of a phase and an evaluation are written at once.
INTERVAL = 0.25
#: Points of the loss curve at most; of more, neighbours become one.
MOST_POINTS = 400


@dataclass
class Standing:
    """How far a training is.

    Attributes:
        phase: what is done right now.
        done, total: steps of it.
        loss: points of the loss curve: the step, and the mean loss of the steps since the point before.
        devel: evaluations, the first one of the untrained adapter where that was scored.
        notes: what was said on the way, such as entities that could not be used.
        error: why it failed.
    """

    phase: str = "starting"
    done: int = 0
    total: int = 0
    loss: list[tuple[int, float]] = field(default_factory=list)
    devel: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    error: str | None = None

    @classmethod
    def read(cls, path: Path) -> Standing:
        """The file's content; a training that has written nothing is at its beginning."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return cls()
        return cls(**{**content, "loss": [(int(step), float(loss)) for step, loss in content["loss"]]})


class ProgressFile(Reporter):
    """Writes what a run reports into a file, which is whole at any moment.

    Args:
        path: the file. What it holds of an earlier part of the same run is kept, up to where the run goes on.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(quiet=True)
        self.path = path
        self.standing = Standing.read(path)
        self.standing.error = None
        self._width = 1
        self._open: list[float] = []
        self._written = 0.0
        self.begin("starting", 0)

    def begin(self, what: str, total: int, done: int = 0) -> None:
        """A new phase of so many steps, some of them done before."""
        super().begin(what, total, done)
        standing = self.standing
        standing.phase, standing.total, standing.done = what, total, done
        if what == "training":
            # Those after the last checkpoint are done once more, and are the same.
            standing.loss = [point for point in standing.loss if point[0] <= done]
            standing.devel = [row for row in standing.devel if row["step"] <= done]
            self._width = max(1, total // MOST_POINTS + 1)
        self._write()

    def advance(self, steps: int, sentences: int, loss: float | None = None) -> None:
        """So many steps, and the sentences in them, more."""
        super().advance(steps, sentences, loss)
        self.standing.done = self.done
        if loss is not None:
            self._open.append(loss)
            if len(self._open) >= self._width or self.done == self.total:
                self.standing.loss.append((self.done, round(sum(self._open) / len(self._open), 6)))
                self._open = []
        if time.monotonic() - self._written >= INTERVAL or self.done == self.total:
            self._write()

    def evaluated(self, row: dict[str, Any]) -> None:
        """An evaluation's row of the curve."""
        rows = [each for each in self.standing.devel if each["step"] != row["step"]]
        self.standing.devel = [*rows, row]
        self._write()

    def say(self, line: str) -> None:
        """A line of text."""
        line = line.removeprefix("note: ")
        if line not in self.standing.notes:
            self.standing.notes.append(line)
            self._write()

    def failed(self, message: str) -> None:
        """The end of a run that cannot go on."""
        self.standing.error = message
        self._write()

    def _write(self) -> None:
        self._written = time.monotonic()
        write_text(self.path, json.dumps(asdict(self.standing)) + "\n")
