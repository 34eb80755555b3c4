"""Runs' processes end with the process that started them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
from filelock import FileLock

from bases import TinyBase
from comparison.test_runner import runs
from gliner_adapters.comparison import processes
from gliner_adapters.comparison.processes import execute_all
from gliner_adapters.comparison.runner import state
from watching import ended

Tiny = Callable[[str], TinyBase]
LONG = {"training": {"epochs": 100_000, "evaluate_every": 100_000, "checkpoint_steps": 5, "precision": "fp32"}}


def owner(folder: Path) -> int:
    """The process that works in a run's folder, once it has left a checkpoint."""
    until = time.monotonic() + 120
    while not list(folder.glob("adapter/run/*checkpoint*")):
        assert time.monotonic() < until, sorted(folder.rglob("*"))
        time.sleep(0.02)
    pid: int = json.loads((folder / ".lock.json").read_text())["pid"]
    return pid


def free(folder: Path) -> bool:
    with FileLock(folder / ".lock", timeout=0):
        return True


def test_an_interrupted_call_ends_its_runs(tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    specs = runs(tiny, seeds=[1, 2], **LONG)
    folder = tmp_path / specs[0].name
    seen = list[int]()

    def interrupted(futures: object) -> NoReturn:
        """Stands for waiting, in which Ctrl-C arrives."""
        seen.append(owner(folder))
        raise KeyboardInterrupt

    monkeypatch.setattr(processes, "as_completed", interrupted)
    with pytest.raises(KeyboardInterrupt):
        list(execute_all(specs, tmp_path))
    assert ended(seen[0])
    assert free(folder)
    assert not list(folder.rglob("*.tmp"))
    assert [state(spec, tmp_path / spec.name) for spec in specs] == ["unfinished", "new"], "the next one never begins"


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_runs_end_with_a_program_that_is_ended(number: signal.Signals, tiny: Tiny, tmp_path: Path) -> None:
    plan, output = tmp_path / "plan.toml", tmp_path / "runs"
    plan.write_text(
        'methods = ["heads"]\ncorpora = ["sample"]\nseeds = [1]\nlimits = [2]\n'
        "training = { epochs = 100000, evaluate_every = 100000, checkpoint_steps = 5, precision = 'fp32' }\n"
        f'[[bases]]\nname = "tiny"\nload = "{tiny("bi-bert").folder}"\narchitecture = "bi"\n'
    )
    command = [sys.executable, "-m", "gliner_adapters", "comparison", "run", str(plan), "--output", str(output)]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as program:
        run = owner(output / "tiny_heads_sample_2_seed1")
        program.send_signal(number)
        assert program.wait(60) == {signal.SIGTERM: 143, signal.SIGKILL: -9}[number]
        assert ended(run)
    assert free(output / "tiny_heads_sample_2_seed1")
