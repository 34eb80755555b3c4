"""Whatever ends a job, and at whatever moment: run again, it ends with the bytes of an uninterrupted one."""

from __future__ import annotations

import random
import resource
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from gliner_adapters.documents import Document, write_documents
from gliner_adapters.jobs import JobFolder, JobSettings, run, status, verify
from jobs.conftest import bytes_of, command, environment, finished, start


def killed_until_done(out: Path, line: list[str], kills: int, seed: int, longest: float) -> int:
    """Kill a job again and again at random moments, then let it end; how many kills hit it at work."""
    chance = random.Random(seed)
    hits = 0
    for _ in range(kills):
        process = start(line)
        begun = time.monotonic()
        while process.poll() is None and not (out / ".attempts").is_dir() and time.monotonic() - begun < 120:
            time.sleep(0.05)  # importing is not what is tried here
        time.sleep(chance.uniform(0, longest))
        hits += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.communicate()
    done = finished(line)
    assert done.returncode == 0, done.stderr
    return hits


@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.slow)])
def test_a_killed_job_goes_on(kills: int, tmp_path: Path, inputs: Path, settings: JobSettings) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    run(whole, [str(inputs)], settings)
    killed_until_done(out, command(out, inputs, settings), kills, seed=kills, longest=3.0)
    assert bytes_of(out) == bytes_of(whole)
    assert verify(out, inputs=True) == []
    assert (status(out).documents_in, status(out).left) == (60, 0)
    assert not list((out / ".attempts").iterdir())


def test_ctrl_c_ends_cleanly_and_says_how_to_go_on(tmp_path: Path, inputs: Path, settings: JobSettings) -> None:
    write_documents([Document("Aspirin helped in asthma. " * 20) for _ in range(3000)], inputs / "long.jsonl")
    out = tmp_path / "out"
    process = start(command(out, inputs, settings))
    while process.poll() is None and len(list((out / "records").glob("*.json")) if out.is_dir() else []) < 4:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    since = time.monotonic()
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"Go on with: gliner-adapters job run {out}" in told
    assert time.monotonic() - since < 30
    assert not list((out / "outputs").glob(".*"))


def test_two_jobs_in_one_folder_do_every_input_once(tmp_path: Path, inputs: Path, settings: JobSettings) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    run(whole, [str(inputs)], settings)
    both = [start(command(out, inputs, settings)) for _ in range(2)]
    for process in both:
        _, told = process.communicate(timeout=300)
        assert process.returncode == 0, told
    assert bytes_of(out) == bytes_of(whole)
    assert verify(out) == []


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path, inputs: Path, settings: JobSettings) -> None:
    """The system refuses files above a size, as a full disk refuses any."""
    whole, out = tmp_path / "whole", tmp_path / "out"
    write_documents([Document("Aspirin helped in asthma. " * 10) for _ in range(300)], inputs / "c2.jsonl")
    run(whole, [str(inputs)], settings)
    sizes = sorted(len(each) for each in bytes_of(whole).values())
    limit = (sizes[-1] + sizes[-2]) // 2
    line = command(out, inputs, settings)
    stopped = finished(line, limit=(resource.RLIMIT_FSIZE, limit))
    assert stopped.returncode == 6, stopped.stderr
    assert "no room" in stopped.stderr
    assert set(bytes_of(out)) < set(bytes_of(whole))
    assert all(content == bytes_of(whole)[name] for name, content in bytes_of(out).items())
    assert finished(line).returncode == 0
    assert bytes_of(out) == bytes_of(whole)
    assert verify(out) == []


@pytest.mark.slow
def test_a_document_that_kills_is_found_and_set_aside(tmp_path: Path, inputs: Path, settings: JobSettings) -> None:
    """A text for which the memory that a process may have is not enough; the other documents are done."""
    documents = [Document(f"Aspirin helped {number} patients with asthma.") for number in range(80)]
    documents[70] = Document("a " * 12_000_000, id="huge")
    write_documents(documents, inputs / "b.jsonl")
    out = tmp_path / "out"
    line = command(out, inputs, settings)
    # Begun anew: forks have the memory of what they are forked from.
    limited: dict[str, Any] = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))}
    for _ in range(2):  # a process that dies of it is begun again by whoever began it first, once
        done = subprocess.run(
            line, capture_output=True, text=True, env=environment(), timeout=300, check=False, **limited
        )
        if done.returncode == 0:
            break
    assert done.returncode == 0, done.stderr
    record = next(r for name, r in JobFolder(out).all_records().items() if name.startswith("b-"))
    assert (record.documents_in, record.documents_out, record.documents_failed) == (80, 79, 1)
    assert record.failed is not None
    letter = (out / "outputs" / record.failed.file).read_text(encoding="utf-8")
    assert '"number":70' in letter
    assert '"id":"huge"' in letter
    assert verify(out) == []
