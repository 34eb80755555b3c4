"""Offsets that were counted before a text got line ends of two characters, as a file saved on Windows does."""

from __future__ import annotations

import re
from functools import lru_cache

ONE_CHARACTER = "offsets count a line end of two characters as one"


def with_both_counted(text: str, start: int, end: int) -> tuple[int, int] | None:
    """Offsets that count ``\\r\\n`` as one character, as the text's; ``None`` if it has none or they leave it."""
    if "\r\n" not in text:
        return None
    places = _places(text)
    return (places[start], places[end]) if 0 <= start <= end < len(places) else None


@lru_cache(maxsize=2)
def _places(text: str) -> list[int]:
    """Where each character begins, a line end of two counted as one; then where the text ends."""
    return [match.start() for match in re.finditer(r"\r\n|.", text, re.DOTALL)] + [len(text)]
