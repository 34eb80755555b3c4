"""Tar archives of articles as a stream of members; nothing is written to disk."""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Iterator
from typing import IO, BinaryIO, cast

from gliner_adapters.errors import DataError

_MAGIC = b"ustar"
_MAX_HEADER = 1 << 20


class _Member(tarfile.TarInfo):
    """A member whose extended header, which is read at once, has a bound."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        plain = (*tarfile.REGULAR_TYPES, tarfile.DIRTYPE, tarfile.LNKTYPE, tarfile.SYMTYPE)
        if self.type not in plain and self.size > _MAX_HEADER:
            raise tarfile.ReadError(f"a header of {self.size} bytes")
        return cast(tarfile.TarInfo, super()._proc_member(archive))  # type: ignore[misc]


class _Content:
    """A member's bytes; what is wrong with the archive there is a :class:`DataError` to whoever reads them."""

    def __init__(self, file: IO[bytes], path: str) -> None:
        self._file = file
        self._path = path

    def read(self, size: int = -1) -> bytes:
        try:
            return self._file.read(size)
        except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
            raise DataError(f"not a valid tar archive: {error}", self._path) from error


def is_archive(head: bytes) -> bool:
    """Whether the first bytes of a file are those of a tar archive, compressed with gzip or not."""
    if head.startswith(b"\x1f\x8b"):
        try:
            head = zlib.decompressobj(wbits=31).decompress(head, 512)
        except zlib.error:
            return False
    return head[257:262] == _MAGIC


def members(stream: BinaryIO, path: str) -> Iterator[tuple[str, BinaryIO]]:
    """Name and bytes of each file in an archive, in order; read one before taking the next.

    Raises:
        DataError: the archive is damaged, or a name leads out of it.
    """
    try:
        with tarfile.open(fileobj=stream, mode="r|*", tarinfo=_Member) as archive:
            for member in archive:
                # The list of members grows with the archive otherwise.
                archive.members = []  # type: ignore[attr-defined]
                if not member.isfile():
                    continue
                name = member.name
                if name.startswith("/") or ".." in name.split("/"):
                    raise DataError(f"the archive holds {name!r}, a name that leads out of it; refused", path)
                file = archive.extractfile(member)
                assert file is not None, "a file has content"
                yield name, cast(BinaryIO, _Content(file, f"{path}!{name}"))
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise DataError(f"not a valid tar archive: {error}", path) from error
