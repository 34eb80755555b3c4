"""spaCy's DocBin, read and written, and held against spaCy itself."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from documents.helpers import any_documents, read_bytes, tagged_sentences, write_bytes
from gliner_adapters.documents import Document, Entity, ReadReport, WriteReport, detect_format, formats
from gliner_adapters.documents.formats import spacy_docs
from gliner_adapters.errors import ConfigError, DataError

tokens = pytest.importorskip("spacy.tokens")
srsly = pytest.importorskip("srsly")


def docs(raw: bytes) -> list[Any]:
    from spacy.vocab import Vocab

    return list(tokens.DocBin().from_bytes(raw).get_docs(Vocab()))


def test_spacy_reads_what_is_written() -> None:
    text = "Aspirin  cures\nasthma. And (acute) pain."
    entities = [Entity(0, 7, "Chemical", identifier="MESH:D1"), Entity(27, 39, "Disease"), Entity(35, 39, "Symptom")]
    (doc,) = docs(write_bytes([Document(text, entities, "7", sentences=[(0, 22), (23, 40)])], "spacy"))
    assert doc.text == text
    assert [(e.text, e.label_, e.kb_id_) for e in doc.ents] == [
        ("Aspirin", "Chemical", "MESH:D1"),
        ("(acute) pain", "Disease", ""),
    ]
    assert [(s.text, s.label_) for s in doc.spans["sc"]] == [(text[e.start : e.end], e.label) for e in entities]
    assert [token.text for token in doc if token.text.isspace()] == [" ", "\n"]
    assert [sentence.text.strip() for sentence in doc.sents] == [text[:22], text[23:]]
    assert doc.has_annotation("ENT_IOB")


def test_what_spacy_writes_is_read() -> None:
    import spacy

    doc = spacy.blank("en")("Aspirin cures asthma in mice.\n\nIt helps.")
    doc.ents = [doc.char_span(0, 7, "Chemical", kb_id="D1"), doc.char_span(14, 20, "Disease")]
    doc.spans["sc"] = [doc.char_span(14, 28, "Phrase"), doc.char_span(0, 7, "Chemical", kb_id="D1")]
    doc.spans["other"] = [doc.char_span(0, 7, "X")]
    doc[1].lemma_ = "cure"
    doc.user_data["id"] = 7
    doc.user_data[("._.", "x", None, None)] = 1
    doc.cats = {"good": 1.0}
    report = ReadReport()
    raw = tokens.DocBin(docs=[doc], store_user_data=True).to_bytes()
    (document,) = read_bytes(raw, "spacy", report=report)
    assert document.text == doc.text
    assert [(document.mention(e), e.label, e.identifier) for e in document.entities] == [
        ("Aspirin", "Chemical", "D1"),
        ("asthma in mice", "Phrase", None),
        ("asthma", "Disease", None),
    ]
    assert (document.id, document.meta) == ("7", {"spacy": {"cats": {"good": 1.0}}})
    assert (document.words, document.sentences) == (None, None)
    assert dict(report.repairs) == {
        spacy_docs.OTHER_GROUPS: 1,
        spacy_docs.WORD_ANNOTATION: 1,
        spacy_docs.USER_DATA: 1,
    }


def test_sentences_and_words_come_back() -> None:
    text = "One two. Three  four."
    document = Document(text, [], "1", [(0, 3), (4, 8), (9, 14), (16, 21)], [(0, 8), (9, 21)])
    assert read_bytes(write_bytes([document], "spacy"), "spacy") == [document]


@settings(max_examples=40, deadline=None)
@given(document=tagged_sentences())
def test_words_and_entities_come_back(document: Document) -> None:
    again = read_bytes(write_bytes([document, document], "spacy"), "spacy")
    for each in again:
        assert each.text == document.text
        assert sorted(e.key for e in each.entities) == sorted(e.key for e in document.entities)


@settings(max_examples=40, deadline=None)
@given(document=any_documents())
def test_any_text_comes_back(document: Document) -> None:
    """With the entities that words can be cut for; the others are counted."""
    report = WriteReport()
    (read,) = read_bytes(write_bytes([document], "spacy", on_conflict="split", report=report), "spacy")
    assert (read.text, read.id) == (document.text, document.id)
    assert len(read.entities) + sum(report.dropped.values()) == len(document.entities)
    given_entities = [(*e.key, e.identifier or None) for e in document.entities]
    assert all((*e.key, e.identifier) in given_entities for e in read.entities)
    assert report.changes["score left out"] <= sum(e.score is not None for e in document.entities)


def test_entities_inside_of_words_are_up_to_the_user() -> None:
    document = Document("Aspirins help", [Entity(0, 7, "drug")], "1")
    with pytest.raises(DataError, match="cannot be written for spaCy: not on word boundaries"):
        write_bytes([document], "spacy")
    report = WriteReport()
    assert read_bytes(write_bytes([document], "spacy", on_conflict="drop", report=report), "spacy")[0].entities == []
    assert (report.entities, dict(report.dropped)) == (0, {"not on word boundaries": 1})


def test_the_file_is_known_by_ending_and_content(tmp_path: Path) -> None:
    raw = write_bytes([Document("Aspirin.", [Entity(0, 7, "C")])], "spacy")
    for name in ("train.spacy", "train"):
        (tmp_path / name).write_bytes(raw)
        assert detect_format(tmp_path / name) == "spacy"
    assert write_bytes([Document("Aspirin.", [Entity(0, 7, "C")])], "spacy") == raw


def damaged(raw: bytes) -> bytes:
    """A file whose second document holds a token that no string stands for."""
    content = srsly.msgpack_loads(zlib.decompress(raw))
    row = 8 * len(content["attrs"])
    content["tokens"] = content["tokens"][:row] + b"\x01" * 8 + content["tokens"][row + 8 :]
    return zlib.compress(srsly.msgpack_dumps(content))


def test_a_broken_document_costs_itself_and_a_broken_file_all() -> None:
    raw = damaged(write_bytes([Document("One"), Document("Two"), Document("Three")], "spacy"))
    with pytest.raises(DataError, match=r"^f: document number 2: "):
        read_bytes(raw, "spacy", path="f")
    report = ReadReport()
    read = read_bytes(raw, "spacy", skip_bad=True, report=report)
    assert [each.text for each in read] == ["One", "Three"]
    assert report.skipped == 1
    for bad in (b"", b"text", raw[:-5], zlib.compress(b"\x81\xa1a\x01"), zlib.compress(b"[]")):
        with pytest.raises(DataError, match="DocBin"):
            read_bytes(bad, "spacy")


def test_a_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spacy_docs, "MAX_CONTENT", 1 << 16)
    with pytest.raises(DataError, match="unpacked; refused"):
        read_bytes(zlib.compress(b"\0" * (1 << 24)), "spacy")


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "spacy.tokens", None)
    for call in (lambda: write_bytes([], "spacy"), lambda: read_bytes(zlib.compress(b"x"), "spacy")):
        with pytest.raises(ConfigError, match=r"gliner-adapters\[spacy\]"):
            call()
    assert "spacy" in formats()


def test_an_empty_text_is_a_document() -> None:
    raw = write_bytes([Document("", [], "1"), Document("One", [], "2")], "spacy")
    assert read_bytes(raw, "spacy") == [Document("", [], "1"), Document("One", [], "2")]
