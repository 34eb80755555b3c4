from __future__ import annotations

import gzip
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from documents.helpers import any_documents, identity, read_bytes, write_bytes
from gliner_adapters.documents import (
    Document,
    Entity,
    ReadReport,
    WriteReport,
    detect_format,
    read_documents,
    to_arrow,
    to_pandas,
    write_documents,
)
from gliner_adapters.documents.formats import arrow_documents
from gliner_adapters.errors import ConfigError, DataError

pa = pytest.importorskip("pyarrow", reason="needs the extra [tables]")
pq = pytest.importorskip("pyarrow.parquet", reason="needs the extra [tables]")

DOCUMENTS = [
    Document(
        "Naloxone helps.",
        [Entity(0, 8, "Chemical", 0.5, "MESH:D009270", {"k": [1]}), Entity(9, 14, "verb")],
        "7",
        words=[(0, 8), (9, 14), (14, 15)],
        sentences=[(0, 15)],
        meta={"journal": {"name": "J"}},
    ),
    Document("Nothing."),
]


def as_parquet(rows: list[dict[str, Any]] | Any, schema: Any = None) -> bytes:
    stream = io.BytesIO()
    pq.write_table(rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(rows, schema=schema), stream)
    return stream.getvalue()


@pytest.mark.parametrize("name", ["parquet", "arrow"])
@settings(max_examples=60, deadline=None)
@given(document=any_documents())
def test_documents_come_back_whole(name: str, document: Document) -> None:
    report = WriteReport()
    raw = write_bytes([document, *DOCUMENTS], name, report=report)
    again = read_bytes(raw, name)
    # Empty metadata of an entity and none are the same.
    for each in (document, *again):
        each.entities = [Entity(*e.key, e.score, e.identifier, e.meta or None) for e in each.entities]
    assert [identity(each) for each in again] == [identity(each) for each in (document, *DOCUMENTS)]
    assert not report.losses()


def test_entities_are_rows() -> None:
    report = WriteReport()
    table = pq.read_table(io.BytesIO(write_bytes(DOCUMENTS, "parquet-entities", report=report)))
    rows = table.select(["document_number", "id", "text", "start", "end", "label", "mention", "score"]).to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        (1, "7", "Naloxone helps.", 0, 8, "Chemical", "Naloxone", 0.5),
        (1, "7", "Naloxone helps.", 9, 14, "verb", "helps", None),
        (2, None, "Nothing.", None, None, None, None, None),
    ]
    assert len(report.losses()) == 2


@pytest.mark.parametrize("ending", [".parquet", ".arrow", ".feather", ".parquet.gz", ".arrow.gz"])
def test_files_are_known(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    for name in (None, f"{detect_format(path)}-entities"):
        write_documents(DOCUMENTS, path, name)
        assert detect_format(path) == ("parquet" if "parquet" in ending else "arrow")
        assert [d.entities for d in read_documents(path)] == [d.entities for d in DOCUMENTS]
    if ending.endswith(".gz"):
        gzip.decompress(path.read_bytes())


def test_batches_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrow_documents, "BATCH_CHARACTERS", 30)
    raw = write_bytes(DOCUMENTS * 5, "parquet")
    assert pq.ParquetFile(io.BytesIO(raw)).num_row_groups > 2
    seen = []

    def documents() -> Iterator[Document]:
        for document in DOCUMENTS * 2000:
            seen.append(document)
            yield document

    first = next(iter(arrow_documents.batches_of(documents(), "documents", WriteReport())))
    assert first.num_rows == len(seen) < 5
    assert len(read_bytes(raw, "parquet")) == 10


@pytest.mark.parametrize(
    ("rows", "entities"),
    [
        ([{"text": "Aspirin.", "entities": [{"start": 0, "end": 7, "label": "C"}]}], [(0, 7, "C")]),
        ([{"text": "Aspirin.", "entities": {"start": [0], "end": [7], "label": ["C"]}}], [(0, 7, "C")]),
        ([{"text": "Aspirin.", "start": 0, "end": 7, "label": "C"}], [(0, 7, "C")]),
        ([{"text": "Aspirin.", "start": 0.0, "end": 7.0, "label": "C", "score": float("nan")}], [(0, 7, "C")]),
        ([{"tokenized_text": ["Aspirin", "."], "ner": [["0", "0", "C"]]}], None),
        ([{"tokens": ["Aspirin", "."], "ner_tags": ["B-C", "O"]}], [(0, 7, "C")]),
        ([{"text": "Aspirin.", "year": 1999}], []),
    ],
)  # fmt: skip
def test_rows_of_others_are_read(rows: list[dict[str, Any]], entities: list[tuple[int, int, str]] | None) -> None:
    raw = as_parquet(rows)
    if entities is None:
        with pytest.raises(DataError, match="f:1: expected each entry of 'ner'"):
            read_bytes(raw, "parquet", path="f")
        return
    (document,) = read_bytes(raw, "parquet")
    assert [entity.key for entity in document.entities] == entities


def test_names_of_tags_stand_in_the_file() -> None:
    features = {"ner_tags": {"feature": {"names": ["O", "B-C"], "_type": "ClassLabel"}, "_type": "List"}}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    rows = [{"tokens": ["Aspirin", "."], "ner_tags": [1, 0]}]
    table = pa.Table.from_pylist(rows)
    (document,) = read_bytes(as_parquet(table.replace_schema_metadata(metadata)), "parquet")
    assert [entity.key for entity in document.entities] == [(0, 7, "C")]
    with pytest.raises(DataError, match="f:1: 'ner_tags' holds numbers"):
        read_bytes(as_parquet(rows), "parquet", path="f")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"a": 1}], "f: no text of documents among the columns 'a'"),
        ([{"text": "ab", "entities": [{"start": 0, "end": 1, "label": "C"}]},
          {"text": "ab", "entities": [{"start": 0, "end": 3, "label": "C"}]}], "f:2: entity: expected 0 <= start"),
        ([{"text": "ab", "entities": [], "meta": "{"}], "f:1: expected JSON in the column 'meta'"),
        ([{"text": "ab", "entities": [{"start": 0, "end": 1, "label": "C", "text": "b"}]}], "f:1: expected the text"),
        ([{"text": "ab", "label": [{"a": 1}]}], "f:1: the field 'label' looks like annotation in the format doccano"),
        ([{"text": None, "words": [{"start": 0, "end": 1}]}], "f:1: expected a string in field 'text'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_row(rows: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(DataError) as caught:
        read_bytes(as_parquet(rows), "parquet", path="f")
    assert str(caught.value).startswith(message)


def test_a_bad_row_can_be_left_out() -> None:
    bad = pa.array([b"good", b"\xff"]).view(pa.binary()).cast(pa.string(), safe=False)
    report = ReadReport()
    documents = read_bytes(as_parquet(pa.table({"text": bad})), "parquet", skip_bad=True, report=report)
    assert [document.text for document in documents] == ["good"]
    assert report.skipped == 1
    assert report.reasons[0].startswith("file:2: a value cannot be read: UnicodeDecodeError")


@pytest.mark.parametrize("name", ["parquet", "arrow"])
def test_what_is_no_table_is_refused(name: str) -> None:
    whole = write_bytes(DOCUMENTS, name)
    for raw in (b"", b"PAR1", b"ARROW1", b"nothing", whole[: len(whole) // 2]):
        with pytest.raises(DataError, match=f"^f: not a readable {name} file"):
            read_bytes(raw, name, path="f")


def test_columns_by_name(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(as_parquet([{"body": "Aspirin.", "from": 0, "to": 7, "label": "C"}]))
    (document,) = read_documents(path, columns=["text=body", "start=from", "end=to"])
    assert document.entities == [Entity(0, 7, "C")]
    with pytest.raises(ConfigError, match="give FIELD=NAME"):
        list(read_documents(path, columns=["text", "start", "end", "label"]))
    with pytest.raises(ConfigError, match="holds no tokens with ner_tags"):
        list(read_documents(path, columns=["text=body"], tag_names=["O"]))


def test_a_stream_of_arrow_is_read() -> None:
    stream = io.BytesIO()
    table = to_arrow(DOCUMENTS, "documents")
    with pa.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table)
    assert [identity(each) for each in read_bytes(stream.getvalue(), "arrow")] == [identity(d) for d in DOCUMENTS]


def test_data_frames() -> None:
    pandas = pytest.importorskip("pandas", reason="needs the extra [tables]")
    report = WriteReport()
    frame = to_pandas(DOCUMENTS, report=report)
    assert isinstance(frame, pandas.DataFrame)
    assert frame.groupby("label").mention.first().to_dict() == {"Chemical": "Naloxone", "verb": "helps"}
    assert frame.start.tolist() == [0, 9, pandas.NA]
    assert len(report.losses()) == 2
    assert len(to_pandas(DOCUMENTS, "documents")) == 2
    again = read_bytes(as_parquet(pa.Table.from_pandas(frame)), "parquet")
    assert [d.entities for d in again] == [d.entities for d in DOCUMENTS]
    (csv,) = read_bytes(frame[frame.id == "7"].to_csv(index=False).encode(), "csv")
    assert csv.entities == DOCUMENTS[0].entities


def test_what_makes_no_table_is_refused() -> None:
    with pytest.raises(ConfigError, match="expected the kind entities or documents"):
        to_arrow(DOCUMENTS, "words")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="expected a list"):
        to_arrow(DOCUMENTS[0])  # type: ignore[arg-type]
    for kind in ("entities", "documents"):
        with pytest.raises(DataError, match="document 'x' holds the lone surrogate"):
            to_arrow([Document("a\ud800", id="x")], kind)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="cannot be written as JSON"):
        to_arrow([Document("a", meta={"k": {1}})], "documents")


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for run in (
        lambda: write_documents(DOCUMENTS, tmp_path / "a.parquet"),
        lambda: to_pandas(DOCUMENTS),
        lambda: read_bytes(b"PAR1", "parquet"),
    ):
        with pytest.raises(ConfigError, match=r"pip install 'gliner-adapters\[tables\]'"):
            run()
    assert not list(tmp_path.iterdir())
