"""An end that cleans up: SIGTERM unwinds the stack as SIGINT does, so that no half of a file stays behind.

What this process starts ends with it, even where it is killed and can clean up nothing.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from threading import Thread
from types import FrameType

#: Exit code of a process that SIGTERM ended.
TERMINATED = 143


class Terminated(BaseException):
    """SIGTERM arrived. Like ``KeyboardInterrupt`` it is no ``Exception``, so that nothing goes on in spite of it."""


def raise_on_sigterm() -> None:
    """Raise :class:`Terminated` in the main thread when SIGTERM arrives."""
    signal.signal(signal.SIGTERM, _raise)


def _raise(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one must not interrupt the cleaning up
    raise Terminated


def end_with_parent() -> None:
    """In a process of `multiprocessing`: end it by SIGTERM when the one that started it has ended."""
    Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
