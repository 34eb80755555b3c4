"""The registry of known corpora: one JSON file under ``data/`` for each of them, and those of other packages.

Adding a corpus is adding one file there (:mod:`.info`); another package adds one by an entry point
(:mod:`.packaged`).
"""

from __future__ import annotations

import difflib
from functools import cache
from pathlib import Path
from typing import Any

from gliner_adapters.corpora.info import CorpusInfo, read_info
from gliner_adapters.corpora.packaged import PackagedCorpus
from gliner_adapters.errors import ConfigError, PluginError
from gliner_adapters.plugins import OWN, Plugin, Plugins

DATA = Path(__file__).parent / "data"


@cache
def builtin_infos() -> dict[str, CorpusInfo]:
    """The corpora of this package by canonical name, in alphabetical order."""
    infos = (read_info(path) for path in DATA.glob("*.json"))
    return {info.name: info for info in sorted(infos, key=lambda info: info.name)}


@cache
def _names() -> dict[str, str]:
    """Normalised names and aliases to canonical names, of this package's corpora."""
    names: dict[str, str] = {}
    for info in builtin_infos().values():
        for name in {_normalise(name) for name in (info.name, *info.aliases)}:
            if name in names:
                raise ConfigError(f"the corpora {names[name]} and {info.name} share the name {name!r}")
            names[name] = info.name
    return names


def _checked(plugin: Plugin, thing: Any) -> PackagedCorpus:
    """The corpus that an entry point names."""
    if not isinstance(thing, PackagedCorpus):
        raise ValueError(f"expected a PackagedCorpus, found {thing!r}")
    try:
        info = thing.info
    except ConfigError as error:
        raise ValueError(str(error)) from error
    if info.name != plugin.name:
        raise ValueError(f"its name is {info.name!r}; the entry point has to be called the same")
    if taken := sorted({_normalise(alias) for alias in info.aliases} & _names().keys()):
        raise ValueError(f"its alias {taken[0]!r} is a name of the corpus {_names()[taken[0]]} of {OWN}")
    return thing


#: Corpora of other packages.
CORPUS_PLUGINS: Plugins[PackagedCorpus] = Plugins("corpus", lambda: _names(), _checked)


def corpus_infos() -> dict[str, CorpusInfo]:
    """All known corpora by canonical name, in alphabetical order: this package's, and what others give."""
    others = {name: packaged.info for name, packaged in CORPUS_PLUGINS.all().items()}
    return dict(sorted({**others, **builtin_infos()}.items()))


def packaged_corpus(info: CorpusInfo) -> PackagedCorpus | None:
    """The corpus of another package that this is the description of; ``None`` for one of this package."""
    found = None if builtin_infos().get(info.name) == info else CORPUS_PLUGINS.get(info.name)
    return found if found is not None and found.info == info else None


def corpus_package(name: str) -> Plugin | None:
    """Which package gives the corpus of a canonical name; ``None`` if it is this one.

    Raises:
        PluginError: several do.
    """
    return CORPUS_PLUGINS.plugin(name)


def _normalise(name: str) -> str:
    return name.strip().lower().replace("_", "-").replace(" ", "-")


def _canonical(name: str) -> str | None:
    """The canonical name; plugins are imported only for a name that is nobody's own.

    Raises:
        PluginError: two packages claim the name.
    """
    wanted = _normalise(name)
    if wanted in CORPUS_PLUGINS.names():
        CORPUS_PLUGINS.plugin(wanted)  # refuses what is claimed twice
        return wanted
    if wanted in _names():
        return _names()[wanted]
    others = CORPUS_PLUGINS.all()
    owners = [own for own, each in others.items() if wanted in map(_normalise, each.info.aliases)]
    if len(owners) > 1:
        packages = " and ".join(f"{own} ({plugin.package})" for own in owners if (plugin := corpus_package(own)))
        raise PluginError(f"the corpora {packages} share the alias {name!r}; give one of these names")
    return owners[0] if owners else None


def is_corpus(name: str) -> bool:
    """Whether the registry knows this name or alias (case, ``_`` and blanks aside).

    Raises:
        PluginError: two packages claim it.
    """
    return _canonical(name) is not None


def corpus_info(name: str) -> CorpusInfo:
    """What the registry knows of a corpus, by name or alias (case, ``_`` and blanks aside).

    Raises:
        ConfigError: no such corpus; the message suggests close names. Or another package's
            (:class:`~gliner_adapters.errors.PluginError`) that cannot be loaded.
    """
    canonical = _canonical(name)
    if canonical is None:
        raise unknown_corpus(name)
    packaged = CORPUS_PLUGINS.get(canonical)
    return builtin_infos()[canonical] if packaged is None else packaged.info


def unknown_corpus(name: str) -> ConfigError:
    """The error for a name that the registry does not know, with the names that are close."""
    close = difflib.get_close_matches(_normalise(name), [*_names(), *CORPUS_PLUGINS.names()], n=3)
    hint = f"; did you mean {' or '.join(close)}?" if close else "."
    return ConfigError(f"no corpus named {name!r}{hint} Known corpora: {', '.join(corpus_infos())}")
