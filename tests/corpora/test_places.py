"""Finding corpus files, and refusing what is not the published text."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from gliner_adapters.corpora import DATA_VARIABLE, cache_dir, find_file
from gliner_adapters.errors import ConfigError, DataError

from .conftest import make_info, pinned

BODY = b"HeLa\tB-cell_line\ncells\tO\n\n" * 50
PACKED = gzip.compress(BODY, mtime=0)
PLAIN = make_info(train={"path": "train.tsv", **pinned(BODY)})
ZIPPED = make_info(train={"path": "train.txt.gz", **pinned(PACKED), "text": pinned(BODY)})


def put(root: Path, name: str, body: bytes) -> Path:
    path = root / "Tiny" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    return path


def test_the_order_of_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached = put(cache_dir(), "train.tsv", BODY)
    assert find_file(PLAIN, "train") == cached
    in_environment = put(tmp_path / "env", "train.tsv", BODY)
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "env"))
    assert find_file(PLAIN, "train") == in_environment
    asked_for = put(tmp_path / "asked", "train.tsv", BODY)
    assert find_file(PLAIN, "train", tmp_path / "asked") == asked_for
    (tmp_path / "empty").mkdir()
    assert find_file(PLAIN, "train", tmp_path / "empty") == in_environment


@pytest.mark.parametrize(
    ("info", "name", "body"),
    [
        (PLAIN, "train.tsv", BODY),
        (PLAIN, "train.tsv.gz", PACKED),
        (PLAIN, "train.tsv.gz", gzip.compress(BODY, 1, mtime=7)),  # packed otherwise, the same text
        (ZIPPED, "train.txt.gz", PACKED),
        (ZIPPED, "train.txt", BODY),
    ],
)
def test_packed_and_unpacked_files_are_the_same_corpus(tmp_path: Path, info: object, name: str, body: bytes) -> None:
    path = put(tmp_path, name, body)
    assert find_file(info, "train", tmp_path) == path  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("info", "name", "body", "complaint"),
    [
        (PLAIN, "train.tsv", BODY[:-1], "bytes where the published file has"),
        (PLAIN, "train.tsv", BODY.replace(b"HeLa", b"HeLA"), "checksum mismatch"),
        (PLAIN, "train.tsv.gz", gzip.compress(BODY + b"\n", mtime=0), "checksum mismatch"),
        (PLAIN, "train.tsv.gz", PACKED[:-9], "cannot be read"),
        (PLAIN, "train.tsv.gz", BODY, "cannot be read"),
        (ZIPPED, "train.txt.gz", gzip.compress(BODY, 1, mtime=7), "the published file has|checksum mismatch"),
        (ZIPPED, "train.txt", BODY[1:] + b"x", "checksum mismatch"),
    ],
)
def test_other_bytes_are_refused(tmp_path: Path, info: object, name: str, body: bytes, complaint: str) -> None:
    path = put(tmp_path, name, body)
    with pytest.raises(DataError, match=complaint) as caught:
        find_file(info, "train", tmp_path)  # type: ignore[arg-type]
    assert caught.value.path == str(path)


def test_a_file_that_changes_is_verified_again(tmp_path: Path) -> None:
    path = put(tmp_path, "train.tsv", BODY)
    assert find_file(PLAIN, "train", tmp_path) == path
    put(tmp_path, "train.tsv", BODY.replace(b"HeLa", b"HeLA"))
    os.utime(path, ns=(1, 1))
    with pytest.raises(DataError, match="checksum mismatch"):
        find_file(PLAIN, "train", tmp_path)


def test_a_missing_file_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"`gliner-adapters corpora fetch tiny`") as caught:
        find_file(PLAIN, "train", tmp_path)
    assert str(tmp_path / "Tiny" / "train.tsv") in str(caught.value)


def test_a_data_directory_must_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"data directory .*nowhere"):
        find_file(PLAIN, "train", tmp_path / "nowhere")
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(ConfigError, match=f"{DATA_VARIABLE} .*nowhere"):
        find_file(PLAIN, "train")


def test_the_cache_is_the_users() -> None:
    assert cache_dir().parts[-2:] == ("gliner-adapters", "corpora")
