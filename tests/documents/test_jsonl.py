from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gliner_adapters.documents import Document, Entity, ReadReport
from gliner_adapters.errors import DataError

from .helpers import any_documents, identity, read_bytes, tagged_sentences, write_bytes


@given(st.lists(any_documents() | tagged_sentences(), max_size=4))
def test_every_document_comes_back_whole(documents: list[Document]) -> None:
    read = read_bytes(write_bytes(documents, "jsonl"), "jsonl")
    assert [identity(document) for document in read] == [identity(document) for document in documents]


@given(st.lists(tagged_sentences(), min_size=1, max_size=4))
def test_iob2_survives_json_lines(documents: list[Document]) -> None:
    raw = write_bytes(documents, "iob2")
    assert write_bytes(read_bytes(write_bytes(read_bytes(raw, "iob2"), "jsonl"), "jsonl"), "iob2") == raw


def test_one_plain_object_a_line() -> None:
    document = Document("Naloxone helps.", [Entity(0, 8, "Chemical", 0.5, "D1", {"k": [1]})], "7")
    assert json.loads(write_bytes([document], "jsonl")) == {
        "id": "7",
        "text": "Naloxone helps.",
        "entities": [{"start": 0, "end": 8, "label": "Chemical", "score": 0.5, "id": "D1", "meta": {"k": [1]}}],
    }


def test_gliners_training_format_is_read() -> None:
    raw = b'{"tokenized_text": ["Heart", "attack", "of", "x"], "ner": [[0, 1, "Disease"], [3, 3, "X"]]}\n'
    (document,) = read_bytes(raw, "jsonl")
    assert document.text == "Heart attack of x"
    assert document.words == [(0, 5), (6, 12), (13, 15), (16, 17)]
    assert [(entity.label, document.mention(entity)) for entity in document.entities] == [
        ("Disease", "Heart attack"),
        ("X", "x"),
    ]


def test_optional_fields_byte_order_mark_and_empty_lines() -> None:
    raw = b'\xef\xbb\xbf{"text": "ab", "id": 7, "entities": null, "words": null}\n\n  \r\n{"text": "c"}'
    first, second = read_bytes(raw, "jsonl")
    assert (first.id, first.entities, first.words) == ("7", [], None)
    assert (second.id, second.text) == (None, "c")


def test_unknown_fields_are_kept_and_counted() -> None:
    report = ReadReport()
    raw = b'{"text": "ab", "entites": [1], "meta": {"a": 1}}\n{"text": "c", "entites": []}\n'
    first, _ = read_bytes(raw, "jsonl", report=report)
    assert first.meta == {"a": 1, "entites": [1]}
    assert dict(report.repairs) == {"unknown field 'entites' kept in meta": 2}


def entity(**fields: Any) -> str:
    return json.dumps({"text": "abc", "entities": [{"start": 0, "end": 1, "label": "X"} | fields]})


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{'text': 1}", "not JSON: Expecting property name enclosed in double quotes at column 2"),
        ("[1]", "expected this line to be an object, found a list"),
        ("{}", "expected a string in field 'text', found nothing"),
        ('{"text": 3}', "expected a string in field 'text', found a number"),
        ('{"text": "a", "entities": {}}', "expected a list in field 'entities', found an object"),
        ('{"text": "a", "entities": ["x"]}', "expected each entity to be an object"),
        ('{"text": "a", "id": true}', "expected a string in field 'id', found a truth value"),
        (
            '{"text": "a", "words": [[0, 2]]}',
            "words: expected 0 <= start < end <= 1 (the text's length), found 0, 2",
        ),
        ('{"text": "ab", "words": [[1, 2], [0, 1]]}', "expected 'words' in text order without overlap"),
        ('{"text": "ab", "words": [[false, 1]]}', "expected each of 'words' to be [start, end]"),
        ('{"text": "\\ud800"}', "lone surrogate"),
        ("[" * 100_000, "not readable as JSON"),
        (entity(end=4), "entity: expected 0 <= start < end <= 3 (the text's length), found 0, 4"),
        (entity(start=1), "expected 0 <= start < end"),
        (entity(start=0.0), "expected a whole number in field 'start'"),
        (entity(label=""), "an entity's label is empty"),
        (entity(label=None), "expected a string in field 'label', found null"),
        (entity(score=1.5), "expected a score between 0 and 1, found 1.5"),
        (entity(score=float("nan")), "expected a score between 0 and 1"),
        (entity(lable="X"), "unknown field 'lable' of an entity"),
        ('{"tokenized_text": ["a", ""]}', "expected 'tokenized_text' to hold words, found ''"),
        ('{"tokenized_text": ["a"], "ner": [[0, 1, "X"]]}', 'within 1 words, found [0, 1, "X"]'),
        ('{"tokenized_text": ["a"], "ner": [[false, false, "X"]]}', "within 1 words"),
        ("a\0", "NUL byte"),
    ],
)
def test_malformed_lines_are_named_and_can_be_skipped(line: str, message: str) -> None:
    raw = b'{"text": "good"}\n' + line.encode() + b'\n{"text": "also good"}\n'
    with pytest.raises(DataError) as caught:
        read_bytes(raw, "jsonl", path="f.jsonl")
    assert str(caught.value).startswith("f.jsonl:2: ")
    assert message in str(caught.value)
    report = ReadReport()
    documents = read_bytes(raw, "jsonl", path="f.jsonl", skip_bad=True, report=report)
    assert [document.text for document in documents] == ["good", "also good"]
    assert report.reasons == [str(caught.value)]


@pytest.mark.parametrize("meta", [{1: "x"}, {"x": {1}}, {"x": float("inf")}, {"x": {"y": object()}}])
def test_metadata_that_json_would_lose_is_refused(meta: dict[Any, Any]) -> None:
    with pytest.raises(DataError, match="document 'd' cannot be written as JSON"):
        write_bytes([Document("a", id="d", meta=meta)], "jsonl")
