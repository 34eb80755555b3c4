"""A job's inputs: what patterns match, locally and in any storage that fsspec knows; and how one is fetched."""

from __future__ import annotations

import glob
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gliner_adapters.documents.formats import formats
from gliner_adapters.documents.formats.registry import source_name
from gliner_adapters.errors import ConfigError, DataError, GlinerAdaptersError
from gliner_adapters.extras import require
from gliner_adapters.jobs.commit import BLOCK, file_digest
from gliner_adapters.jobs.records import InputRecord

_ADDRESS = re.compile(r"^[a-z][a-z0-9+.-]*(::[a-z][a-z0-9+.-]*)*://", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Input:
    """One input.

    Attributes:
        path: absolute path or address.
        size: bytes, as the storage says.
        modified: what the storage says changed last; see :class:`~gliner_adapters.jobs.records.InputRecord`.
    """

    path: str
    size: int
    modified: str

    @property
    def name(self) -> str:
        """What its output is called, without an ending: the file's name, and a digest of the whole path."""
        stem = source_name(self.path.rstrip("/"))
        return f"{stem}-{hashlib.sha256(self.path.encode()).hexdigest()[:8]}"

    @property
    def remote(self) -> bool:
        """Whether it has to be fetched."""
        return is_address(self.path)


@dataclass(frozen=True, slots=True)
class Fetched:
    """An input that can be read: a local path, and what is on record of it."""

    path: Path
    record: InputRecord


def is_address(path: str) -> bool:
    """Whether a path is an address such as ``s3://bucket/file``."""
    return bool(_ADDRESS.match(path))


def find_inputs(patterns: Sequence[str], *, may_be_gone: bool = False) -> list[Input]:
    """What patterns match, each once, in the order of the paths.

    Args:
        patterns: files, patterns (``*``, ``?``, ``[...]``, ``**``), folders (the files in them whose endings some
            format has), and addresses of these in a storage.
        may_be_gone: a pattern may match nothing: what is done stays done when its input is taken away.

    Raises:
        ConfigError: a pattern matches nothing, a storage's package is missing, or two inputs would share a name.
    """
    found: dict[str, Input] = {}
    for pattern in patterns:
        matched = _remote(pattern) if is_address(pattern) else _local(pattern)
        if not matched and not may_be_gone:
            raise ConfigError(f"no input matches {pattern!r}")
        found |= {each.path: each for each in matched}
    return [found[path] for path in sorted(found)]


def _local(pattern: str) -> list[Input]:
    plain = Path(pattern).expanduser()
    # A name with brackets in it may be meant as it stands.
    paths = [str(plain)] if os.path.lexists(plain) else glob.glob(str(plain), recursive=True)  # noqa: PTH207
    files: list[Path] = []
    for path in map(Path, paths):
        files += _within(path) if path.is_dir() and len(paths) == 1 and not _is_input_folder(path) else [path]
    return [_local_input(path) for path in files if not path.is_dir() or _is_input_folder(path)]


def _within(folder: Path) -> list[Path]:
    """The files of a folder and its folders that are called like files of some format."""
    endings = {
        ending for each in formats().values() if each.readable for ending in (*each.endings, *each.shared_endings)
    }
    names = tuple(ending + packed for ending in endings for packed in ("", ".gz"))
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and path.name.lower().endswith(names)
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]


def _is_input_folder(path: Path) -> bool:
    """Whether a folder is one input: brat's, say."""
    with suppress(GlinerAdaptersError):
        return path.is_dir() and any(each.recognises_folder(path) for each in formats().values() if each.name == "brat")
    return False


def _local_input(path: Path) -> Input:
    whole = Path(os.path.abspath(path))  # noqa: PTH100 - links keep their names
    try:
        if whole.is_dir():
            stats = [each.stat() for each in sorted(whole.rglob("*")) if each.is_file()]
            return Input(str(whole), sum(s.st_size for s in stats), str(max((s.st_mtime_ns for s in stats), default=0)))
        stat = whole.stat()
        return Input(str(whole), stat.st_size, str(stat.st_mtime_ns))
    except OSError:  # it cannot be read either, which will be on record
        return Input(str(whole), 0, "")


def _remote(pattern: str) -> list[Input]:
    fs, path = filesystem(pattern)
    try:
        paths = [path] if fs.isfile(path) else fs.glob(f"{path.rstrip('/')}/**" if fs.isdir(path) else path)
        infos = [info for info in (fs.info(each) for each in paths) if info.get("type") == "file"]
    except (OSError, ValueError) as error:
        raise ConfigError(f"{pattern}: cannot be looked at: {error}") from error
    return [Input(fs.unstrip_protocol(info["name"]), int(info.get("size") or 0), _mark(info)) for info in infos]


def _mark(info: dict[str, Any]) -> str:
    """What of a storage's description tells one version of a file from another."""
    for key in ("ETag", "etag", "md5Hash", "md5", "generation", "mtime", "LastModified", "last_modified", "created"):
        if info.get(key) is not None:
            return str(info[key])
    return ""


def filesystem(address: str) -> tuple[Any, str]:
    """The storage of an address, and the path in it.

    Raises:
        ConfigError: fsspec, or the storage's own package, is missing.
    """
    fsspec: Any = require("fsspec", "scale")
    try:
        fs, path = fsspec.core.url_to_fs(address)
    except (ImportError, ValueError) as error:
        raise ConfigError(f"{address}: {error}") from error
    return fs, path


@contextmanager
def fetched(given: Input) -> Iterator[Fetched]:
    """An input as a local path with the digest of its bytes; a remote one is fetched for as long as the block lasts.

    Raises:
        DataError: it cannot be read.
    """
    with ExitStack() as stack:
        try:
            path = Path(given.path)
            if given.remote:
                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="gliner-adapters-"))
                path = Path(folder) / given.path.rstrip("/").rpartition("/")[2]
                digest, size = _copy(given.path, path)
            else:
                digest, size = _digest(path)
        except OSError as error:
            raise DataError(f"cannot be read: {error.strerror or error}", given.path) from error
        yield Fetched(path, _sized(given, digest, size))


def _sized(given: Input, digest: str, size: int) -> InputRecord:
    return InputRecord(path=given.path, size=size, sha256=digest, modified=given.modified)


def input_digest(given: Input) -> str:
    """sha256 of an input's bytes as they are now.

    Raises:
        DataError: it cannot be read.
    """
    with fetched(given) as here:
        return here.record.sha256


def _digest(path: Path) -> tuple[str, int]:
    """sha256 and size of a file, or of a folder by its files' names and digests."""
    if path.is_dir():
        whole, size = hashlib.sha256(), 0
        for each in sorted(each for each in path.rglob("*") if each.is_file()):
            digest, length = _digest(each)
            whole.update(f"{each.relative_to(path).as_posix()}\0{digest}\n".encode())
            size += length
        return whole.hexdigest(), size
    return file_digest(path)


def _copy(address: str, to: Path) -> tuple[str, int]:
    """Fetch a file; its sha256 and size."""
    fs, path = filesystem(address)
    digest, size = hashlib.sha256(), 0
    with fs.open(path, "rb") as source, to.open("wb") as target:
        while block := source.read(BLOCK):
            digest.update(block)
            target.write(block)
            size += len(block)
    return digest.hexdigest(), size
