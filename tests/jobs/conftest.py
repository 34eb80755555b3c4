"""A small job: inputs of a few documents, read by a tiny base."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bases import TEXTS, TinyBase
from gliner_adapters.documents import Document, write_documents
from gliner_adapters.jobs import JobSettings, suspects
from warm import WarmProcess, run_warm, warm_children

Tiny = Callable[[str], TinyBase]
LABELS = (("chemical", None), ("disease", None))


@pytest.fixture(autouse=True)
def _children(monkeypatch: pytest.MonkeyPatch) -> None:
    """Children of jobs that run in the tests' own process; those of jobs in a process of their own are real."""
    warm_children(monkeypatch, suspects)


@pytest.fixture
def settings(tiny: Tiny) -> JobSettings:
    return JobSettings(base=str(tiny("bi-bert").folder), labels=LABELS, threshold=0.4)


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    """Five files, one of them with a blank and a letter beyond ASCII in its name."""
    folder = tmp_path / "in"
    folder.mkdir()
    for number, name in enumerate(("a", "b", "c ü", "d", "e")):
        texts = [f"{text} Note {number}." for text in (TEXTS * 3)[number : number + 12]]
        write_documents([Document(text, id=f"{name}{i}") for i, text in enumerate(texts)], folder / f"{name}.jsonl")
    return folder


def command(out: Path, inputs: Path | str, settings: JobSettings, *more: str) -> list[str]:
    """The job on a command line."""
    labels = [part for name, _ in settings.labels for part in ("-l", name)]
    asked = ["--base", str(settings.base), *labels, "--threshold", str(settings.threshold), "--to", settings.to]
    return [sys.executable, "-m", "gliner_adapters", "job", "run", str(out), "-i", str(inputs), *asked, *more]


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def start(line: list[str]) -> WarmProcess:
    return WarmProcess(line, environment=environment())


def finished(line: list[str], limit: tuple[int, int] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command line to its end, if need be with a limit of the system (`resource.RLIMIT_...`, the amount)."""
    return run_warm(line, environment=environment(), limit=limit)


def bytes_of(out: Path) -> dict[str, bytes]:
    """All outputs."""
    return {file.name: file.read_bytes() for file in sorted((out / "outputs").iterdir())}
