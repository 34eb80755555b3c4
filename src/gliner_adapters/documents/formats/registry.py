"""The formats by name and by file ending. Every module beside this one that has a ``FORMAT`` is one."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from gliner_adapters.documents.formats.base import Format
from gliner_adapters.documents.formats.streams import STANDARD
from gliner_adapters.errors import ConfigError

_PACKAGE = __name__.rpartition(".")[0]


@cache
def formats() -> dict[str, Format]:
    """All formats by name, sorted."""
    modules = (import_module(f"{_PACKAGE}.{module.name}") for module in iter_modules([str(Path(__file__).parent)]))
    found = [module.FORMAT for module in modules if hasattr(module, "FORMAT")]
    return {each.name: each for each in sorted(found, key=lambda each: each.name)}


def get_format(name: str) -> Format:
    """The format called ``name``.

    Raises:
        ConfigError: if there is none.
    """
    try:
        return formats()[name]
    except KeyError:
        raise ConfigError(f"unknown format {name!r}; known formats: {', '.join(formats())}") from None


def detect_format(path: str | Path) -> str:
    """Name of the format that the ending of ``path`` stands for; a ``.gz`` after it does not matter.

    Raises:
        ConfigError: if the ending is unknown, or ``path`` is ``-`` and has none.
    """
    if str(path) == STANDARD:
        raise ConfigError(f"standard input and output have no ending; name the format ({', '.join(formats())})")
    name = _plain_name(path)
    ending = _ending(name)
    for each in formats().values():
        if ending in each.endings:
            return each.name
    known = "; ".join(f"{each.name}: {' '.join(each.endings)}" for each in formats().values())
    raise ConfigError(f"{path}: cannot tell the format from the ending; name it, or use one of {known}")


def source_name(path: str) -> str:
    """A file's name without folder and endings, as document ids use it: ``train`` for ``x/train.tsv.gz``."""
    name = _plain_name(path)
    return name[: len(name) - len(_ending(name))] if _ending(name) else Path(name).stem.strip("<>")


def _plain_name(path: str | Path) -> str:
    name = Path(path).name
    return name[:-3] if name.lower().endswith(".gz") else name


def _ending(name: str) -> str:
    """The longest known ending of a file name, empty if there is none."""
    lower = name.lower()
    endings = (ending for each in formats().values() for ending in each.endings if lower.endswith(ending))
    return max(endings, key=len, default="")
