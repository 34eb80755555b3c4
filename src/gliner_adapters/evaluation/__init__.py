"""Counts, F1, intervals: how good predictions are, from documents alone. No torch here.

``evaluate_predictions`` gives the whole report; the modules give its parts.
"""

from gliner_adapters.evaluation.bootstrap import Interval, PairedTest, bootstrap_intervals, paired_test
from gliner_adapters.evaluation.calibration import Calibration, ReliabilityBin, calibrate
from gliner_adapters.evaluation.counts import AVERAGES, Counts, Scores
from gliner_adapters.evaluation.error_analysis import Alignment, ErrorCounts, align, count_errors
from gliner_adapters.evaluation.matching import DocumentCounts, Match, count_documents, score_documents
from gliner_adapters.evaluation.metrics import METRICS, CountMetric, MetricName
from gliner_adapters.evaluation.pairing import abstract_groups, keep_labels, pair_documents
from gliner_adapters.evaluation.predictions import compare_predictions, read_predictions, write_predictions
from gliner_adapters.evaluation.render import render, to_markdown
from gliner_adapters.evaluation.report import EvaluationReport, ReportIntervals, evaluate_predictions
from gliner_adapters.evaluation.threshold import ThresholdSweep, above, best_threshold
from gliner_adapters.evaluation.unseen import mention_strings, normalise_mention, score_unseen

__all__ = [
    "AVERAGES",
    "METRICS",
    "Alignment",
    "Calibration",
    "CountMetric",
    "Counts",
    "DocumentCounts",
    "ErrorCounts",
    "EvaluationReport",
    "Interval",
    "Match",
    "MetricName",
    "PairedTest",
    "ReliabilityBin",
    "ReportIntervals",
    "Scores",
    "ThresholdSweep",
    "above",
    "abstract_groups",
    "align",
    "best_threshold",
    "bootstrap_intervals",
    "calibrate",
    "compare_predictions",
    "count_documents",
    "count_errors",
    "evaluate_predictions",
    "keep_labels",
    "mention_strings",
    "normalise_mention",
    "pair_documents",
    "paired_test",
    "read_predictions",
    "render",
    "score_documents",
    "score_unseen",
    "to_markdown",
    "write_predictions",
]
