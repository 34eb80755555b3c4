from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gliner_adapters.documents import (
    Document,
    Entity,
    ReadReport,
    RepairWarning,
    WriteReport,
    read_documents,
)
from gliner_adapters.errors import DataError

from .helpers import read_bytes, tagged_sentences, write_bytes

TWO = b"Famotidine\tB-Chemical\ninduced\tO\nheart\tB-Disease\nattack\tI-Disease\n\nWe\tO\nsaw\tO\n\n"


def test_a_sentence_is_a_document() -> None:
    first, second = read_bytes(TWO, "iob2", path="some/folder/train.tsv.gz")
    assert (first.id, second.id) == ("train:1", "train:2")
    assert first.text == "Famotidine induced heart attack"
    assert first.words == [(0, 10), (11, 18), (19, 24), (25, 31)]
    assert first.sentences == [(0, 31)]
    assert [(entity.key, first.mention(entity)) for entity in first.entities] == [
        ((0, 10, "Chemical"), "Famotidine"),
        ((19, 31, "Disease"), "heart attack"),
    ]
    assert first.meta == second.meta == {}


def test_abstract_boundaries_are_remembered() -> None:
    raw = b"-DOCSTART-\tO\n\na\tO\n\nb\tO\n\n-DOCSTART-\tO\n\nc\tO\n\n"
    documents = read_bytes(raw, "iob2", path="x.tsv")
    assert [document.meta for document in documents] == [
        {"abstract": "x:abstract-1"},
        {"abstract": "x:abstract-1"},
        {"abstract": "x:abstract-2"},
    ]
    assert write_bytes(documents, "iob2") == raw
    assert write_bytes(documents[1:], "iob2") == raw.replace(b"a\tO\n\n", b"")  # the boundary stays


@pytest.mark.parametrize(
    "raw",
    [
        TWO,
        TWO.rstrip(b"\n"),
        TWO[:-1],
        b"\n\n" + TWO + b"\n \n",
        TWO.replace(b"\n", b"\r\n"),
        TWO.replace(b"\n", b"\r\n").rstrip(),
        b"\xef\xbb\xbf" + TWO,
        b"\xef\xbb\xbf\r\n" + TWO.replace(b"\n", b"\r\n"),
        TWO.replace(b"\t", b" "),
        b"EU NNP I-NP B-ORG\nrejects VBZ  I-VP O\n\n",
        b"a\tNN\tx y\tO\nb\t\tz\tO\n\n",
        b"-DOCSTART- -X- -X- O\n\nEU NNP I-NP B-ORG\n\n",
        b"-DOCSTART-\tO\na\tO\n\n",
        b"-DOCSTART-\tO\n\n-DOCSTART-\tO\n\na\tO\n\n-DOCSTART-\tO\n\n",
        b"a\tO\n\n-DOCSTART-\tO\n\nb\tO\n\n",
        "5\u00a0mg\tO\n\u2028\tO\n\x85x\tB-Größe\n\x0b\tO\n\n".encode(),
        b"New York\tB-LOC\nis\tO\n\n",
        b"",
    ],
)
def test_written_back_byte_for_byte(raw: bytes) -> None:
    report = ReadReport()
    documents = read_bytes(raw, "iob2", report=report)
    assert not report.repairs
    assert write_bytes(documents, "iob2") == raw


layouts = st.builds(
    lambda bom, newline, separator, gap: (bom, newline, separator, gap),
    st.sampled_from([b"", b"\xef\xbb\xbf"]),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["\t", " ", "\tNN\t", " x  y "]),
    st.integers(1, 3),
)


@given(st.lists(tagged_sentences(), min_size=1, max_size=4), layouts)
def test_any_layout_is_written_back_byte_for_byte(
    sentences: list[Document], layout: tuple[bytes, str, str, int]
) -> None:
    bom, newline, separator, gap = layout
    for sentence in sentences:  # a label with a space needs tabs
        sentence.entities = [entity for entity in sentence.entities if " " not in entity.label]
    plain = write_bytes(sentences, "iob2").decode()
    text = plain.replace("\t", separator).replace("\n\n", "\n" * (gap + 1)).replace("\n", newline)
    raw = bom + text.encode()
    documents = read_bytes(raw, "iob2")
    assert [document.text for document in documents] == [sentence.text for sentence in sentences]
    assert [document.words for document in documents] == [sentence.words for sentence in sentences]
    assert [document.entities for document in documents] == [sentence.entities for sentence in sentences]
    assert write_bytes(documents, "iob2") == raw


def test_joining_files_keeps_their_sentences_apart() -> None:
    ends_early, marked = read_bytes(b"a\tO", "iob2"), read_bytes(b"\xef\xbb\xbfb\tO\n", "iob2")
    assert write_bytes(ends_early + marked, "iob2") == b"a\tO\n\nb\tO\n"


def test_stray_tags_are_repaired_and_counted() -> None:
    report = ReadReport()
    (document,) = read_bytes(b"a\tI-X\nb\tI-X\nc\tI-Y\nd\tO\ne\tI-X\n\n", "iob2", report=report)
    assert [entity.key for entity in document.entities] == [(0, 3, "X"), (4, 5, "Y"), (8, 9, "X")]
    assert dict(report.repairs) == {"I- tag that continues no entity, read as B-": 3}
    assert report.problems() == ["repaired: I- tag that continues no entity, read as B-: 3 (first at file:1)"]
    assert write_bytes([document], "iob2") == b"a\tB-X\nb\tI-X\nc\tB-Y\nd\tO\ne\tB-X\n\n"


def test_without_a_report_one_warning_counts_the_repairs(tmp_path: Path) -> None:
    path = tmp_path / "iob1.tsv"
    path.write_text("a\tI-X\n\nb\tI-X\n\n")
    with pytest.warns(RepairWarning, match=r"read as B-: 2 \(first at .*iob1\.tsv:1\)") as caught:
        assert len(list(read_documents(path))) == 2
    assert len(caught) == 1


def test_mixed_line_endings_are_repaired_and_counted() -> None:
    report = ReadReport()
    (document,) = read_bytes(b"a\tO\r\nb\tO\n\n", "iob2", report=report)
    assert document.text == "a b"
    assert dict(report.repairs) == {"line endings differ within a record": 1}


@pytest.mark.parametrize(
    ("raw", "line", "message"),
    [
        (b"a\tO\nb\n\n", 2, "expected a token and its tag, separated by a tab or spaces, found 'b'"),
        (b"a\tO\nb\tX\n\n", 2, "expected a tag O, B-TYPE or I-TYPE (or E-, S-, L-, U-TYPE), found 'X'"),
        (b"a\tX-X\n\n", 1, "expected a tag O, B-TYPE or I-TYPE (or E-, S-, L-, U-TYPE), found 'X-X'"),
        (b"a\tO\n\n\nc\tNN\tO\nb\tO\n\n", 5, "expected 3 columns as in line 4, found 2"),
        (b"a\tO\n\tO\n\n", 2, "the token is empty"),
        (b"a\t\n\n", 1, "the tag is empty"),
        (b"a O \n\n", 1, "the tag is empty"),
        (b"a\tO\nb\xff\tO\n\n", 2, "byte 0xff is not valid UTF-8"),
        (b"a\tO\n\nb\0\tO\n\n", 3, "NUL byte"),
        (b"a\tO\n-DOCSTART-\tO\n\n", 2, "expected a blank line before it"),
    ],
)
def test_malformed_input_names_file_line_and_what_was_expected(raw: bytes, line: int, message: str) -> None:
    with pytest.raises(DataError) as caught:
        read_bytes(raw, "iob2", path="bad.tsv")
    assert str(caught.value).startswith(f"bad.tsv:{line}: ")
    assert message in str(caught.value)
    assert (caught.value.path, caught.value.line) == ("bad.tsv", line)


def test_skip_bad_leaves_out_the_sentence_and_says_why() -> None:
    report = ReadReport()
    raw = b"a\tI-X\nb\n\nc\tB-X\n\nd\tO\xff\n\n"
    (document,) = read_bytes(raw, "iob2", path="f.tsv", skip_bad=True, report=report)
    assert (document.text, document.id) == ("c", "f:2")
    assert (report.documents, report.entities, report.skipped) == (1, 1, 2)
    assert not report.repairs  # the repair was made in a sentence that was then left out
    assert [reason.split(": ")[0] for reason in report.reasons] == ["f.tsv:2", "f.tsv:6"]


FREE = Document("TNF-alpha rose. Then it fell.", [Entity(0, 9, "Gene"), Entity(16, 20, "X")], "free")


def test_free_text_is_split_into_words_and_sentences() -> None:
    assert write_bytes([FREE], "iob2").decode() == (
        "-DOCSTART-\tO\n\nTNF-alpha\tB-Gene\nrose\tO\n.\tO\n\nThen\tB-X\nit\tO\nfell\tO\n.\tO\n\n"
    )


def test_a_document_after_an_abstract_is_set_off() -> None:
    raw = write_bytes([FREE, Document("One more", id="single")], "iob2")
    abstracts = [document.meta.get("abstract") for document in read_bytes(raw, "iob2")]
    assert abstracts == ["file:abstract-1", "file:abstract-1", "file:abstract-2"]


def test_no_sentence_break_within_an_entity() -> None:
    document = Document("Vitamin A. Dose", [Entity(0, 15, "X")], sentences=[(0, 10), (11, 15)])
    assert write_bytes([document], "iob2") == b"Vitamin\tB-X\nA\tI-X\n.\tI-X\nDose\tI-X\n\n"


OVERLAPS = Document("IL-2 receptor alpha", [Entity(0, 4, "G"), Entity(0, 13, "G")], "d7")
OFF_WORDS = Document("TNF-alpha rose", [Entity(0, 3, "G")], "d8")


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (OVERLAPS, "document 'd7': entity (0, 4, 'G') 'IL-2' cannot be written as IOB2: overlaps another"),
        (
            OFF_WORDS,
            "document 'd8': entity (0, 3, 'G') 'TNF' cannot be written as IOB2: not on word boundaries",
        ),
    ],
)
def test_what_tags_cannot_express_is_refused(document: Document, message: str) -> None:
    with pytest.raises(DataError) as caught:
        write_bytes([document], "iob2")
    assert message in str(caught.value)


def test_on_conflict_drop_keeps_the_outermost_and_counts() -> None:
    report = WriteReport()
    raw = write_bytes([OVERLAPS, OFF_WORDS], "iob2", on_conflict="drop", report=report)
    assert raw == b"IL-2\tB-G\nreceptor\tI-G\nalpha\tO\n\nTNF-alpha\tO\nrose\tO\n\n"
    assert dict(report.dropped) == {"overlaps another entity": 1, "not on word boundaries": 1}
    assert (report.documents, report.entities) == (2, 1)


def test_on_conflict_split_cuts_words() -> None:
    report = WriteReport()
    raw = write_bytes([OVERLAPS, OFF_WORDS], "iob2", on_conflict="split", report=report)
    assert raw == b"IL-2\tB-G\nreceptor\tI-G\nalpha\tO\n\nTNF\tB-G\n-alpha\tO\nrose\tO\n\n"
    assert dict(report.dropped) == {"overlaps another entity": 1}


def test_predictions_on_a_read_sentence_keep_its_columns() -> None:
    (document,) = read_bytes(b"EU NNP B-ORG\nrose VBD O\n\n", "iob2")
    predicted = document.with_entities([Entity(3, 7, "X", score=0.9)])
    assert write_bytes([predicted], "iob2") == b"EU NNP O\nrose VBD B-X\n\n"


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (Document("", id="e"), "document 'e' has no words"),
        (Document("a b", words=[(0, 1)]), "document number 1: 'b' (character 1 on) belongs to no word"),
        (Document("a\nb", words=[(0, 3)]), r"the word 'a\nb' cannot stand in a column"),
        (Document("a", [Entity(0, 1, "x\ty")]), r"the label 'B-x\ty' cannot stand in a column"),
        (Document("-DOCSTART- x", words=[(0, 10), (11, 12)]), "holds the word -DOCSTART-"),
        (Document("a\ud800"), "lone surrogate U+D800"),
        (
            Document("a", [Entity(0, 1, "x y")], meta={"iob2": {"middle": " "}}),
            "the label 'B-x y' cannot stand in a column",
        ),
        (
            Document("a b", meta={"iob2": {"middle": ["\t"]}}),
            "columns kept for 1 tokens do not fit its 2 words",
        ),
    ],
)
def test_what_iob2_would_lose_is_refused(document: Document, message: str) -> None:
    with pytest.raises(DataError) as caught:
        write_bytes([document], "iob2")
    assert message in str(caught.value)


COMMENTED = b"""# a title

# newdoc id = a
# sent_id = s-1
# text = Aspirin cures
Aspirin\tB-Chemical
cures\tO

# sent_id = s-2
# O
#\tO
asthma\tB-Disease

# the end
"""


def test_comments_are_kept_and_give_ids() -> None:
    first, second = read_bytes(COMMENTED, "iob2")
    assert (first.id, first.text, [e.key for e in first.entities]) == ("s-1", "Aspirin cures", [(0, 7, "Chemical")])
    assert (second.id, second.text) == ("s-2", "# # asthma")
    assert write_bytes([first, second], "iob2") == COMMENTED


def test_a_number_sign_is_a_word() -> None:
    for raw in (b"# O\n1 B-X\n\n", b"#\tO\n1\tB-X\n\n", b"#a=1 O\n1 B-X\n\n"):
        (document,) = read_bytes(raw, "iob2")
        assert document.text.startswith("#")
        assert write_bytes([document], "iob2") == raw
