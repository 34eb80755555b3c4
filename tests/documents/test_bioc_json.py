from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gliner_adapters.documents import Document, Entity, ReadReport, WriteReport, detect_format
from gliner_adapters.documents.formats import bioc_documents, bioc_json
from gliner_adapters.errors import DataError

from .helpers import any_documents, identity, read_bytes, write_bytes

# As PubTator 3 exports it, shortened.
ARTICLE: dict[str, Any] = {
    "source": "PubTator",
    "date": "",
    "key": "BioC.key",
    "infons": {},
    "documents": [
        {
            "id": "12",
            "infons": {"journal": "J"},
            "passages": [
                {
                    "offset": 0,
                    "infons": {"type": "title"},
                    "text": "Ocular and auditory toxicity.",
                    "sentences": [],
                    "annotations": [
                        {
                            "id": "T1",
                            "infons": {"type": "Disease", "identifier": "D014786", "valid": True},
                            "text": "Ocular toxicity",
                            "locations": [{"offset": 0, "length": 6}, {"offset": 20, "length": 8}],
                        }
                    ],
                    "relations": [],
                },
                {
                    "offset": 30,
                    "infons": {"type": "abstract"},
                    "text": "Naloxone (NX) helps.",
                    "sentences": [],
                    "annotations": [
                        {
                            "id": "T2",
                            "infons": {"type": "Chemical", "score": "0.5"},
                            "text": "Naloxone",
                            "locations": [{"offset": 30, "length": 8}],
                        }
                    ],
                    "relations": [{"id": "R0", "infons": {}, "nodes": [{"refid": "T2", "role": ""}]}],
                },
            ],
            "relations": [{"id": "R1", "infons": {"type": "CID"}, "nodes": [{"refid": "T1", "role": ""}]}],
        }
    ],
}


def raw(collection: Any) -> bytes:
    return json.dumps(collection).encode()


def test_passages_are_one_text_with_the_files_offsets() -> None:
    report = ReadReport()
    (document,) = read_bytes(raw(ARTICLE), "bioc", report=report)
    assert (document.id, document.text) == ("12", "Ocular and auditory toxicity.\nNaloxone (NX) helps.")
    toxicity, naloxone = document.entities
    assert toxicity.key == (0, 28, "Disease")
    assert (toxicity.identifier, toxicity.score) == ("D014786", None)
    assert (naloxone.key, naloxone.score, document.mention(naloxone)) == ((30, 38, "Chemical"), 0.5, "Naloxone")
    assert dict(report.repairs) == {bioc_documents.DISCONTINUOUS["span"]: 1, bioc_json.COLLECTION: 2}


def test_what_was_read_is_written_as_it_was() -> None:
    written = json.loads(write_bytes(read_bytes(raw(ARTICLE), "bioc"), "bioc"))
    assert written["documents"] == ARTICLE["documents"]


def test_parts_of_an_entity_that_was_moved_are_not_written() -> None:
    (document,) = read_bytes(raw(ARTICLE), "bioc")
    moved = Entity(0, 6, "Disease", meta=document.entities[0].meta)
    (annotation,) = json.loads(write_bytes([document.with_entities([moved])], "bioc"))["documents"][0]["passages"][0][
        "annotations"
    ]
    assert (annotation["text"], annotation["locations"]) == ("Ocular", [{"offset": 0, "length": 6}])


@given(st.lists(any_documents(), max_size=4))
def test_documents_come_back(documents: list[Document]) -> None:
    report = WriteReport()
    read = read_bytes(write_bytes(documents, "bioc", report=report), "bioc")
    assert report.documents == len(documents) == len(read)
    lost = 0
    for number, (before, after) in enumerate(zip(documents, read, strict=True), 1):
        assert after.text == before.text
        assert after.id == (before.id if before.id is not None else str(number))
        assert after.entities == before.entities  # in this order: they are in one passage
        lost += bool(before.meta) + sum(bool(entity.meta) for entity in before.entities)
    assert report.changes[bioc_documents.METADATA] == lost


@settings(max_examples=25)
@given(st.lists(any_documents(), max_size=3), st.booleans(), st.sampled_from([None, 0, 2]))
def test_however_the_file_is_laid_out(documents: list[Document], escaped: bool, indent: int | None) -> None:
    plain = write_bytes(documents, "bioc")
    laid_out = json.dumps(json.loads(plain), indent=indent, ensure_ascii=escaped).encode()
    assert list(map(identity, read_bytes(laid_out, "bioc"))) == list(map(identity, read_bytes(plain, "bioc")))


def test_sentences_carry_the_text() -> None:
    passage = {
        "offset": 0,
        "infons": {},
        "sentences": [
            {"offset": 0, "text": "One.", "annotations": [annotation(0, 3, text="One")]},
            {"offset": 6, "text": "Two.", "annotations": [annotation(6, 3, text="Two")]},
        ],
        "annotations": [],
    }
    (document,) = read_bytes(raw({"documents": [{"id": "1", "passages": [passage]}]}), "bioc")
    assert document.text == "One.  Two."
    assert document.sentences == [(0, 4), (6, 10)]
    assert [document.mention(entity) for entity in document.entities] == ["One", "Two"]
    report = WriteReport()
    (again,) = read_bytes(write_bytes([document], "bioc", report=report), "bioc")
    assert again.entities == document.entities
    assert dict(report.changes) == {bioc_documents.BOUNDARIES: 1}


def annotation(offset: int, length: int, **more: Any) -> dict[str, Any]:
    return {"id": "1", "infons": {"type": "X"}, "locations": [{"offset": offset, "length": length}], **more}


def with_annotation(value: Any) -> dict[str, Any]:
    return {"id": "bad", "passages": [{"offset": 0, "text": "abc", "annotations": [value]}]}


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (7, "expected a document to be an object, found a number"),
        ({}, "expected a list in field 'passages', found nothing"),
        ({"passages": [{"text": "a"}]}, "expected a whole number in field 'offset'"),
        ({"passages": [{"offset": 0, "text": "abc"}, {"offset": 2, "text": "d"}]}, "found offset 2 after 3"),
        (
            {"passages": [{"offset": 0, "text": "abc", "sentences": [{"offset": 1, "text": "x"}]}]},
            "is not the passage's text there",
        ),
        (with_annotation(annotation(1, 3)), "within the text's 3 characters, found 1-4"),
        (with_annotation(annotation(1, 0)), "within the text's 3 characters, found 1-1"),
        (with_annotation(annotation(-1, 2)), "within the text's 3 characters"),
        (with_annotation(annotation(0, 2, text="bc")), "expected the mention 'bc' at 0-2, found 'ab'"),
        (with_annotation(annotation(0, 2, infons={})), "expected a string in field 'type'"),
        (with_annotation(annotation(0, 2, infons={"type": ""})), "type is empty"),
        (with_annotation(annotation(0, 2, infons={"type": "X", "score": "high"})), "score between 0 and 1"),
        (with_annotation(annotation(0, 2, infons={"type": "X", "score": 2})), "score between 0 and 1"),
        (with_annotation({"infons": {"type": "X"}, "locations": []}), "has no location"),
    ],
)
def test_bad_documents_are_named_and_can_be_skipped(bad: Any, message: str) -> None:
    good = {"id": "good", "passages": []}
    collection = '{"documents": [\n%s,\n%s,\n%s]}' % tuple(json.dumps(each) for each in (good, bad, good))  # noqa: UP031
    with pytest.raises(DataError) as caught:
        read_bytes(collection.encode(), "bioc", path="f.json")
    assert str(caught.value).startswith("f.json:3: ")
    assert message in str(caught.value)
    report = ReadReport()
    documents = read_bytes(collection.encode(), "bioc", path="f.json", skip_bad=True, report=report)
    assert [document.id for document in documents] == ["good", "good"]
    assert report.reasons == [str(caught.value)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "f:1: expected {, found 'the end of the file'"),
        (b"[", "f:1: not JSON"),
        (b'[{"id": "1"}]', "field 'passages'"),
        (b"{}", "expected a BioC collection"),
        (b'{"source": "x"}', "expected a BioC collection"),
        (b'{"documents": {}}', "expected [, found '{'"),
        (b'{"documents": [}', "not JSON"),
        (b'{"documents": []', "found 'the end of the file'"),
        (b'{"documents": []} x', "expected nothing after the collection, found 'x'"),
        (b'{"source": "x" "documents": []}', "expected , or }"),
        (b"{1: []}", "expected a member's name"),
        (b'{"documents": [\n\n' + b"[" * 100_000, "f:3: not readable as JSON"),
        (b'{"documents": ["\xff"]}', "is not valid UTF-8"),
    ],
)
def test_what_is_no_collection(content: bytes, message: str) -> None:
    with pytest.raises(DataError) as caught:
        read_bytes(content, "bioc", path="f")
    assert message in str(caught.value)


def test_fields_of_the_collection() -> None:
    report = ReadReport()
    content = b'\xef\xbb\xbf {"date": [1, {"documents": []}], "documents": [], "key": "k", "source": ""}\n'
    assert read_bytes(content, "bioc", report=report) == []
    assert report.problems() == [f"repaired: {bioc_json.COLLECTION}: 2 (first at file:1)"]


def test_endings() -> None:
    assert detect_format("a.bioc.json.gz") == detect_format("a.bioc") == "bioc"


def test_half_a_character_is_refused_with_its_line() -> None:
    raw = (
        b'[{"id": "1", "passages": [{"offset": 0, "text": "fine"}]},\n{"id": "2", "passages": [{"text": "a\\ud800"}]}]'
    )
    with pytest.raises(DataError, match=":2: a string holds a lone surrogate"):
        read_bytes(raw, "bioc")
    report = ReadReport()
    assert [document.id for document in read_bytes(raw, "bioc", skip_bad=True, report=report)] == ["1"]
    assert report.skipped == 1


@pytest.mark.parametrize("offset", [10**7, 10**30])
def test_an_offset_far_beyond_the_text_is_an_error_and_no_memory(offset: int) -> None:
    raw = f'{{"id": "1", "passages": [{{"offset": {offset}, "text": "a"}}]}}'.encode()
    with pytest.raises(DataError, match=f"a passage at offset {offset}, "):
        read_bytes(raw, "bioc")


ANNOTATION = {"infons": {"type": "Chemical"}, "text": "Naloxone", "locations": [{"offset": 0, "length": 8}]}


def test_annotations_of_the_whole_document_are_entities() -> None:
    document = {"id": "1", "passages": [{"offset": 0, "text": "Naloxone helps."}], "annotations": [ANNOTATION]}
    (read,) = read_bytes(raw([document]), "bioc")
    assert [entity.key for entity in read.entities] == [(0, 8, "Chemical")]


def test_what_sentences_and_unknown_fields_say_is_kept_or_counted() -> None:
    relation = {"id": "R1", "infons": {}, "nodes": []}
    sentence = {"offset": 0, "text": "Naloxone helps.", "infons": {"a": "b"}, "relations": [relation]}
    passage = {"offset": 0, "text": "Naloxone helps.", "sentences": [sentence], "lang": "en", "none": None}
    report = ReadReport()
    (read,) = read_bytes(raw([{"id": "1", "pmid": 3, "passages": [passage]}]), "bioc", report=report)
    assert read.meta["bioc"]["passages"][0]["relations"] == [relation]
    assert dict(report.repairs) == {bioc_documents.SENTENCE: 1, bioc_documents.UNKNOWN: 2}


@pytest.mark.parametrize("way", ["span", "split", "drop"])
def test_every_part_of_an_annotation_has_to_be_within_the_text(way: Any) -> None:
    places = [{"offset": 0, "length": 8}, {"offset": 9, "length": 0}]
    passage = {"offset": 0, "text": "Naloxone helps.", "annotations": [{**ANNOTATION, "locations": places}]}
    with pytest.raises(DataError, match="file:1: expected an annotation within the text's 15 characters, found 9-9"):
        read_bytes(raw([{"id": "1", "passages": [passage]}]), "bioc", discontinuous=way)
