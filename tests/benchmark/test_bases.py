"""Zero-shot scores, footprints and the README's tables of bases."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bases import TinyBase
from gliner_adapters.annotate import Annotator
from gliner_adapters.api import evaluate
from gliner_adapters.benchmark.footprint import footprint_table, measure_footprint
from gliner_adapters.benchmark.readme_bases import footprint_part, low_rank_part, start_part, zero_shot_part
from gliner_adapters.benchmark.zero_shot import record_scores, score_bases, zero_shot, zero_shot_table
from gliner_adapters.corpora import load_corpus
from gliner_adapters.errors import ConfigError, GlinerAdaptersError
from gliner_adapters.evaluation import above, best_threshold, score_documents

Tiny = Callable[[str], TinyBase]


@pytest.mark.parametrize("name", ["bi-bert", "uni-bert"])
def test_scores_are_those_of_an_evaluation_at_each_threshold(name: str, tiny: Tiny) -> None:
    base, corpus = tiny(name).base, load_corpus("sample")
    record = zero_shot(base, corpus, bootstrap=20)
    for part in ("at_0.5", "tuned"):
        report = evaluate(base, corpus, threshold=record[part]["threshold"], bootstrap=0).report
        assert record[part]["macro_f1"] == pytest.approx(report.macro_f1)
        assert record[part]["micro_f1"] == pytest.approx(report.micro_f1)
        assert set(record[part]["per_type"]) == {label.name for label in corpus.labels}
        assert record[part]["intervals"]["macro_f1"]["low"] <= record[part]["macro_f1"]
    # The threshold is devel's, and no other does better there.
    labels = [label.name for label in corpus.labels]
    devel = corpus.documents("devel")
    found = Annotator(base, corpus.labels, threshold=0.02, segment="sentence").annotate(devel)
    assert record["tuned"]["threshold"] == best_threshold(devel, found, labels, decoded_at=0.02).threshold
    for threshold in (0.1, 0.3, 0.5, 0.7):
        assert score_documents(devel, above(found, threshold), labels).macro_f1 <= record["tuned"]["devel_macro_f1"]


def test_a_limit_reads_less(tiny: Tiny) -> None:
    assert zero_shot(tiny("bi-bert").base, "sample", bootstrap=0, limit=2)["documents"] == 2


def test_weights_side_by_side(tiny: Tiny) -> None:
    one, other = (str(tiny(name).folder) for name in ("bi-bert", "uni-bert"))
    result = score_bases({"shipped": one, "trained": other}, ["sample"], bootstrap=0)
    assert (result["base"], result["architecture"]) == (one, "bi")
    assert result["base_fingerprint"] == tiny("bi-bert").base.fingerprint
    assert [score["weights"] for score in result["scores"]] == ["shipped", "trained"]
    assert {"command", "commit", "device"} <= set(result)
    assert zero_shot_table(result).row_count == 2
    with pytest.raises(ConfigError, match="has no card of its own"):
        record_scores(one, result)


def scored(base: str, weights: str, corpus: str, macro: float) -> dict[str, Any]:
    part = {"macro_f1": macro, "micro_f1": 0.7, "threshold": 0.3, "intervals": None}
    return {"weights": weights, "corpus": corpus, "at_0.5": part, "tuned": {**part, "macro_f1": macro + 0.01}}


def test_tables_show_what_the_files_hold() -> None:
    scores = [
        scored("b", form, "bc5cdr", f1) for form, f1 in (("shipped", 0.61), ("trained", 0.62), ("projected", 0.5))
    ]
    record = {"base": "b", "scores": scores}
    assert "| `b` | bc5cdr | 0.6100 | 0.7000 | 0.6200 | 0.7000 | 0.30 |" in zero_shot_part([record])
    assert zero_shot_part([record]).count("\n") == 3, "other forms of the weights have a table of their own"
    costs = "| 0.6200 | 0.6100 | -1.0 points | 0.6300 | 0.6200 | -1.0 points |"
    assert f"| `b` | bc5cdr {costs}" in low_rank_part([record])
    assert low_rank_part([{"base": "b", "scores": scores[:1]}]).count("\n") == 2, "nothing to compare with"
    runs = [
        {"base": base, "train_passages": n, "training": {"epochs": 3}, "report": {"macro_f1": f1, "intervals": None}}
        for base, n, f1 in (("mine", 50, 0.7), ("encoder:e", 50, 0.1), ("mine", 1000, 0.8))
    ]
    lines = start_part(runs).splitlines()
    assert lines[0] == "| training sentences | epochs | `encoder:e` | `mine` |"
    assert lines[2:] == ["| 50 | 3 | 0.1000 | 0.7000 |", "| 1,000 | 3 |  | 0.8000 |"]


@pytest.mark.slow
def test_footprint_of_fresh_processes(tiny: Tiny, tmp_path: Path) -> None:
    wheel = tmp_path / "some.whl"
    wheel.write_bytes(b"0" * 2_000_000)
    base = str(tiny("bi-bert").folder)
    result = measure_footprint([base], rounds=1, wheel=wheel)
    found = result["bases"][base]
    assert found["first_entity_seconds"] >= sum(found["seconds"].values()) * 0.9
    assert 50 < found["peak_memory_mb"] < 8000
    assert footprint_table(json.loads(json.dumps(result))).row_count == 1
    assert "2.0 MB" in footprint_part(result)
    with pytest.raises(GlinerAdaptersError, match="a process that loads nothing/here failed"):
        measure_footprint(["nothing/here"], rounds=1)
