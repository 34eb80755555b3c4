"""Byte streams by path: plain files, compressed ones by ending or content, ``-`` for standard input and output."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import sys
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from gliner_adapters.errors import DataError
from gliner_adapters.storage import atomic, storing

STANDARD = "-"
BOM = b"\xef\xbb\xbf"
#: How UTF-16 begins.
WIDE = (b"\xff\xfe", b"\xfe\xff")
#: Endings after a file's own that say that it is compressed. Written is the first alone.
PACKED = (".gz", ".bz2", ".xz")
#: How compressed streams begin.
_GZIP, _BZIP2, _XZ, _ZSTANDARD = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd"


def display_name(path: str | Path) -> str:
    """How messages name a path: itself, or ``<stdin>`` for ``-``."""
    return "<stdin>" if str(path) == STANDARD else str(path)


def check_readable(path: str | Path, *, folder: bool = False) -> None:
    """Raise :class:`DataError` unless ``path`` is ``-``, a readable file, or a folder where one may be."""
    if str(path) == STANDARD:
        return
    if not Path(path).exists():
        raise DataError("no such file", path)
    if Path(path).is_dir() and not folder:
        raise DataError("is a folder; expected a file", path)


@contextmanager
def open_input(path: str | Path) -> Iterator[BinaryIO]:
    """Open a file for reading bytes, decompressed if its content is; ``-`` is standard input, which stays open.

    Raises:
        DataError: it cannot be opened, or is compressed in a way that is not read.
    """
    if str(path) == STANDARD:
        with _told(path):
            yield _unpacked(sys.stdin.buffer, path)
        return
    with _told(path), ExitStack() as stack:
        try:
            raw: BinaryIO = stack.enter_context(Path(path).open("rb"))
        except OSError as error:
            raise DataError(f"cannot be read: {error.strerror or error}", path) from error
        unpacked = _unpacked(raw, path)
        yield unpacked if unpacked is raw else stack.enter_context(unpacked)


@contextmanager
def _told(path: str | Path) -> Iterator[None]:
    """Damage to a compressed stream as :class:`DataError`, for readers that have no line to name."""
    try:
        yield
    except EOFError as error:
        raise DataError("the compressed stream ends early; the file is truncated", display_name(path)) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"not a valid compressed stream: {error}", display_name(path)) from error


def _unpacked(raw: BinaryIO, path: str | Path) -> BinaryIO:
    """What a stream holds, decompressed; itself if it is not compressed."""
    head: bytes = raw.peek(6)[:6] if hasattr(raw, "peek") else b""
    if is_gzip(path) or head.startswith(_GZIP):
        return cast(BinaryIO, gzip.open(raw))
    if head.startswith((_BZIP2, _XZ)):
        packed = bz2.BZ2File if head.startswith(_BZIP2) else lzma.LZMAFile
        return cast(BinaryIO, io.BufferedReader(_Unpacked(packed(raw)), 1 << 16))
    if head.startswith(_ZSTANDARD):
        raise DataError("compressed with Zstandard, which is not read; unpack it first (zstd -d)", display_name(path))
    return raw


class _Unpacked(io.RawIOBase):
    """A decompressing stream whose errors are those of gzip, which readers know."""

    def __init__(self, file: bz2.BZ2File | lzma.LZMAFile) -> None:
        self._file = file

    def readable(self) -> bool:
        """It is for reading."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read some bytes."""
        try:
            return self._file.readinto(buffer)
        except lzma.LZMAError as error:
            raise gzip.BadGzipFile(str(error)) from error
        except OSError as error:
            if error.errno is not None:
                raise
            raise gzip.BadGzipFile(str(error)) from error


@contextmanager
def open_output(path: str | Path) -> Iterator[BinaryIO]:
    """Open a file for writing bytes, all or nothing; ``-`` is standard output, which stays open.

    The bytes go to a temporary file beside the target, which takes the target's place when the block ends and
    is removed when it fails, so an existing file is only ever replaced by a complete one. A compressed file
    depends on its content alone: no time and no name is stored in it. What is not a regular file (a pipe, a
    device) is written directly.

    Raises:
        DataError: there is no such folder.
        StorageError: it cannot be written, or there is no room.
    """
    if str(path) == STANDARD:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    if str(path).lower().endswith(PACKED[1:]):
        raise DataError(f"written files are plain or end in {PACKED[0]}; compress it another way afterwards", path)
    target = Path(path).resolve()
    if target.exists() and not target.is_file():
        with storing(target), _packed(target.open("wb"), path) as stream:
            yield stream
        return
    if not target.parent.is_dir():
        raise DataError(f"cannot be written: no folder {target.parent}", path)
    with atomic(target) as fresh, _packed(fresh.open("wb"), path) as stream:
        yield stream


@contextmanager
def _packed(raw: BinaryIO, path: str | Path) -> Iterator[BinaryIO]:
    """A stream that compresses where the path says so; closes ``raw``."""
    with raw:
        if not is_gzip(path):
            yield raw
            return
        with gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed:
            yield cast(BinaryIO, packed)


def is_gzip(path: str | Path) -> bool:
    """Whether the ending of a path says that it is gzipped."""
    return str(path).lower().endswith(".gz")


def numbered_lines(stream: BinaryIO, path: str) -> Iterator[tuple[int, bytes]]:
    """Lines with their numbers from 1, each with its line ending; the last may lack one.

    Raises:
        DataError: if a compressed stream is damaged or ends early.
    """
    number = 0
    try:
        for line in stream:
            number += 1
            yield number, line
    except EOFError as error:
        raise DataError("the compressed stream ends early; the file is truncated", path, number + 1) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"not a valid compressed stream: {error}", path, number + 1) from error


def first_line(line: bytes, path: str) -> bytes:
    """The first line of a file, without its byte order mark.

    Raises:
        DataError: it is the whole file, for lines end in a carriage return alone, or it is in UTF-16.
    """
    if line.startswith(WIDE):
        raise DataError("UTF-16; expected UTF-8, save it as that", path, 1)
    if b"\r" in line.rstrip(b"\r") and not line.endswith(b"\n"):
        raise DataError("its lines end in a carriage return alone; save it with line feeds (or with both)", path, 1)
    return line.removeprefix(BOM)


def decode(raw: bytes, path: str, line: int) -> str:
    """Decode UTF-8 strictly.

    Args:
        raw: one line or several.
        path: the file, for the message.
        line: number of the first line in ``raw``.

    Raises:
        DataError: names the line of the first byte that is not UTF-8, or of the first NUL.
    """
    if (nul := raw.find(b"\0")) >= 0:
        raise DataError(
            "NUL byte; expected UTF-8 text (is this a binary, or UTF-16? Then save it as UTF-8)",
            path,
            line + raw.count(b"\n", 0, nul),
        )
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"byte 0x{raw[error.start]:02x} is not valid UTF-8 here; convert the file to UTF-8 first",
            path,
            line + raw.count(b"\n", 0, error.start),
        ) from error


class Prefixed(io.RawIOBase):
    """A stream some of whose first bytes have been read already, as one from its beginning.

    Args:
        head: what was read.
        stream: the rest.
    """

    def __init__(self, head: bytes, stream: BinaryIO) -> None:
        self._head = head
        self._stream = stream

    def readable(self) -> bool:
        """It is for reading."""
        return True

    def read(self, size: int = -1) -> bytes:
        """At most ``size`` bytes, all there are if it is negative; fewer only at the end."""
        if size < 0:
            return self._take(len(self._head)) + self._stream.read()
        head = self._take(size)
        return head + self._stream.read(size - len(head)) if len(head) < size else head

    def _take(self, size: int) -> bytes:
        taken, self._head = self._head[:size], self._head[size:]
        return taken
