"""Which techniques there are, and a fresh adapter of one on a base.

The registry stands above the techniques' base class and above their combinations: it knows both, they do not know it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from gliner_adapters.documents import Label
from gliner_adapters.errors import ConfigError
from gliner_adapters.methods.base import Adapter
from gliner_adapters.methods.combination import combine
from gliner_adapters.model import Base
from gliner_adapters.settings import problems_of

#: Each technique by its name, in the order of registration.
METHODS: dict[str, type[Adapter]] = {}


def register(method: type[Adapter]) -> type[Adapter]:
    """Make a technique known by its name (class decorator)."""
    if method.name in METHODS:
        raise ValueError(f"method {method.name!r} is registered twice")
    METHODS[method.name] = method
    return method


def get_method(name: str) -> type[Adapter]:
    """The technique of a name, or the combination of several (``lora+heads``).

    Raises:
        ConfigError: there is none, or these techniques do not go together.
    """
    members = tuple(_registered(member) for member in name.split("+"))
    return members[0] if len(members) == 1 else combine(members)


def _registered(name: str) -> type[Adapter]:
    try:
        return METHODS[name]
    except KeyError:
        raise ConfigError(f"unknown method {name!r}; known: {', '.join(sorted(METHODS))}") from None


def attach(method: str, base: Base, labels: Sequence[Label], options: dict[str, Any] | None = None) -> Adapter:
    """A fresh adapter of a technique on a base.

    Args:
        method: the technique's name, or names joined by ``+``.
        base: what it is plugged into.
        labels: what it is to find, C of them.
        options: hyper-parameters of the technique.

    Raises:
        ConfigError: unknown technique or option, or a base of the wrong kind.
    """
    kind = get_method(method)
    try:
        parsed = kind.options_type(**(options or {}))
    except ValidationError as error:
        raise ConfigError(f"options of method {method!r}: {problems_of(error)}") from None
    return kind(base, labels, parsed).to(base.device)
