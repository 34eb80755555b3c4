"""Finished runs, seeds together, and what the parts of the report ask of them.

folder of runs ──► Cell: base × method × corpus × amount of data, all seeds ──► CorpusRuns: one corpus's cells
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from gliner_adapters.comparison.run_files import METRICS_FILE, SPEC_FILE
from gliner_adapters.errors import DataError

#: The method that the others are tested against, where it was run.
REFERENCE = "full"
#: Parameter-efficient is what trains at most this share of the base's parameters.
EFFICIENT_SHARE = 0.13
#: What a run may hold beside its metrics, a JSON file each.
EXTRAS = ("forgetting", "paraphrase", "latency")


@dataclass(frozen=True, eq=False)
class FinishedRun:
    """A run's folder and what it holds.

    Attributes:
        folder: the run's own.
        origin: the content of `run.json`: what was run, and where.
        metrics: the content of `metrics.json`, and under the names of :data:`EXTRAS` what those files hold.
    """

    folder: Path
    origin: dict[str, Any]
    metrics: dict[str, Any]

    @property
    def spec(self) -> dict[str, Any]:
        """What was run."""
        spec: dict[str, Any] = self.origin["spec"]
        return spec

    def value(self, *path: str) -> Any:
        """A figure by the names that lead to it; ``None`` where there is none."""
        found: Any = self.metrics
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        return found


@dataclass(frozen=True, eq=False)
class Cell:
    """The runs that differ in their seed only.

    Attributes:
        corpus, base, method: by the names that the plan gives; a variant's name stands for its method.
        limit: training documents; ``None`` for all.
        train_on: the splits that were trained on, ``train`` or ``train+devel``.
        runs: at least one.
    """

    corpus: str
    base: str
    method: str
    limit: int | None
    train_on: str
    runs: tuple[FinishedRun, ...]

    def values(self, *path: str) -> list[float]:
        """A figure of every run that has it."""
        return [value for run in self.runs if (value := run.value(*path)) is not None]

    def mean(self, *path: str) -> float | None:
        """Mean of a figure over the seeds that have it; ``None`` where none has."""
        values = self.values(*path)
        return statistics.mean(values) if values else None

    @cached_property
    def macro_f1(self) -> float:
        """Mean over seeds."""
        return statistics.mean(self.values("macro_f1"))

    @property
    def trained_parameters(self) -> int:
        """How many parameters the method trains; the same for every seed."""
        return int(self.runs[0].metrics["trained_parameters"])

    @property
    def share(self) -> float:
        """Trained parameters over the base's parameters."""
        return self.trained_parameters / int(self.runs[0].metrics["total_parameters"])

    @property
    def trains(self) -> bool:
        """Whether the method trains anything; if not, the amount of data means nothing."""
        return self.trained_parameters > 0

    @property
    def epochs(self) -> int:
        """Passes over the training data; the same for every seed."""
        return int(self.runs[0].spec["training"]["epochs"]) if self.trains else 0

    @property
    def efficient(self) -> bool:
        """Whether it trains something, and at most :data:`EFFICIENT_SHARE`."""
        return self.trains and self.share <= EFFICIENT_SHARE

    @property
    def seeds(self) -> dict[int, FinishedRun]:
        """The runs by seed, in the order of seeds."""
        return dict(sorted((run.spec["training"]["seed"], run) for run in self.runs))

    def common_seeds(self, other: Cell) -> list[int]:
        """Seeds that both were run with."""
        return sorted(self.seeds.keys() & other.seeds.keys())


@dataclass(frozen=True)
class CorpusRuns:
    """All cells of one corpus.

    Attributes:
        corpus: its name.
        cells: from few training documents to all, best macro F1 first.
    """

    corpus: str
    cells: tuple[Cell, ...]

    @cached_property
    def members(self) -> tuple[Cell, ...]:
        """The cells with the most training data, and those that train nothing; best macro F1 first."""
        most = max((cell.limit for cell in self.cells if cell.trains), key=amount, default=None)
        chosen = [cell for cell in self.cells if cell.limit == most or not cell.trains]
        return tuple(sorted(chosen, key=lambda cell: -cell.macro_f1))

    @property
    def bases(self) -> list[str]:
        """Names of the bases, in alphabetical order."""
        return sorted({cell.base for cell in self.members})

    @property
    def limits(self) -> list[int | None]:
        """The amounts of training data, from few to all; empty where there is but one.

        What trains nothing has no amount, so it alone does not make a curve.
        """
        limits = {cell.limit for cell in self.cells if cell.trains}
        return sorted(limits, key=amount) if len(limits) > 1 else []

    @property
    def labels(self) -> list[str]:
        """The corpus's types."""
        return list(self.cells[0].runs[0].metrics["per_type"])

    def find(self, base: str, method: str, limit: int | None = None) -> Cell | None:
        """The cell of a method at an amount of data."""
        wanted = (base, method, limit)
        return next((c for c in self.cells if (c.base, c.method, c.limit) == wanted), None)

    def reference(self, base: str) -> Cell | None:
        """Full fine-tuning of a base, with the most data."""
        return next((cell for cell in self.members if (cell.base, cell.method) == (base, REFERENCE)), None)

    def best_efficient(self, base: str) -> Cell | None:
        """The best parameter-efficient method on a base, with the most data."""
        return next((cell for cell in self.members if cell.base == base and cell.efficient), None)

    def highlights(self, base: str) -> list[Cell]:
        """What a figure shows where not all methods find room: untrained, best parameter-efficient, full."""
        untrained = next((cell for cell in self.members if cell.base == base and not cell.trains), None)
        chosen = (untrained, self.best_efficient(base), self.reference(base))
        return [cell for cell in chosen if cell is not None]


def read_runs(folder: str | Path) -> list[Cell]:
    """The finished runs in a folder, seeds together: by corpus, from few documents to all, best macro F1 first.

    Raises:
        DataError: there is none.
    """
    groups: dict[tuple[str, str, str, int | None, str], list[FinishedRun]] = {}
    for path in sorted(Path(folder).glob(f"*/{METRICS_FILE}")):
        run = _read_run(path.parent)
        method = run.spec.get("variant") or run.spec["method"]
        train_on = run.spec["training"].get("train_on", "train")
        key = (run.metrics["corpus"], run.spec["base"]["name"], method, run.spec["limit"], train_on)
        groups.setdefault(key, []).append(run)
    if not groups:
        raise DataError("no finished run here; `comparison run` makes them", Path(folder))
    cells = [Cell(*key, tuple(runs)) for key, runs in groups.items()]
    return sorted(cells, key=lambda c: (c.corpus, amount(c.limit), -c.macro_f1, c.base, c.method))


def by_corpus(cells: Sequence[Cell]) -> list[CorpusRuns]:
    """The cells of each corpus that were trained on the training split alone, so that they compare."""
    comparable = [cell for cell in cells if cell.train_on == "train"]
    corpora = dict.fromkeys(cell.corpus for cell in comparable)
    return [CorpusRuns(corpus, tuple(c for c in comparable if c.corpus == corpus)) for corpus in corpora]


def trained_on_devel(cells: Sequence[Cell]) -> dict[str, list[Cell]]:
    """The cells of each corpus that were trained on its development split, too; best macro F1 first."""
    found: dict[str, list[Cell]] = {}
    for cell in sorted(cells, key=lambda cell: -cell.macro_f1):
        if cell.train_on != "train":
            found.setdefault(cell.corpus, []).append(cell)
    return dict(sorted(found.items()))


def amount(limit: int | None) -> float:
    """A limit as a number to sort by: all is most."""
    return float("inf") if limit is None else limit


def _read_run(folder: Path) -> FinishedRun:
    metrics = _read(folder / METRICS_FILE)
    for name in EXTRAS:
        path = folder / f"{name}.json"
        if path.is_file():
            metrics[name] = _read(path)
    return FinishedRun(folder, _read(folder / SPEC_FILE), metrics)


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content
