"""Exported graphs in the user's cache: written whole or not at all, verified when read.

    runtimes/KEY/model.onnx          and files beside it where the weights are large
    runtimes/KEY/openvino_model.xml  and `.bin`
    runtimes/KEY/sha256.json         digests of them all

The key is made of everything that a graph depends on, so nothing in the cache ever goes stale; what is damaged is
noticed by its digest and made again. The folder can be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import platformdirs

from gliner_adapters.model.fingerprint import file_sha256
from gliner_adapters.storage import storing, write_json

logger = logging.getLogger(__name__)

DIGESTS = "sha256.json"


def cache_dir() -> Path:
    """The folder that exported graphs are kept in."""
    return Path(platformdirs.user_cache_dir("gliner-adapters", appauthor=False)) / "runtimes"


def cached(parts_of_key: Sequence[str], make: Callable[[Path], None], root: Path | None = None) -> Path:
    """A folder with what ``make`` writes; made only if it is not there, or no longer as it was written.

    Args:
        parts_of_key: everything that the content depends on.
        make: writes files into the folder that it is given.
        root: the cache; by default the user's.
    """
    key = hashlib.sha256("\0".join(parts_of_key).encode()).hexdigest()[:32]
    root = root or cache_dir()
    folder = root / key
    if folder.is_dir():
        if intact(folder):
            return folder
        logger.warning("%s is damaged; its graph is exported again", folder)
        shutil.rmtree(folder, ignore_errors=True)
    with storing(folder):
        root.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{key}-", dir=root))
    try:
        with storing(folder):
            make(fresh)
            write_digests(fresh)
        try:
            fresh.rename(folder)
        except OSError:  # another process was faster
            if not intact(folder):
                raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return folder


def write_digests(folder: Path) -> None:
    """Put down the sha256 of all files of a folder."""
    digests = {path.name: file_sha256(path) for path in sorted(folder.iterdir())}
    write_json(folder / DIGESTS, digests)


def intact(folder: Path) -> bool:
    """Whether a folder holds the files that it was written with, and each as it was."""
    try:
        digests = json.loads((folder / DIGESTS).read_text(encoding="utf-8"))
        return bool(digests) and all(file_sha256(folder / name) == digest for name, digest in digests.items())
    except (OSError, ValueError, AttributeError):
        return False
