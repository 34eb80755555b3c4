from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from hypothesis import given

from documents.helpers import identity, read_bytes, tagged_sentences, write_bytes
from gliner_adapters.documents import Document, Entity, ReadReport, WriteReport, detect_format, read_documents
from gliner_adapters.documents.formats import ReadOptions, get_format
from gliner_adapters.errors import ConfigError, DataError

ROW = {"id": "7", "tokens": ["Opioid", "overdose", "."], "ner_tags": [1, 2, 0], "pos_tags": [5, 5, 9]}
NAMES = ("O", "B-Disease", "I-Disease")


def read(row: object, names: tuple[str, ...] = (), report: ReadReport | None = None) -> Document:
    stream = io.BytesIO(json.dumps(row).encode())
    options = ReadOptions(tag_names=names)
    (document,) = get_format("hf-tokens").read(stream, "f", options=options, report=report or ReadReport())
    return document


def test_numbers_are_read_by_their_names(tmp_path: Path) -> None:
    document = read(ROW, NAMES)
    assert (document.id, document.text, document.words) == ("7", "Opioid overdose .", [(0, 6), (7, 15), (16, 17)])
    assert document.entities == [Entity(0, 15, "Disease")]
    assert json.loads(write_bytes([document], "hf-tokens")) == {**ROW, "ner_tags": ["B-Disease", "I-Disease", "O"]}
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(ROW))
    assert detect_format(path) == "hf-tokens"
    assert list(read_documents(path, tag_names=NAMES)) == [document]


@given(document=tagged_sentences())
def test_sentences_come_back(document: Document) -> None:
    again = read_bytes(write_bytes([document, document], "hf-tokens"), "hf-tokens")
    assert len(again) == 2
    for each in again:
        assert sorted(each.entities, key=lambda e: e.start) == sorted(document.entities, key=lambda e: e.start)
        assert identity(each)[:2] == identity(document)[:2]
        assert list(each.words or ()) == list(document.words or ())


@pytest.mark.parametrize(
    ("change", "names", "message"),
    [
        ({}, (), "f:1: 'ner_tags' holds numbers; say which tags they are"),
        ({}, ("O", "B-Disease"), "f:1: the tag 2, but there are 2 tag names"),
        ({"ner_tags": [1, 2]}, NAMES, "f:1: expected a tag for each of 3 tokens, found 2"),
        ({"ner_tags": [1, 2, "X"]}, NAMES, "f:1: expected a tag O, B-TYPE"),
        ({"ner_tags": [1, 2, True]}, NAMES, "f:1: expected 'ner_tags' to hold names or numbers"),
        ({"ner_tags": None}, NAMES, "f:1: expected a list in field 'ner_tags'"),
        ({"tokens": ["a", "", "b"]}, NAMES, "f:1: expected 'tokens' to hold words"),
    ],
)
def test_what_is_wrong_is_told(change: dict, names: tuple[str, ...], message: str) -> None:
    with pytest.raises(DataError) as caught:
        read(ROW | change, names)
    assert str(caught.value).startswith(message)


def test_names_that_are_no_tags_are_refused() -> None:
    with pytest.raises(ConfigError, match="tag names: expected a tag O"):
        read(ROW, ("O", "Disease"))


def test_other_schemes_are_counted() -> None:
    report = ReadReport()
    document = read({"tokens": ["a", "b"], "tags": ["S-X", "I-Y"]}, report=report)
    assert [entity.key for entity in document.entities] == [(0, 1, "X"), (2, 3, "Y")]
    assert dict(report.repairs) == {
        "sentence with BIOES tags, read as they are meant": 1,
        "I- tag that continues no entity, read as B-": 1,
    }


def test_what_tags_cannot_hold_is_up_to_on_conflict() -> None:
    document = Document("TNF-alpha rose", [Entity(0, 3, "Gene", 0.5)], words=[(0, 9), (10, 14)],
                        meta={"hf-tokens": {"pos": [1, 2]}})  # fmt: skip
    with pytest.raises(DataError, match="cannot be written as tags of words: not on word boundaries"):
        write_bytes([document], "hf-tokens")
    report = WriteReport()
    row = json.loads(write_bytes([document], "hf-tokens", on_conflict="drop", report=report))
    assert row == {"tokens": ["TNF-alpha", "rose"], "ner_tags": ["O", "O"], "pos": [1, 2]}
    assert (report.entities, report.losses()) == (
        0,
        ["dropped: 1 entities: not on word boundaries", "changed: score left out: 1"],
    )
    report = WriteReport()
    row = json.loads(write_bytes([document], "hf-tokens", on_conflict="split", report=report))
    assert row == {"tokens": ["TNF", "-alpha", "rose"], "ner_tags": ["B-Gene", "O", "O"]}
    assert report.changes["metadata that the format does not hold left out"] == 1
