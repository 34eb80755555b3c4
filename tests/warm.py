"""Python processes that need not import the package: forks of one that has.

Most of what a command takes here is the import of torch, transformers, gliner and numba. A server of the standard
library's ``forkserver`` imports them once for each process of the tests; what runs in a fork of it has its own
arguments, folder, environment and output, and ends as it would. What is about imports or limits of a process takes a
real one.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from multiprocessing import connection
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from multiprocessing.forkserver import ensure_running
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest


@lru_cache
def warm_context() -> ForkServerContext:
    """Starts processes as forks of the server."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["preloaded"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))  # the server looks here for what it imports
        ensure_running()
    return context


class WarmPopen:
    """What :class:`subprocess.Popen` is for a Python command line, as far as it goes.

    Args:
        line: ``[sys.executable, "-m", MODULE, ...]``, ``[sys.executable, "-c", CODE, ...]``, or with a script's path.
        stdin, stdout, stderr: as there; nothing if not given.
        cwd: where it runs; the present folder if not given.
        env: all of its environment; the present one if not given.
        text, encoding: of pipes.
        limit: one of the system's, as `resource.RLIMIT_...` and the amount.
    """

    def __init__(
        self,
        line: Sequence[str | Path],
        *,
        stdin: Any = None,
        stdout: Any = None,
        stderr: Any = None,
        cwd: str | Path | None = None,
        env: Mapping[str, str] | None = None,
        text: bool = False,
        encoding: str | None = None,
        limit: tuple[int, int] | None = None,
    ) -> None:
        program, how, *arguments = self.line = list(map(str, line))
        assert program == sys.executable, line
        what = arguments.pop(0) if how in ("-m", "-c") else how
        theirs, ours = [], []
        for number, asked in enumerate((stdin, stdout, stderr)):
            pipe = None
            if asked is None or asked == subprocess.DEVNULL:
                end = os.open(os.devnull, os.O_RDWR)
            elif asked == subprocess.STDOUT:
                end = os.dup(theirs[1].fileno())
            elif asked == subprocess.PIPE:
                ends = os.pipe()
                end, own = ends if number == 0 else reversed(ends)
                pipe = os.fdopen(own, f"{'rw'[number == 0]}{'' if text else 'b'}", encoding=encoding)
            else:
                end = os.dup(asked if isinstance(asked, int) else asked.fileno())
            theirs.append(Connection(end))  # which is sent to another process as the open file that it is
            ours.append(pipe)
        self.stdin, self.stdout, self.stderr = ours
        given = (how, what, arguments, str(cwd or Path.cwd()), dict(env or os.environ), theirs, limit)
        self._asking = threading.Lock()
        self._process = warm_context().Process(target=_child, args=given)
        self._process.start()
        for end in theirs:
            end.close()
        assert self._process.pid is not None
        self.pid: int = self._process.pid

    def __enter__(self) -> WarmPopen:
        return self

    def __exit__(self, *error: object) -> None:
        for pipe in filter(None, (self.stdin, self.stdout, self.stderr)):
            with suppress(BrokenPipeError):
                pipe.close()
        self.wait()

    @property
    def returncode(self) -> int | None:
        """The exit code, or ``None`` while it runs; the signal that ended it as a negative number."""
        with self._asking:  # it is told once, to who asks first
            return self._process.exitcode

    def poll(self) -> int | None:
        """The same."""
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; the exit code.

        Raises:
            subprocess.TimeoutExpired: it has not come.
        """
        connection.wait([self._process.sentinel], timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired(self.line, timeout or 0)
        return self.returncode


def warm_children(patch: pytest.MonkeyPatch, module: ModuleType) -> None:
    """Let a module that starts Python processes with :mod:`subprocess` start them so."""
    patch.setattr(module, "subprocess", SimpleNamespace(**{**vars(subprocess), "Popen": WarmPopen}))


class WarmProcess(WarmPopen):
    """One whose output is kept, without standard input.

    Args:
        line: see :class:`WarmPopen`.
        folder: where it runs; the present one if not given.
        environment: all of it; the present one if not given.
        together: errors are put into the output, as ``stderr=subprocess.STDOUT`` does.
        errors: the file that errors are put into.
        limit: see there.
    """

    def __init__(
        self,
        line: Sequence[str | Path],
        *,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        together: bool = False,
        errors: Path | None = None,
        limit: tuple[int, int] | None = None,
    ) -> None:
        self._place = tempfile.TemporaryDirectory()
        self._said = [Path(self._place.name, "out"), errors or Path(self._place.name, "err")]
        for each in self._said:
            each.write_bytes(b"")
        with self._said[0].open("ab") as out, self._said[1].open("ab") as err:
            to = subprocess.STDOUT if together else err
            super().__init__(line, stdout=out, stderr=to, cwd=folder, env=environment, limit=limit)

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Wait for its end; what it has printed."""
        self.wait(timeout)
        out, err = (each.read_text(encoding="utf-8") for each in self._said)
        return out, err


def run_warm(line: Sequence[str | Path], *, timeout: float = 300, **options: Any) -> subprocess.CompletedProcess[str]:
    """What :func:`subprocess.run` is, in such a process.

    Args:
        line: see :class:`WarmProcess`.
        timeout: seconds after which it is killed.
        options: see there.

    Raises:
        subprocess.TimeoutExpired: it was killed.
    """
    process = WarmProcess(line, **options)
    try:
        out, err = process.communicate(timeout)
    finally:
        process.kill()
    return subprocess.CompletedProcess(process.line, process.wait(), out, err)


def _child(
    how: str,
    what: str,
    arguments: list[str],
    folder: str,
    environment: dict[str, str],
    ends: list[Connection],
    limit: tuple[int, int] | None,
) -> None:
    if limit is not None:
        resource.setrlimit(limit[0], (limit[1], limit[1]))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, end in enumerate(ends):
        os.dup2(end.fileno(), number)
        end.close()
    sys.stdin, sys.stdout, sys.stderr = (
        open(number, mode, buffering, encoding="utf-8", closefd=False)  # noqa: SIM115 - they stay open to the end
        for number, (mode, buffering) in enumerate((("r", -1), ("w", -1), ("w", 1)))  # errors are told line by line
    )
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    paths = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
    sys.path[:0] = [path for path in paths if path not in sys.path]
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
