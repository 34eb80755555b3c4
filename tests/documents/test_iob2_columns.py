"""IOB2 whose columns stand in another order."""

from __future__ import annotations

from pathlib import Path

import pytest

from gliner_adapters.documents import read_documents, write_documents
from gliner_adapters.errors import ConfigError, DataError

from .helpers import read_bytes


def read(path: Path, *columns: str) -> list[tuple[str, list[tuple[int, int, str]], dict[str, list[str]]]]:
    found = read_documents(path, "iob2", columns=columns)
    return [(d.text, [e.key for e in d.entities], d.meta.get("columns", {})) for d in found]


def test_word_and_tag_where_the_columns_say(tmp_path: Path) -> None:
    path = tmp_path / "a.conll"
    path.write_text("1\tAspirin\tB-Chemical\tNN\n2\thelps\tO\tVB\n\n1\tHeLa\tB-Cell\tNNP\n")
    assert read(path, "-", "word", "tag", "pos") == [
        ("Aspirin helps", [(0, 7, "Chemical")], {"pos": ["NN", "VB"]}),
        ("HeLa", [(0, 4, "Cell")], {"pos": ["NNP"]}),
    ]
    assert read(path, "number", "token", "ner", "-")[0][2] == {"number": ["1", "2"]}


def test_the_usual_order_is_written_back_to_the_byte(tmp_path: Path) -> None:
    path, again = tmp_path / "a.conll", tmp_path / "b.conll"
    path.write_text("Aspirin NN B-Chemical\nhelps VB O\n")
    documents = list(read_documents(path, "iob2", columns=("word", "pos", "tag")))
    assert documents[0].meta["columns"] == {"pos": ["NN", "VB"]}
    write_documents(documents, again)
    assert again.read_bytes() == path.read_bytes()


def test_a_number_sign_is_a_word_in_any_order(tmp_path: Path) -> None:
    path = tmp_path / "a.conll"
    path.write_text("# a comment of some words\n# O SYM\nAspirin B-Chemical NN\n")
    assert [(text, found) for text, found, _ in read(path, "word", "tag", "-")] == [("# Aspirin", [(2, 9, "Chemical")])]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (("word", "pos"), "expected one tag .tag, label, ner., found 0 in word,pos"),
        (("word", "token", "tag"), "expected one word .word, token, form., found 2"),
        (("word", "pos", "pos", "tag"), "a name is given twice in word,pos,pos,tag"),
    ],
)
def test_columns_that_say_too_little(columns: tuple[str, ...], message: str, tmp_path: Path) -> None:
    (tmp_path / "a.conll").write_text("Aspirin\tNN\tB-Chemical\n")
    with pytest.raises(ConfigError, match=message):
        read(tmp_path / "a.conll", *columns)


def test_another_number_of_columns_is_an_error_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.conll").write_text("Aspirin\tNN\tB-Chemical\nhelps\tO\n")
    with pytest.raises(DataError, match=r"a\.conll:2: expected 3 columns, found 2"):
        read(tmp_path / "a.conll", "word", "pos", "tag")


def test_a_column_that_counts_the_words_is_no_word() -> None:
    """CoNLL-U and its relatives: read as they stand, their text would be 1 2 3."""
    raw = b"# sent_id = 1\n1\tAspirin\tNN\tB-Drug\n2\thelps\tVB\tO\n"
    with pytest.raises(DataError, match="f:2: the first column counts the words; say which one holds them"):
        read_bytes(raw, "iob2", path="f")
    assert [each.text for each in read_bytes(b"1\tO\n2\tO\n", "iob2")] == ["1 2"]
