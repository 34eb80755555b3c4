"""What the scripts share: every one is a command line, a target of the Makefile and a row of the README."""

from __future__ import annotations

import json
import re
import sys
from importlib import import_module
from pathlib import Path

import pytest
import torch
import typer
from rich.table import Table
from typer.testing import CliRunner

from benchmark.harness.script import SCRIPTS, finish, origin, run, script_app, script_command
from benchmark.harness.timing import interval, middle, speedups
from gliner_adapters.errors import DataError

NAMES = sorted(path.stem for path in SCRIPTS.glob("[a-z]*.py"))


@pytest.mark.parametrize("name", NAMES)
def test_every_script_explains_itself(name: str) -> None:
    done = CliRunner().invoke(script_app(import_module(f"benchmark.{name}").main), ["--help"])
    assert done.exit_code == 0
    assert "Usage:" in done.output


def test_every_script_has_a_target_and_is_told_of() -> None:
    makefile = (SCRIPTS.parent / "Makefile").read_text(encoding="utf-8")
    readme = (SCRIPTS / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"python -m benchmark\.(\w+)", makefile)) == set(NAMES)
    assert set(re.findall(r"^\| \[(\w+)\.py\]\(\1\.py\) \|", readme, re.MULTILINE)) == set(NAMES)


def test_a_result_keeps_the_scripts_own_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [str(SCRIPTS / "speed.py"), "--corpus", "a b", "--rounds", "2"])
    command = "python -m benchmark.speed --corpus 'a b' --rounds 2"
    assert script_command() == origin(torch.device("cpu"))["command"] == command
    monkeypatch.setattr(sys, "argv", [str(SCRIPTS / "speed.py")])
    assert script_command() == "python -m benchmark.speed"
    monkeypatch.setattr(sys, "argv", ["/somewhere/else/speed.py", "--rounds", "2"])
    assert script_command() == "speed.py"


def test_a_result_is_printed_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = Table("what")
    table.add_row("something")
    target = tmp_path / "new" / "result.json"
    finish({"seconds": 1}, [table, table], target)
    assert json.loads(target.read_text()) == {"seconds": 1}
    assert capsys.readouterr().out.count("something") == 2


def test_errors_end_a_script_as_they_end_the_program(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def main(corpus: str = typer.Option(...)) -> None:
        """Fail."""
        raise DataError(f"no corpus {corpus}")

    monkeypatch.setattr(sys, "argv", [str(SCRIPTS / "speed.py"), "--corpus", "x"])
    with pytest.raises(SystemExit) as ended:
        run(main)
    assert ended.value.code == 3
    assert capsys.readouterr().err == "error: no corpus x\n"


def test_ratios_are_taken_round_by_round() -> None:
    found = speedups({"slow": [10.0, 20.0, 30.0], "fast": [5.0, 5.0, 10.0]}, "slow")
    assert found == {"fast": {"median": 3.0, "lowest": 2.0, "highest": 4.0}}
    assert middle([1.0, 1.2346, 2.0], digits=3)["median"] == 1.235
    assert interval(found["fast"]) == "3.00 (2.00 to 4.00)"
    assert interval(None) == ""
