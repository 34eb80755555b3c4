"""What callers give: checked where it comes in, so that a mistake is named and not met deep inside."""

from __future__ import annotations

import os
from collections.abc import Iterable
from numbers import Real
from pathlib import Path
from typing import Any

from gliner_adapters.errors import ConfigError


def described(value: Any) -> str:
    """How a message names a value that is not what was expected, by its kind: its content may be large or private."""
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def as_path(value: Any, what: str) -> Path:
    """A path.

    Raises:
        ConfigError: the value is none.
    """
    if not isinstance(value, str | os.PathLike) or not os.fspath(value):
        raise ConfigError(f"{what}: expected a path, got {'an empty string' if value == '' else described(value)}")
    return Path(value)


def as_names(value: Any, what: str) -> tuple[str, ...]:
    """Names in their order, maybe none.

    Raises:
        ConfigError: the value is one string, or holds something else than names.
    """
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ConfigError(f"{what} must be a list of names, got {described(value)}")
    names = tuple(value)
    for name in names:
        if not isinstance(name, str):
            raise ConfigError(f"{what} must be a list of names, got {described(name)} among them")
        if not name.strip():
            raise ConfigError(f"{what}: a name is empty")
    return names


def as_probability(value: Any, what: str = "a threshold") -> float:
    """A probability.

    Raises:
        ConfigError: the value is no number, or none between 0 and 1.
    """
    if not isinstance(value, Real) or isinstance(value, bool):
        raise ConfigError(f"{what} is a probability between 0 and 1, got {described(value)}")
    number = float(value)
    if not 0 <= number <= 1:  # nor is what is no number at all (NaN)
        raise ConfigError(f"{what} is a probability between 0 and 1, got {value}")
    return number
