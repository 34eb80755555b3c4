"""Which techniques there are, and a fresh adapter of one on a base.

The registry stands above the techniques' base class and above their combinations: it knows both, they do not know it.
Techniques of other packages are found by entry points (:mod:`gliner_adapters.plugins`) when they are asked for.
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
from gliner_adapters.plugins import Plugin, Plugins
from gliner_adapters.settings import problems_of

#: Each technique that was registered in this process by its name, in the order of registration.
METHODS: dict[str, type[Adapter]] = {}


def register(method: type[Adapter]) -> type[Adapter]:
    """Make a technique known by its name (class decorator)."""
    if METHODS.get(method.name, method) is not method:
        raise ValueError(f"method {method.name!r} is registered twice")
    METHODS[method.name] = method
    return method


def _own() -> list[str]:
    """The techniques of this package."""
    return [name for name, method in METHODS.items() if method.__module__.startswith("gliner_adapters.methods.")]


def _checked(plugin: Plugin, thing: Any) -> type[Adapter]:
    """The technique that an entry point names."""
    if not (isinstance(thing, type) and issubclass(thing, Adapter)):
        raise ValueError(f"expected a subclass of Adapter, found {thing!r}")
    if getattr(thing, "name", None) != plugin.name:
        raise ValueError(f"its name is {getattr(thing, 'name', None)!r}; the entry point has to be called the same")
    if METHODS.get(plugin.name, thing) is not thing:
        other = METHODS[plugin.name].__module__
        raise ValueError(f"the module {other} has registered another method of this name in this process")
    return thing


#: Techniques of other packages.
METHOD_PLUGINS: Plugins[type[Adapter]] = Plugins("method", _own, _checked)


def known_methods() -> dict[str, type[Adapter]]:
    """All techniques by name, sorted: the registered ones, and those of other packages that can be loaded."""
    return dict(sorted({**METHOD_PLUGINS.all(), **METHODS}.items()))


def plugins_of(name: str) -> dict[str, Plugin]:
    """Which packages give a method, or the members of a combination; those of this package are left out.

    Raises:
        PluginError: a name is claimed twice.
    """
    found = {member: METHOD_PLUGINS.plugin(member) for member in name.split("+")}
    return {member: plugin for member, plugin in found.items() if plugin is not None}


def package_versions(name: str) -> dict[str, str]:
    """Versions of the packages that give a method or members of it, for the record; none for this package's own."""
    return {plugin.package: plugin.version for plugin in plugins_of(name).values()}


def get_method(name: str) -> type[Adapter]:
    """The technique of a name, or the combination of several (``lora+heads``).

    Raises:
        ConfigError: there is none, or these techniques do not go together; or one is another package's
            (:class:`~gliner_adapters.errors.PluginError`) that cannot be loaded, or two packages have one of this name.
    """
    members = tuple(_registered(member) for member in name.split("+"))
    return members[0] if len(members) == 1 else combine(members)


def _registered(name: str) -> type[Adapter]:
    found = METHOD_PLUGINS.get(name) or METHODS.get(name)
    if found is None:
        raise ConfigError(f"unknown method {name!r}; known: {', '.join(known_methods())}")
    return found


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
