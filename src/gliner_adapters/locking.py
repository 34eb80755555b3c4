"""A folder that one process at a time works in."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path

from filelock import FileLock, Timeout

from gliner_adapters.errors import ConfigError
from gliner_adapters.storage import storing, write_json

LOCK_FILE, HOLDER_FILE = ".lock", ".lock.json"


def refuse_locked(folder: str | Path) -> None:
    """Raise what :func:`locked` would raise, without making or keeping anything.

    Raises:
        ConfigError: another process works in the folder; says which.
    """
    if (Path(folder) / LOCK_FILE).exists():
        with locked(folder):
            pass


@contextmanager
def locked(folder: str | Path, wait: float = 0.0) -> Iterator[None]:
    """Work in a folder alone.

    The operating system holds the lock, so that of a process which died is free. The file beside it only says who
    holds it.

    Args:
        folder: made if it is missing, and removed again if nothing was written there.
        wait: seconds to wait for a process that works there to end.

    Raises:
        ConfigError: another process works there; says which.
        StorageError: nothing can be written there.
    """
    folder = Path(folder)
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    lock = FileLock(folder / LOCK_FILE)
    with storing(folder / LOCK_FILE):
        while not lock.is_locked:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                lock.acquire(timeout=wait)
            except FileNotFoundError:
                continue  # whoever was here before has just removed the folder that it had made
            except FileExistsError:
                if folder.exists() and not folder.is_dir():
                    raise
                continue  # there as it was to be made, and removed before it was looked at
            except Timeout:
                raise ConfigError(
                    f"{folder} is in use by another process{_holder(folder)}; wait until it ends, or choose another "
                    "folder"
                ) from None
    try:
        write_json(folder / HOLDER_FILE, _own())
        yield
    finally:
        # Removed while it is held: whoever waits for the removed file sees that and takes a new one. Where an open file
        # cannot be removed, it stays and does no harm.
        for name in (HOLDER_FILE, LOCK_FILE):
            with suppress(OSError):
                (folder / name).unlink()
        lock.release()
        with suppress(OSError):  # something was written there
            for each in made:
                each.rmdir()


def _own() -> dict[str, str | int]:
    """What others are told of this process."""
    return {
        "pid": os.getpid(),
        "host": platform.node(),
        "since": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]) if sys.argv[0] else "python",
    }


def _holder(folder: Path) -> str:
    """Who holds the lock, as far as that is known: it may have been taken this very moment."""
    try:
        holder = json.loads((folder / HOLDER_FILE).read_text(encoding="utf-8"))
        return f" (process {holder['pid']} on {holder['host']} since {holder['since']}: {holder['command']})"
    except (OSError, ValueError, KeyError, TypeError):
        return ""
