"""Runs of a plan on tiny bases."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from typer.testing import CliRunner

from bases import TinyBase
from benchmark.tables.scores import REQUIRED
from gliner_adapters.api import evaluate
from gliner_adapters.cli import app
from gliner_adapters.comparison.found import read_found
from gliner_adapters.comparison.measures import other_wordings
from gliner_adapters.comparison.plan import Plan, read_plan
from gliner_adapters.comparison.processes import execute_all
from gliner_adapters.comparison.runner import execute, state
from gliner_adapters.comparison.specs import RunSpec, expand
from gliner_adapters.corpora import Corpus, load_corpus
from gliner_adapters.corpora.registry import corpus_info
from gliner_adapters.errors import ConfigError, DataError
from gliner_adapters.training import FeatureStore

Tiny = Callable[[str], TinyBase]


def runs(tiny: Tiny, **settings: Any) -> list[RunSpec]:
    base = {"name": "tiny", "load": str(tiny("bi-bert").folder), "architecture": "bi"}
    usual = {"bases": [base], "methods": ["heads"], "corpora": ["sample"], "seeds": [1], "limits": [2]}
    usual["training"] = {"epochs": 1, "precision": "fp32"}
    return expand(Plan.model_validate({**usual, **settings})).runs


@pytest.fixture(scope="module")
def finished(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    for spec in runs(tiny):
        execute(spec, folder / spec.name)
    return folder


def test_a_run_leaves_all_that_a_report_needs(finished: Path) -> None:
    folder = finished / "tiny_heads_sample_2_seed1"
    metrics = json.loads((folder / "metrics.json").read_text())
    assert [name for name in REQUIRED if name not in metrics] == []
    assert (metrics["split"], metrics["limit"], metrics["seed"]) == ("test", 2, 1)
    adapter = json.loads((folder / "adapter" / "adapter_config.json").read_text())
    assert metrics["threshold"] == adapter["threshold"] == metrics["devel"]["devel_threshold"]
    assert adapter["trained_on"]["documents"] == 2
    gold = load_corpus("sample").documents("test")
    predicted = read_found(folder / "found.jsonl.gz", gold)
    assert "text" not in gzip.decompress((folder / "found.jsonl.gz").read_bytes()).decode()
    found = sum(len(document.entities) for document in predicted)
    micro = metrics["report"]["strict"]["micro"]
    assert found == micro["tp"] + micro["fp"]
    half = evaluate(folder / "adapter", "sample", threshold=0.5, bootstrap=0).record
    assert metrics["at_half"] == {name: half[name] for name in ("macro_f1", "micro_f1")}
    assert metrics["calibration"]["bins"]
    assert 0 < metrics["deployable_bytes"] < metrics["shipped_bytes"]


def test_findings_belong_to_one_split(finished: Path) -> None:
    path = finished / "tiny_heads_sample_2_seed1" / "found.jsonl.gz"
    corpus = load_corpus("sample")
    with pytest.raises(DataError, match=r"holds \d+ documents, not the \d+ of"):
        read_found(path, corpus.documents("devel"))
    damaged = finished / "damaged.jsonl.gz"
    damaged.write_bytes(path.read_bytes()[:50])
    with pytest.raises(DataError, match="is no file of findings"):
        read_found(damaged, corpus.documents("test"))
    damaged.unlink()


def test_measures_are_taken_of_the_first_seed(tiny: Tiny, tmp_path: Path) -> None:
    plan = {"methods": ["heads", "zero-shot"], "seeds": [1, 2], "limits": ["all", 2]}
    first, *others = runs(tiny, **plan, measures=["paraphrase", "latency"])
    assert (first.method, first.limit, first.measures) == ("heads", None, ("paraphrase", "latency"))
    assert [spec.name for spec in others if spec.measures] == []
    assert first.digest == runs(tiny, **plan)[0].digest
    spec = runs(tiny, limits=["all"], measures=["paraphrase", "latency"])[0]
    folder = tmp_path / spec.name
    metrics = execute(spec, folder)
    paraphrased = json.loads((folder / "paraphrase.json").read_text())
    assert paraphrased["labels"]["disease"] == "medical disorder"
    assert paraphrased["adapted"]["macro_f1"] == metrics["macro_f1"]
    assert 0 <= paraphrased["paraphrased"]["macro_f1"] <= 1
    rounds = json.loads((folder / "latency.json").read_text())["rounds"]
    assert all(r["base"] > 0 and r["adapter"] > 0 for r in rounds)
    # What is missing is measured later, as long as there is an adapter to measure.
    (folder / "latency.json").unlink()
    assert state(spec, folder) == "unfinished"
    assert execute(spec, folder) == metrics
    assert (folder / "latency.json").is_file()
    (folder / "latency.json").unlink()
    shutil.rmtree(folder / "adapter")
    assert state(spec, folder) == "finished"


@pytest.mark.parametrize("corpus", ["bc5cdr", "jnlpba", "sample"])
def test_every_benchmark_has_other_wordings(corpus: str, tmp_path: Path) -> None:
    info = corpus_info(corpus)
    labels = {label.tag: label.label for label in info.labels}
    others = other_wordings(Corpus(info.name, {"test": tmp_path / "not-read.tsv"}, labels=labels))
    assert set(others) == {label.name for label in info.labels}
    assert all(others[name].name != name for name in others)


def test_a_finished_run_is_not_run_again(finished: Path, tiny: Tiny) -> None:
    spec = runs(tiny)[0]
    folder = finished / spec.name
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    assert state(spec, folder) == "finished"
    assert execute(spec, folder)["macro_f1"] == json.loads((folder / "metrics.json").read_text())["macro_f1"]
    assert list(execute_all([spec], finished)) == []
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()} == before


def test_runs_share_word_vectors(tiny: Tiny, tmp_path: Path) -> None:
    first, second = runs(tiny, methods=["heads", "extension"])
    alone = execute(second, tmp_path / "alone")
    execute(first, tmp_path / "first", store=FeatureStore(tmp_path / "features", keep=True))
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "features").iterdir()}
    assert sorted(path.suffix for path in files) == [".f16", ".f16", ".json", ".json"], "training and devel"
    for path in files:
        if path.suffix == ".json":
            path.write_text(json.dumps({**json.loads(path.read_text()), "seconds": 1000.0}))
    files = {path: path.stat().st_mtime_ns for path in files}
    shared = execute(second, tmp_path / "second", store=FeatureStore(tmp_path / "features", keep=True))
    assert files == {path: path.stat().st_mtime_ns for path in (tmp_path / "features").iterdir()}
    assert 2000 <= shared["seconds"] < 2000 + 10 * alone["seconds"] + 60, "what it would have cost alone is counted"
    assert shared["macro_f1"] == alone["macro_f1"]
    weights = [tmp_path / name / "adapter" / "adapter_model.safetensors" for name in ("alone", "second")]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def test_shared_word_vectors_stay_while_another_call_uses_them(tiny: Tiny, tmp_path: Path) -> None:
    features = tmp_path / ".features"
    features.mkdir()
    first, second = runs(tiny, methods=["heads", "extension"])
    with FileLock(features / "of-another-call.lock"):
        assert [outcome.error for outcome in execute_all([first], tmp_path)] == [None]
        kept = {path.name for path in features.glob("*.f16")}
        assert len(kept) == 2, "training and devel"
    assert [outcome.error for outcome in execute_all([second], tmp_path)] == [None]
    assert not features.exists(), "the last one removes them, and locks that nobody holds are nobody's"


def test_a_run_killed_after_training_is_only_scored(finished: Path, tiny: Tiny, tmp_path: Path) -> None:
    spec = runs(tiny)[0]
    folder = tmp_path / spec.name
    shutil.copytree(finished / spec.name, folder)
    wanted = json.loads((folder / "metrics.json").read_text())
    (folder / "metrics.json").unlink()
    (folder / "found.jsonl.gz").unlink()
    weights = folder / "adapter" / "adapter_model.safetensors"
    trained = weights.stat().st_mtime_ns
    assert state(spec, folder) == "unfinished"
    again = execute(spec, folder)
    assert (again["macro_f1"], again["per_type"]) == (wanted["macro_f1"], wanted["per_type"])
    assert weights.stat().st_mtime_ns == trained


def test_a_folder_with_other_settings_is_refused(finished: Path, tiny: Tiny, tmp_path: Path) -> None:
    spec = runs(tiny, training={"epochs": 2})[0]
    with pytest.raises(ConfigError, match=r"holds something else.*move it away"):
        execute(spec, finished / spec.name)
    (tmp_path / "mine.txt").write_text("not a run")
    assert state(spec, tmp_path) == "other"


def test_a_base_of_another_architecture(tiny: Tiny, tmp_path: Path) -> None:
    base = {"name": "tiny", "load": str(tiny("uni-bert").folder), "architecture": "bi"}
    with pytest.raises(ConfigError, match="base tiny: the plan declares a bi-encoder"):
        execute(runs(tiny, bases=[base])[0], tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_sees_variables_that_were_set_after_another_one(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its process is forked from one that may be older than they are."""
    first, second = runs(tiny, methods=["zero-shot"], corpora=["sample", "bc5cdr"])
    assert [outcome.error for outcome in execute_all([first], tmp_path)] == [None]
    monkeypatch.setenv("GLINER_ADAPTERS_DATA", str(tmp_path / "set-meanwhile"))
    (outcome,) = execute_all([second], tmp_path)
    assert "set-meanwhile" in (outcome.error or "")


def test_one_failing_run_does_not_stop_the_others(tiny: Tiny, tmp_path: Path) -> None:
    plan, output = tmp_path / "plan.toml", tmp_path / "runs"
    plan.write_text(
        'methods = ["heads", "zero-shot"]\ncorpora = ["sample"]\nseeds = [1]\nlimits = [100000]\n'
        f'[[bases]]\nname = "tiny"\nload = "{tiny("bi-bert").folder}"\narchitecture = "bi"\n'
    )
    failed = CliRunner().invoke(app, ["comparison", "run", str(plan), "--output", str(output), "--jobs", "2"])
    assert failed.exit_code == 1
    assert "tiny_heads_sample_100000_seed1: FAILED: --limit 100000: there are" in failed.stderr
    assert "1 of 2 runs failed" in failed.stderr
    bad, good = expand(read_plan(plan)).runs
    assert state(bad, output / bad.name) == "unfinished"
    assert state(good, output / good.name) == "finished"
    assert not (output / ".features").exists()
    assert f"{good.name}: macro F1 {execute(good, output / good.name)['macro_f1']:.4f}" in failed.stderr


def test_the_command(finished: Path, tiny: Tiny, tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text(
        'methods = ["heads", "full", "injection-cross"]\ncorpora = ["sample"]\nseeds = [1, 3]\nlimits = [2]\n'
        'training = { epochs = 1, precision = "fp32" }\n'
        f'[[bases]]\nname = "tiny"\nload = "{tiny("bi-bert").folder}"\narchitecture = "bi"\n'
    )
    arguments = ["comparison", "run", str(plan), "--output", str(finished)]
    shown = CliRunner().invoke(app, [*arguments, "--dry-run", "--only", "heads"])
    assert shown.stdout.splitlines() == [
        "tiny_heads_sample_2_seed1\tfinished\tnothing",
        "tiny_heads_sample_2_seed3\tnew\trun",
    ]
    assert "skipped: injection-cross on tiny" in shown.stderr
    nothing = CliRunner().invoke(app, [*arguments, "--only", "hats"])
    assert isinstance(nothing.exception, ConfigError)
    assert "no run's name contains hats" in str(nothing.exception)
