"""Zero-shot scores of bases: label names alone, at the threshold 0.5 and at the one that devel prefers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from gliner_adapters.annotate import Annotator
from gliner_adapters.corpora import Corpus, load_corpus
from gliner_adapters.documents import Document
from gliner_adapters.errors import ConfigError
from gliner_adapters.evaluation import above, abstract_groups, best_threshold, evaluate_predictions
from gliner_adapters.model import Base, load_base
from gliner_adapters.model.base import Segment
from gliner_adapters.model.embedded import BASE_FILE, BaseRecord, embedded_folder
from gliner_adapters.model.precision import Precision
from gliner_adapters.pretraining.card import write_card
from gliner_adapters.provenance import provenance

#: Read once at this threshold; what a higher one finds is a part of it.
READ_AT = 0.02


def zero_shot(
    base: Base,
    corpus: str | Corpus,
    *,
    data_dir: str | Path | None = None,
    segment: Segment | None = None,
    precision: Precision = "fp32",
    bootstrap: int = 1000,
    limit: int | None = None,
) -> dict[str, Any]:
    """Score a base on a corpus's whole test split: at 0.5, and at thresholds tuned on devel, one for all labels or one
    for each.

    Args:
        base: the base.
        corpus: a corpus, or a registered name; it needs the splits devel and test.
        data_dir: where registered corpora lie.
        segment: read by ``"sentence"`` or by ``"window"``; by default as the base was pretrained.
        precision: ``"fp32"`` or ``"bf16"``.
        bootstrap: resamples for the intervals; 0 for none.
        limit: read so many documents of each split only (for trying out).
    """
    corpus = corpus if isinstance(corpus, Corpus) else load_corpus(corpus, data_dir=data_dir)
    labels = [label.name for label in corpus.labels]
    annotator = Annotator(base, corpus.labels, threshold=READ_AT, segment=segment, precision=precision)
    devel, gold = corpus.documents("devel")[:limit], corpus.documents("test")[:limit]
    found_devel, found = annotator.annotate(devel), annotator.annotate(gold)
    sweep = best_threshold(devel, found_devel, labels, decoded_at=READ_AT)
    by_label = {
        name: best_threshold(_only(devel, name), _only(found_devel, name), [name], decoded_at=READ_AT).threshold
        for name in labels
    }
    annotator.threshold = [by_label[name] for name in labels]  # what overlaps is decided anew, so the test is read anew
    groups = abstract_groups(gold)
    record: dict[str, Any] = {
        "corpus": corpus.name,
        "split": "test",
        "documents": len(gold),
        "labels": labels,
        "segment": annotator.segment,
    }
    readings: list[tuple[str, Any, list[Document]]] = [
        ("at_0.5", 0.5, above(found, 0.5)),
        ("tuned", sweep.threshold, above(found, sweep.threshold)),
        ("tuned_by_label", by_label, annotator.annotate(gold)),
    ]
    for name, threshold, kept in readings:
        report = evaluate_predictions(gold, kept, labels, groups=groups, bootstrap=bootstrap).to_dict()
        record[name] = {
            "threshold": threshold,
            "macro_f1": report["strict"]["macro"]["f1"],
            "micro_f1": report["strict"]["micro"]["f1"],
            "per_type": report["strict"]["per_type"],
            "intervals": report.get("intervals"),
        }
    record["tuned"]["devel_macro_f1"] = sweep.value
    return record


def _only(documents: Sequence[Document], label: str) -> list[Document]:
    """Documents with the entities of one label."""
    return [d.with_entities([e for e in d.entities if e.label == label]) for d in documents]


def score_bases(
    bases: Mapping[str, str],
    corpora: Sequence[str],
    *,
    data_dir: str | Path | None = None,
    segment: Segment | None = None,
    precision: Precision = "fp32",
    bootstrap: int = 1000,
    limit: int | None = None,
) -> dict[str, Any]:
    """Score several bases on several corpora, with where the figures come from.

    Args:
        bases: what their weights are called in the result, and what they are loaded from.
        corpora: registered names.
        data_dir, segment, precision, bootstrap, limit: see :func:`zero_shot`.
    """
    scores = []
    origin: dict[str, Any] = {}
    for weights, name in bases.items():
        base = load_base(name)
        origin = origin or {"base": base.id, "architecture": base.architecture, "base_fingerprint": base.fingerprint}
        for corpus in corpora:
            found = zero_shot(
                base,
                corpus,
                data_dir=data_dir,
                segment=segment,
                precision=precision,
                bootstrap=bootstrap,
                limit=limit,
            )
            scores.append({"weights": weights, **found})
        device = base.device
    return {**origin, "precision": precision, "scores": scores, **provenance(device)}


def zero_shot_table(result: Mapping[str, Any]) -> Table:
    """The scores for a terminal."""
    table = Table(title=f"zero-shot, {result['base']}")
    for head in ("corpus", "weights", "macro 0.5", "micro 0.5", "macro tuned", "micro tuned", "threshold"):
        table.add_column(head)
    for score in result["scores"]:
        fixed, tuned = score["at_0.5"], score["tuned"]
        figures = (fixed["macro_f1"], fixed["micro_f1"], tuned["macro_f1"], tuned["micro_f1"])
        table.add_row(score["corpus"], score["weights"], *(f"{f:.4f}" for f in figures), f"{tuned['threshold']:.2f}")
    return table


def record_scores(base: str, result: Mapping[str, Any]) -> Path:
    """Write scores into a base's `base.json` and its card; the folder.

    Raises:
        ConfigError: the base is none that `pretrain` has made.
    """
    folder = embedded_folder(base) or Path(base)
    if not (folder / BASE_FILE).is_file():
        raise ConfigError(f"{base} has no card of its own: only bases that `pretrain` makes have one")
    record = BaseRecord.read(folder)
    kept = ("corpus", "weights", "documents", "at_0.5", "tuned", "tuned_by_label")
    record.scores = [{key: score[key] for key in kept} for score in result["scores"]]
    record.write(folder)
    write_card(folder)
    return folder
