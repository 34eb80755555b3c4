"""The scripts that measure jobs, on a small scale, and their committed results."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from adapters.helpers import Tiny
from benchmark import jobs_bad_inputs, jobs_kills, jobs_memory
from benchmark.harness import memory
from benchmark.harness.jobs import confined, finished
from benchmark.harness.script import RESULTS
from benchmark.tables import jobs as tables
from gliner_adapters.errors import ConfigError


def committed(name: str) -> dict[str, Any]:
    path = RESULTS / "jobs" / name
    if not path.is_file():
        pytest.skip(f"{name} is not measured yet")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def test_growth_compares_the_largest_of_many_with_its_like() -> None:
    curve = [(0, 500.0), (600, 100.0), (900, 110.0)]
    curve += [(count, 104.0 + count % 1000 / 100) for count in range(1000, 10_001, 500)]
    tenths = memory.parts(curve, 10_000)
    assert tenths[0] == [100.0, 110.0], "what was before the first hundredth does not count"
    assert tenths[-1] == [104.0, 109.0, 104.0]
    assert memory.growth(tenths) == 0
    assert memory.growth([*tenths[:5], [121.0], *tenths[6:]]) == pytest.approx(0.1)
    with pytest.raises(ConfigError, match="too few documents"):
        memory.parts(curve[:2], 10_000)
    with pytest.raises(ConfigError, match="too few documents"):
        memory.parts([curve[0], *curve[5:]], 10_000)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["local", "ray"])
def test_a_job_is_watched(engine: jobs_memory.EngineName, tiny: Tiny) -> None:
    if engine == "ray":
        pytest.importorskip("ray")
    result = jobs_memory.measure(str(tiny("bi-bert").folder), engine, 1, 20_000, 20)
    assert set(result["curve_mb"]) == ({"driver and worker"} if engine == "local" else {"driver", "worker 1"})
    for curve in result["curve_mb"].values():
        counts = [count for count, _ in curve]
        assert counts == sorted(counts)
        assert counts[-1] > 10_000
        assert all(size > 50 for _, size in curve)
    assert jobs_memory.memory_table(result).row_count > 4
    assert "first tenth" in tables.memory_part({"memory-x.json": result})


def test_wrong_sizes_are_told() -> None:
    with pytest.raises(ConfigError, match="one worker"):
        jobs_memory.measure("minilm-bi", "local", 2, 100, 10)
    with pytest.raises(ConfigError, match="equal size"):
        jobs_memory.measure("minilm-bi", "local", 1, 100, 30)


def test_a_confined_process_is_refused_what_is_locked_and_what_is_large(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.write_text("aspirin")
    locked.chmod(0)
    ended = finished(["cat", str(locked)], confined())
    assert ended.code != 0
    assert "aspirin" not in ended.said
    large = tmp_path / "large"
    assert finished(["dd", "if=/dev/zero", f"of={large}", "bs=1000", "count=9"], confined(largest_file=5000)).code != 0
    assert large.stat().st_size == 5000


@pytest.mark.slow
def test_bad_inputs_on_a_small_scale(tiny: Tiny) -> None:
    pytest.importorskip("ray")
    result = jobs_bad_inputs.measure(str(tiny("bi-bert").folder), "sample", None, 12, document_mb=1, memory_gb=4)
    assert result["amiss"] == []
    assert result["every_kind"]["documents_failed"] > 10
    assert len({row["sha256"] for row in result["identity"]["ways"]}) == 1
    assert "exit code 0" in tables.bad_inputs_part({"bad-inputs.json": result})


def test_the_committed_bad_inputs_are_whole_and_a_fault_would_be_told() -> None:
    result = committed("bad-inputs.json")
    assert jobs_bad_inputs.amiss(result) == result["amiss"] == []
    kinds = [row["kind"] for row in result["every_kind"]["kinds"]]
    assert any(kind.startswith("a document of 50 MB") for kind in kinds)
    assert {row["way"] for row in result["identity"]["ways"]} > set(jobs_bad_inputs.WAYS)
    for spoil in (
        lambda r: r["every_kind"]["kinds"][3].update(as_expected=False),
        lambda r: r["every_kind"].update(documents_out=r["every_kind"]["documents_out"] - 1),
        lambda r: r["every_kind"]["verify"].update(exit_code=1),
        lambda r: r["full_disk"].update(passed=False),
        lambda r: r["identity"]["ways"][2].update(passed=False),
    ):
        spoilt = copy.deepcopy(result)
        spoil(spoilt)
        assert len(jobs_bad_inputs.amiss(spoilt)) == 1


@pytest.mark.slow
@pytest.mark.corpora
def test_kills_on_a_small_scale(tiny: Tiny, data_dir: Path) -> None:
    kills = {"process": 3, "worker": 0, "node": 0}
    result = jobs_kills.measure_kills(str(tiny("bi-bert").folder), data_dir, 6, 20, kills, seed=1)
    assert result["kills"]["process"] + result["kills"]["process, at a commit"] == 3
    assert (result["jobs"], result["differing"]) == (pytest.approx(2, abs=1), [])


@pytest.mark.parametrize("what", ["process", "worker", "node"])
def test_the_committed_kills_have_harmed_nothing(what: str) -> None:
    result = committed(f"kills-{what}.json")
    assert sum(count for killed, count in result["kills"].items() if killed.startswith(what)) >= 10
    assert result["jobs"] > 0
    assert result["differing"] == []
    done = result["inputs_done_when_killed"]
    assert done["lowest"] < done["highest"], "not at a job's first inputs alone"
    head, _, row = tables.kills_part({f"kills-{what}.json": result}).splitlines()[:3]
    assert f"| {result['jobs']} |" in row
    assert row.count("|") == head.count("|")


def test_a_part_without_a_file_is_empty() -> None:
    for part in (tables.throughput_part, tables.kills_part, tables.bad_inputs_part, tables.memory_part):
        assert part({}) == ""
