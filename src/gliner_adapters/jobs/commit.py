"""Files that survive a crash of the machine: written beside their place, synced, renamed, and the folder synced.

The order of a commit is what makes it safe. The dead letters and the output take their places first, the record last:
an output without a record counts as not there, and a record is only ever of files that lie on the disk.
"""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Callable
from pathlib import Path

from gliner_adapters.storage import storing

BLOCK = 1 << 20


def temporary(path: Path) -> Path:
    """Where a file is written before it takes its place: a hidden name beside it that no other process uses."""
    return path.with_name(f".{path.name}.{platform.node()}.{os.getpid()}.tmp")


def leftovers(path: Path) -> list[Path]:
    """Files of processes that died while they wrote ``path``."""
    found = path.parent.iterdir() if path.parent.is_dir() else iter(())
    return sorted(
        each for each in found if each.name.lstrip(".").startswith(f"{path.name}.") and each.name.endswith(".tmp")
    )


def write_durably(path: Path, write: Callable[[Path], None]) -> None:
    """Write a file that is there whole after a crash, or not at all.

    Args:
        path: the file; what was there is replaced.
        write: writes to the path that it is given.

    Raises:
        StorageError: there is no room, or nothing can be written there.
    """
    fresh = temporary(path)
    try:
        write(fresh)
        publish(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)


def write_bytes_durably(path: Path, data: bytes) -> None:
    """Write a small file; see :func:`write_durably`."""
    with storing(path, len(data)):
        write_durably(path, lambda fresh: _write(fresh, data))


def publish(fresh: Path, path: Path) -> None:
    """Sync a complete file, give it its name, and sync the folder."""
    with storing(path):
        with fresh.open("rb") as file:
            os.fsync(file.fileno())
        fresh.replace(path)
        sync_folder(path.parent)


def remove_durably(path: Path) -> None:
    """Remove a file, if it is there, so that it stays removed after a crash."""
    if path.exists():
        with storing(path):
            path.unlink(missing_ok=True)
            sync_folder(path.parent)


def file_digest(path: Path) -> tuple[str, int]:
    """sha256 and size of a file, read now."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
            size += len(block)
    return digest.hexdigest(), size


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable, where the system can."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # pragma: no cover - systems whose folders cannot be opened
        return
    try:
        os.fsync(descriptor)
    except OSError:  # pragma: no cover - shared folders that know no sync
        pass
    finally:
        os.close(descriptor)


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)
