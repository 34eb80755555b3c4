"""Python processes that need not import the package: forks of one that has.

Most of what a command takes here is the import of torch, transformers and gliner. A server of the standard library's
``forkserver`` imports them once for each process of the tests; what runs in a fork of it has its own arguments, folder,
environment and output, and ends as it would. What is about imports, signals or limits of a process takes a real one.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

_IMPORTED = ["gliner", "gliner_adapters.cli", "gliner_adapters.api", "gliner_adapters.jobs"]
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(_IMPORTED)


def run_warm(
    line: Sequence[str | Path],
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    timeout: float = 300,
    together: bool = False,
) -> subprocess.CompletedProcess[str]:
    """What :func:`subprocess.run` gives for a Python command line, without standard input.

    Args:
        line: ``[sys.executable, "-m", MODULE, ...]``, ``[sys.executable, "-c", CODE, ...]``, or with a script's path.
        folder: where it runs; the present one if not given.
        environment: all of it; the present one if not given.
        timeout: seconds after which it is killed.
        together: errors are put into the output, as ``stderr=subprocess.STDOUT`` does.

    Raises:
        subprocess.TimeoutExpired: it was killed.
    """
    program, how, *arguments = map(str, line)
    assert program == sys.executable, line
    what = arguments.pop(0) if how in ("-m", "-c") else how
    with tempfile.TemporaryDirectory() as place:
        said = [Path(place, name) for name in ("out", "out" if together else "err")]
        given = (how, what, arguments, str(folder or Path.cwd()), dict(environment or os.environ), list(map(str, said)))
        process = _context.Process(target=_child, args=given)
        process.start()
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(list(map(str, line)), timeout)
        out, err = (each.read_text(encoding="utf-8") if each.exists() else "" for each in said)
        err = "" if together else err
    return subprocess.CompletedProcess(list(line), process.exitcode, out, err)


def _child(
    how: str, what: str, arguments: list[str], folder: str, environment: dict[str, str], said: list[str]
) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, path in enumerate([os.devnull, *said]):
        opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin, sys.stdout, sys.stderr = (
        open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115 - they stay open to the end
        for number, mode in enumerate(("r", "w", "w"))
    )
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None  # it is looked up once
    sys.argv = ["-c" if how == "-c" else what, *arguments]
    try:
        if how == "-m":
            runpy.run_module(what, run_name="__main__", alter_sys=True)
        elif how != "-c":
            runpy.run_path(what, run_name="__main__")
        else:
            exec(compile(what, "<string>", "exec"), {"__name__": "__main__"})
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
