"""How long reading takes with an adapter, for runs that have no such figure.

What reading costs follows from what an adapter adds to the pass, hardly from what it has learned. So a fresh adapter of
the run's method and options stands for the trained one, and runs that trained side by side, on a machine too busy to
time anything, get their figure afterwards, one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from gliner_adapters.adapters import describe
from gliner_adapters.comparison.measures import latency
from gliner_adapters.comparison.plan import PlannedBase
from gliner_adapters.comparison.report.cells import FinishedRun, read_runs
from gliner_adapters.comparison.runner import load_planned, write_measure
from gliner_adapters.comparison.specs import RunSpec
from gliner_adapters.corpora import load_corpus
from gliner_adapters.methods import attach
from gliner_adapters.model import Base
from gliner_adapters.model.precision import precision_on


def untimed(folder: Path) -> list[FinishedRun]:
    """Finished runs without a figure: of each first seed on all documents, of what trains.

    Raises:
        DataError: no runs there.
    """
    first = [cell.seeds[min(cell.seeds)] for cell in read_runs(folder) if cell.limit is None and cell.trains]
    return [run for run in first if run.value("latency") is None]


def time_runs(
    folder: Path,
    data_dir: Path | None = None,
    device: str = "cpu",
    done: Callable[[Path, float], None] = lambda run, ratio: None,
) -> int:
    """Measure what :func:`untimed` lists, and put `latency.json` beside each run's metrics.

    Args:
        folder: of the runs.
        data_dir: where registered corpora lie.
        device: where to compute.
        done: told of each run, and of its time as a multiple of the base's.

    Returns:
        How many were measured.
    """
    bases: dict[PlannedBase, Base] = {}
    runs = untimed(folder)
    for run in runs:
        spec = RunSpec.model_validate(run.spec)
        if spec.base not in bases:
            bases[spec.base] = load_planned(spec.base, device)
        done(run.folder, _time(run, spec, bases[spec.base], data_dir))
    return len(runs)


def _time(run: FinishedRun, spec: RunSpec, base: Base, data_dir: Path | None) -> float:
    """Measure one run and write its figure; the ratio."""
    corpus = load_corpus(spec.corpus, data_dir=data_dir)
    torch.manual_seed(spec.training.seed)
    fresh = attach(spec.method, base, corpus.labels, spec.options)
    training = spec.training
    model = describe(
        fresh, base, threshold=run.metrics["threshold"], segment=training.segment, context=training.context
    )
    measured = {"weights": "fresh", **latency(model, corpus, precision_on(base.device, training.precision))}
    write_measure(run.folder, "latency", run.metrics, measured, base)
    ratio: float = measured["ratio"]
    return ratio
