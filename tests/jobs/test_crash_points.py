"""A process that is killed within a commit, at each of its steps; and a disk that has no room left."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gliner_adapters.documents import Document, write_documents
from gliner_adapters.jobs import JobFolder, JobSettings, run, status, verify
from jobs.conftest import bytes_of, command, finished

#: Runs a job in which the system ends the process right before its N-th sync, renaming or removal.
#: Nothing of ours is replaced, only what the system does for us.
KILLED_AT = """
import os, signal, sys
number, count = int(sys.argv[1]), 0
def killing(call):
    def wrapped(*given, **named):
        global count
        count += 1
        if count == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*given, **named)
    return wrapped
for name in ("fsync", "replace", "unlink"):
    setattr(os, name, killing(getattr(os, name)))
from gliner_adapters.jobs import run
run(sys.argv[2])
print("calls", count)
"""


@pytest.fixture
def begun(tmp_path: Path, settings: JobSettings) -> tuple[Path, dict[str, bytes]]:
    """A job of one input with a dead letter, of which nothing is done yet; and what it has to end with."""
    source = tmp_path / "in.jsonl"
    write_documents([Document("Aspirin helped in asthma.", id=str(number)) for number in range(4)], source)
    source.write_text(source.read_text(encoding="utf-8") + "{broken\n", encoding="utf-8")
    whole, out = tmp_path / "whole", tmp_path / "out"
    run(whole, [str(source)], settings)
    run(out, [str(source)], settings)
    for name in JobFolder(out).all_records():
        JobFolder(out).forget(name)
    return out, bytes_of(whole)


def kill_at(out: Path, number: int) -> subprocess.CompletedProcess[str]:
    return finished([sys.executable, "-c", KILLED_AT, str(number), str(out)])


@pytest.mark.slow
def test_a_kill_at_any_step_of_a_commit_loses_nothing(begun: tuple[Path, dict[str, bytes]]) -> None:
    out, expected = begun
    steps = 0
    while True:
        steps += 1
        done = kill_at(out, steps)
        if done.returncode == 0:
            break
        assert done.returncode == -9, done.stderr
        for record in JobFolder(out).all_records().values():
            for each in (record.output, record.failed):
                assert each is not None
                assert (out / "outputs" / each.file).read_bytes() == expected[each.file], f"step {steps}"
        run(out)
        assert bytes_of(out) == expected, f"step {steps}"
        assert verify(out, inputs=True) == []
        left = [file for place in ("records", ".attempts") for file in (out / place).iterdir()]
        assert left == [JobFolder(out).record_file(name) for name in JobFolder(out).all_records()], f"step {steps}"
        for name in JobFolder(out).all_records():
            JobFolder(out).forget(name)
    assert steps > 8, "an output, its dead letters, its record and their folders are synced and renamed"


def test_whoever_ends_a_job_does_not_accuse_its_input(begun: tuple[Path, dict[str, bytes]]) -> None:
    """Killed again and again at one input, which is at no fault: it is done in the end, and whole."""
    out, expected = begun
    for _ in range(3):
        assert kill_at(out, 4).returncode == -9
    (attempt,) = (out / ".attempts").iterdir()
    assert '"excluded":{}' in attempt.read_text()
    run(out)
    assert bytes_of(out) == expected
    assert verify(out, inputs=True) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no `mount`")
    if done.returncode:
        pytest.skip("mounting is not allowed here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_without_room_is_no_fault_of_the_input(
    tmp_path: Path, inputs: Path, settings: JobSettings, small_disk: Path
) -> None:
    whole, out = tmp_path / "whole", small_disk / "out"
    run(whole, [str(inputs)], settings)
    ballast = small_disk / "ballast"
    line = command(out, inputs, settings)
    (small_disk / "out").mkdir()
    free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
    ballast.write_bytes(bytes(free - 24_576))  # six pages: the job begins, and not much more
    for _ in range(5):
        stopped = finished(line)
        assert stopped.returncode == 6, stopped.stderr
        assert "no room" in stopped.stderr
        assert all(content == bytes_of(whole).get(name) for name, content in bytes_of(out).items())
    ballast.unlink()
    assert finished(line).returncode == 0
    assert bytes_of(out) == bytes_of(whole)
    assert (status(out).documents_failed, status(out).left) == (0, 0)
    assert verify(out, inputs=True) == []
