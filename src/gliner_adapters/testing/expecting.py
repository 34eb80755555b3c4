"""Failing with a sentence: checks run under any test runner, or none, and under ``python -O``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gliner_adapters.errors import GlinerAdaptersError


class CheckFailed(AssertionError):
    """An invariant does not hold; the message says which, for what, and what to look at."""


def expect(held: bool, message: str) -> None:
    """Fail unless something holds.

    Args:
        held: whether it does.
        message: what does not, where, and what to do about it.

    Raises:
        CheckFailed: it does not.
    """
    if not held:
        raise CheckFailed(message)


@contextmanager
def expect_refusal(what: str, kind: type[GlinerAdaptersError] = GlinerAdaptersError) -> Iterator[None]:
    """Fail unless the block raises an error of a kind.

    Args:
        what: is asked for, as the failure names it.
        kind: the error.

    Raises:
        CheckFailed: nothing was raised.
    """
    try:
        yield
    except kind:
        return
    raise CheckFailed(f"{what}: expected {kind.__name__}, and nothing was raised")
