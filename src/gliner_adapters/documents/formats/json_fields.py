"""Fields of JSON records, checked; and the first record of a file, by which a format knows it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

from gliner_adapters.documents.formats.json_stream import JsonStream, Repeated, unique
from gliner_adapters.documents.formats.streams import BOM, numbered_lines

REQUIRED: Any = object()
#: What the names of fields hold that say an entity's type.
_TYPE_NAMES = ("label", "type", "tag", "class", "category", "entity", "group")
_NAMES = {str: "a string", int: "a whole number", list: "a list", dict: "an object", (int, float): "a number"}


class Malformed(Exception):
    """What is wrong with a record."""


def field(record: Mapping[str, Any], name: str, kind: Any, default: Any = REQUIRED) -> Any:
    """A field of the right type; null and missing mean the default."""
    value = record.get(name)
    if value is None and default is not REQUIRED:
        return default
    if not isinstance(value, kind) or isinstance(value, bool):
        found = "nothing" if name not in record else kind_of(value)
        raise Malformed(f"expected {_NAMES[kind]} in field {name!r}, found {found}")
    return value


def looks_like_annotation(name: str, value: Any) -> bool:
    """Whether a field holds entities: objects with start, end and type, or lists of two numbers and a name."""
    if not isinstance(value, list) or not value or name in ("tokens", "words", "sentences", "sents"):
        return False
    return all(_like_entity(each) for each in value)


def _like_entity(value: Any) -> bool:
    if isinstance(value, list):
        return sorted(kind_of(each) for each in value[:3]) == ["a number", "a number", "a string"]
    names = " ".join(value).lower() if isinstance(value, dict) else ""
    return "start" in names and "end" in names and any(kind in names for kind in _TYPE_NAMES)


def identifier(record: Mapping[str, Any], name: str = "id") -> str | None:
    """A document's id, a string or a number."""
    value = record.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return field(record, name, str, None)


def as_object(value: Any, what: str) -> Mapping[str, Any]:
    """A value that has to be an object.

    Raises:
        Malformed: it is none.
    """
    if not isinstance(value, dict):
        raise Malformed(f"expected {what} to be an object, found {kind_of(value)}")
    return value


def kind_of(value: Any) -> str:
    """How messages call a value of JSON."""
    kinds = {dict: "an object", list: "a list", str: "a string", bool: "a truth value", type(None): "null"}
    return kinds.get(type(value), "a number")


def parse_line(line: str) -> Any:
    """The value that a line holds.

    Raises:
        Malformed: it is no JSON, has a field twice, or holds half a character.
    """
    try:
        value = json.loads(line, object_pairs_hook=_object)
        check_text(line, value)
    except json.JSONDecodeError as error:
        raise Malformed(f"not JSON: {error.msg} at column {error.colno}; expected one object a line") from error
    except (ValueError, RecursionError) as error:
        raise Malformed(f"not readable as JSON: {error}") from error
    return value


def _object(pairs: list[tuple[str, Any]]) -> Any:
    found = unique(pairs)
    return _refuse(found) if isinstance(found, Repeated) else found


def _refuse(value: Any) -> Any:
    raise Malformed(str(value))


def check_text(raw: str | None, value: Any) -> None:
    """Refuse half a character that an escape hides: no writer could write it. Refuse fields that stand twice.

    Args:
        raw: what the value was read from, where it is at hand: without such an escape there is nothing to look for.
        value: what it says.
    """
    if raw is not None and "\\ud" not in raw and "\\uD" not in raw:
        return
    try:
        json.dumps(value, ensure_ascii=False, default=_refuse).encode("utf-8")
    except UnicodeEncodeError:
        raise Malformed("a string holds a lone surrogate, which is not Unicode text") from None


def records_of(stream: BinaryIO, path: str) -> Iterator[tuple[int, Callable[[], Any]]]:
    """The records of a file, each with the line that it begins on: the values of one array, or one value a line.

    A record is a function that gives its value and raises :class:`Malformed`, so that a bad one can be left out.
    Objects over several lines are read as well, up to the first that is broken.
    """
    source = JsonStream(numbered_lines(stream, path), path)
    if source.peek() == "[":
        for line, value in source.items():
            yield line, lambda value=value: _checked(value)  # type: ignore[misc]
        if rest := source.peek():
            raise source.error(f"expected nothing after the list, found {rest!r}")
        return
    if source.first_line() == "{":
        while source.peek():
            line, value = source.line, source.value()
            yield line, lambda value=value: _checked(value)  # type: ignore[misc]
        return
    for line, text in source.lines():
        yield line, lambda text=text: parse_line(text)  # type: ignore[misc]


def _checked(value: Any) -> Any:
    check_text(None, value)
    return value


def first_record(head: bytes) -> Any:
    """The first record of a file, or of the array that it is; ``None`` where the head is no JSON or ends before it."""
    text = re.sub(r"^\s*\[?\s*", "", head.removeprefix(BOM).decode("utf-8", errors="replace"), count=1)
    try:
        return json.JSONDecoder().raw_decode(text)[0]
    except (ValueError, RecursionError):
        return None


def is_array(head: bytes) -> bool:
    """Whether a file is one array."""
    return head.removeprefix(BOM).lstrip().startswith(b"[")
