"""The formats by name, by file ending and by content. Every module beside this one that has a ``FORMAT`` is one."""

from __future__ import annotations

import zlib
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from gliner_adapters.documents.formats.base import Format
from gliner_adapters.documents.formats.streams import PACKED, STANDARD, WIDE, open_input
from gliner_adapters.errors import ConfigError, DataError

#: Bytes of a file that formats are shown to say whether it is one of theirs.
HEAD = 1 << 20

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
        found = [each for each in formats().values() if each.recognises_folder(Path(path))]
    else:
        ending = _ending(_plain_name(path))
        # What is called .txt may be text in any format.
        anything = ending == ".txt"
        sharing = [e for e in formats().values() if anything or ending in (*e.endings, *e.shared_endings)]
        if owner is not None and sharing == [owner]:
            return owner.name
        # A name without an ending that is known says nothing; any format may be in it.
        head = _head(path)
        found = [each for each in sharing or formats().values() if head and each.recognises(head)]
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
    return next((each for each in formats().values() if ending in each.endings), None)


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
