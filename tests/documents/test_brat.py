from __future__ import annotations

import io
import random
import zipfile
from pathlib import Path

import pytest
from hypothesis import given

from gliner_adapters.documents import (
    Document,
    Entity,
    ReadReport,
    WriteReport,
    detect_format,
    read_documents,
    write_documents,
)
from gliner_adapters.documents.formats import brat, brat_ann, brat_files, line_ends
from gliner_adapters.errors import ConfigError, DataError, GlinerAdaptersError

from .helpers import any_documents, identity, read_bytes, write_bytes

TEXT = "Naloxone helps.\r\nOcular and auditory toxicity."
ANN = """T1\tChemical 0 8\tNaloxone
T2\tDisease 17 23;37 45\tOcular toxicity
N1\tReference T1 MESH:D009270\tnaloxone
R1\tCID Arg1:T1 Arg2:T2\t
E1\tChemical:T1 Theme:T2
A1\tNegation E1
#1\tAnnotatorNotes T1\tseen twice
*\tEquiv T1 T2
"""


def folder(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode())
    return root


def contents(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_folder_is_read_and_written_back_byte_for_byte(tmp_path: Path) -> None:
    source = folder(
        tmp_path / "in",
        {
            "a.txt": TEXT,
            "a.ann": ANN,
            "sub/b.txt": "Aspirin",
            "sub/b.ann": "T7\tChemical 0 7\tAspirin",  # without a line end
            "c.txt": "x",
            "c.ann": "",
            "d.txt": "Aspirin",
            "d.ann": "T1\tChemical 0 7\tAspirin\r\n#1\tAnnotatorNotes T1\tx\r\n",
        },
    )
    assert detect_format(source) == "brat"
    report = ReadReport()
    documents = list(read_documents(source, report=report))
    assert [each.id for each in documents] == ["a", "c", "d", "sub/b"]
    assert documents[0].text == TEXT
    assert documents[0].entities == [Entity(0, 8, "Chemical", identifier="MESH:D009270"), Entity(17, 45, "Disease")]
    assert report.repairs == {brat_ann.DISCONTINUOUS["span"]: 1}
    assert not write_documents(documents, tmp_path / "out", "brat").changes
    assert contents(tmp_path / "out") == contents(source)
    write_documents(documents, tmp_path / "out.zip")
    assert detect_format(tmp_path / "out.zip") == "brat"
    assert [identity(each) for each in read_documents(tmp_path / "out.zip", report=report)] == [
        identity(each) for each in documents
    ]


def test_annotations_of_several_parts(tmp_path: Path) -> None:
    source = folder(tmp_path / "in", {"a.txt": TEXT, "a.ann": ANN})
    found = {}
    for way in ("span", "split", "drop"):
        report = ReadReport()
        (document,) = read_documents(source, discontinuous=way, report=report)  # type: ignore[arg-type]
        found[way] = [document.mention(each) for each in document.entities]
        assert report.repairs == {brat_ann.DISCONTINUOUS[way]: 1}
    assert found == {
        "span": ["Naloxone", "Ocular and auditory toxicity"],
        "split": ["Naloxone", "Ocular", "toxicity"],
        "drop": ["Naloxone"],
    }


def test_lines_about_what_is_gone_are_left_out_and_counted(tmp_path: Path) -> None:
    (document,) = read_documents(folder(tmp_path / "in", {"a.txt": TEXT, "a.ann": ANN}), report=ReadReport())
    report = WriteReport()
    moved = document.with_entities([Entity(0, 8, "Drug", 0.5), document.entities[1]])
    lines = brat_ann.ann_text(moved, report).splitlines()
    # The new entity gets an id that no line speaks of.
    assert lines == ["T2\tDisease 17 23;37 45\tOcular toxicity", "T3\tDrug 0 8\tNaloxone"]
    assert report.changes == {brat_ann.GONE: 6, brat_ann.SCORE: 1}


@pytest.mark.parametrize(
    ("ann", "message"),
    [
        ("T1\tChemical 0 8\tNaloxona\n", r"a\.ann:1: expected the mention 'Naloxona' at its offsets, found 'Naloxone'"),
        ("\nT1\tChemical 0 99\tNaloxone\n", r"a\.ann:2: expected"),
        ("T1\tChemical 8 8\t\n", r"a\.ann:1: expected offsets"),
        ("T1 Chemical 0 8 Naloxone\n", r"a\.ann:1: expected an id, a tab"),
        ("T1\tChemical 0 8\tNaloxone\nT1\tChemical 0 8\tNaloxone\n", r"a\.ann:2: two annotations T1"),
        ("X1\tChemical\n", r"a\.ann:1: expected T, R"),
        ("T1\tChemical 0 8\tNal\0xone\n", r"a\.ann:1: NUL byte"),
    ],
)
def test_bad_annotations_are_named(tmp_path: Path, ann: str, message: str) -> None:
    source = folder(tmp_path / "in", {"a.txt": TEXT, "a.ann": ann, "b.txt": "x", "b.ann": ""})
    with pytest.raises(DataError, match=message):
        list(read_documents(source))
    report = ReadReport()
    assert [each.id for each in read_documents(source, skip_bad=True, report=report)] == ["b"]
    assert report.skipped == 1


def test_what_the_mention_proves_is_repaired() -> None:
    for row, place, kind in (
        ("T1\tDisease 16 22\tOcular\n", (17, 23), line_ends.ONE_CHARACTER),
        ("T1\tX 9 23\thelps. Ocular\n", (9, 23), brat_ann.SPACES),  # two spaces stand for the line end
    ):
        report = ReadReport()
        raw = zipped({"a.txt": TEXT, "a.ann": row})
        (document,) = read_bytes(raw, "brat", report=report)
        assert (document.entities[0].start, document.entities[0].end) == place
        assert report.repairs == {kind: 1}


def test_texts_and_annotations_alone(tmp_path: Path) -> None:
    source = folder(tmp_path / "in", {"a.txt": "x", "b.ann": "", "annotation.conf": "", "notes.md": "", ".x/c.txt": ""})
    with pytest.raises(DataError, match=r"b\.ann: annotations without a text"):
        list(read_documents(source))
    report = ReadReport()
    assert len(list(read_documents(source, skip_bad=True, report=report))) == 1
    assert report.skipped == 1
    assert report.repairs == {brat.UNANNOTATED: 1, brat.OTHER_FILES: 1}
    with pytest.raises(ConfigError, match="cannot tell the format"):
        list(read_documents(folder(tmp_path / "none", {"notes.md": "x"})))


def zipped(files: dict[str, str]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


@pytest.mark.parametrize("name", ["../a.txt", "/a.txt", "x/../../a.txt", "c:/a.txt", "..\\a.txt"])
def test_names_that_lead_out_of_an_archive_are_refused(name: str) -> None:
    with pytest.raises(DataError, match="leads out of it"):
        read_bytes(zipped({name: "x"}), "brat")


def test_a_file_without_a_name_is_refused() -> None:
    with pytest.raises(DataError, match="leads out of it"):
        read_bytes(zipped({"a": "x"}).replace(b"a", b"\0"), "brat")


def test_a_zip_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brat_files, "MAX_FILE", 1 << 20)
    with pytest.raises(DataError, match=r"file!a\.txt: a file of more than"):
        read_bytes(zipped({"a.txt": "x" * (8 << 20)}), "brat")
    monkeypatch.setattr(brat_files, "MAX_FILES", 2)
    with pytest.raises(DataError, match="the archive holds 3 files"):
        read_bytes(zipped({f"{i}.txt": "x" for i in range(3)}), "brat")


def test_ids_stay_inside_the_folder(tmp_path: Path) -> None:
    documents = [Document("x", [], name) for name in ("../../a", "/etc/b", "10.1/c", "d:e?", "ü")]
    report = write_documents(documents, tmp_path / "out", "brat")
    assert report.changes[brat.RENAMED] == 3
    assert len(contents(tmp_path / "out")) == 10
    assert {path.name for path in tmp_path.iterdir()} == {"out"}
    with pytest.raises(DataError, match="no file name of its own"):
        write_documents([Document("x", [], "a"), Document("y", [], "A")], tmp_path / "two", "brat")


def test_a_folder_appears_when_it_is_complete(tmp_path: Path) -> None:
    target = tmp_path / "out"
    with pytest.raises(DataError, match="holds a NUL"):
        write_documents([Document("x"), Document("\0")], target, "brat")
    assert not list(tmp_path.iterdir())
    write_documents([Document("x")], target, "brat")
    with pytest.raises(DataError, match="exists already"):
        write_documents([Document("y")], target, "brat")
    assert contents(target) == {"1.txt": b"x", "1.ann": b""}


@pytest.mark.parametrize("name", [".hidden", "a/.b", "__MACOSX/x"])
def test_a_document_is_not_written_as_a_file_that_reading_passes_over(name: str) -> None:
    raw = write_bytes([Document("x", [], name)], "brat")
    assert [document.text for document in read_bytes(raw, "brat")] == ["x"]


@given(any_documents())
def test_any_document_comes_back(document: Document) -> None:
    """All but scores, metadata of other formats, and white space in types, each of which is counted."""
    report = WriteReport()
    try:
        raw = write_bytes([document], "brat", report=report)
    except DataError:
        assert "\0" in document.text or not (document.id or "1").strip("/")
        return
    (read,) = read_bytes(raw, "brat")
    assert read.text == document.text
    found = [(each.start, each.end, each.label, each.identifier) for each in read.entities]
    assert found == [
        (each.start, each.end, each.label.replace(" ", "_"), each.identifier) for each in document.entities
    ]
    assert write_bytes([read], "brat") == raw


def fuzz(count: int) -> None:
    rng = random.Random(3)
    pieces = ("\t", " ", "\n", "T1", "T2", ";", "9", "\0", "é", "R1\t", "\r\n", "#")
    for _ in range(count):
        ann = ANN
        for _ in range(rng.randint(1, 4)):
            place = rng.randrange(len(ann))
            if rng.random() < 0.5:
                ann = ann[:place] + ann[place + rng.choice((1, 2, 9)) :]
            else:
                ann = ann[:place] + rng.choice(pieces) + ann[place:]
        report = ReadReport()
        raw = zipped({"a.txt": TEXT, "a.ann": ann, "b.txt": TEXT, "b.ann": ANN})
        documents = read_bytes(raw, "brat", skip_bad=True, report=report)
        assert len(documents) + report.skipped == 2
        (written,) = [read_bytes(write_bytes(documents, "brat"), "brat")]
        assert [(each.text, each.entities) for each in written] == [(each.text, each.entities) for each in documents]
    # The archive itself.
    whole = zipped({"a.txt": TEXT, "a.ann": ANN})
    for _ in range(count):
        mutated = bytearray(whole)
        for _ in range(rng.randint(1, 6)):
            mutated[rng.randrange(len(mutated))] = rng.randrange(256)
        try:
            read_bytes(bytes(mutated), "brat", skip_bad=rng.random() < 0.5)
        except GlinerAdaptersError:
            continue


def test_mutated_files() -> None:
    fuzz(100)


@pytest.mark.slow
def test_many_mutated_files() -> None:
    fuzz(2000)
