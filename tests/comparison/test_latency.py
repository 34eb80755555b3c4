"""Reading times for runs that have none."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bases import TinyBase
from comparison.test_runner import runs
from gliner_adapters.cli import app
from gliner_adapters.comparison.latency import untimed
from gliner_adapters.comparison.runner import execute
from gliner_adapters.errors import DataError


@pytest.fixture(scope="module")
def folder(tiny: Callable[[str], TinyBase], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs without their adapters: two seeds of one method, another method, few documents, the base alone."""
    folder = tmp_path_factory.mktemp("runs")
    plan = {"methods": ["heads", "zero-shot"], "limits": ["all", 2]}
    for spec in [
        *runs(tiny, **plan, seeds=[3]),
        *runs(tiny, methods=["heads", "extension"], limits=["all"], seeds=[1]),
    ]:
        execute(spec, folder / spec.name)
        shutil.rmtree(folder / spec.name / "adapter")
    return folder


def test_the_first_seed_of_what_trains_on_all_documents_is_timed(folder: Path) -> None:
    expected = {"tiny_heads_sample_all_seed1", "tiny_extension_sample_all_seed1"}
    assert {run.folder.name for run in untimed(folder)} == expected
    done = CliRunner().invoke(app, ["comparison", "latency", str(folder)])
    assert done.exit_code == 0, done.output
    for name in expected:
        assert f"{name}: " in done.stderr
        timed = json.loads((folder / name / "latency.json").read_text())
        metrics = json.loads((folder / name / "metrics.json").read_text())
        assert timed["weights"] == "fresh"
        assert timed["ratio"] > 0
        assert timed["adapted"]["macro_f1"] == metrics["macro_f1"]
    before = {name: (folder / name / "latency.json").stat().st_mtime_ns for name in expected}
    again = CliRunner().invoke(app, ["comparison", "latency", str(folder)])
    assert "has its figure already" in again.stderr
    assert before == {name: (folder / name / "latency.json").stat().st_mtime_ns for name in expected}


def test_a_folder_without_runs(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no finished run here"):
        untimed(tmp_path)
