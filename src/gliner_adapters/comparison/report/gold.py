"""The test split of one corpus, and what runs predicted for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliner_adapters.comparison.found import read_found
from gliner_adapters.comparison.report.cells import Cell, CorpusRuns, FinishedRun
from gliner_adapters.comparison.run_files import PREDICTIONS_FILE
from gliner_adapters.corpora import load_corpus
from gliner_adapters.evaluation import (
    METRICS,
    CountMetric,
    Interval,
    abstract_groups,
    bootstrap_intervals,
    count_documents,
    pair_documents,
)
from gliner_adapters.evaluation.pairing import Pair

#: Resamples of the intervals of single scores.
RESAMPLES = 1000


class Gold:
    """The annotation that runs are compared on. Counts of a run are made once and kept.

    Args:
        runs: of one corpus.
        data_dir: where registered corpora lie.

    Raises:
        ConfigError: the corpus is not there.
    """

    def __init__(self, runs: CorpusRuns, data_dir: Path | None = None) -> None:
        self.corpus = load_corpus(runs.cells[0].runs[0].spec["corpus"], data_dir=data_dir)
        self.documents = self.corpus.documents("test")
        self.labels = [label.name for label in self.corpus.labels]
        self.groups = abstract_groups(self.documents)
        self._tables: dict[Path, NDArray[np.int64]] = {}

    def pairs(self, run: FinishedRun) -> list[Pair]:
        """Each test document with what the run predicted for it.

        Raises:
            DataError: the run's predictions are of other documents.
        """
        return list(pair_documents(self.documents, read_found(run.folder / PREDICTIONS_FILE, self.documents)))

    def table(self, cell: Cell, seeds: list[int]) -> NDArray[np.int64]:
        """Counts of runs side by side: ``(N, S·C, 3)`` for N documents, S seeds and C labels."""
        return np.concatenate([self._counts(cell.seeds[seed]) for seed in seeds], axis=1)

    def mean_over_seeds(self, metric: str) -> CountMetric:
        """A metric of tables that :meth:`table` gives: the mean of every seed's own."""
        measure, labels = METRICS[metric], len(self.labels)

        def mean(counts: NDArray[Any]) -> NDArray[np.float64]:
            apart = counts.reshape(*counts.shape[:-2], -1, labels, 3)
            average: NDArray[np.float64] = measure(apart).mean(axis=-1)
            return average

        return mean

    def interval(self, cell: Cell) -> Interval:
        """95% bootstrap interval of macro F1, the mean over seeds: what another test set would have given."""
        measure = {"macro_f1": self.mean_over_seeds("macro_f1")}
        table = self.table(cell, list(cell.seeds))
        return bootstrap_intervals(table, measure, groups=self.groups, resamples=RESAMPLES)["macro_f1"]

    def _counts(self, run: FinishedRun) -> NDArray[np.int64]:
        if run.folder not in self._tables:
            predictions = read_found(run.folder / PREDICTIONS_FILE, self.documents)
            self._tables[run.folder] = count_documents(self.documents, predictions, self.labels).table
        return self._tables[run.folder]
