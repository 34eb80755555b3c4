"""The formats by name, by file ending and by content.

Every module beside this one that has a ``FORMAT`` is one; other packages add theirs by entry points
(:mod:`gliner_adapters.plugins`).
"""

from __future__ import annotations

import zlib
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from gliner_adapters.documents.formats.base import Format
from gliner_adapters.documents.formats.streams import PACKED, STANDARD, WIDE, open_input
from gliner_adapters.errors import ConfigError, DataError
from gliner_adapters.plugins import OWN, Plugin, Plugins

#: Bytes of a file that formats are shown to say whether it is one of theirs.
HEAD = 1 << 20

_PACKAGE = __name__.rpartition(".")[0]


@cache
def builtin_formats() -> dict[str, Format]:
    """The formats of this package by name, sorted."""
    modules = (import_module(f"{_PACKAGE}.{module.name}") for module in iter_modules([str(Path(__file__).parent)]))
    found = [module.FORMAT for module in modules if hasattr(module, "FORMAT")]
    return {each.name: each for each in sorted(found, key=lambda each: each.name)}


def _checked(plugin: Plugin, thing: Any) -> Format:
    """The format that an entry point names: an instance, or the class of one that takes no arguments."""
    made = thing() if isinstance(thing, type) and issubclass(thing, Format) else thing
    if not isinstance(made, Format):
        raise ValueError(f"expected a Format, found {thing!r}")
    if getattr(made, "name", None) != plugin.name:
        raise ValueError(f"its name is {getattr(made, 'name', None)!r}; the entry point has to be called the same")
    endings = (*made.endings, *made.shared_endings)
    if bad := [each for each in endings if not each.startswith(".") or each != each.lower() or each.endswith(".gz")]:
        raise ValueError(f"endings start with a dot, in small letters, without .gz; found {', '.join(bad)}")
    return made


#: Formats of other packages.
FORMAT_PLUGINS: Plugins[Format] = Plugins("format", builtin_formats, _checked)


def formats() -> dict[str, Format]:
    """All formats by name, sorted: those of this package, and those of other packages that can be loaded."""
    return dict(sorted({**FORMAT_PLUGINS.all(), **builtin_formats()}.items()))


def get_format(name: str) -> Format:
    """The format called ``name``.

    Raises:
        ConfigError: if there is none; or it is another package's (:class:`~gliner_adapters.errors.PluginError`) that
            cannot be loaded, or two packages have one of this name.
    """
    found = FORMAT_PLUGINS.get(name) or builtin_formats().get(name)
    if found is None:
        raise ConfigError(f"unknown format {name!r}; known formats: {', '.join(formats())}")
    return found


def written_format(path: str | Path) -> str:
    """Name of the format that files with the ending of ``path`` are written in; a ``.gz`` after it does not matter.

    Raises:
        ConfigError: if the ending is unknown, or ``path`` is ``-`` and has none.
    """
    owner = _owner(path)
    if owner is None:
        raise _unknown(path, "the ending")
    return owner.name


def detect_format(path: str | Path) -> str:
    """Name of the format that a file or folder is in, by its ending and, where several formats share it, its content.

    A file that does not exist is taken by its ending alone.

    Raises:
        ConfigError: if neither says, or ``path`` is ``-`` and has no ending.
        DataError: it cannot be opened, is in UTF-16, or is compressed in a way that is not read.
    """
    owner = _owner(path)
    if Path(path).is_dir():
        found = [each for each in formats().values() if _says(each, "recognises_folder", Path(path))]
    else:
        ending = _ending(_plain_name(path))
        # What is called .txt may be text in any format.
        anything = ending == ".txt"
        sharing = [e for e in formats().values() if anything or ending in (*e.endings, *e.shared_endings)]
        if owner is not None and sharing == [owner]:
            return owner.name
        # A name without an ending that is known says nothing; any format may be in it.
        head = _head(path)
        found = [each for each in sharing or formats().values() if head and _says(each, "recognises", head)]
    if len(found) == 1:
        return found[0].name
    if len(found) > 1:
        names = ", ".join(each.name for each in found)
        raise ConfigError(f"{path}: the content could be in several formats ({names}); name the one that it is in")
    if owner is not None:
        return owner.name
    if not Path(path).is_dir() and head.startswith(WIDE):
        raise DataError("UTF-16; expected UTF-8, save it as that", path, 1)
    raise _unknown(path, "ending and content")


def _owner(path: str | Path) -> Format | None:
    """The format that files with the ending of ``path`` are written in, and read in unless their content differs."""
    if str(path) == STANDARD:
        raise ConfigError(f"standard input and output have no ending; name the format ({', '.join(formats())})")
    ending = _ending(_plain_name(path))
    owners = [each for each in formats().values() if ending in each.endings]
    own = [each for each in owners if each.name in builtin_formats()]  # a plugin takes no ending away
    if len(own or owners) > 1:
        names = " and ".join(f"{each.name} ({_package(each)})" for each in owners)
        raise ConfigError(f"{path}: the ending {ending} is that of the formats {names}; name the format")
    return next(iter(own or owners), None)


def _package(each: Format) -> str:
    plugin = FORMAT_PLUGINS.plugin(each.name)
    return OWN if plugin is None else plugin.package


def _says(each: Format, question: str, given: Any) -> bool:
    """Whether a format takes content for its own; another package's that fails on it is left out with a warning."""
    try:
        return bool(getattr(each, question)(given))
    except Exception as error:
        plugin = FORMAT_PLUGINS.plugin(each.name)
        if plugin is None:
            raise
        FORMAT_PLUGINS.tell(f"{plugin} was not considered: its {question} raised {type(error).__name__}: {error}")
        return False


def _unknown(path: str | Path, what: str) -> ConfigError:
    known = "; ".join(f"{each.name}: {' '.join(each.endings)}" for each in formats().values() if each.endings)
    return ConfigError(f"{path}: cannot tell the format from {what}; name it, or use an ending of one of {known}")


def _head(path: str | Path) -> bytes:
    """The first bytes of a file, those before any damage, which whoever reads it will say."""
    if not Path(path).exists():
        return b""
    head = b""
    with open_input(path) as stream, suppress(OSError, EOFError, zlib.error):
        while len(head) < HEAD and (more := stream.read(HEAD // 16)):
            head += more
    return head


def source_name(path: str) -> str:
    """A file's name without folder and endings, as document ids use it: ``train`` for ``x/train.tsv.gz``."""
    name = _plain_name(path)
    return name[: len(name) - len(_ending(name))] if _ending(name) else Path(name).stem.strip("<>")


def _plain_name(path: str | Path) -> str:
    name = Path(path).name
    packed = next((ending for ending in PACKED if name.lower().endswith(ending)), "")
    return name[: len(name) - len(packed)]


def _ending(name: str) -> str:
    """The longest known ending of a file name, empty if there is none."""
    lower = name.lower()
    known = (ending for each in formats().values() for ending in (*each.endings, *each.shared_endings))
    endings = (ending for ending in known if lower.endswith(ending))
    return max(endings, key=len, default="")
