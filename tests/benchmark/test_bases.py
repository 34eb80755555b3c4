"""Footprints, and the tables of bases."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bases import TinyBase
from benchmark.footprint import footprint_table, measure_footprint
from benchmark.harness.ours import RUNS
from benchmark.reading_bases import bases_table, compare_bases
from benchmark.tables.bases import footprint_part, low_rank_part, reading_part, start_part, zero_shot_part
from gliner_adapters.errors import GlinerAdaptersError

Tiny = Callable[[str], TinyBase]


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


def test_bases_are_read_in_turn(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in set(RUNS) - {"torch", "torch bf16", "int8"}:  # graphs have tests of their own, and take seconds
        monkeypatch.delitem(RUNS, name)
    bases = [str(tiny(name).folder) for name in ("bi-bert", "uni-bert")]
    result = compare_bases(bases, "sample", sentences=2, rounds=1)
    assert set(result["reading"]) | set(result["left_out"]) == {f"{base}, {name}" for base in bases for name in RUNS}
    for base in bases:
        assert {f"{base}, torch", f"{base}, int8"} <= set(result["reading"])
    assert bases_table(json.loads(json.dumps(result))).row_count == len(result["reading"])
    first, *others = reading_part({**result, "command": "x"}).splitlines()[2:]
    assert first.startswith("| torch | 1; ")
    assert "(" in first.split(" | ")[2]
    assert any(line.startswith("| int8 |") for line in others)


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
