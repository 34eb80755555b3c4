"""Files that are written whole or not at all, and a full disk as an error that says so.

Everything that this package writes goes through here: content is written to a temporary file beside its target, which
then takes the target's place, so what was there before stays until the new file is complete.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gliner_adapters.errors import StorageError

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

#: What the system answers where there is no room: a full disk, a quota, a limit on the size of files.
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextmanager
def storing(path: str | Path, needed: int | None = None) -> Iterator[None]:
    """Turn what goes wrong in writing below a path into an error for the user.

    Args:
        path: what is written, named by the error.
        needed: bytes that it takes, where that is known.

    Raises:
        StorageError: nothing can be written there, or there is no room.
    """
    try:
        yield
    except StorageError:
        raise
    except Exception as error:
        code = _error_number(error)
        if code is None:
            raise
        raise StorageError(_message(Path(path), code, needed)) from error


@contextmanager
def atomic(path: str | Path, needed: int | None = None) -> Iterator[Path]:
    """Write a file all or nothing.

    Args:
        path: the file; its folder is made if it is missing.
        needed: bytes that it takes, where that is known.

    Yields:
        A path beside it to write to. It takes the place of ``path`` when the block ends, and is removed if it fails.

    Raises:
        StorageError: nothing can be written there, or there is no room.
    """
    path = Path(path)
    with storing(path, needed):
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            yield fresh
            if path.exists():
                shutil.copymode(path, fresh)
            fresh.replace(path)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise


def write_text(path: str | Path, text: str) -> None:
    """Write a text file in UTF-8, all or nothing."""
    data = text.encode("utf-8")
    with atomic(path, len(data)) as fresh:
        fresh.write_bytes(data)


def write_json(path: str | Path, value: Any) -> None:
    """Write a value as indented JSON, all or nothing."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def write_tensors(path: str | Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """Write tensors in the safetensors format, all or nothing."""
    from safetensors.torch import save_file

    needed = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    with atomic(path, needed) as fresh:
        save_file(dict(tensors), fresh, metadata=None if metadata is None else dict(metadata))


def map_array(path: str | Path, dtype: Any, shape: tuple[int, ...]) -> np.memmap:
    """A new file as a writable array in memory.

    The file gets all its room at once. Otherwise the disk would have to give it page by page as the array is filled,
    and a full disk would then end the process by a signal.

    Raises:
        StorageError: there is no room for the whole array.
    """
    import numpy as np

    needed = int(np.prod(shape)) * np.dtype(dtype).itemsize
    path = Path(path)
    with storing(path, needed):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with path.open("wb") as file:
                if hasattr(os, "posix_fallocate"):
                    os.posix_fallocate(file.fileno(), 0, needed)
                else:  # pragma: no cover - other systems
                    file.truncate(needed)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return np.memmap(path, dtype=dtype, mode="r+", shape=shape)


def _error_number(error: BaseException) -> int | None:
    """The system's number of what went wrong; ``None`` if it was something else.

    Libraries that write by themselves tell the number in their own error's text.
    """
    if isinstance(error, OSError):
        return error.errno
    written = re.search(r"\(os error (\d+)\)", str(error))
    return int(written[1]) if written else None


def _message(path: Path, code: int | None, needed: int | None) -> str:
    reason = os.strerror(code) if code is not None else "unknown reason"
    if code not in NO_ROOM:
        return f"{path}: cannot be written: {reason}"
    size = "" if needed is None else f" of {_megabytes(needed)}"
    free = _free(path)
    room = "" if free is None else f"; {_megabytes(free)} are free there"
    return f"{path}: no room for a file{size} ({reason}){room}. Free some space, or choose another place"


def _free(path: Path) -> int | None:
    """Bytes that are free where a path would be."""
    for folder in path.absolute().parents:
        if folder.is_dir():
            return shutil.disk_usage(folder).free
    return None


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size:,} bytes"
