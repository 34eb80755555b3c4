"""A folder that one process at a time works in."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import IO, cast

import pytest

from gliner_adapters.errors import ConfigError
from gliner_adapters.locking import HOLDER_FILE, locked, refuse_locked

HOLD = (
    "import sys\n"
    "from gliner_adapters.locking import locked\n"
    "with locked(sys.argv[1]):\n"
    "    print('held', flush=True)\n"
    "    sys.stdin.read()\n"
)


def holding(folder: Path) -> subprocess.Popen[str]:
    """A process that works in a folder until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert cast(IO[str], process.stdout).readline() == "held\n"
    return process


def test_the_second_is_refused_and_told_who_works_there(tmp_path: Path) -> None:
    with holding(tmp_path) as process:
        for refused in (lambda: locked(tmp_path).__enter__(), lambda: refuse_locked(tmp_path)):
            with pytest.raises(ConfigError, match=rf"in use by another process \(process {process.pid} on .* since 20"):
                refused()
        process.communicate("")
    refuse_locked(tmp_path)
    with locked(tmp_path):
        pass
    assert not list(tmp_path.iterdir())


def test_the_lock_of_a_killed_process_is_taken_over(tmp_path: Path) -> None:
    with holding(tmp_path) as process:
        process.kill()
    assert (tmp_path / HOLDER_FILE).exists()
    with locked(tmp_path):
        assert f'"pid": {os.getpid()}' in (tmp_path / HOLDER_FILE).read_text()


def test_a_process_that_waits_comes_in_when_the_other_ends(tmp_path: Path) -> None:
    with holding(tmp_path) as process:
        process.stdin.close()  # type: ignore[union-attr]
        with locked(tmp_path, wait=60):
            pass


def test_looking_makes_nothing(tmp_path: Path) -> None:
    refuse_locked(tmp_path / "no")
    assert not (tmp_path / "no").exists()


def test_of_many_that_come_and_go_one_works_at_a_time(tmp_path: Path) -> None:
    script = (
        "import sys, pathlib\n"
        "from gliner_adapters.locking import locked\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "for _ in range(100):\n"
        "    with locked(folder / 'locked', wait=60):\n"
        "        (folder / 'alone').open('x').close()\n"
        "        (folder / 'alone').unlink()\n"
    )
    processes = [subprocess.Popen([sys.executable, "-c", script, tmp_path]) for _ in range(4)]
    assert [process.wait() for process in processes] == [0] * 4
