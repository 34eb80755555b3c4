"""Jobs as users run them: on a command line, in a process of their own; and what they leave."""

from __future__ import annotations

import ctypes
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from gliner_adapters import jobs
from gliner_adapters.model.precision import precision_on

#: What jobs look for.
LABELS = (("chemical", None), ("disease", None))
#: What the processor does faster.
PRECISION = precision_on(torch.device("cpu"), "auto")
#: Linux: to give up a capability for good, and the two by which root reads every file.
_GIVE_UP, _READ_ALL = 24, (1, 2)

Bytes = dict[str, bytes]


@dataclass(frozen=True)
class Ended:
    """A process that has ended.

    Attributes:
        code: its exit code.
        said: all that it printed.
        peak_mb: the most memory that it, or a process that it began, has held.
    """

    code: int
    said: str
    peak_mb: float


def command(out: Path, inputs: Sequence[str | Path], base: str, *more: str) -> list[str]:
    """`job run` for the two labels."""
    given = [part for each in inputs for part in ("-i", str(each))]
    asked = [part for name, _ in LABELS for part in ("-l", name)]
    line = [sys.executable, "-m", "gliner_adapters", "job", "run", str(out), *given, "--base", base]
    return [*line, *asked, "--precision", PRECISION, "--quiet", *more]


def start(line: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    """A command in a process of its own, whose output is dropped unless the options say otherwise."""
    options = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **options}
    return subprocess.Popen(line, env={**os.environ, "OMP_NUM_THREADS": "1"}, **options)


def finished(line: Sequence[str], prepare: Callable[[], None] | None = None) -> Ended:
    """Wait for a command.

    Args:
        line: the command.
        prepare: called in the new process before the command begins.
    """
    with tempfile.TemporaryFile() as said:
        process = start(line, stdout=said, stderr=subprocess.STDOUT, preexec_fn=prepare)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        text = said.read().decode("utf-8", "replace")
    return Ended(process.returncode, text.strip(), round(usage.ru_maxrss / 1024, 1))


def confined(memory: int | None = None, largest_file: int | None = None) -> Callable[[], None]:
    """What confines a new process: it is not root where files are locked, and it has bounds.

    Args:
        memory: bytes of address space.
        largest_file: bytes of a file that it writes.
    """
    library = ctypes.CDLL(None)

    def prepare() -> None:
        for right in _READ_ALL:  # fails for whoever has no such right, which is as good
            library.prctl(_GIVE_UP, right, 0, 0, 0)
        for limit, value in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_FSIZE, largest_file)):
            if value is not None:
                resource.setrlimit(limit, (value, value))

    return prepare


def verified(out: Path) -> Ended:
    """`job verify --inputs`, by a process that is as confined as the job's was."""
    return finished([sys.executable, "-m", "gliner_adapters", "job", "verify", str(out), "--inputs"], confined())


def bytes_of(out: Path) -> Bytes:
    """All outputs of a job, by name; what is being written has a hidden name and is left out."""
    folder = out / "outputs"
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    return {file.name: file.read_bytes() for file in files if not file.name.startswith(".")}


def counts_of(out: Path) -> dict[str, tuple[int, int, int]]:
    """Documents in, out and failed of each input."""
    records = jobs.JobFolder(out).all_records()
    return {name: (r.documents_in, r.documents_out, r.documents_failed) for name, r in records.items()}
