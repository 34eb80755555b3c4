"""The members of a JSON file that is one large object, one at a time, in bounded memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gliner_adapters.documents.formats.streams import BOM, decode
from gliner_adapters.errors import DataError

_SPACE = " \t\r\n"


@dataclass(frozen=True, slots=True)
class Repeated:
    """Stands for an object that has a field twice: JSON's readers keep the last, and with it half of the annotation."""

    name: str

    def __str__(self) -> str:
        return f"the field {self.name[:40]!r} stands twice in one object"


def unique(pairs: list[tuple[str, Any]]) -> Any:
    """The object that has these fields, or :class:`Repeated`."""
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    seen: set[str] = set()
    return Repeated(next(name for name, _ in pairs if name in seen or seen.add(name)))  # type: ignore[func-returns-value]


_DECODER = json.JSONDecoder(object_pairs_hook=unique)


class JsonStream:
    """Reads values off a stream, holding no more text than the value at hand.

    Args:
        lines: the stream's lines with their numbers, UTF-8 (:func:`~.streams.numbered_lines`).
        path: what messages name.
        line: the number of the first of them.
    """

    def __init__(self, lines: Iterator[tuple[int, bytes]], path: str, line: int = 1) -> None:
        self._lines = lines
        self._path = path
        self._text = ""
        #: The line that the text at hand begins on.
        self.line = line

    def token(self, expected: str) -> str:
        """Take one of the punctuation marks in ``expected``, white space before it left out.

        Raises:
            DataError: something else stands there.
        """
        found = self.peek()
        if not found or found not in expected:
            raise self.error(f"expected {' or '.join(expected)}, found {found or 'the end of the file'!r}")
        self._drop(1)
        return found

    def peek(self) -> str:
        """The next character that is no white space; empty at the end."""
        while True:
            stripped = self._text.lstrip(_SPACE)
            self._drop(len(self._text) - len(stripped))
            if stripped:
                return stripped[0]
            if not self._fill(1):
                return ""

    def first_line(self) -> str:
        """What :meth:`peek` has found, up to the end of its line, without white space around it."""
        return self._text.partition("\n")[0].strip(_SPACE)

    def value(self) -> Any:
        """Take the next value, whatever its kind; :class:`Repeated` in the place of an object with a field twice.

        Raises:
            DataError: it is no JSON, or ends with the file.
        """
        self.peek()
        size = 1 << 16
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text)
            except RecursionError:
                raise self.error("not readable as JSON: nested too deeply") from None
            except ValueError as error:
                # Cut short, maybe: read on, each time twice as far, so that a long value is not parsed again and again.
                if self._fill(size):
                    size *= 2
                    continue
                raise self.error(f"not JSON: {getattr(error, 'msg', error)}") from None
            # A number at the very end of the text at hand may go on.
            if end == len(self._text) and self._fill(1):
                continue
            self._drop(end)
            return value

    def members(self) -> Iterator[str]:
        """The names of an object's members; take each one's value before the next name."""
        self.token("{")
        if self.peek() == "}":
            self.token("}")
            return
        names: set[str] = set()
        while True:
            name = self.value()
            if not isinstance(name, str):
                raise self.error("expected a member's name")
            if name in names:
                raise self.error(str(Repeated(name)))
            names.add(name)
            self.token(":")
            yield name
            if self.token(",}") == "}":
                return

    def items(self) -> Iterator[tuple[int, Any]]:
        """The values of an array, each with the line that it begins on."""
        self.token("[")
        if self.peek() == "]":
            self.token("]")
            return
        while True:
            self.peek()
            line = self.line
            yield line, self.value()
            if self.token(",]") == "]":
                return

    def lines(self) -> Iterator[tuple[int, str]]:
        """What is left, line by line, empty lines passed over."""
        held, number = self._text, self.line
        self._text = ""
        for part in held.split("\n"):  # and at no other kind of line break: these may stand in strings
            if part.strip(_SPACE):
                yield number, part
            number += 1
        for number, raw in self._lines:
            text = decode(raw.removeprefix(BOM) if number == 1 else raw, self._path, number)
            if text.strip(_SPACE):
                yield number, text

    def error(self, message: str) -> DataError:
        """An error at the place that reading has come to."""
        return DataError(message, self._path, self.line)

    def _fill(self, size: int) -> bool:
        """Read lines until there are so many more characters; whether there was any."""
        read = []
        for number, raw in self._lines:
            text = decode(raw.removeprefix(BOM) if number == 1 else raw, self._path, number)
            read.append(text)
            size -= len(text)
            if size <= 0:
                break
        self._text += "".join(read)
        return bool(read)

    def _drop(self, size: int) -> None:
        self.line += self._text.count("\n", 0, size)
        self._text = self._text[size:]
