"""What a format has no place for is told by `WriteReport.losses`, whichever format and whatever it is."""

from __future__ import annotations

from typing import Any

import pytest

from gliner_adapters.documents import Document, Entity, WriteReport, formats
from gliner_adapters.errors import DataError

from .helpers import read_bytes, write_bytes

TEXT = "Aspirin helps. It cures."
WORDS = [(0, 7), (8, 13), (13, 14), (15, 17), (18, 23), (23, 24)]
ASPIRIN = Entity(0, 7, "Chemical")

#: What a document may have.
DOCUMENTS = {
    "nothing special": Document(TEXT, [ASPIRIN], "1"),
    "a name": Document(TEXT, [ASPIRIN], "doc seven"),
    "a number": Document(TEXT, [ASPIRIN], "doc:7"),
    "white space": Document("Aspirin  helps", [ASPIRIN], "1"),
    "line breaks": Document("A\nb\nc Aspirin", [Entity(6, 13, "Chemical")], "1"),
    "a tab": Document("A\tb c Aspirin", [Entity(6, 13, "Chemical")], "1"),
    "Windows' line breaks": Document("A\r\nb\r\nAspirin", [Entity(6, 13, "Chemical")], "1"),
    "overlapping entities": Document(TEXT, [ASPIRIN, Entity(0, 13, "Effect")], "1"),
    "an entity twice": Document(TEXT, [ASPIRIN, ASPIRIN], "1"),
    "an entity inside a word": Document(TEXT, [Entity(0, 3, "Part")], "1"),
    "a type with a space": Document(TEXT, [Entity(0, 7, "cell line")], "1"),
    "a score": Document(TEXT, [Entity(0, 7, "Chemical", 0.5)], "1"),
    "a concept": Document(TEXT, [Entity(0, 7, "Chemical", None, "MESH:D001241")], "1"),
    "words": Document(TEXT, [ASPIRIN], "1", words=WORDS),
    "sentences": Document(TEXT, [ASPIRIN], "1", sentences=[(0, 14), (15, 24)]),
    "words and sentences": Document(TEXT, [ASPIRIN], "1", words=WORDS, sentences=[(0, 14), (15, 24)]),
    "metadata": Document(TEXT, [ASPIRIN], "1", meta={"year": 2020}),
    "an entity's metadata": Document(TEXT, [Entity(0, 7, "Chemical", meta={"sure": True})], "1"),
    "further columns": Document("A b", [], "1", words=[(0, 1), (2, 3)], meta={"columns": {"pos": ["D", "N"]}}),
}  # fmt: skip


def said(document: Document, like: Document) -> tuple[Any, ...]:
    """What of a document is compared; words that a format gives one that had none are no loss."""
    entities = [(*each.key, each.score, each.identifier, (each.meta or {}).get("sure")) for each in document.entities]
    return (
        document.text,
        document.id,
        sorted(map(repr, entities)),
        None if like.words is None else [tuple(span) for span in document.words or ()],
        None if like.sentences is None else [tuple(span) for span in document.sentences or ()],
        document.meta.get("year"),
        document.meta.get("columns"),
    )


@pytest.mark.parametrize("what", DOCUMENTS)
@pytest.mark.parametrize("name", [name for name, each in formats().items() if each.writable and each.readable])
def test_what_is_lost_is_told(name: str, what: str) -> None:
    if needed := formats()[name].needs:
        pytest.importorskip(needed[0], reason=f"needs the extra [{needed[1]}]")
    document = DOCUMENTS[what]
    report = WriteReport()
    try:
        raw = write_bytes([document], name, on_conflict="drop", report=report)
    except DataError:
        return  # An error is told as well.
    read = read_bytes(raw, name)
    if [said(each, document) for each in read] != [said(document, document)]:
        assert report.losses()


def test_a_sentence_that_was_read_is_written_without_a_word() -> None:
    raw = b"# sent_id = seven\nAspirin\tB-Chemical\nhelps\tO\n\nNo\tO\n"
    report = WriteReport()
    assert write_bytes(read_bytes(raw, "iob2"), "iob2", report=report) == raw
    assert report.losses() == []
