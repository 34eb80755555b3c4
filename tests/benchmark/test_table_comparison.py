"""The tables of compared techniques say what the runs say; on committed runs, some with other scores."""

from __future__ import annotations

import json
import shutil
import statistics
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from benchmark.harness.script import SCRIPTS
from benchmark.tables.comparison import comparison_part, comparison_summary
from gliner_adapters.comparison.report import read_runs
from gliner_adapters.comparison.report.cells import Cell, by_corpus
from gliner_adapters.comparison.report.tables import STUDY
from gliner_adapters.errors import DataError

METHODS = ("full", "heads", "extension")


def copy_runs(folder: Path, scores: Mapping[str, Mapping[str, float]], **settings: Any) -> Path:
    """Committed runs of three methods for each corpus, with these scores; a file stands for the report's figure."""
    for corpus, given in scores.items():
        for method in METHODS:
            for seed in (1, 2):
                run = folder / f"{corpus}-{method}-{seed}"
                shutil.copytree(SCRIPTS / "runs" / f"minilm-bi_{method}_bc5cdr_all_seed{seed}", run)
                other = {"corpus": corpus, "macro_f1": given[method] + seed / 1000, **settings}
                change(run, lambda metrics, other=other: {**metrics, **other})
    (folder / "figures").mkdir()
    (folder / "figures" / "pareto.png").touch()
    return folder


def change(run: Path, how: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    path = run / "metrics.json"
    path.write_text(json.dumps(how(json.loads(path.read_text()))))


def cells(folder: Path) -> dict[str, Cell]:
    return {cell.method: cell for cell in read_runs(folder)}


def test_all_methods_and_what_comes_near(tmp_path: Path) -> None:
    folder = copy_runs(tmp_path / "results" / "runs", {"bc5cdr": {"full": 0.8, "heads": 0.795, "extension": 0.7}})
    text = comparison_part(folder, root=tmp_path)
    assert "](results/runs/figures/pareto.png)" in text
    assert "[the report](results/runs/report.md)" in text
    heads = cells(folder)["heads"]
    assert f"| `heads` | `minilm-bi` | {heads.trained_parameters / 1e6:.2f}M (" in text
    assert f"| {statistics.mean(heads.values('macro_f1')):.4f} ± " in text
    assert "the smallest method within 1 point of full fine-tuning is `heads`" in text
    (folder / "figures" / "pareto.png").unlink()
    with pytest.raises(DataError, match=r"pareto\.png.*comparison report"):
        comparison_part(folder)


def test_the_summary_has_the_methods_that_no_smaller_one_beats(tmp_path: Path) -> None:
    scores = {
        "one": {"full": 0.8, "heads": 0.7, "extension": 0.6},
        "two": {"full": 0.8, "heads": 0.5, "extension": 0.59},
    }
    text = comparison_summary(copy_runs(tmp_path, scores), root=tmp_path)
    shown = [line.split("`")[1] for line in text.splitlines() if line.startswith("| `")]
    assert cells(tmp_path)["heads"].trained_parameters < cells(tmp_path)["extension"].trained_parameters
    assert shown == ["heads", "full"], "the extension is larger than the heads, and its mean is lower"
    shutil.rmtree(tmp_path / "two-heads-1")
    shutil.rmtree(tmp_path / "two-heads-2")
    text = comparison_summary(tmp_path, root=tmp_path)
    shown = [line.split("`")[1] for line in text.splitlines() if line.startswith("| `")]
    assert shown == ["extension", "full"], "means over different corpora do not compare"


def test_what_comes_near_on_every_corpus(tmp_path: Path) -> None:
    """On one corpus both others are as good as full fine-tuning, on the other one the larger of them alone."""
    scores = {"one": dict.fromkeys(METHODS, 0.5), "two": {"full": 0.5, "heads": 0.3, "extension": 0.495}}
    copy_runs(tmp_path, scores)
    smallest = cells(tmp_path)["extension"]
    wanted = "- The smallest method with `minilm-bi` that comes within 1 point of full fine-tuning on both corpora is "
    text = comparison_part(tmp_path, root=tmp_path)
    assert f"{wanted}`extension`: {100 * smallest.share:.1f}% of the parameters.\n" in text


def test_distances_stand_beside_those_of_the_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STUDY, "one", {"extension": 0.5, "full": 0.625})
    copy_runs(tmp_path, {"one": {"full": 0.8, "heads": 0.75, "extension": 0.7}})
    lines = [line for line in comparison_part(tmp_path, root=tmp_path).splitlines() if "The 2026 study" in line]
    best = by_corpus(read_runs(tmp_path))[0].best_efficient("minilm-bi")
    assert best is not None
    assert best.method == "heads"
    assert lines == [
        f"- **one**: `heads` on `minilm-bi` trains {100 * best.share:.1f}% of the parameters and reaches 0.7515, full "
        "fine-tuning 0.8015 (-5.0 points). The 2026 study: 0.5000 with 13%, 0.6250 with all (-12.5 points)."
    ]
