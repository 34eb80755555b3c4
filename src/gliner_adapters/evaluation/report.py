"""The whole evaluation of one set of predictions, as an object and as JSON."""

from __future__ import annotations

import json
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gliner_adapters.documents.types import Document
from gliner_adapters.evaluation.bootstrap import Interval, bootstrap_intervals
from gliner_adapters.evaluation.counts import Scores
from gliner_adapters.evaluation.error_analysis import ErrorCounts, count_errors
from gliner_adapters.evaluation.matching import MATCHES, DocumentCounts, count_documents, score_documents
from gliner_adapters.evaluation.metrics import METRICS, label_f1
from gliner_adapters.evaluation.pairing import pair_documents, unique_entities
from gliner_adapters.evaluation.unseen import score_unseen

#: The matches beside the strict one.
VARIANTS = tuple(match for match in MATCHES if match != "strict")


@dataclass(frozen=True, slots=True)
class ReportIntervals:
    """Bootstrap intervals of the strict scores, and how they were drawn.

    Attributes:
        micro_f1: interval of micro F1.
        macro_f1: interval of macro F1.
        per_type: label to interval of its F1.
        resamples: how many resamples.
        units: how many documents, or groups of documents, were drawn in each.
        seed: of the random generator.
    """

    micro_f1: Interval
    macro_f1: Interval
    per_type: dict[str, Interval]
    resamples: int
    units: int
    seed: int

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "micro_f1": self.micro_f1.to_dict(),
            "macro_f1": self.macro_f1.to_dict(),
            "per_type": {label: interval.to_dict() for label, interval in self.per_type.items()},
            "resamples": self.resamples,
            "units": self.units,
            "seed": self.seed,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ReportIntervals:
        """Reads the JSON form."""
        return cls(
            micro_f1=Interval.from_dict(data["micro_f1"]),
            macro_f1=Interval.from_dict(data["macro_f1"]),
            per_type={label: Interval.from_dict(row) for label, row in data["per_type"].items()},
            resamples=data["resamples"],
            units=data["units"],
            seed=data["seed"],
        )


@dataclass(frozen=True, slots=True)
class EvaluationReport:
    """Scores of one set of predictions.

    Attributes:
        documents: how many documents were scored.
        strict: strict scores per label; everything else here explains these.
        variants: ``left``, ``right``, ``partial`` and ``span`` scores.
        errors: kinds of mistakes and the confusion between labels.
        duplicates: exact copies that were counted once, on the sides ``gold`` and ``predicted``.
        unseen: strict scores on mentions unseen in training; ``None`` where training is not known.
        intervals: bootstrap intervals; ``None`` if none were asked for.
    """

    documents: int
    strict: Scores
    variants: dict[str, Scores]
    errors: ErrorCounts
    duplicates: dict[str, int]
    unseen: Scores | None = None
    intervals: ReportIntervals | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """The schema."""
        return self.strict.labels

    @property
    def micro_f1(self) -> float:
        """Strict micro F1."""
        return self.strict.micro_f1

    @property
    def macro_f1(self) -> float:
        """Strict macro F1 over the schema."""
        return self.strict.macro_f1

    def to_dict(self) -> dict[str, Any]:
        """JSON form. Ratios are written for readers; :meth:`from_dict` computes them from the counts."""
        return {
            "documents": self.documents,
            "micro_f1": self.micro_f1,
            "macro_f1": self.macro_f1,
            "strict": self.strict.to_dict(),
            "variants": {match: scores.to_dict() for match, scores in self.variants.items()},
            "errors": self.errors.to_dict(),
            "duplicates": self.duplicates,
            "unseen": self.unseen.to_dict() if self.unseen else None,
            "intervals": self.intervals.to_dict() if self.intervals else None,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> EvaluationReport:
        """Reads the JSON form."""
        return cls(
            documents=data["documents"],
            strict=Scores.from_dict(data["strict"]),
            variants={match: Scores.from_dict(scores) for match, scores in data["variants"].items()},
            errors=ErrorCounts.from_dict(data["errors"]),
            duplicates=dict(data["duplicates"]),
            unseen=Scores.from_dict(data["unseen"]) if data["unseen"] else None,
            intervals=ReportIntervals.from_dict(data["intervals"]) if data["intervals"] else None,
        )

    def to_json(self) -> str:
        """The JSON form as indented text."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> EvaluationReport:
        """Reads what :meth:`to_json` wrote."""
        return cls.from_dict(json.loads(text))


def evaluate_predictions(
    gold: Iterable[Document],
    predicted: Iterable[Document],
    labels: Sequence[str],
    *,
    training_mentions: Collection[str] | None = None,
    groups: Sequence[Hashable] | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
) -> EvaluationReport:
    """Scores predictions in every way this package knows.

    Args:
        gold: annotated documents, each with an id.
        predicted: the same documents with predicted entities; any order, paired by id.
        labels: the schema; all of it counts in the macro mean.
        training_mentions: strings of the training mentions (:func:`~.unseen.mention_strings`), for the F1
            on unseen mentions; left out, that part stays empty.
        groups: one value for each gold document, in order; documents with the same value (sentences of one
            abstract) are resampled together.
        bootstrap: resamples for the intervals; 0 for none.
        seed: of the resampling.

    Raises:
        DataError: documents do not pair up, a label is outside the schema, or ``groups`` does not fit.
        ConfigError: a negative number of resamples.
    """
    pairs = list(pair_documents(gold, predicted))
    gold = [pair[0] for pair in pairs]
    predicted = [pair[1] for pair in pairs]
    counts = count_documents(gold, predicted, labels)
    return EvaluationReport(
        documents=len(pairs),
        strict=counts.scores,
        variants={match: score_documents(gold, predicted, labels, match=match) for match in VARIANTS},
        errors=count_errors(gold, predicted, labels),
        duplicates={"gold": _duplicates(gold), "predicted": _duplicates(predicted)},
        unseen=None if training_mentions is None else score_unseen(gold, predicted, labels, training_mentions),
        intervals=_intervals(counts, groups, bootstrap, seed) if bootstrap else None,
    )


def _duplicates(documents: Iterable[Document]) -> int:
    return sum(len(document.entities) - len(unique_entities(document)) for document in documents)


def _intervals(counts: DocumentCounts, groups: Sequence[Hashable] | None, resamples: int, seed: int) -> ReportIntervals:
    # The prefix keeps a label called "micro_f1" apart from the metric.
    per_type = {f"type:{label}": label_f1(index) for index, label in enumerate(counts.labels)}
    found = bootstrap_intervals(counts.table, {**METRICS, **per_type}, groups=groups, resamples=resamples, seed=seed)
    return ReportIntervals(
        micro_f1=found["micro_f1"],
        macro_f1=found["macro_f1"],
        per_type={label: found[f"type:{label}"] for label in counts.labels},
        resamples=resamples,
        units=len(counts.ids) if groups is None else len(set(groups)),
        seed=seed,
    )
