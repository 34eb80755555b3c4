from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gliner_adapters.documents import Document, Entity, ReadReport, WriteReport
from gliner_adapters.documents.formats import pubtator
from gliner_adapters.documents.formats.pubtator_offsets import locate
from gliner_adapters.errors import DataError

from .helpers import LABELS, read_bytes, write_bytes

ONE = (
    b"12|t|Ocular and auditory toxicity.\n"
    b"12|a|Naloxone (NX) helps.\n"
    b"12\t0\t28\tOcular and auditory toxicity\tDisease\tD014786|D006311\tOcular toxicity|auditory toxicity\n"
    b"12\t30\t38\tNaloxone\tChemical\tD009270\n"
    b"12\t40\t42\tNX\tChemical\n"
    b"12\tCID\tD009270\tD014786\n"
    b"\n"
)


def test_title_and_abstract_are_one_text() -> None:
    (document,) = read_bytes(ONE, "pubtator")
    assert (document.id, document.text) == ("12", "Ocular and auditory toxicity.\nNaloxone (NX) helps.")
    assert [document.mention(entity) for entity in document.entities] == [
        "Ocular and auditory toxicity",
        "Naloxone",
        "NX",
    ]
    composite, chemical, bare = document.entities
    assert composite.meta == {"mentions": ["Ocular toxicity", "auditory toxicity"]}
    assert (chemical.identifier, chemical.meta) == ("D009270", None)
    assert bare.identifier is None
    assert document.meta == {"relations": [["CID", "D009270", "D014786"]]}


@pytest.mark.parametrize(
    "raw",
    [
        ONE,
        ONE + ONE.replace(b"12", b"13"),
        ONE.rstrip(),
        b"\xef\xbb\xbf\n" + ONE + b"\n",
        ONE.replace(b"\n", b"\r\n"),
        b"1|t|No abstract.\n1|a|\n1\t0\t2\tNo\tX\n\n",
        b"1|t|\n1|a|No title.\n1\t1\t3\tNo\tX\n\n",
        b"1|t|\n1|a|\n\n",
        b"1|t|Only a title\n\n",
        b"1|t|Three\n1|a|passages\n1|f|figure\n1\t15\t21\tfigure\tX\n\n",
        b"a-1|t|x\ty | z\n1|a|b\n".replace(b"1|a", b"a-1|a") + b"a-1\t0\t3\tx y\tX\n\n",
        b"1|t|ab cd\n1|a|\n1\t0\t5\tab cd\tX\t\n1\t0\t2\tab\tX\tD1\t\n1\t0\t2\tab\tX\tD1\ta|b\tmore\t\n\n",
        b"1|t|x\n1|a|y\n1\tAssociation\tD1\t3175\tNovel\n\n",
        b"1|t|ab\n1|a|cd\n1\t0\t5\tab cd\tX\n\n",
        b"1|t|abc\n1|a|\n1\t00\t03\tabc\tX\n\n",
        "1|t|Größe\u2028\u00a0x\n1|a|\n1\t7\t8\tx\tX\n\n".encode(),
    ],
)
def test_written_back_byte_for_byte(raw: bytes) -> None:
    report = ReadReport()
    documents = read_bytes(raw, "pubtator", report=report)
    assert not report.repairs
    assert write_bytes(documents, "pubtator") == raw


@given(
    st.text("aAö '\n", max_size=12),
    st.integers(0, 14),
    st.integers(1, 6),
    st.text("aAö '", min_size=1, max_size=5),
)
def test_a_located_mention_lies_in_the_text_and_reads_the_same(text: str, start: int, width: int, mention: str) -> None:
    place = locate(text, start, start + width, mention)
    if place is not None:
        assert 0 <= place[0] < place[1] <= len(text)
        found, wanted = (re.sub(r"\W", "", each).casefold() for each in (text[place[0] : place[1]], mention))
        assert found == wanted


line_text = st.text(st.characters(codec="utf-8", exclude_characters="\0\n\r\t"), max_size=25)


@st.composite
def pubtator_files(draw: st.DrawFn) -> bytes:
    """A file in the usual layout, as anyone's program would print it."""
    out = []
    for number in range(draw(st.integers(1, 3))):
        title, abstract = draw(line_text), draw(line_text)
        text = f"{title}\n{abstract}"
        out += [f"{number}|t|{title}", f"{number}|a|{abstract}"]
        for _ in range(draw(st.integers(0, 4)) if title and abstract else 0):
            start = draw(st.integers(0, len(text) - 1))
            end = draw(st.integers(start + 1, len(text)))
            columns = [
                str(start),
                str(end),
                text[start:end].replace("\n", " "),
                draw(st.sampled_from(LABELS)),
            ]
            columns += draw(st.sampled_from([[], ["D1"], ["-1"], ["D1|D2", "a|b"], ["D1", ""]]))
            out.append("\t".join([str(number), *columns]))
        out += draw(st.lists(st.just(f"{number}\tCID\tD1\tD2"), max_size=2))
        out.append("")
    return ("\n".join(out) + "\n").encode()


@given(pubtator_files())
def test_any_file_survives_reading_and_json_lines(raw: bytes) -> None:
    report = ReadReport()
    documents = read_bytes(raw, "pubtator", report=report)
    assert not report.repairs
    assert write_bytes(documents, "pubtator") == raw
    assert write_bytes(read_bytes(write_bytes(documents, "jsonl"), "jsonl"), "pubtator") == raw


@pytest.mark.parametrize(
    ("raw", "mention", "kind"),
    [
        # The offsets count the bytes of "ö".
        ("1|t|Sjögren and Ge-1.\n1|a|\n1\t13\t17\tGe-1\tGene\n\n", "Ge-1", "offsets count UTF-8 bytes"),
        ("1|t|an Erk\n1|a|\n1\t3\t6\tERK\tGene\n\n", "Erk", "mention is spelled otherwise than the text"),
        ("1|t|a ' DEAD ' box\n1|a|\n1\t2\t14\t  DEAD   box\tX\n\n", "' DEAD ' box", "mention is spelled"),
        ("1|t|the KRAS gene\n1|a|\n1\t7\t11\tKRAS\tGene\n\n", "KRAS", "offsets slipped"),
        ("1|t|Jurkat T cells\n1|a|\n1\t0\t8\tJurkat \tX\n\n", "Jurkat", "offsets slipped"),
        ("1|t|long name of it\n1|a|\n1\t0\t4\tlong name\tX\n\n", "long name", "offsets slipped"),
        ("1|t|the PAX6\n1|a|\n1\t5\t9\tPAX6\tX\n\n", "PAX6", "offsets slipped"),  # ends after the text
        ("1|t|the PAX6\n1|a|\n1\t4\t9\tPAX6\tX\n\n", "PAX6", "offsets slipped"),
    ],
)
def test_safe_repairs_are_counted_and_written_back(raw: str, mention: str, kind: str) -> None:
    report = ReadReport()
    (document,) = read_bytes(raw.encode(), "pubtator", report=report)
    (entity,) = document.entities
    assert document.mention(entity) == mention
    assert report.repairs.total() == 1
    assert next(iter(report.repairs)).startswith(kind)
    assert report.first_repairs == {next(iter(report.repairs)): "file:3"}
    assert write_bytes([document], "pubtator") == raw.encode()


@pytest.mark.parametrize(
    ("text", "row", "found"),
    [
        ("a protein of mice", "0\t1\trat", "found 'a'"),
        ("AN and AN here", "3\t6\tAN", "found 'and'"),  # two places are near
        ("xANANAx", "0\t3\tANA", "found 'xAN'"),  # two places overlap
        ("many words stand before this gene", "0\t4\tgene", "found 'many'"),  # too far away
        ("pan is not", "2\t4\tan", "found 'n '"),  # two letters within a word prove nothing
        ("p + q", "2\t3\t-", "found '+'"),  # no letters to compare
        ("short", "9\t12\tabc", "found ''"),
    ],
)
def test_a_mention_that_cannot_be_found_safely_is_an_error(text: str, row: str, found: str) -> None:
    with pytest.raises(DataError) as caught:
        read_bytes(f"1|t|{text}\n1|a|\n1\t{row}\tGene\n\n".encode(), "pubtator", path="f.txt")
    assert str(caught.value).startswith("f.txt:3: expected the mention ")
    assert str(caught.value).endswith(found)


@pytest.mark.parametrize(
    ("raw", "line", "message"),
    [
        (b"hello\n\n", 1, "expected PMID|t|title, found 'hello'"),
        (b"1|t|x\n2|a|y\n\n", 2, "expected a blank line between documents"),
        (b"1|t|x\n1|a|y\n2\t0\t1\tx\tX\n\n", 3, "expected a row of document '1'"),
        (b"1|t|x\n1|a|y\n1\t0\t1\tx\n\n", 3, "found 4 columns"),
        (b"1|t|x\n1|a|y\n1\t0\tq\tx\tX\n\n", 3, "expected offsets 0 <= start < end, found '0' and 'q'"),
        (b"1|t|x\n1|a|y\n1\t1\t1\tx\tX\n\n", 3, "expected offsets 0 <= start < end"),
        (b"1|t|x\n1|a|y\n1\t0\t1\tx\t\tD1\n\n", 3, "the type is empty"),
        (b"1|t|x\n1|a|y\n1\tCID\tD1\n\n", 3, "expected PMID, start, end, mention"),
        (b"1|t|x\n1|a|\xe4\n\n", 2, "byte 0xe4 is not valid UTF-8"),
    ],
)
def test_malformed_input_names_file_line_and_what_was_expected(raw: bytes, line: int, message: str) -> None:
    with pytest.raises(DataError) as caught:
        read_bytes(raw, "pubtator", path="f.pubtator")
    assert str(caught.value).startswith(f"f.pubtator:{line}: ")
    assert message in str(caught.value)


def test_skip_bad_leaves_out_the_document() -> None:
    report = ReadReport()
    bad = ONE.replace(b"12", b"11").replace(b"Naloxone\tC", b"Aspirin\tC").replace(b"\tOcular", b"\tocular")
    documents = read_bytes(bad + ONE, "pubtator", skip_bad=True, report=report)
    assert [document.id for document in documents] == ["12"]
    assert report.skipped == 1
    assert not report.repairs
    assert report.reasons == [
        "file:4: expected the mention 'Aspirin' at 30-38, found 'Naloxone'",
    ]


def test_free_text_gets_a_title_an_abstract_and_a_number() -> None:
    report = WriteReport()
    text = "Title\nfirst\rline\nsecond"
    document = Document(text, [Entity(6, 16, "X", score=0.5, identifier="D1")])
    raw = write_bytes([document], "pubtator", report=report)
    assert raw == b"1|t|Title\n1|a|first line second\n1\t6\t16\tfirst line\tX\tD1\n\n"
    assert dict(report.changes) == {"line break in the text written as a space": 2, "score left out": 1}


def test_a_moved_entity_is_written_where_it_is_now() -> None:
    (document,) = read_bytes(b"1|t|an Erk Erk\n1|a|\n1\t3\t6\tERK\tGene\n\n", "pubtator")
    moved = document.with_entities([Entity(7, 10, "Gene", meta=document.entities[0].meta)])
    assert write_bytes([moved], "pubtator") == b"1|t|an Erk Erk\n1|a|\n1\t7\t10\tErk\tGene\n\n"


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (Document("x", id="a|b"), "document 'a|b': the id cannot stand in PubTator"),
        (Document("x", id=""), "the id cannot stand"),
        (Document("x", [Entity(0, 1, "a\tb")]), "a type or id holds a tab"),
        (Document("x", [Entity(0, 1, "X", identifier="a\nb")]), "a type or id holds a tab"),
    ],
)
def test_what_pubtator_cannot_express_is_refused(document: Document, message: str) -> None:
    with pytest.raises(DataError) as caught:
        write_bytes([document], "pubtator")
    assert message in str(caught.value)


def test_documents_without_a_blank_line_between_them() -> None:
    rows = [
        "1|t|Aspirin",
        "1|a|x",
        "1\t0\t7\tAspirin\tChemical\tD1",
        "2|t|Ibuprofen",
        "2|a|y",
        "2\t0\t9\tIbuprofen\tChemical\tD2",
    ]
    for newline in ("\n", "\r\n"):
        report = ReadReport()
        documents = read_bytes((newline.join(rows) + newline).encode(), "pubtator", report=report)
        assert [(each.id, len(each.entities)) for each in documents] == [("1", 1), ("2", 1)]
        assert report.repairs == {pubtator.NO_BLANK_LINE: 1}
        assert report.first_repairs[pubtator.NO_BLANK_LINE] == "file:4"
        written = write_bytes(documents, "pubtator").decode()
        assert written == newline.join([*rows[:3], "", *rows[3:], ""])
