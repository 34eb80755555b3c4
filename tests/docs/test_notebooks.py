"""The notebooks run from top to bottom, and what they tell to type exists."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import test_readme
from warm import run_warm

PROJECT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((PROJECT / "examples" / "notebooks").glob("*.ipynb"))
RUNNER = Path(__file__).with_name("run_notebook.py")
SECONDS = 300

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def run(path: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a notebook by itself, for it may register techniques; in an empty folder, without network or terminal."""
    folder.mkdir(exist_ok=True)
    environment = {
        **os.environ,
        "PYTHONPATH": str(PROJECT / "src"),
        "TMPDIR": str(folder),
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
    }
    return run_warm([sys.executable, RUNNER, path], folder=folder, environment=environment, timeout=SECONDS)


def cells(path: Path, kind: str) -> list[str]:
    return [
        "".join(cell["source"])
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
        if cell["cell_type"] == kind
    ]


def test_there_are_notebooks() -> None:
    assert {path.stem for path in NOTEBOOKS} >= {"zero-shot", "own-data", "add-technique", "papers-to-table"}


@pytest.mark.documents
@each_notebook
def test_a_notebook_runs(path: Path, tmp_path: Path) -> None:
    done = run(path, tmp_path / "here")
    assert done.returncode == 0, done.stdout + done.stderr


@each_notebook
def test_a_notebook_is_as_git_wants_it(path: Path) -> None:
    """No outputs and no counts, which change with each run, and ids that tell cells apart."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids)
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert notebook["metadata"]["language_info"] == {"name": "python"}


@each_notebook
def test_a_notebook_claims_what_it_asserts(path: Path) -> None:
    assert "assert" in cells(path, "markdown")[0] + cells(path, "markdown")[1]
    assert sum("\nassert " in f"\n{cell}" for cell in cells(path, "code")) >= len(cells(path, "code")) / 2


@each_notebook
def test_what_the_text_tells_to_type_exists(path: Path) -> None:
    commands = re.findall(r"^ {4}(gliner-adapters .+)$", "\n".join(cells(path, "markdown")), re.MULTILINE)
    for command in commands:
        test_readme.check_call(shlex.split(command))


@each_notebook
def test_what_the_text_links_is_there(path: Path) -> None:
    for text in cells(path, "markdown"):
        for target in re.findall(r"\]\(([^)#]+)", text):
            assert (path.parent / target).exists(), target


def test_a_cell_that_fails_is_named(tmp_path: Path) -> None:
    notebook = tmp_path / "bad.ipynb"
    sources = ["value = 1\nvalue + 1", "assert value == 2, 'it is one'", "value = 3"]
    listed = [{"cell_type": "code", "id": f"c{n}", "source": [source]} for n, source in enumerate(sources)]
    notebook.write_text(json.dumps({"cells": listed}), encoding="utf-8")
    done = run(notebook, tmp_path / "here")
    assert done.returncode == 1
    assert done.stdout == "2\n"
    assert done.stderr.splitlines()[-1] == "bad.ipynb, cell c1: AssertionError: it is one"
