"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from bases import TinyBase

PROJECT = Path(__file__).resolve().parent.parent

# Before anything imports them: no test needs a hub, and tiny models gain nothing from a second thread.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")


#: Files that take longest begin first: begun last, one would keep a single process busy while the others are done.
LONGEST = ("test_resume.py",)


def pytest_xdist_auto_num_workers() -> int | None:
    """One process more than there are processors: tests wait for servers, children and disks."""
    return None if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ else (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of the longest files first; all others stay in their order."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Where the real corpora lie; skips where they are missing."""
    directory = Path(os.environ.get("GLINER_ADAPTERS_DATA") or PROJECT.parent / "shared" / "data")
    if not directory.is_dir():
        pytest.skip(f"no corpora at {directory}; set GLINER_ADAPTERS_DATA to their folder")
    return directory


@pytest.fixture(scope="session")
def tiny() -> Callable[[str], TinyBase]:
    """Tiny random bases by recipe name (see `bases.RECIPES`), each built once."""
    from gliner_adapters.testing import tiny_base

    return tiny_base


@pytest.fixture
def tiny_base(request: pytest.FixtureRequest, tiny: Callable[[str], TinyBase]) -> TinyBase:
    """One tiny base; parametrise it indirectly over recipe names."""
    return tiny(request.param)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """One thread for a test, so that a tiny run is as fast as it can be and repeats itself whatever the machine."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def small_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file system of eight megabytes; skips where none can be mounted."""
    place = tmp_path_factory.mktemp("disk")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", place], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.fixture
def full_disk(small_disk: Path) -> Iterator[Path]:
    """The small file system with less than 100 kB left."""
    filler = small_disk / "filler"
    filler.write_bytes(bytes(8_300_000))
    yield small_disk
    for path in small_disk.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.fixture(scope="session")
def openvino_bf16() -> None:
    """Skips where OpenVINO cannot run in bf16: it asks the processor, and oneDNN may have been held below it."""
    if os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper().startswith(("SSE", "AVX2")):
        pytest.skip("oneDNN is held below the processor (ONEDNN_MAX_CPU_ISA), and OpenVINO in bf16 does not heed that")
