"""Plain text: lines of a file, files of a folder, and what else may be in a file that ends in .txt."""

from __future__ import annotations

from pathlib import Path

import pytest

from documents.helpers import read_bytes, write_bytes
from gliner_adapters.documents import Document, ReadReport, detect_format, read_documents
from gliner_adapters.documents.formats import txt
from gliner_adapters.errors import ConfigError, DataError


def test_a_line_is_a_document() -> None:
    raw = b"\xef\xbb\xbfOne.\r\n\n \t\nTwo \xc3\xa9.\x0bon\n"
    assert [(d.id, d.text) for d in read_bytes(raw, "txt", path="a/in.txt.gz")] == [
        ("in:1", "One."),
        ("in:4", "Two é.\x0bon"),
    ]
    with pytest.raises(DataError, match=r"f:2: byte 0xff"):
        read_bytes(b"a\n\xff\n", "txt", path="f")
    report = ReadReport()
    assert [d.text for d in read_bytes(b"a\n\xff\nb", "txt", skip_bad=True, report=report)] == ["a", "b"]
    assert (report.documents, report.skipped) == (2, 1)
    with pytest.raises(ConfigError, match="is read, not written"):
        write_bytes([Document("x")], "txt")


def test_a_folder_has_a_document_in_each_file(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name, content in {"b.txt": "One.\nTwo.\n", "in/a.txt": "", "x.md": "x", ".hidden.txt": "x"}.items():
        (tmp_path / name).write_text(content)
    assert detect_format(tmp_path) == "txt"
    report = ReadReport()
    assert [(d.id, d.text) for d in read_documents(tmp_path, report=report)] == [("b", "One.\nTwo.\n"), ("in/a", "")]
    assert dict(report.repairs) == {txt.OTHER_FILES: 1}
    (tmp_path / "b.ann").write_text("T1\tC 0 3\tOne\n")
    assert detect_format(tmp_path) == "brat"
    report = ReadReport()
    assert len(list(read_documents(tmp_path / "b.txt", report=report))) == 2
    assert dict(report.repairs) == {txt.ANNOTATED: 1}


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("Aspirin cures asthma.\n", "txt"),
        ("", "txt"),
        ("a\tb\nc\td\n", "txt"),
        ("Type O\nType O\n", "txt"),
        ("-DOCSTART- O\n\n# sent_id = 1\nAspirin NN B-Chemical\ncures VB O\n\n", "iob2"),
        ("1|t|Aspirin\n1|a|It helps.\n1\t0\t7\tAspirin\tChemical\n", "pubtator"),
    ],
)
def test_annotation_in_a_text_file_is_known_by_its_content(content: str, name: str, tmp_path: Path) -> None:
    path = tmp_path / "train.txt"
    path.write_text(content)
    assert detect_format(path) == name
