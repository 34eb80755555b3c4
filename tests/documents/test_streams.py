from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gliner_adapters.documents import (
    Document,
    RepairWarning,
    detect_format,
    formats,
    read_documents,
    write_documents,
)
from gliner_adapters.documents.formats.base import Format
from gliner_adapters.errors import ConfigError, DataError


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("train.tsv", "iob2"),
        ("a.b/train.TSV.GZ", "iob2"),
        ("x.conll", "iob2"),
        ("CDR_TestSet.PubTator.txt.gz", "pubtator"),
        ("x.PubTator", "pubtator"),
        ("x.jsonl.gz", "jsonl"),
        ("x.ndjson", "jsonl"),
        ("x.txt", "txt"),
        ("x.txt.gz", "txt"),
    ],
)
def test_endings_tell_the_format(path: str, name: str) -> None:
    assert detect_format(path) == detect_format(Path(path)) == name


@pytest.mark.parametrize("path", ["x.dat", "x", "tsv", "x.gz", "-"])
def test_unknown_endings_are_refused(path: str) -> None:
    with pytest.raises(ConfigError, match=r"name (the format|it)"):
        detect_format(path)


def test_unknown_formats_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"unknown format 'xml'; known formats: .*bioc, .*iob2, .*jsonl, .*pubtator"):
        read_documents("x.tsv", "xml")


def test_formats_have_what_help_texts_need() -> None:
    endings = [ending for each in formats().values() for ending in each.endings]
    assert len(endings) == len(set(endings))
    for name, each in formats().items():
        assert isinstance(each, Format)
        assert each.name == name
        assert each.summary


@pytest.mark.parametrize("name", ["x.tsv", "x.tsv.gz", "x.pubtator", "x.jsonl.gz"])
def test_files_are_written_and_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    report = write_documents([Document("a b", id="1"), Document("c", id="2")], path)
    assert (report.documents, report.entities) == (2, 0)
    assert [document.text for document in read_documents(path)] == ["a b", "c"]
    assert list(tmp_path.iterdir()) == [path]


def test_a_compressed_file_depends_on_its_content_alone(tmp_path: Path) -> None:
    for name in ("a.jsonl.gz", "b.jsonl.gz"):
        write_documents([Document("a")], tmp_path / name)
    assert (tmp_path / "a.jsonl.gz").read_bytes() == (tmp_path / "b.jsonl.gz").read_bytes()


def failing() -> Iterator[Document]:
    yield Document("first")
    raise DataError("broken")


def test_a_failed_write_leaves_the_old_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text("old")
    with pytest.raises(DataError, match="broken"):
        write_documents(failing(), path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_can_be_rewritten_from_itself_through_a_link(tmp_path: Path) -> None:
    path, link = tmp_path / "x.jsonl", tmp_path / "link.jsonl"
    path.write_text('{"text": "a"}\n')
    path.chmod(0o640)
    link.symlink_to(path)
    write_documents(read_documents(link), link)
    assert link.is_symlink()
    assert [document.text for document in read_documents(path)] == ["a"]
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_device_is_written_directly() -> None:
    write_documents([Document("a")], "/dev/null", "jsonl")
    assert not Path("/dev/null").is_file()


def test_reading_streams(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"text": "a"}\n' * 3 + "broken\n")
    documents = read_documents(path)
    assert [next(documents).text for _ in range(3)] == ["a"] * 3
    with pytest.raises(DataError, match=r"x\.jsonl:4: not JSON"):
        next(documents)


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.tsv: no such file"):
        read_documents(tmp_path / "none.tsv")
    with pytest.raises(DataError, match="is a folder"):
        read_documents(tmp_path, "iob2")
    with pytest.raises(DataError, match="cannot be written: no folder"):
        write_documents([], tmp_path / "no" / "x.tsv")


def test_a_truncated_gzip_is_an_error_even_when_bad_records_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "x.tsv.gz"
    whole = gzip.compress(os.urandom(20_000).hex().encode() + b"\tO\n\n" + b"a\tO\n\n" * 10)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"x\.tsv\.gz:1: the gzip stream ends early"):
        list(read_documents(path, skip_bad=True))


def test_what_is_not_gzip_or_damaged_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.tsv.gz"
    path.write_bytes(b"a\tO\n")
    with pytest.raises(DataError, match="not a valid gzip stream"):
        list(read_documents(path))
    damaged = bytearray(gzip.compress(os.urandom(1000)))
    damaged[500:510] = bytes(10)
    path.write_bytes(damaged)
    with pytest.raises(DataError):
        list(read_documents(path))


def test_utf_16_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.tsv"
    path.write_text("a\tO\n", encoding="utf-16")
    with pytest.raises(DataError, match=r"x\.tsv:1: (NUL byte; .*UTF-16|byte 0xff)"):
        list(read_documents(path))


def test_skipping_without_a_report_warns(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"text": "a"}\nbroken\n')
    with pytest.warns(RepairWarning, match=r"left out: 1 bad records \(first: .*x\.jsonl:2: not JSON"):
        assert len(list(read_documents(path, skip_bad=True))) == 1
