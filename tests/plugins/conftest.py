"""The template package, built and installed as a user would, into a folder of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cli.conftest import cli

__all__ = ["cli", "installed", "template"]

PROJECT = Path(__file__).resolve().parent.parent.parent
TEMPLATE = PROJECT / "examples" / "plugin"


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that pip has put the template's wheel in."""
    pytest.importorskip("hatchling", reason="builds the template with hatchling")
    folder = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run([*pip, "--target", str(folder), str(TEMPLATE)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def template(installed: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The template on the module path of this process, and of those that it starts."""
    monkeypatch.syspath_prepend(str(installed))
    monkeypatch.setenv("PYTHONPATH", str(installed), prepend=":")
    return installed
