"""What stands around a sentence: marked in the file, or found by laying sentences along whole abstracts."""

from __future__ import annotations

from pathlib import Path

import pytest

from gliner_adapters.corpora import load_corpus
from gliner_adapters.corpora.neighbours import REACH, aligned, marked, with_neighbours
from gliner_adapters.documents import Document


def sentences(*texts: str) -> list[Document]:
    return [Document(text, id=str(number)) for number, text in enumerate(texts)]


def around(documents: list[Document]) -> list[tuple[str, str]]:
    return [(document.before, document.after) for document in documents]


def test_only_sentences_of_one_abstract_are_neighbours() -> None:
    found = with_neighbours(sentences("One .", "Two .", "Three .", "Four .", "Five ."), ["a", "a", "a", "b", None])
    assert around(found) == [
        ("", "Two . Three ."),
        ("One .", "Three ."),
        ("One . Two .", ""),
        ("", ""),
        ("", ""),
    ]
    assert [document.text for document in found] == ["One .", "Two .", "Three .", "Four .", "Five ."]


def test_sentences_of_unknown_abstracts_are_no_neighbours() -> None:
    assert around(with_neighbours(sentences("One .", "Two ."), [None, None])) == [("", ""), ("", "")]


def test_far_sentences_are_left_out_and_near_ones_kept() -> None:
    long = "x" * (REACH - 1)
    found = with_neighbours(sentences("far", "near", long, "here", long, "near too", "far too"), ["a"] * 7)
    assert around(found)[3] == (f"near {long}", f"{long} near too")


def test_sentences_are_laid_along_abstracts_in_any_order() -> None:
    whole = [
        Document("Aspirin in asthma. It was (5 mg/kg) given daily. No effect.", id="1"),
        Document("Aspirin in asthma. Another study of it.", id="2"),
        Document("Lithium tremor. No effect.", id="3"),
    ]
    split = sentences(
        "Lithium tremor .",
        "No effect .",
        "Aspirin in asthma .",
        "It was ( 5 mg / kg ) given daily .",
        "No effect .",
        "A sentence of elsewhere .",
        "No effect .",
    )
    # "Aspirin in asthma" opens two abstracts: the one that goes on like the sentences do is meant.
    assert aligned(split, whole) == ["3", "3", "1", "1", "1", None, None]
    again = sentences("Aspirin in asthma .", "Another study of it .")
    assert aligned(again, whole) == ["2", "2"]


def test_jnlpba_marks_its_abstracts(data_dir: Path) -> None:
    corpus = load_corpus("jnlpba", data_dir=data_dir)
    documents = corpus.documents("devel", neighbours=True)
    assert len(set(marked(documents))) == 200
    assert sum(bool(document.before or document.after) for document in documents) > 0.95 * len(documents)
    plain = corpus.documents("devel")
    assert [d.text for d in documents] == [d.text for d in plain]
    assert not any(document.before or document.after for document in plain), "the plain ones stay plain"


@pytest.mark.parametrize("split", ["train", "devel", "test"])
def test_bc5cdr_is_laid_along_its_abstracts(data_dir: Path, split: str) -> None:
    corpus = load_corpus("bc5cdr", data_dir=data_dir)
    whole = load_corpus("bc5cdr-pubtator", data_dir=data_dir).documents(split)
    found = aligned(corpus.documents(split), whole)
    assert found.count(None) <= 7, "one abstract of devel begins in the middle"
    assert len(set(found) - {None}) >= 499
    first = corpus.documents(split, neighbours=True)[0]
    assert not first.before
    assert first.after.startswith(corpus.documents(split)[1].text)
