"""Methods, formats and corpora of other packages, found by the entry points that the packages declare.

    [project.entry-points."gliner_adapters.methods"]       also "gliner_adapters.formats", "gliner_adapters.corpora"
    label-scale = "gliner_adapters_toy.method:LabelScale"   the name that users type, and what it stands for

Importing this package looks for none: entry points are read when a name is asked for or names are listed, and a plugin
is imported when its own name is asked for, or all are. A name that two packages claim, and a plugin that cannot be
imported, is an error where that name is asked for; elsewhere it is a warning, and everything else works.
"""

from __future__ import annotations

import re
import sys
import traceback
import warnings
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, Literal, TypeVar

from gliner_adapters.errors import PluginError

#: This package, as an error names it beside others.
OWN = "gliner-adapters"

Kind = Literal["method", "format", "corpus"]
"""What plugins give."""

#: The group of entry points for each kind.
GROUPS: dict[Kind, str] = {
    "method": "gliner_adapters.methods",
    "format": "gliner_adapters.formats",
    "corpus": "gliner_adapters.corpora",
}

#: What a plugin may be called; ``+`` joins methods, and names become those of folders.
NAME = re.compile(r"[a-z0-9]+([.-][a-z0-9]+)*")

Thing = TypeVar("Thing")


class PluginWarning(UserWarning):
    """A plugin that cannot be used was left out; the message names it and its package."""


@dataclass(frozen=True)
class Plugin:
    """What a package declares.

    Attributes:
        kind: of what it gives.
        name: by which it is asked for.
        package: the distribution, as it is installed by name.
        version: of the distribution.
        entry: the entry point.
    """

    kind: Kind
    name: str
    package: str
    version: str
    entry: EntryPoint = field(repr=False)

    def __str__(self) -> str:
        return f"the {self.kind} {self.name!r} of the package {self.package} {self.version}"


def find_plugins(kind: Kind) -> tuple[Plugin, ...]:
    """All that installed packages declare of a kind, by name and package. Imports none of them."""
    return _found(tuple(sys.path))[kind]


@lru_cache(maxsize=4)
def _found(path: tuple[str, ...]) -> dict[Kind, tuple[Plugin, ...]]:
    """The plugins of all kinds; looked for once, unless other places are searched (``path``)."""
    declared = entry_points()
    found: dict[Kind, tuple[Plugin, ...]] = {}
    for kind, group in GROUPS.items():
        plugins = [
            Plugin(kind, entry.name, entry.dist.name, entry.dist.version, entry)
            for entry in declared.select(group=group)
            if entry.dist is not None
        ]
        found[kind] = tuple(sorted(plugins, key=lambda plugin: (plugin.name, same_package(plugin.package))))
    return found


def same_package(name: str) -> str:
    """A distribution's name in the form in which names are compared."""
    return re.sub(r"[-_.]+", "-", name).lower()


class Plugins(Generic[Thing]):
    """What packages give of one kind.

    Args:
        kind: of them.
        own: the names that this package has itself.
        check: looks at what an entry point names and gives what is used; raises ``ValueError`` with what is wrong.
    """

    def __init__(self, kind: Kind, own: Callable[[], Collection[str]], check: Callable[[Plugin, Any], Thing]) -> None:
        self._kind: Kind = kind
        self._own, self._check = own, check
        self._loaded: dict[Plugin, Thing | PluginError] = {}
        self._told: set[str] = set()

    def names(self) -> tuple[str, ...]:
        """The names that packages declare, whether they can be loaded or not."""
        return tuple(dict.fromkeys(plugin.name for plugin in find_plugins(self._kind)))

    def plugin(self, name: str) -> Plugin | None:
        """Who gives what is called so; ``None`` where no package does.

        Raises:
            PluginError: several do, or this package has the name itself; all are named.
        """
        found = [plugin for plugin in find_plugins(self._kind) if plugin.name == name]
        packages = [f"{plugin.package} {plugin.version}" for plugin in found]
        if found and name in self._own():
            packages.append(f"{OWN} itself")
        if len(packages) > 1:
            raise PluginError(
                f"the {self._kind} {name!r} is given by {' and by '.join(packages)}; uninstall one, or have it renamed"
            )
        return found[0] if found else None

    def get(self, name: str) -> Thing | None:
        """What is called so; ``None`` where no package gives it.

        Raises:
            PluginError: the name is claimed twice, or what stands behind it cannot be used.
        """
        plugin = self.plugin(name)
        if plugin is None:
            return None
        if plugin not in self._loaded:
            try:
                self._loaded[plugin] = self._load(plugin)
            except PluginError as error:
                self._loaded[plugin] = error
        loaded = self._loaded[plugin]
        if isinstance(loaded, PluginError):
            raise loaded
        return loaded

    def all(self) -> dict[str, Thing]:
        """Everything that can be used, by name; of what cannot, a :class:`PluginWarning` tells once."""
        usable = {}
        for name in self.names():
            try:
                usable[name] = self.get(name)
            except PluginError as error:
                self.tell(str(error))
        return {name: thing for name, thing in usable.items() if thing is not None}

    def tell(self, problem: str) -> None:
        """Warn of what was left out, once."""
        if problem not in self._told:
            self._told.add(problem)
            warnings.warn(problem, PluginWarning, stacklevel=4)

    def _load(self, plugin: Plugin) -> Thing:
        """Import what a plugin names, and look at it.

        Raises:
            PluginError: it cannot be imported, or is not what it should be.
        """
        if not NAME.fullmatch(plugin.name):
            raise PluginError(f"{plugin} has no usable name; expected small letters and digits, joined by - or .")
        try:
            thing = plugin.entry.load()
        except (Exception, SystemExit) as error:  # whatever code of others does when it is imported
            raise PluginError(
                f"{plugin} cannot be imported: {type(error).__name__}: {error}{_place(error)}; mend or uninstall it"
            ) from error
        try:
            return self._check(plugin, thing)
        except ValueError as error:
            raise PluginError(f"{plugin} ({plugin.entry.value}) cannot be used: {error}") from error


def _place(error: BaseException) -> str:
    """Where code of a plugin failed: the last frame that is no part of importing."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<frozen") and "importlib" not in frame.filename
    ]
    return f" ({frames[-1].filename}:{frames[-1].lineno})" if len(frames) > 1 else ""
