from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings

from documents.helpers import any_documents, read_bytes, write_bytes
from gliner_adapters.documents import (
    Document,
    Entity,
    ReadReport,
    WriteReport,
    detect_format,
    read_documents,
    write_documents,
)
from gliner_adapters.documents.formats import ReadOptions, get_format
from gliner_adapters.errors import ConfigError, DataError

HEADER = "document_number,id,text,start,end,label,mention,score,identifier\n"
NALOXONE = Entity(0, 8, "Chemical", 0.5, "MESH:D009270")


def read(text: str, columns: tuple[str, ...] = (), name: str = "csv") -> list[Document]:
    options = ReadOptions(columns=columns)
    return list(get_format(name).read(io.BytesIO(text.encode()), "f", options=options, report=ReadReport()))


def identifiers(document: Document) -> list[str]:
    return [entity.identifier or "" for entity in document.entities]


def keys(documents: list[Document]) -> list[list[tuple[int, int, str]]]:
    return [[entity.key for entity in document.entities] for document in documents]


def test_a_row_is_an_entity() -> None:
    documents = [Document('Naloxone, "fast",\nhelps.', [NALOXONE, Entity(18, 23, "verb")], "7"), Document("None.")]
    raw = write_bytes(documents, "csv")
    assert raw.decode() == (
        HEADER + '1,7,"Naloxone, ""fast"",\nhelps.",0,8,Chemical,Naloxone,0.5,MESH:D009270\n'
        "1,7,,18,23,verb,helps,,\n2,,None.,,,,,,\n"
    )
    assert list(csv.reader(io.StringIO(raw.decode())))[1][2] == documents[0].text
    assert read_bytes(raw, "csv") == documents


@pytest.mark.parametrize("name", ["csv", "tsv", "parquet-entities", "arrow-entities"])
@settings(max_examples=60, deadline=None)
@given(document=any_documents())
def test_texts_and_entities_come_back(name: str, document: Document) -> None:
    """The same document twice is two documents, with or without an id."""
    if needed := get_format(name).needs:
        pytest.importorskip(needed[0])
    report = WriteReport()
    if name in ("csv", "tsv") and any(
        "\0" in each for each in (document.text, document.id or "", *identifiers(document))
    ):
        with pytest.raises(DataError, match="holds a NUL"):
            write_bytes([document], name)
        return
    raw = write_bytes([document, document], name, report=report)
    again = read_bytes(raw, name)
    assert len(again) == 2
    for each in again:
        assert each.text == document.text
        assert each.id == document.id
        assert [(e.key, e.score) for e in each.entities] == [(e.key, e.score) for e in document.entities]
        assert [e.identifier for e in each.entities] == [e.identifier or None for e in document.entities]
    lost = bool(document.meta or any(e.meta for e in document.entities))
    assert report.changes["metadata that the format does not hold left out"] == 2 * lost
    assert (report.documents, report.entities) == (2, 2 * len(document.entities))


def test_texts_alone_are_a_document_each() -> None:
    (first, second) = read("id,text,journal\n1,Naloxone helps.,J\n1,Again.,\n")
    assert (first.id, first.text, first.entities, first.meta) == (
        "1",
        "Naloxone helps.",
        [],
        {"table": {"journal": "J"}},
    )
    assert (second.id, second.meta) == ("1", {})


def test_further_columns_are_written_again() -> None:
    documents = read("id,text,start,end,label,who\n1,Naloxone helps.,0,8,C,Ann\n2,No.,,,,Bob\n")
    assert documents[0].entities[0].meta == {"table": {"who": "Ann"}}
    assert documents[1].meta == {"table": {"who": "Bob"}}
    report = WriteReport()
    raw = write_bytes(documents, "tsv", report=report)
    assert raw.decode().splitlines()[0].endswith("\tidentifier\twho")
    again = read(raw.decode(), name="tsv")
    assert again == documents
    assert again[0].entities[0].meta == documents[0].entities[0].meta
    assert not report.changes


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("text;type;mention\nNaloxone helps;drug;Naloxone\nNaloxone helps;verb;helps\n", ()),
        ("doc_id,document,from,to,class\n1,Naloxone helps,0,8,drug\n1,,9,14,verb\n",
         ("text=document", "start=from", "end=to")),
        ("1,x,Naloxone helps,0,8.0,drug\n1,x,Naloxone helps,9,14.0,verb\n",
         ("id", "-", "text", "start", "end", "label")),
        ("\ufeffText,Start,End,Entity type\r\nNaloxone helps,0,8,drug\r\nNaloxone helps,9,14,verb\r\n", ()),
    ],
    ids=["semicolons and mentions", "named", "without header", "as spreadsheets write it"],
)  # fmt: skip
def test_other_columns(text: str, columns: tuple[str, ...]) -> None:
    assert keys(read(text, columns)) == [[(0, 8, "drug"), (9, 14, "verb")]]


@pytest.mark.parametrize(
    ("text", "columns", "message"),
    [
        ("", (), "f:1: the table is empty"),
        ("a,b\n1,2\n", (), "f:1: no text of documents among the columns 'a', 'b'"),
        ("text,start,end\na,0,1\n", (), "f:1: no label of entities"),
        ("text,start,label\na,0,1\n", (), "f:1: no end of entities"),
        ("text,label\na,0\n", (), "f:1: neither start and end nor the mention"),
        ("text,sentence\na,b\n", (), "f:1: the columns 'text' and 'sentence' could each be the text"),
        ("text,x,x\na,b,c\n", (), "f:1: two columns are called 'x'"),
        (HEADER + "1,1,Naloxone,0,8,C,,\n", (), "f:2: expected 9 cells, found 8"),
        (HEADER + '1,1,"Na"loxone,0,8,C,,,\n', (), "f:2: not a row of a table"),
        (HEADER + '1,1,"Naloxone,0,8,C,,,\n', (), "f:2: not a row of a table: unexpected end of data"),
        (HEADER + "1,1,Naloxone,x,8,C,,,\n", (), "f:2: expected a whole number as start, found 'x'"),
        (HEADER + "1,1,Naloxone,,8,C,,,\n", (), "f:2: the start of an entity is empty"),
        (HEADER + "1,1,Naloxone,0,9,C,,,\n", (), "f:2: entity: expected 0 <= start < end <= 8"),
        (HEADER + "1,1,Naloxone,0,8,,,,\n", (), "f:2: an entity's label is empty"),
        (HEADER + "1,1,Naloxone,0,8,C,Aspirin,,\n", (), "f:2: expected the text 'Aspirin' at 0-8"),
        (HEADER + "1,1,Naloxone,0,8,C,,2,\n", (), "f:2: expected a score between 0 and 1"),
        (HEADER + "1,1,Naloxone,0,8,C,,high,\n", (), "f:2: expected a number as score"),
        (HEADER + "1,1,a\nb,1,1,b,0,1,C,,,\n", (), "f:2: expected 9 cells, found 3"),
        (HEADER + "1,1,a,0,1,C,,,\n1,2,,0,1,C,,,\n", (), "f:3: another id than '1' in row 2"),
        (HEADER + "1,1,a,0,1,C,,,\n1,1,b,0,1,C,,,\n", (), "f:3: another text than in row 2"),
        (HEADER + "1,1,a,0,1,C,,,\n1,1,a,,,,,,\n", (), "f:3: a further row of a document, without an entity"),
        (HEADER + "2,1,a,0,1,C,,,\n1,2,b,0,1,C,,,\n", (), "f:3: document_number 1 after 2"),
        ("id,text,mention,label\n1,a b a,a,C\n", (), "f:2: the mention 'a' stands in several places"),
        ("id,text,mention,label\n1,a b a,c,C\n", (), "f:2: the mention 'c' stands nowhere"),
        ("id,text,mention,label\n1,a,a,C\n2,b,b,C\n1,a,a,D\n", (), "f:4: rows of the document '1' stand further up"),
        ("0,a,1\n", ("start", "text", "end", "label"), "f:1: expected 4 cells, found 3"),
    ],
)
def test_what_is_wrong_is_told_with_its_row(text: str, columns: tuple[str, ...], message: str) -> None:
    with pytest.raises(DataError) as caught:
        read(text, columns)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (("text=a", "start"), "give either FIELD=NAME"),
        (("who=text",), "no field 'who'"),
        (("start=nowhere",), "expected one column 'nowhere'"),
        (("start=text", "text=text"), "says a second time"),
        (("id", "id", "text"), "'id' is given twice"),
        (("id", "start"), "no text of documents"),
    ],
)
def test_columns_that_do_not_fit_are_refused(columns: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read("id,text\n1,a\n", columns)


def test_formats_without_columns_refuse_them(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a"}\n')
    with pytest.raises(ConfigError, match="the format jsonl takes no columns"):
        read_documents(path, columns=["text"])
    with pytest.raises(ConfigError, match="the format jsonl takes no names of tags"):
        read_documents(path, tag_names=["O"])
    with pytest.raises(ConfigError, match="columns must be a list of names, got a str"):
        read_documents(path, columns="text")


def test_repairs_are_counted() -> None:
    report = ReadReport()
    rows = "text,start,end,label,mention\nNaloxone helps,0,7,C,Naloxone\nNaloxone helps,,,V,helps\n"
    (document,) = read_bytes(rows.encode(), "csv", report=report)
    assert [entity.key for entity in document.entities] == [(0, 8, "C"), (9, 14, "V")]
    assert dict(report.repairs) == {
        "inclusive end of an entity read as exclusive, as its text says": 1,
        "entity without offsets read where its text stands, which is one place": 1,
    }


def test_a_bad_row_costs_its_document_and_no_other() -> None:
    report = ReadReport()
    raw = HEADER.encode() + b"1,1,aa,0,1,C,,,\n1,1,,x,2,C,,,\n2,2,b\xff,0,1,C,,,\n3,3,c,0,1,C,,,\n"
    documents = read_bytes(raw, "csv", skip_bad=True, report=report)
    assert [document.id for document in documents] == ["3"]
    assert (report.documents, report.skipped) == (1, 2)
    assert report.reasons[1].startswith("file:4: byte 0xff is not valid UTF-8")


def test_a_long_cell_is_read() -> None:
    text = "word " * 60_000
    (document,) = read_bytes(write_bytes([Document(text, [Entity(0, 4, "W")], "1")], "csv"), "csv")
    assert document.text == text


@pytest.mark.parametrize(
    ("file", "content", "name"),
    [
        ("a.tsv", "id\ttext\n1\tNaloxone\n", "tsv"),
        ("a.tsv", "Naloxone\tB-Chemical\nhelps\tO\n\n", "iob2"),
        ("a.tab", "text\nNaloxone\n", "tsv"),
        ("a.csv", "whatever\n", "csv"),
        ("a.table", "id,text\n1,a\n", "csv"),
        ("a.csv.gz", None, "csv"),
    ],
)
def test_tables_are_known_by_ending_and_header(tmp_path: Path, file: str, content: str | None, name: str) -> None:
    path = tmp_path / file
    if content is None:
        write_documents([Document("Naloxone", [Entity(0, 8, "C")], "1")], path)
        assert next(read_documents(path)).entities == [Entity(0, 8, "C")]
    else:
        path.write_text(content)
    assert detect_format(path) == name
