"""Where a PubTator mention really stands, when the stated offsets do not hold it.

Published PubTator files contain such rows. A repair is made only where the mention itself proves the place:

* offsets that count UTF-8 bytes instead of characters;
* a mention written with other case, spaces or punctuation than the text, of the same length;
* offsets that slipped (an edit of the text moved them, or the end is wrong): the mention stands exactly once
  within :data:`REACH` characters of its stated start.

Anything else is an error for the caller to raise.
"""

from __future__ import annotations

import re
from itertools import takewhile

BYTE_OFFSETS = "offsets count UTF-8 bytes"
SPELLING = "mention is spelled otherwise than the text"
SLIPPED = "offsets slipped, mention found close by"

REACH = 12

_LINE_SPACE = re.compile(r"[\n\t\r]")


def row_text(text: str) -> str:
    """A piece of text as it stands in one column of a row: line breaks and tabs are spaces there."""
    return _LINE_SPACE.sub(" ", text)


def locate(text: str, start: int, end: int, mention: str) -> tuple[int, int, str | None] | None:
    """Find a mention.

    Args:
        text: the document's text.
        start: stated first character.
        end: stated end, exclusive.
        mention: the text that the row says stands there.

    Returns:
        ``(start, end, repair)`` in characters, ``repair`` being ``None`` if the row was right; or ``None`` if
        the mention cannot be found safely.
    """
    stated = row_text(text[start:end])
    inside = end <= len(text)
    if inside and stated == mention:
        return start, end, None
    if not text.isascii() and (place := _from_bytes(text, start, end, mention)):
        return *place, BYTE_OFFSETS
    if inside and len(stated) == len(mention) and _letters(stated) == _letters(mention) != "":
        return start, end, SPELLING
    if place := _close_by(text, start, mention.strip()):
        return *place, SLIPPED
    return None


def _from_bytes(text: str, start: int, end: int, mention: str) -> tuple[int, int] | None:
    """Byte offsets as character offsets, if the mention stands there."""
    raw = text.encode("utf-8", "surrogatepass")
    try:
        first = len(raw[:start].decode("utf-8"))
        found = raw[start:end].decode("utf-8")
    except UnicodeDecodeError:
        return None
    return (first, first + len(found)) if row_text(found) == mention else None


def _close_by(text: str, start: int, mention: str) -> tuple[int, int] | None:
    """The only occurrence of the mention near its stated start; a very short one must be a word."""
    if not mention:
        return None
    pattern = re.escape(mention)
    if len(mention) < 3:
        pattern = rf"(?<!\w){pattern}(?!\w)"
    # Looking ahead finds overlapping occurrences as well.
    places = re.compile(f"(?={pattern})").finditer(row_text(text), max(0, start - REACH))
    found = [place.start() for place in takewhile(lambda place: place.start() <= start + REACH, places)]
    return (found[0], found[0] + len(mention)) if len(found) == 1 else None


def _letters(text: str) -> str:
    return "".join(char for char in text.casefold() if char.isalnum())
