"""Evaluate an adapter or a base on a split."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gliner_adapters.adapters import TrainedAdapter, load_adapter
from gliner_adapters.annotate import Annotator
from gliner_adapters.api.files import RUN_FILE, RUN_FOLDER, packages_of, shipped_bytes
from gliner_adapters.corpora import Corpus, load_corpus
from gliner_adapters.documents import Document
from gliner_adapters.errors import ConfigError
from gliner_adapters.evaluation import (
    EvaluationReport,
    above,
    abstract_groups,
    calibrate,
    evaluate_predictions,
    keep_labels,
    mention_strings,
    score_documents,
)
from gliner_adapters.inputs import as_probability
from gliner_adapters.model import Base
from gliner_adapters.model.base import Segment
from gliner_adapters.model.passages import Losses
from gliner_adapters.model.precision import Precision
from gliner_adapters.provenance import provenance
from gliner_adapters.training import Meter

#: GLiNER's own threshold; scores there are reported beside those at the threshold in use.
HALF = 0.5


@dataclass
class Evaluation:
    """What an evaluation gave.

    Attributes:
        report: the scores.
        predictions: the documents with what was found, scores included.
        record: the flat record for a result file.
        losses: what could not be read.
    """

    report: EvaluationReport
    predictions: list[Document]
    record: dict[str, Any]
    losses: Losses


def evaluate(
    model: str | Path | TrainedAdapter | Base,
    corpus: str | Path | Corpus,
    split: str = "test",
    *,
    threshold: float | None = None,
    segment: Segment | None = None,
    precision: Precision = "fp32",
    bootstrap: int = 1000,
    seed: int = 0,
    data_dir: str | Path | None = None,
) -> Evaluation:
    """Read a split and score what is found against its annotation.

    Args:
        model: an adapter, its folder, or a base (zero-shot with the corpus's labels).
        corpus: a corpus, a registered name, or a folder of splits.
        split: which one.
        threshold: by default the adapter's (0.5 for a base).
        segment: read by ``"sentence"`` or by ``"window"``; by default as the adapter was trained or the base
            pretrained (``Base.segment``).
        precision: ``"fp32"`` or ``"bf16"``.
        bootstrap: resamples for the intervals; 0 for none.
        seed: seed of the resampling.
        data_dir: where registered corpora lie.

    Raises:
        ConfigError: the corpus has labels that the adapter lacks.
    """
    corpus = corpus if isinstance(corpus, Corpus) else load_corpus(corpus, data_dir=data_dir)
    if not isinstance(model, TrainedAdapter | Base):
        model = load_adapter(model)
    labels = [label.name for label in corpus.labels]
    cut = HALF if isinstance(model, Base) else model.config.threshold
    cut = cut if threshold is None else as_probability(threshold)
    # Read once at the lower of two thresholds: what the higher one leaves is exactly what reading there would find.
    read_at = min(cut, HALF)
    if isinstance(model, Base):
        annotator = Annotator(model, corpus.labels, threshold=read_at, segment=segment, precision=precision)
    else:
        missing = sorted(set(labels) - set(model.labels))
        if missing:
            raise ConfigError(f"the adapter has no label {', '.join(missing)}; it knows {', '.join(model.labels)}")
        annotator = Annotator(model, threshold=read_at, segment=segment, precision=precision)
    gold = corpus.documents(split, neighbours=isinstance(model, TrainedAdapter) and bool(model.config.context))
    trained_on = "train" if isinstance(model, Base) else str(model.config.trained_on.get("train_split") or "train")
    seen = [document for each in trained_on.split("+") if each in corpus.splits for document in corpus.documents(each)]
    meter = Meter()
    found = annotator.annotate(gold)
    cost = meter.read()
    predictions = above(found, cut)
    report = evaluate_predictions(
        gold,
        list(keep_labels(predictions, labels)),
        labels,
        training_mentions=mention_strings(seen) if seen else None,
        groups=abstract_groups(gold),
        bootstrap=bootstrap,
        seed=seed,
    )
    record = _record(annotator, corpus, split, report, precision, len(gold) / cost.seconds)
    half = score_documents(gold, list(keep_labels(above(found, HALF), labels)), labels)
    record |= {
        "threshold": cut,
        "at_half": {"macro_f1": half.macro_f1, "micro_f1": half.micro_f1},
        "calibration": _calibration(gold, predictions, labels),
        "evaluation_seconds": round(cost.seconds, 1),
    }
    return Evaluation(report, predictions, record, annotator.losses)


def _calibration(gold: Sequence[Document], predictions: list[Document], labels: list[str]) -> dict[str, Any] | None:
    """How far scores are probabilities; ``None`` where nothing was found."""
    kept = list(keep_labels(predictions, labels))
    return calibrate(gold, kept, labels).to_dict() if any(document.entities for document in kept) else None


def _record(
    annotator: Annotator, corpus: Corpus, split: str, report: EvaluationReport, precision: str, rate: float
) -> dict[str, Any]:
    """The flat record of a result file."""
    model = annotator.model
    config = model.config
    run: dict[str, Any] = {}
    if model.folder is not None and (model.folder / RUN_FOLDER / RUN_FILE).is_file():
        run = json.loads((model.folder / RUN_FOLDER / RUN_FILE).read_text(encoding="utf-8"))
    cost = run.get("cost", {})
    return {
        "base": config.base.id,
        "architecture": config.base.architecture,
        "base_fingerprint": config.base.fingerprint,
        "method": config.method,
        "options": config.options,
        "corpus": corpus.name,
        "split": split,
        "seed": config.trained_on.get("seed"),
        "train_split": config.trained_on.get("train_split"),
        "train_passages": config.trained_on.get("passages"),
        "training": config.trained_on.get("config"),
        "trained_parameters": config.trained_parameters,
        "total_parameters": config.base.parameters,
        "shipped_bytes": shipped_bytes(model.folder) if model.folder is not None else 0,
        "adapter_sha256": config.weights_sha256 or None,
        "segment": annotator.segment,
        "precision": precision,
        "micro_f1": report.micro_f1,
        "macro_f1": report.macro_f1,
        "per_type": report.to_dict()["strict"]["per_type"],
        "report": report.to_dict(),
        "devel": config.metrics,
        "curve": run.get("curve"),
        "untrained": run.get("untrained"),
        "training_helped": run.get("training_helped"),
        "seconds": cost.get("seconds"),
        "cpu_seconds": cost.get("cpu_seconds"),
        "peak_memory_mb": cost.get("peak_memory_mb"),
        "documents_per_second": round(rate, 1),
        "training_command": run.get("command"),
        **provenance(model.base.device, packages_of(config.method, corpus)),
    }
