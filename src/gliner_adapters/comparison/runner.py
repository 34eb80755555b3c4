"""Runs of a plan, a folder each.

    new ──► unfinished (run.json) ──► adapter/ ──► found.jsonl.gz ──► metrics.json ──► MEASURE.json: finished

`metrics.json` is written when all that scores need is there, so a folder that has it is never trained again; what was
killed before goes on where it stood. Measures (:mod:`.measures`) need the adapter: where its folder was removed, since
weights are large and scores are small, those that are missing stay so. Each run has a process of its own: peak memory
is then the run's, and one that dies takes none along.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from gliner_adapters.adapters import TrainedAdapter, load_adapter, save_adapter
from gliner_adapters.adapters.config import CONFIG_FILE
from gliner_adapters.api import adapt, evaluate
from gliner_adapters.api.adapting import unfinished
from gliner_adapters.api.files import packages_of, shipped_bytes
from gliner_adapters.comparison.found import write_found
from gliner_adapters.comparison.measures import MEASURES, Measure
from gliner_adapters.comparison.plan import PlannedBase
from gliner_adapters.comparison.run_files import (
    ADAPTER_FOLDER,
    METRICS_FILE,
    PREDICTIONS_FILE,
    SPEC_FILE,
)
from gliner_adapters.comparison.specs import RunSpec
from gliner_adapters.corpora import Corpus, load_corpus
from gliner_adapters.errors import ConfigError
from gliner_adapters.evaluation import keep_labels
from gliner_adapters.locking import locked
from gliner_adapters.model import Base, load_base
from gliner_adapters.model.precision import precision_on
from gliner_adapters.provenance import provenance
from gliner_adapters.storage import write_json
from gliner_adapters.training import FeatureStore

State = Literal["new", "unfinished", "finished", "other"]


def state(spec: RunSpec, folder: Path) -> State:
    """How far a run is; ``"other"`` where its folder is taken by something else.

    Hidden files are a lock, and what a killed process was writing.
    """
    if not folder.exists() or all(path.name.startswith(".") for path in folder.iterdir()):
        return "new"
    if not (folder / SPEC_FILE).is_file() or _read(folder / SPEC_FILE).get("digest") != spec.digest:
        return "other"
    return "unfinished" if not (folder / METRICS_FILE).is_file() or _missing(spec, folder) else "finished"


def _missing(spec: RunSpec, folder: Path) -> list[Measure]:
    """The measures that are not there and could be taken."""
    if not (folder / ADAPTER_FOLDER / CONFIG_FILE).is_file():
        return []
    return [measure for measure in spec.measures if not (folder / f"{measure}.json").is_file()]


def execute(
    spec: RunSpec,
    folder: Path,
    data_dir: Path | None = None,
    store: FeatureStore | None = None,
    device: str = "cpu",
) -> dict[str, Any]:
    """Do a run in this process, or what is left of it.

    The adapter's threshold, tuned on devel, is the one that the test split is scored at.

    Args:
        spec: the run.
        folder: the run's own.
        data_dir: where registered corpora lie.
        store: word vectors that several runs share.
        device: where to compute.

    Returns:
        The content of `metrics.json`: the record of :func:`~gliner_adapters.api.evaluate`, with the run's ``name``,
        ``digest`` and ``limit``.

    Raises:
        ConfigError: the folder holds another run or another process works in it, or the base is not of the
            architecture that the plan declares.
        GlinerAdaptersError: what adapting and evaluating refuse.
    """
    with locked(folder):
        return _execute(spec, folder, data_dir, store, device)


def _execute(
    spec: RunSpec, folder: Path, data_dir: Path | None, store: FeatureStore | None, device: str
) -> dict[str, Any]:
    """Do a run in a folder that nobody else works in."""
    found = state(spec, folder)
    if found == "other":
        raise ConfigError(
            f"{folder} holds something else than this run, such as a run with other settings; move it away or remove "
            "it, or give another --output"
        )
    if found == "finished":
        return _read(folder / METRICS_FILE)
    planned = spec.base
    base = load_planned(planned, device)
    if base.architecture != planned.architecture:
        raise ConfigError(
            f"base {planned.name}: the plan declares a {planned.architecture}-encoder, but {planned.load} is a "
            f"{base.architecture}-encoder"
        )
    corpus = load_corpus(spec.corpus, data_dir=data_dir)
    if not (folder / METRICS_FILE).is_file():
        _train_and_score(spec, folder, base, corpus, store)
    metrics = _read(folder / METRICS_FILE)
    for measure in _missing(spec, folder):
        trained = load_adapter(folder / ADAPTER_FOLDER, base)
        measured = MEASURES[measure](trained, corpus, data_dir, precision_on(base.device, spec.training.precision))
        write_measure(folder, measure, metrics, measured, base)
    return metrics


def load_planned(planned: PlannedBase, device: str = "cpu") -> Base:
    """The base that a plan declares."""
    return load_base(planned.load, revision=planned.revision, architecture=planned.architecture, device=device)


def write_measure(
    folder: Path, measure: Measure, metrics: Mapping[str, Any], measured: Mapping[str, Any], base: Base
) -> None:
    """Put what was measured beside a run's scores, with those scores and where it was measured."""
    adapted = {name: metrics[name] for name in ("macro_f1", "micro_f1")}
    write_json(folder / f"{measure}.json", {"adapted": adapted, **measured, **provenance(base.device)})


def _train_and_score(spec: RunSpec, folder: Path, base: Base, corpus: Corpus, store: FeatureStore | None) -> None:
    """What scores need, `metrics.json` last."""
    folder.mkdir(parents=True, exist_ok=True)
    origin = {"base_fingerprint": base.fingerprint, **provenance(base.device, packages_of(spec.method, corpus))}
    write_json(folder / SPEC_FILE, {"name": spec.name, "digest": spec.digest, "spec": spec.model_dump(), **origin})
    adapter = folder / ADAPTER_FOLDER
    if unfinished(adapter) or not (adapter / CONFIG_FILE).is_file():
        adapt(
            base,
            corpus,
            spec.method,
            output=adapter,
            options=spec.options,
            config=spec.training,
            limit=spec.limit,
            resume=True,
            store=store,
        )
    trained = load_adapter(adapter, base)
    result = evaluate(trained, corpus, precision=precision_on(base.device, spec.training.precision))
    labels = [label.name for label in corpus.labels]
    write_found(folder / PREDICTIONS_FILE, keep_labels(result.predictions, labels))
    metrics = {"name": spec.name, "digest": spec.digest, "limit": spec.limit, **result.record}
    write_json(folder / METRICS_FILE, {**metrics, "deployable_bytes": _deployable_bytes(trained)})


def _deployable_bytes(trained: TrainedAdapter) -> int | None:
    """Size of what reading needs; ``None`` where nothing can be left out (uni-encoders)."""
    if trained.base.architecture == "uni" or not trained.adapter.trained():
        return None
    with tempfile.TemporaryDirectory() as folder:
        return shipped_bytes(save_adapter(trained, folder, deployable=True))


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content
