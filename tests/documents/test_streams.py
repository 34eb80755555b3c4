from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gliner_adapters.documents import (
    Document,
    Entity,
    ReadReport,
    RepairWarning,
    detect_format,
    formats,
    read_documents,
    write_documents,
)
from gliner_adapters.documents.formats import get_format, line_ends
from gliner_adapters.documents.formats.base import Format
from gliner_adapters.errors import ConfigError, DataError

from .helpers import write_bytes


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
    with pytest.raises(DataError, match=r"x\.tsv\.gz:1: the compressed stream ends early"):
        list(read_documents(path, skip_bad=True))


def test_what_is_not_gzip_or_damaged_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.tsv.gz"
    path.write_bytes(b"a\tO\n")
    with pytest.raises(DataError, match="not a valid compressed stream"):
        list(read_documents(path))
    damaged = bytearray(gzip.compress(os.urandom(1000)))
    damaged[500:510] = bytes(10)
    path.write_bytes(damaged)
    with pytest.raises(DataError):
        list(read_documents(path))


def test_utf_16_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.tsv"
    path.write_text("a\tO\n", encoding="utf-16")
    with pytest.raises(DataError, match=r"x\.tsv:1: UTF-16; expected UTF-8"):
        list(read_documents(path))


def test_skipping_without_a_report_warns(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"text": "a"}\nbroken\n')
    with pytest.warns(RepairWarning, match=r"left out: 1 bad records \(first: .*x\.jsonl:2: not JSON"):
        assert len(list(read_documents(path, skip_bad=True))) == 1


LINES = b"".join(
    b'{"text": "Aspirin number %d.", "entities": [{"start": 0, "end": 7, "label": "drug"}]}\n' % number
    for number in range(2000)
)
PACKERS = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}


@pytest.mark.parametrize("packed", PACKERS)
@pytest.mark.parametrize("named", [True, False])
def test_compressed_files_are_known_by_their_content(packed: str, named: bool, tmp_path: Path) -> None:
    path = tmp_path / (f"a.jsonl.{packed}" if named else "a.jsonl")
    path.write_bytes(PACKERS[packed](LINES))
    assert len(list(read_documents(path))) == 2000
    path.write_bytes(PACKERS[packed](LINES)[:-20])
    with pytest.raises(DataError, match="compressed stream"):
        list(read_documents(path, "jsonl"))


@pytest.mark.parametrize("packed", PACKERS)
@pytest.mark.parametrize("name", ["bioc-xml", "csv", "spacy", "parquet", "brat", "arrow-entities", "bioc", "jats"])
def test_every_format_reads_compressed_files(name: str, packed: str, tmp_path: Path) -> None:
    each = get_format(name)
    if each.needs:
        pytest.importorskip(each.needs[0])
    raw = b"<article><body><p>Aspirin</p></body></article>"
    if each.writable:
        raw = write_bytes([Document("Aspirin helps.", [Entity(0, 7, "drug")], "1")], name)
    path = tmp_path / f"a.{packed}"
    path.write_bytes(PACKERS[packed](raw))
    (document,) = read_documents(path, name)
    assert len(document.entities) == each.writable
    path.write_bytes(PACKERS[packed](raw)[:-9])
    with pytest.raises(DataError):
        list(read_documents(path, name))


def test_standard_input_may_be_compressed(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.BufferedReader(io.BytesIO(gzip.compress(LINES)))  # type: ignore[arg-type]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(stream))
    assert len(list(read_documents("-", "jsonl"))) == 2000


def test_what_is_not_read_or_written_compressed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\x28\xb5\x2f\xfd" + bytes(50))
    with pytest.raises(DataError, match="Zstandard"):
        list(read_documents(path))
    for ending in ("bz2", "xz"):
        with pytest.raises(DataError, match=r"plain or end in \.gz"):
            write_documents([Document("a")], tmp_path / f"a.jsonl.{ending}")
    with zipfile.ZipFile(tmp_path / "a.jsonl.zip", "w") as archive:
        archive.writestr("a.jsonl", LINES)
    with pytest.raises(DataError, match=r"holds no \.txt file; a zip archive is read as brat's files, unpack it"):
        list(read_documents(tmp_path / "a.jsonl.zip"))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.tsv", "-DOCSTART-\tO\n\nAspirin\tB-X\nhelps\tO\n"),
        ("a.pubtator", "1|t|Aspirin\n1|a|\n1\t0\t7\tAspirin\tX\n"),
        ("a.txt", "Aspirin\nIbuprofen\n"),
        ("a.csv", "text,label\nAspirin,X\n"),
    ],
)
def test_carriage_returns_alone_are_refused(name: str, content: str, tmp_path: Path) -> None:
    """Of such a file everything is on one line, and was read as no document, or as one without entities."""
    (tmp_path / name).write_bytes(content.replace("\n", "\r").encode())
    with pytest.raises(DataError, match=r"carriage return|new-line character"):
        list(read_documents(tmp_path / name))


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.tsv", "a.txt", "a.pubtator", "a.csv", "a.tab"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
def test_utf_16_is_named_in_every_ending(name: str, encoding: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes("1|t|Aspirin\tO\n".encode(encoding))
    with pytest.raises((DataError, ConfigError), match=r"UTF-16|name it"):
        list(read_documents(tmp_path / name))


@pytest.mark.parametrize("form", ["csv", "jsonl", "prodigy", "label-studio"])
def test_offsets_of_a_file_that_got_line_ends_of_two_characters(form: str, tmp_path: Path) -> None:
    text = "Line one.\r\nLine two.\r\nAspirin helps."
    start = text.replace("\r\n", "\n").index("Aspirin")
    entity = {"start": start, "end": start + 7, "label": "drug", "text": "Aspirin"}
    record = {
        "jsonl": {"text": text, "entities": [entity]},
        "prodigy": {"text": text, "spans": [entity]},
        "label-studio": {
            "data": {"text": text},
            "annotations": [{"result": [{"type": "labels", "value": {**entity, "labels": ["drug"]}}]}],
        },
        "csv": f'text,start,end,label,mention\n"{text}",{start},{start + 7},drug,Aspirin\n',
    }[form]
    (tmp_path / "a").write_text(record if isinstance(record, str) else json.dumps(record), newline="")
    report = ReadReport()
    (document,) = read_documents(tmp_path / "a", form, report=report)
    assert [document.mention(each) for each in document.entities] == ["Aspirin"]
    assert report.repairs == {line_ends.ONE_CHARACTER: 1}


def test_a_long_first_document_and_a_byte_order_mark_hide_no_format(tmp_path: Path) -> None:
    long = "Aspirin helps. " * 12000
    for name, record in {
        "doccano": {"text": long, "label": [[0, 7, "drug"]]},
        "prodigy": {"text": long, "spans": [{"start": 0, "end": 7, "label": "drug"}]},
        "bioc": {"documents": [{"id": "1", "passages": [{"offset": 0, "text": long, "annotations": []}]}]},
    }.items():
        for ending in ("json", "jsonl"):
            path = tmp_path / f"{name}.{ending}"
            path.write_text(json.dumps(record), encoding="utf-8-sig")
            assert detect_format(path) == name
            assert len(list(read_documents(path))) == 1
