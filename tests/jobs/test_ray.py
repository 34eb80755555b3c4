"""Several workers by Ray give the bytes of one, whatever happens to them."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from pathlib import Path
from threading import Thread

import pytest

from gliner_adapters.jobs import JobFolder, JobSettings, run, status, verify
from gliner_adapters.jobs.heartbeat import workers as working
from jobs.conftest import bytes_of, command, finished

pytest.importorskip("ray")


def left_behind() -> set[str]:
    """Folders of workers in the one for temporary files."""
    return {path.name for path in Path(tempfile.gettempdir()).glob("gliner-adapters-worker-*")}


@pytest.mark.parametrize("workers", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_any_number_of_workers_gives_the_same_bytes(
    workers: int, tmp_path: Path, inputs: Path, settings: JobSettings
) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    run(whole, [str(inputs)], settings)
    before = left_behind()
    done = finished(command(out, inputs, settings, "--workers", str(workers)))
    assert done.returncode == 0, done.stderr
    assert "oken authentication" not in done.stderr
    assert left_behind() == before
    assert bytes_of(out) == bytes_of(whole)
    assert verify(out, inputs=True) == []
    assert (status(out).left, status(out).working) == (0, [])


@pytest.mark.slow
def test_a_worker_that_dies_costs_its_input_and_no_more(tmp_path: Path, inputs: Path, settings: JobSettings) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    for number in range(12):
        (inputs / f"more{number}.jsonl").write_bytes((inputs / "d.jsonl").read_bytes() * 40)
    run(whole, [str(inputs)], settings)
    killed: list[int] = []

    def kill() -> None:
        folder = JobFolder(out)
        while len(killed) < 3 and not (out.is_dir() and status_left(out) == 0):
            for state in working(folder):
                if state.pid not in killed:
                    os.kill(state.pid, signal.SIGKILL)
                    killed.append(state.pid)
                    break
            time.sleep(0.5)

    def status_left(folder: Path) -> int:
        return 17 - len(list((folder / "records").glob("*.json")))

    killer = Thread(target=kill)
    killer.start()
    done = finished(command(out, inputs, settings, "--workers", "2"))
    killer.join()
    assert done.returncode == 0, done.stderr
    assert killed, "no worker was met at work"
    assert bytes_of(out) == bytes_of(whole)
    assert verify(out) == []


def test_what_a_worker_cannot_load_is_told(tmp_path: Path, inputs: Path, settings: JobSettings) -> None:
    done = finished(
        command(tmp_path / "out", inputs, settings.model_copy(update={"base": "./nowhere"}), "--workers", "2")
    )
    assert done.returncode == 4
    assert "Traceback" not in done.stderr
