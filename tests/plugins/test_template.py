"""The template package: built, found by entry point, checked, and used by the verbs that it adds to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bases import TinyBase
from cli.conftest import Cli, Result
from gliner_adapters.adapters import AdapterConfig
from gliner_adapters.corpora import load_corpus
from gliner_adapters.methods import get_method, known_methods
from gliner_adapters.plugins import find_plugins
from plugins.conftest import PROJECT, TEMPLATE
from plugins.helpers import make_package
from test_readme import blocks
from warm import run_warm

Program = Callable[..., Result]


@pytest.fixture
def program(template: Path, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Runs a command line in an empty folder, with the template on the path."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object, code: int = 0) -> Result:
        done = cli(*arguments)
        assert done.code == code, done.err
        return done

    return run


def test_it_is_found(template: Path) -> None:
    for kind, name in (("method", "label-scale"), ("format", "inline"), ("corpus", "toy-trials")):
        (plugin,) = find_plugins(kind)  # type: ignore[arg-type]
        assert (plugin.name, plugin.package, plugin.version) == (name, "gliner-adapters-toy", "0.1.0")
    assert Path(sys.modules[get_method("label-scale").__module__].__file__ or "").is_relative_to(template)
    assert "label-scale" in known_methods()
    assert load_corpus("toys").splits == ("train", "devel", "test")


def test_its_own_tests_pass(installed: Path) -> None:
    """The shared checks, as its author runs them."""
    paths = os.pathsep.join([str(PROJECT / "src"), str(installed)])
    pytest_ = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "0", "-c", os.devnull]
    done = run_warm(
        [*pytest_, "-k", "(bi-bert or uni-bert) and not Elsewhere or Inline or Trials", str(TEMPLATE / "tests")],
        environment={**os.environ, "PYTHONPATH": paths},
    )
    assert done.returncode == 0, done.stdout
    assert "37 passed" in done.stdout


def test_the_listings_name_it(program: Program) -> None:
    for verb, name in (("methods", "label-scale"), ("formats", "inline")):
        (row,) = [row for row in json.loads(program(verb, "--json").out) if row["name"] == name]
        assert (row["package"], row["version"]) == ("gliner-adapters-toy", "0.1.0")
        (line,) = [line for line in program(verb).out.splitlines() if f"│ {name} " in line]
        assert "gliner-adapters-toy 0.1.0" in line
    (entry,) = [e for e in json.loads(program("corpora", "list", "--json").out) if e["name"] == "toy-trials"]
    assert entry["package"] == "gliner-adapters-toy 0.1.0"
    assert entry["licence"]["name"] == "Apache-2.0"


def test_from_its_format_to_an_adapter_and_back(
    program: Program,
    template: Path,
    tiny: Callable[[str], TinyBase],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = template / "gliner_adapters_toy" / "toy-trials"
    base = tiny("bi-bert").folder
    program("convert", files / "devel.inline", "devel.jsonl")
    assert program("convert", "devel.jsonl", "-", "--to", "inline").out == (files / "devel.inline").read_text()
    assert "train" in program("data", "check", files / "train.inline", files / "devel.inline").out
    short = ("--epochs", 2, "--batch-size", 8, "--quiet")
    program("adapt", "--base", base, "--corpus", "toy-trials", "--method", "label-scale", "-o", "adapter", *short)
    config = AdapterConfig.read(tmp_path / "adapter")
    assert config.plugins == {"label-scale": "gliner-adapters-toy"}
    assert config.trained_on["corpus"] == "toy-trials"
    assert config.trained_on["licence"] == "Apache-2.0"
    assert config.trained_parameters == tiny("bi-bert").base.hidden_size
    run = json.loads((tmp_path / "adapter" / "run" / "run.json").read_text())
    assert run["versions"]["gliner-adapters-toy"] == "0.1.0"
    assert "label-scale of gliner-adapters-toy" in program("adapters", "show", "adapter").out
    program("adapters", "verify", "adapter")
    program("evaluate", "adapter", "--corpus", "toy-trials", "--bootstrap", 0, "--output", "result.json")
    assert json.loads((tmp_path / "result.json").read_text())["versions"]["gliner-adapters-toy"] == "0.1.0"
    found = program("annotate", "-a", "adapter", "--threshold", 0.0, "--to", "inline", "Aspirin helps.", "-q").out
    assert "](chemical)" in found or "](disease)" in found
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each != str(template)])
    missing = program("annotate", "-a", "adapter", "Aspirin helps.", code=4)
    assert "of the package gliner-adapters-toy 0.1.0, which is not installed" in missing.err
    assert "`pip install gliner-adapters-toy`" in missing.err
    unknown = program("adapt", "--corpus", "sample", "--method", "label-scale", "-o", "x", code=2)
    assert "unknown method 'label-scale'" in unknown.err


def test_in_a_comparison(program: Program, template: Path, tiny: Callable[[str], TinyBase], tmp_path: Path) -> None:
    base = json.dumps(str(tiny("bi-bert").folder))
    (tmp_path / "plan.toml").write_text(
        'methods = ["label-scale", "label-scale+bitfit"]\ncorpora = ["toy-trials"]\nseeds = [1]\n'
        f'bases = [{{ name = "tiny", load = {base}, architecture = "bi" }}]\n'
        "training = { epochs = 1, batch_size = 8 }\n"
    )
    program("comparison", "run", "plan.toml", "--output", "runs")
    names = [f"tiny_{method}_toy-trials_all_seed1" for method in ("label-scale", "label-scale+bitfit")]
    for name in names:
        metrics = json.loads((tmp_path / "runs" / name / "metrics.json").read_text())
        assert metrics["method"] in name
        assert (
            json.loads((tmp_path / "runs" / name / "run.json").read_text())["versions"]["gliner-adapters-toy"]
            == "0.1.0"
        )
    program("comparison", "report", "runs", "--resamples", 100)
    report = (tmp_path / "runs" / "report.md").read_text()
    assert "`label-scale`" in report
    assert "gliner-adapters-toy 0.1.0" in report
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [each for each in sys.path if each != str(template)])
        alone = program("comparison", "run", "plan.toml", "--output", "other", code=2)
    assert "plan.toml: " in alone.err
    assert "no corpus named 'toy-trials'" in alone.err


def test_a_broken_package_beside_it_breaks_no_command(installed: Path, tmp_path: Path) -> None:
    """In processes of their own, as what is wrong is told once in each."""
    place = tmp_path / "broken"
    place.mkdir()
    points = {group: {"bad": "x"} for group in ("methods", "formats", "corpora")}
    make_package(place, "broken", points, "import no_such_library")
    (tmp_path / "a.inline").write_text("1\t[Aspirin](Drug) helps.\n")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return run_warm(
            [sys.executable, "-m", "gliner_adapters", *arguments],
            folder=tmp_path,
            environment={**os.environ, "PYTHONPATH": os.pathsep.join([str(installed), str(place)])},
        )

    for arguments, name in (
        (("methods",), "label-scale"),
        (("formats",), "inline"),
        (("corpora", "list", "--json"), "toy-trials"),
        (("convert", "a.inline", "-", "--to", "jsonl"), "Aspirin"),
    ):
        done = run(*arguments)
        assert done.returncode == 0, done.stderr
        assert name in done.stdout
        told = [line for line in done.stderr.splitlines() if "'bad' of the package broken 1.2 cannot be" in line]
        assert len(told) == 1
        assert told[0].startswith("warning: the ")
    done = run("convert", "a.inline", "b.jsonl", "--from", "bad")
    assert done.returncode == 2
    assert "error: the format 'bad' of the package broken 1.2 cannot be imported: ModuleNotFoundError" in done.stderr


def test_the_page_quotes_the_template() -> None:
    """Entry points, method and tests, but for docstrings that the page leaves out."""
    quoted = {"toy.method:LabelScale": "pyproject.toml", "class LabelScale(": "src/gliner_adapters_toy/method.py"}
    quoted["class TestInline("] = "tests/test_toy.py"
    found = blocks((PROJECT / "docs" / "plugins.md").read_text(encoding="utf-8"))
    for mark, name in quoted.items():
        (block,) = [block for block in found if any(mark in line for line in block.lines)]
        file = {line.strip() for line in (TEMPLATE / name).read_text(encoding="utf-8").splitlines()}
        assert not [line for line in block.lines if line.strip() not in file], name
