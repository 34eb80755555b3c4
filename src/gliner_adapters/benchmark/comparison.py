"""The report over runs, in Markdown: scores with their spread over seeds, cost, and tests between methods."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from gliner_adapters.benchmark.runner import METRICS_FILE, PREDICTIONS_FILE, SPEC_FILE
from gliner_adapters.corpora import load_corpus
from gliner_adapters.errors import DataError
from gliner_adapters.evaluation import abstract_groups, count_documents, paired_test, read_predictions
from gliner_adapters.markdown import markdown_table

#: Macro F1 in the study's own setting: corpus, then method.
STUDY = {"jnlpba": {"extension": 0.7016, "full": 0.7164}, "bc5cdr": {"extension": 0.8526, "full": 0.8833}}
#: The method that the others are tested against, where it was run.
REFERENCE = "full"


@dataclass(frozen=True)
class FinishedRun:
    """A run's folder and what it holds."""

    folder: Path
    spec: dict[str, Any]
    metrics: dict[str, Any]


@dataclass(frozen=True)
class Cell:
    """The runs that differ in their seed only."""

    corpus: str
    base: str
    method: str
    limit: int | None
    runs: tuple[FinishedRun, ...]

    def values(self, field: str) -> list[float]:
        """A figure of every run that has it."""
        return [run.metrics[field] for run in self.runs if run.metrics[field] is not None]

    @cached_property
    def macro_f1(self) -> float:
        """Mean over seeds."""
        return statistics.mean(self.values("macro_f1"))

    @property
    def trains(self) -> bool:
        """Whether the method trains anything; if not, the amount of data means nothing."""
        return bool(self.runs[0].metrics["trained_parameters"])

    @property
    def seeds(self) -> dict[int, FinishedRun]:
        """The runs by seed."""
        return {run.spec["training"]["seed"]: run for run in self.runs}


def read_runs(folder: str | Path) -> list[Cell]:
    """The finished runs in a folder, seeds together: by corpus, from few documents to all, best macro F1 first.

    Raises:
        DataError: there is none.
    """
    groups: dict[tuple[str, str, str, int | None], list[FinishedRun]] = {}
    for path in sorted(Path(folder).glob(f"*/{METRICS_FILE}")):
        spec = json.loads((path.parent / SPEC_FILE).read_text(encoding="utf-8"))["spec"]
        metrics = json.loads(path.read_text(encoding="utf-8"))
        key = (metrics["corpus"], spec["base"]["name"], spec["method"], spec["limit"])
        groups.setdefault(key, []).append(FinishedRun(path.parent, spec, metrics))
    if not groups:
        raise DataError("no finished run here; `benchmark run` makes them", Path(folder))
    cells = [Cell(*key, tuple(runs)) for key, runs in groups.items()]
    return sorted(cells, key=lambda c: (c.corpus, _amount(c.limit), -c.macro_f1, c.base, c.method))


def comparison_report(folder: str | Path, data_dir: Path | None = None, resamples: int = 10_000) -> str:
    """The whole report.

    Args:
        folder: of the runs.
        data_dir: where registered corpora lie; the tests between methods need the annotation.
        resamples: of the paired tests.

    Raises:
        DataError: no finished run, or predictions that do not pair up with the corpus.
        ConfigError: a corpus that is not there.
    """
    cells = read_runs(folder)
    parts = ["# Comparison\n", _origin(cells)]
    for corpus, found in _by_corpus(cells):
        members = _with_most_data(found)
        parts += [f"## {corpus}\n", _score_table(members), _type_table(members)]
        if corpus in STUDY:
            parts.append(_study_table(corpus))
        parts.append(_test_table(members, data_dir, resamples))
    parts += [_efficiency_table(corpus, members) for corpus, members in _by_corpus(cells) if _curve(members)]
    return "\n".join(part for part in parts if part)


def _by_corpus(cells: Sequence[Cell]) -> list[tuple[str, list[Cell]]]:
    corpora = dict.fromkeys(cell.corpus for cell in cells)
    return [(corpus, [cell for cell in cells if cell.corpus == corpus]) for corpus in corpora]


def _with_most_data(cells: Sequence[Cell]) -> list[Cell]:
    """The runs with the most training data, and those that train nothing; best macro F1 first."""
    most = max((cell.limit for cell in cells if cell.trains), key=_amount, default=None)
    chosen = [cell for cell in cells if cell.limit == most or not cell.trains]
    return sorted(chosen, key=lambda cell: -cell.macro_f1)


def _origin(cells: Sequence[Cell]) -> str:
    runs = [run for cell in cells for run in cell.runs]
    devices = ", ".join(sorted({run.metrics["device"] for run in runs}))
    return (
        f"{len(runs)} runs. Exact spans and types on the whole test split, at the threshold that devel prefers. "
        f"F1: mean ± standard deviation over seeds (number of seeds). Measured on: {devices}.\n"
    )


def _score_table(cells: Sequence[Cell]) -> str:
    head = ["method", "base", "documents", "macro F1", "micro F1", "trained", "adapter", "training", "peak memory"]
    rows = []
    for cell in cells:
        first = cell.runs[0].metrics
        trained, total = first["trained_parameters"], first["total_parameters"]
        rows.append(
            [
                *_who(cell),
                _spread(cell.values("macro_f1")),
                _spread(cell.values("micro_f1")),
                f"{trained:,} ({100 * trained / total:.1f}%)",
                f"{statistics.mean(cell.values('shipped_bytes')):,.0f} B",
                _mean(cell.values("seconds"), "s"),
                _mean(cell.values("peak_memory_mb"), "MB"),
            ]
        )
    return _block(head, rows)


def _type_table(cells: Sequence[Cell]) -> str:
    types = list(cells[0].runs[0].metrics["per_type"])
    rows = [
        [*_who(cell), *(_spread([run.metrics["per_type"][name]["f1"] for run in cell.runs]) for name in types)]
        for cell in cells
    ]
    return "F1 of each type:\n\n" + _block(["method", "base", "documents", *types], rows)


def _study_table(corpus: str) -> str:
    rows = [[f"`{method}`", f"{value:.4f}"] for method, value in STUDY[corpus].items()]
    return (
        "The study's own figures, not ours: its own bases (`urchade/gliner_small-v2.1`, "
        "`Ihor/gliner-biomed-bi-small-v1.0`), scored on 2,000 sampled test sentences:\n\n"
        + _block(["method (the study)", "macro F1 (the study)"], rows)
    )


def _test_table(cells: Sequence[Cell], data_dir: Path | None, resamples: int) -> str:
    """Each method against the reference on the same base; empty where there is nothing to compare.

    Seeds are paired: a difference is between runs that share seed and data.
    """
    corpus = load_corpus(cells[0].runs[0].spec["corpus"], data_dir=data_dir)
    gold = corpus.documents("test")
    labels, groups = [label.name for label in corpus.labels], abstract_groups(gold)
    tables: dict[Path, Any] = {}

    def counted(run: FinishedRun) -> Any:
        if run.folder not in tables:
            predictions = read_predictions(run.folder / PREDICTIONS_FILE)
            tables[run.folder] = count_documents(gold, predictions, labels).table
        return tables[run.folder]

    rows = []
    for cell in cells:
        peers = [c for c in cells if c.base == cell.base]
        reference = next((c for c in peers if c.method == REFERENCE), peers[0])  # cells come best first
        if cell is reference:
            continue
        for seed in sorted(cell.seeds.keys() & reference.seeds.keys()):
            first, second = counted(reference.seeds[seed]), counted(cell.seeds[seed])
            test = paired_test(first, second, "macro_f1", groups=groups, resamples=resamples)
            gap = test.difference
            interval = f"{gap.low:+.4f} to {gap.high:+.4f}"
            against = f"`{reference.method}`"
            rows.append([*_who(cell), against, str(seed), f"{gap.value:+.4f}", interval, f"{test.p_value:.4f}"])
    if not rows:
        return ""
    head = ["method", "base", "documents", "against", "seed", "macro F1", "95% interval", "p"]
    return "Differences, seed by seed (paired bootstrap, approximate randomisation):\n\n" + _block(head, rows)


def _curve(cells: Sequence[Cell]) -> list[int | None]:
    """The amounts of training data, from few to all; empty where there is but one.

    What trains nothing has no amount, so it alone does not make a curve.
    """
    limits = {cell.limit for cell in cells if cell.trains}
    return sorted(limits, key=_amount) if len(limits) > 1 else []


def _efficiency_table(corpus: str, cells: Sequence[Cell]) -> str:
    limits = _curve(cells)
    found = {(cell.method, cell.base, cell.limit): _spread(cell.values("macro_f1")) for cell in cells}
    pairs = dict.fromkeys((cell.method, cell.base) for cell in cells)
    rows = [
        [f"`{method}`", f"`{base}`", *(found.get((method, base, limit), "") for limit in limits)]
        for method, base in pairs
    ]
    head = ["method", "base", *("all" if limit is None else f"{limit:,}" for limit in limits)]
    return f"## {corpus}: macro F1 by training documents\n\n" + _block(head, rows)


def _who(cell: Cell) -> list[str]:
    return [f"`{cell.method}`", f"`{cell.base}`", "all" if cell.limit is None else f"{cell.limit:,}"]


def _amount(limit: int | None) -> float:
    return float("inf") if limit is None else limit


def _spread(values: Sequence[float]) -> str:
    deviation = f" ± {statistics.stdev(values):.4f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.4f}{deviation} ({len(values)})"


def _mean(values: Sequence[float], unit: str) -> str:
    return f"{statistics.mean(values):,.0f} {unit}" if values else ""


def _block(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table that ends its line, for what is joined to a report."""
    return markdown_table(head, rows) + "\n"
