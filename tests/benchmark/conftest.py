"""The scripts as a developer runs them, from the project's folder."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from running import RunScript

from benchmark.harness.script import SCRIPTS


@pytest.fixture
def run_script() -> RunScript:
    """Runs a script with options in a process of its own."""

    def run(name: str, *options: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", f"{SCRIPTS.name}.{name}", *map(str, options)],
            cwd=SCRIPTS.parent,
            env={**os.environ, "PYTHONPATH": str(SCRIPTS.parent / "src"), "COLUMNS": "160", "TERM": "dumb"},
            capture_output=True,
            text=True,
            check=False,
        )

    return run
