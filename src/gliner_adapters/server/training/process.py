"""The child process, as the server holds it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from gliner_adapters.server.training import child
from gliner_adapters.server.training.job import LOG
from gliner_adapters.storage import storing

#: Seconds that a child may take to end when it is told to.
PATIENCE = 10.0
#: Where libraries look for the number of threads that they may have.
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "RAYON_NUM_THREADS")


class Child:
    """A training's process, with a thread that waits for its end.

    Args:
        folder: of the training; what the child says goes to its log there.
        threads: that it may have.
        ended: called with the child and its exit code, which is below 0 for a signal, once it has ended.

    Attributes:
        pid: of the process.
        cancelled: whether it was ended because somebody did not want it any more.

    Raises:
        StorageError: the log cannot be written.
    """

    def __init__(self, folder: Path, threads: int, ended: Callable[[Child, int], None]) -> None:
        self.cancelled = False
        self._ended = ended
        environment = {**os.environ, **dict.fromkeys(THREADS, str(threads)), "TOKENIZERS_PARALLELISM": "false"}
        with storing(folder / LOG), (folder / LOG).open("ab") as log:
            # In the server's own session: Linux weighs a process's priority within its session alone.
            self._process = subprocess.Popen(
                [sys.executable, "-m", child.__name__, str(folder.resolve())],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=environment,
            )
        self.pid = self._process.pid
        self._watcher = threading.Thread(target=self._watch, name="training", daemon=True)

    def watch(self) -> None:
        """Begin to wait for its end."""
        self._watcher.start()

    def stop(self) -> None:
        """End it, by force if it does not end by itself, and return when its end has been told."""
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._watcher.join(PATIENCE)

    def _watch(self) -> None:
        code = self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._ended(self, code)
