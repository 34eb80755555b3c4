"""`gliner-adapters serve` as a process of its own, on a free port."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from gliner_adapters.errors import ConfigError

#: Seconds that a server may take for anything.
PATIENCE = 600.0


@contextmanager
def serving(
    options: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A server: its process and its address. It is killed at the end if it still runs.

    Args:
        options: of `serve`.
        log: where its standard error goes.
        environment: variables beside those of this process.

    Raises:
        ConfigError: it does not start.
    """
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "gliner_adapters", "serve", "--port", "0", *options],
            stdin=subprocess.DEVNULL,
            stderr=errors,
            env={**os.environ, **(environment or {})},
        )
    try:
        until = time.monotonic() + PATIENCE
        while "listening on " not in (said := log.read_text()):
            if process.poll() is not None or time.monotonic() > until:
                raise ConfigError(f"the server does not start: {said.strip() or 'it says nothing'}")
            time.sleep(0.05)
        yield process, said.split("listening on ", 1)[1].split()[0]
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
