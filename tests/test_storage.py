"""A full disk is an error that says so, and leaves what was there before."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from gliner_adapters.documents import Document, write_documents
from gliner_adapters.errors import StorageError
from gliner_adapters.storage import atomic, map_array, write_json, write_tensors, write_text


def big() -> dict[str, torch.Tensor]:
    return {"a": torch.zeros(100_000)}


WRITERS = {
    "text": lambda path: write_text(path, "x" * 400_000),
    "json": lambda path: write_json(path, ["x"] * 100_000),
    "tensors": lambda path: write_tensors(path, big()),
    "array": lambda path: map_array(path.with_name("array"), np.float16, (200_000, 1)),
    "documents": lambda path: write_documents([Document("word " * 100_000)], path, "jsonl"),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_a_full_disk_is_told_and_what_was_there_stays(full_disk: Path, writer: str) -> None:
    path = full_disk / "kept"
    path.write_text("old")
    with pytest.raises(StorageError, match=r"no room for a file.*free there.*Free some space") as raised:
        WRITERS[writer](path)
    assert str(full_disk) in str(raised.value)
    assert path.read_text() == "old"
    assert {each.name for each in full_disk.iterdir()} == {"filler", "kept"}


def test_a_limit_on_the_size_of_files_is_told_with_the_size(tmp_path: Path) -> None:
    script = (
        "import resource, signal, sys, torch\n"
        "from gliner_adapters.storage import write_tensors\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "write_tensors(sys.argv[1], {'a': torch.zeros(100_000)})\n"
    )
    path = tmp_path / "weights"
    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=False)
    assert f"StorageError: {path}: no room for a file of 0.4 MB" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file/x: cannot be written"):
        write_text(tmp_path / "file" / "x", "")


def test_files_appear_whole(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "x"
    with atomic(path) as fresh:
        fresh.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    with pytest.raises(TypeError), atomic(path) as fresh:
        fresh.write_text(None)  # type: ignore[arg-type]
    assert list(path.parent.iterdir()) == [path]
    assert path.read_text() == "new"


def test_tensors_and_arrays_come_back(tmp_path: Path) -> None:
    write_tensors(tmp_path / "t", {"a": torch.arange(3)}, {"format": "pt"})
    assert load_file(tmp_path / "t")["a"].tolist() == [0, 1, 2]
    array = map_array(tmp_path / "m", np.float16, (5, 2))
    array[:] = 3
    array.flush()
    assert np.fromfile(tmp_path / "m", np.float16).tolist() == [3.0] * 10
