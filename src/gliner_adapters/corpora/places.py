"""Where corpus files are on this machine, and whether they are the published bytes.

A corpus lies in a folder of its own under a data directory. The data directory is, in this order: the one
that is asked for, the one that ``GLINER_ADAPTERS_DATA`` names, the user's cache (where ``corpora fetch`` puts
it). A file may lie there as it was published, or gzipped, or unpacked; its text must be the published one.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import BinaryIO, cast

import platformdirs

from gliner_adapters.corpora.info import Blob, CorpusInfo, FileInfo
from gliner_adapters.corpora.registry import DATA, packaged_corpus
from gliner_adapters.errors import ConfigError, DataError

#: The variable that names the folder of the corpora.
DATA_VARIABLE = "GLINER_ADAPTERS_DATA"


def cache_dir() -> Path:
    """The folder that downloaded corpora go to."""
    return Path(platformdirs.user_cache_dir("gliner-adapters", appauthor=False)) / "corpora"


def data_dirs(data_dir: str | Path | None = None) -> tuple[Path, ...]:
    """The data directories to look in, first match wins.

    Raises:
        ConfigError: ``data_dir``, or the directory that the environment names, does not exist.
    """
    directories = []
    for what, directory in (("data directory", data_dir), (DATA_VARIABLE, os.environ.get(DATA_VARIABLE))):
        if directory:
            if not Path(directory).is_dir():
                raise ConfigError(f"{what} {directory} is not a directory")
            directories.append(Path(directory))
    return (*directories, cache_dir())


def find_file(info: CorpusInfo, split: str, data_dir: str | Path | None = None) -> Path:
    """Locate a split's file and verify it (once per process for an unchanged file).

    Args:
        info: the corpus.
        split: one of its splits.
        data_dir: where to look first; else where the variable says, else in the cache.

    Raises:
        ConfigError: the file is in none of the places; the message names the command that fetches it.
        DataError: a file is there, but its text is not the published one.
    """
    file = info.file(split)
    packaged = packaged_corpus(info)
    inside = DATA if packaged is None else packaged.root
    roots = (inside,) if info.source is None else data_dirs(data_dir)
    for path in (root / info.folder / name for root in roots for name in _forms(file)):
        if path.is_file():
            verify(path, file)
            return path
    places = ", ".join(str(root / info.folder / file.path) for root in roots)
    if info.source is None:
        raise ConfigError(
            f"the package that brings the corpus {info.name} lacks its {split} split (looked for {places}); "
            "install it again"
        )
    raise ConfigError(
        f"the {split} split of the corpus {info.name} is not on this machine (looked for {places}). "
        f"Run `gliner-adapters corpora fetch {info.name}`, or point --data-dir or {DATA_VARIABLE} "
        f"at the folder that holds {info.folder}/"
    )


def verify(path: Path, file: FileInfo) -> None:
    """Check that ``path`` holds the published bytes, or the same text packed or unpacked.

    Raises:
        DataError: it does not; the message says what was expected and found.
    """
    stat = path.stat()
    problem = _problem(path, file, stat.st_size, stat.st_mtime_ns)
    if problem:
        raise DataError(f"{problem}; delete the file and fetch the corpus again", path)


def blob_id(stream: BinaryIO, size: int) -> str:
    """The git blob id of ``size`` bytes read from ``stream``; another length never gives a wanted id."""
    digest = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    while chunk := stream.read(1 << 20):
        digest.update(chunk)
    return digest.hexdigest()


def _forms(file: FileInfo) -> Iterator[str]:
    """Names that a file may have on disk: as published, and with ``.gz`` added or removed."""
    yield file.path
    yield file.path.removesuffix(".gz") if file.path.endswith(".gz") else f"{file.path}.gz"


@cache
def _problem(path: Path, file: FileInfo, size: int, mtime_ns: int) -> str | None:
    """What is wrong with a file, or ``None``; size and time are part of the key of the cache."""
    unpack = path.name == f"{Path(file.path).name}.gz"
    expected: Blob = file
    if file.text is not None and not path.name.endswith(".gz"):
        expected = file.text
    if not unpack and size != expected.size:
        return f"has {size} bytes where the published file has {expected.size}"
    try:
        with gzip.open(path) if unpack else path.open("rb") as stream:
            found = blob_id(cast(BinaryIO, stream), expected.size)
    except (OSError, EOFError, zlib.error) as error:
        return f"cannot be read ({error})"
    if found != expected.blob:
        return f"checksum mismatch: expected the git blob {expected.blob}, found {found}"
    return None
