"""How long reading takes with an adapter, for runs that have no such figure.

What reading costs follows from what an adapter adds to the pass, hardly from what it has learned. So a fresh adapter of
the run's method and options stands for the trained one, and runs that trained side by side, on a machine too busy to
time anything, get their figure afterwards, one by one.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from gliner_adapters.adapters import describe
from gliner_adapters.benchmark.measures import latency
from gliner_adapters.benchmark.plan import PlannedBase
from gliner_adapters.benchmark.run_files import METRICS_FILE, SPEC_FILE, write_json
from gliner_adapters.benchmark.specs import RunSpec
from gliner_adapters.corpora import load_corpus
from gliner_adapters.errors import ConfigError
from gliner_adapters.methods import ZeroShot, attach
from gliner_adapters.model import Base, load_base
from gliner_adapters.provenance import provenance

LATENCY_FILE = "latency.json"


def untimed(folder: Path) -> list[Path]:
    """The folders of finished runs without a figure: of each first seed on all documents, of what trains.

    Raises:
        ConfigError: no runs there.
    """
    runs = sorted(path.parent for path in folder.glob(f"*/{METRICS_FILE}"))
    if not runs:
        raise ConfigError(f"no finished runs in {folder}; `benchmark run` makes them")
    first: dict[tuple[str, str, str], tuple[int, Path]] = {}
    for run in runs:
        spec = _spec(run)
        if spec.limit is None and spec.method != ZeroShot.name:
            key = (spec.base.name, spec.variant or spec.method, spec.corpus)
            first[key] = min(first.get(key, (spec.training.seed, run)), (spec.training.seed, run))
    return [run for _, run in first.values() if not (run / LATENCY_FILE).is_file()]


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
    load = lru_cache(maxsize=2)(lambda planned: _load(planned, device))
    runs = untimed(folder)
    for run in runs:
        measured = _time(run, load(_spec(run).base), data_dir)
        write_json(run / LATENCY_FILE, measured)
        done(run, measured["ratio"])
    return len(runs)


def _load(planned: PlannedBase, device: str) -> Base:
    return load_base(planned.load, revision=planned.revision, architecture=planned.architecture, device=device)


def _time(run: Path, base: Base, data_dir: Path | None) -> dict[str, Any]:
    """The content of `latency.json`."""
    spec = _spec(run)
    corpus = load_corpus(spec.corpus, data_dir=data_dir)
    metrics = json.loads((run / METRICS_FILE).read_text(encoding="utf-8"))
    torch.manual_seed(spec.training.seed)
    fresh = attach(spec.method, base, corpus.labels, spec.options)
    model = describe(fresh, base, threshold=metrics["threshold"], segment=spec.training.segment)
    adapted = {name: metrics[name] for name in ("macro_f1", "micro_f1")}
    measured = latency(model, corpus, spec.training.precision)
    return {"adapted": adapted, "weights": "fresh", **measured, **provenance(base.device)}


def _spec(run: Path) -> RunSpec:
    return RunSpec.model_validate(json.loads((run / SPEC_FILE).read_text(encoding="utf-8"))["spec"])
