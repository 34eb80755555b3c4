"""An end that cleans up: SIGTERM unwinds the stack as SIGINT does, so that no half of a file stays behind."""

from __future__ import annotations

import signal
from types import FrameType


class Terminated(BaseException):
    """SIGTERM arrived. Like ``KeyboardInterrupt`` it is no ``Exception``, so that nothing goes on in spite of it."""


def raise_on_sigterm() -> None:
    """Raise :class:`Terminated` in the main thread when SIGTERM arrives."""
    signal.signal(signal.SIGTERM, _raise)


def _raise(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one must not interrupt the cleaning up
    raise Terminated
