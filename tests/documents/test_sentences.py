from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gliner_adapters.documents import Document, sentence_breaks, split_sentences, split_words


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in split_sentences(text)]


@pytest.mark.parametrize(
    "text",
    [
        "As in Fig. 2 the dose (10 mg/kg i.p. Sigma) rose.",
        "Smith et al. Treated rats.",
        "E. coli vs. B. napus, e.g. Brassica.",
        "The c. 1093G variant.",
        "tokenised 0. 05 and more",
        "ends in lower case. then goes on",
        "version 2.5 of IL-2",
    ],
)
def test_not_a_boundary(text: str) -> None:
    assert sentences(text) == [text]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("It fell (P < .05). Then", ["It fell (P < .05).", "Then"]),
        ('He said "no reply." We left.', ['He said "no reply."', "We left."]),
        ("Tokenised text . The next .", ["Tokenised text .", "The next ."]),
        ("A title.\nAn abstract", ["A title.", "An abstract"]),
        ("no end mark\n\nnext paragraph", ["no end mark", "next paragraph"]),
        ("  \n ", []),
        ("", []),
    ],
)
def test_boundaries(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@given(st.text('aB. \n1!?")'))
def test_every_visible_character_is_in_exactly_one_sentence(text: str) -> None:
    covered = [i for start, end in split_sentences(text) for i in range(start, end)]
    assert covered == sorted(set(covered))
    assert {i for i, char in enumerate(text) if not char.isspace()} <= set(covered)


def test_breaks_are_word_indices() -> None:
    text = "One two. Three four. Five"
    assert sentence_breaks(Document(text), split_words(text)) == [3, 6]


def test_given_sentences_win() -> None:
    text = "One two. Three four."
    document = Document(text, sentences=[(0, 3), (4, 20)])
    assert sentence_breaks(document, split_words(text)) == [1]
