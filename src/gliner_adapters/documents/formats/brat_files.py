"""Where brat's files lie: a folder or a zip archive, each document a ``.txt`` with its ``.ann`` beside it."""

from __future__ import annotations

import os
import re
import shutil
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from urllib.parse import quote

from gliner_adapters.errors import DataError

#: The longest file in bytes, unpacked.
MAX_FILE = 64 << 20
#: The most files in an archive.
MAX_FILES = 1_000_000

TEXT, ANNOTATION = ".txt", ".ann"

#: How names begin that are no documents.
_HIDDEN = (".", "__MACOSX")
_UNLIKED = re.compile(r"""[\0-\x1f\x7f\\:*?"<>|\ud800-\udfff]""")


class Files(ABC):
    """Files by their path within a folder or archive, with ``/`` between parts."""

    #: What messages name.
    path: str

    @abstractmethod
    def names(self) -> list[str]:
        """The paths of all files, sorted."""

    @abstractmethod
    def read(self, name: str) -> bytes:
        """The bytes of one file.

        Raises:
            DataError: it cannot be read, or is longer than :data:`MAX_FILE`.
        """

    def where(self, name: str) -> str:
        """How messages name one file."""
        return f"{self.path}/{name}"


class FolderFiles(Files):
    """The files of a folder, nested folders included; links to folders are not followed."""

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        self._root = Path(path)

    def names(self) -> list[str]:
        """The paths of all files, sorted."""
        found = [
            (Path(folder) / name).relative_to(self._root).as_posix()
            for folder, _, names in os.walk(self._root)
            for name in names
        ]
        return sorted(found)

    def read(self, name: str) -> bytes:
        """The bytes of one file."""
        try:
            with (self._root / name).open("rb") as file:
                raw = file.read(MAX_FILE + 1)
        except OSError as error:
            raise DataError(f"cannot be read: {error.strerror or error}", self.where(name)) from error
        return _bounded(raw, self.where(name))


class ZipFiles(Files):
    """The files of a zip archive, read in place; nothing is unpacked to disk."""

    def __init__(self, stream: BinaryIO, path: str) -> None:
        self.path = path
        try:
            self._archive = zipfile.ZipFile(stream)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise DataError(f"not a valid zip archive: {error}", path) from error

    def names(self) -> list[str]:
        """The paths of all files, sorted."""
        names = [each.filename for each in self._archive.infolist() if not each.filename.endswith("/")]
        if len(names) > MAX_FILES:
            raise DataError(f"the archive holds {len(names):,} files; more than {MAX_FILES:,} are refused", self.path)
        for name, times in Counter(names).items():
            parts = name.replace("\\", "/").split("/")
            if ".." in parts or not parts[0] or ":" in parts[0] or "\\" in name:
                raise DataError(f"the archive holds {name!r}, a name that leads out of it; refused", self.path)
            if times > 1:
                raise DataError(f"the archive holds {name!r} {times} times", self.path)
        return sorted(names)

    def read(self, name: str) -> bytes:
        """The bytes of one file."""
        try:
            # What the archive says of a length may be wrong, so what is unpacked is what counts.
            with self._archive.open(name) as file:
                raw = file.read(MAX_FILE + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError) as error:
            raise DataError(f"cannot be unpacked: {error}", self.where(name)) from error
        return _bounded(raw, self.where(name))

    def where(self, name: str) -> str:
        """How messages name one file."""
        return f"{self.path}!{name}"


def _bounded(raw: bytes, where: str) -> bytes:
    if len(raw) > MAX_FILE:
        raise DataError(f"a file of more than {MAX_FILE >> 20} MB; refused", where)
    return raw


def pairs(files: Files) -> tuple[list[tuple[str, bool, bool]], list[str]]:
    """The documents among files, and the other files.

    Returns:
        For each document its path without ending, whether it has a text and whether it has annotations; then the
        paths of what is neither (configuration of brat and hidden files are not mentioned).
    """
    names = files.names()
    texts = {name[: -len(TEXT)] for name in names if name.endswith(TEXT)}
    annotations = {name[: -len(ANNOTATION)] for name in names if name.endswith(ANNOTATION)}
    others = [
        name for name in names
        if not name.endswith((TEXT, ANNOTATION, ".conf"))
        and not any(part.startswith(_HIDDEN) for part in name.split("/"))
    ]  # fmt: skip
    visible = [
        name for name in sorted(texts | annotations)
        if not any(part.startswith(_HIDDEN) for part in name.split("/"))
    ]  # fmt: skip
    return [(name, name in texts, name in annotations) for name in visible], others


def file_name(identifier: str) -> str:
    """A document's id as a path within the folder, which it never leaves.

    Characters that some file system does not like are percent-encoded, and so are names that are dots alone and the
    first character of names that reading passes over (hidden files).
    """
    parts = [_UNLIKED.sub(lambda found: quote(found[0], errors="replace"), part) for part in identifier.split("/")]
    parts = [part.replace(".", "%2E") if not part.strip(". ") else part for part in parts if part]
    return "/".join(f"%{ord(part[0]):02X}{part[1:]}" if part.startswith(_HIDDEN) else part for part in parts)


class FolderWriter:
    """Writes files into a folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def write(self, name: str, raw: bytes) -> None:
        """Write one file."""
        target = self._root / PurePosixPath(name)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(raw)
        except OSError as error:
            raise DataError(f"cannot be written: {error.strerror or error}", target) from error


class ZipWriter:
    """Writes files into a zip archive, which depends on their content alone: no time is stored in it."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def write(self, name: str, raw: bytes) -> None:
        """Write one file."""
        member = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
        member.compress_type = zipfile.ZIP_DEFLATED
        member.external_attr = 0o644 << 16
        self._archive.writestr(member, raw)


@contextmanager
def new_folder(path: str | Path) -> Iterator[Path]:
    """A temporary folder that takes the place of ``path`` when the block ends, and is removed when it fails.

    Raises:
        DataError: ``path`` exists and is no empty folder, or cannot be written.
    """
    target = Path(path).resolve()
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise DataError("exists already; name a folder that is new or empty", path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        temporary.mkdir()
    except OSError as error:
        raise DataError(f"cannot be written: {error.strerror or error}", path) from error
    try:
        yield temporary
        if target.exists():
            target.rmdir()
        temporary.rename(target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
