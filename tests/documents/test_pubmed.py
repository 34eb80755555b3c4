from __future__ import annotations

import gzip
import random
from pathlib import Path

import pytest

from gliner_adapters.documents import Document, ReadReport, WriteReport, read_documents
from gliner_adapters.documents.formats import bioc_documents, pubmed
from gliner_adapters.errors import DataError, GlinerAdaptersError

from .helpers import read_bytes, write_bytes

ARTICLE = """<PubmedArticle><MedlineCitation Status="MEDLINE">
<PMID Version="2">{pmid}</PMID>
<Article><Journal><JournalIssue><PubDate><MedlineDate>Spring 2001</MedlineDate></PubDate></JournalIssue>
<Title>J Test</Title></Journal>
<ArticleTitle>Uptake of <i>H</i><sub>2</sub>O &#946;.</ArticleTitle>
<Abstract>
 <AbstractText Label="AIM" NlmCategory="OBJECTIVE">At 10<sup>8</sup>
   cells
   <mml:math xmlns:mml="http://www.w3.org/1998/Math/MathML"><mml:mi>x</mml:mi><mml:mo>=</mml:mo><mml:mn>2</mml:mn></mml:math>.
 </AbstractText>
 <AbstractText Label="RESULTS">None.</AbstractText>
</Abstract><Language>eng</Language></Article>
</MedlineCitation><PubmedData><ArticleIdList><ArticleId IdType="doi">10.1/x</ArticleId></ArticleIdList></PubmedData>
</PubmedArticle>
"""


def article(pmid: int = 1, *changes: tuple[str, str]) -> str:
    text = ARTICLE.format(pmid=pmid)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


def articles(*content: str) -> bytes:
    return f"<?xml version='1.0'?>\n<PubmedArticleSet>\n{''.join(content)}</PubmedArticleSet>\n".encode()


def test_title_sections_and_facts() -> None:
    (document,) = read_bytes(articles(article()), "pubmed")
    assert document.text == "Uptake of H2O β.\nAt 108 cells x=2.\nNone."
    assert document.id == "1"
    facts = {"pmid": "1", "version": "2", "language": "eng", "journal": "J Test", "year": "2001", "doi": "10.1/x"}
    assert {key: value for key, value in document.meta.items() if isinstance(value, str)} == facts
    passages = document.meta["bioc"]["passages"]
    assert [(document.text[each["start"] : each["end"]], each["infons"]) for each in passages] == [
        ("Uptake of H2O β.", {"type": "title"}),
        ("At 108 cells x=2.", {"type": "abstract", "section": "AIM", "nlm_category": "OBJECTIVE"}),
        ("None.", {"type": "abstract", "section": "RESULTS"}),
    ]
    assert [(document.text[start:end], name) for start, end, name in document.meta["markup"]] == [
        ("2", "sub"),
        ("8", "sup"),
    ]


def test_the_other_formats_get_the_passages() -> None:
    document = read_bytes(articles(article(1, ("<sub>2</sub>", ""), ("<sup>8</sup>", ""))), "pubmed")
    report = WriteReport()
    for name in ("bioc", "bioc-xml"):
        (again,) = read_bytes(write_bytes(document, name, report=report), name)
        assert (again.text, again.meta["bioc"]) == (document[0].text, document[0].meta["bioc"])
    assert bioc_documents.METADATA not in report.changes  # the infons say all of it
    lines = write_bytes(document, "pubtator").decode().splitlines()
    assert lines[:2] == ["1|t|Uptake of HO β.", "1|a|At 10 cells x=2. None."]


WHOLE = "Uptake of H2O β.\nAt 108 cells x=2.\nNone."


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ([("<PubDate><MedlineDate>Spring 2001</MedlineDate></PubDate>", "")], WHOLE),
        ([("<ArticleTitle>Uptake of <i>H</i><sub>2</sub>O &#946;.</ArticleTitle>", "")], "\nAt 108 cells x=2.\nNone."),
        ([("None.", " ")], "Uptake of H2O β.\nAt 108 cells x=2."),
        ([(' xmlns:mml="http://www.w3.org/1998/Math/MathML"', "")], WHOLE),
    ],
)  # fmt: skip
def test_odd_records_are_read(changes: list[tuple[str, str]], text: str) -> None:
    (document,) = read_bytes(articles(article(1, *changes)), "pubmed")
    assert document.text == text


def test_a_record_without_title_and_abstract_is_an_empty_document() -> None:
    (document,) = read_bytes(
        articles("<PubmedArticle><MedlineCitation><PMID>5</PMID></MedlineCitation></PubmedArticle>"), "pubmed"
    )
    assert (document.id, document.text) == ("5", "")


BROKEN = [
    article(2, ('<PMID Version="2">2</PMID>', "")),  # no PMID
    article(2, ("</ArticleTitle>", "")),  # a tag without its end
    article(2, ("</PubmedArticle>", "")),  # a record without its end
    article(2, ("None.", "&nbsp;")),  # an entity that nothing defines
    article(2, ("None.", "&#1;")),  # no character of XML
    article(2, ("None.", "a < b")),
    article(2, ("<Article>", "<Article x=1>")),
    "<PubmedArticle/>",
    "stray text\n",
    "<DeleteCitation><PMID>3</DeleteCitation>",
]


@pytest.mark.parametrize("broken", BROKEN)
def test_one_bad_record_ends_no_file(broken: str) -> None:
    content = articles(article(1), broken, article(3), article(4))
    line = content.decode().count("\n", 0, content.decode().index(broken)) + 1
    with pytest.raises(DataError) as caught:
        read_bytes(content, "pubmed")
    assert line <= caught.value.line <= line + broken.count("\n")  # type: ignore[operator]
    report = ReadReport()
    documents = read_bytes(content, "pubmed", skip_bad=True, report=report)
    assert [each.id for each in documents] == ["1", "3", "4"]
    assert report.skipped == 1


def test_what_is_left_out_is_counted_and_what_is_deleted_is_named() -> None:
    other = '<OtherAbstract Language="fre"><AbstractText>Rien.</AbstractText></OtherAbstract></MedlineCitation>'
    report = ReadReport()
    content = articles(
        article(1, ("</MedlineCitation>", other)),
        "<Comment/>",
        '<DeleteCitation>\n<PMID Version="1">8</PMID>\n<PMID Version="1">9</PMID></DeleteCitation>\n',
    )
    (document,) = read_bytes(content, "pubmed", report=report)
    assert "Rien" not in document.text
    assert report.repairs == {pubmed.OTHER_ABSTRACT: 1, pubmed.UNKNOWN: 1}
    assert report.deleted == ["8", "9"]


def test_one_article_alone_and_books() -> None:
    assert [each.id for each in read_bytes(article(7).encode(), "pubmed")] == ["7"]
    book = (
        "<PubmedBookArticle><BookDocument><PMID>6</PMID><ArticleTitle>T.</ArticleTitle>"
        "<Abstract><AbstractText>A.</AbstractText></Abstract></BookDocument></PubmedBookArticle>"
    )
    assert [each.text for each in read_bytes(articles(book, article(7)), "pubmed")] == ["T.\nA.", WHOLE]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "iso-8859-7", "utf-8-sig"])
def test_declared_encodings(encoding: str) -> None:
    declared = encoding.replace("-le", "").replace("-sig", "")
    record = article(1, ("&#946;", "β"))
    text = f'<?xml version="1.0" encoding="{declared}"?>\n<PubmedArticleSet>{record}</PubmedArticleSet>'
    (document,) = read_bytes(text.encode(encoding), "pubmed")
    assert document.text.startswith("Uptake of H2O β.\n")


@pytest.mark.parametrize("encoding", ["zlib_codec", "shift_jis", "rot13"])
def test_other_encodings_are_refused(encoding: str) -> None:
    with pytest.raises(DataError, match="convert the file to UTF-8"):
        read_bytes(f'<?xml version="1.0" encoding="{encoding}"?><PubmedArticleSet/>'.encode(), "pubmed")


def test_a_record_that_is_no_utf_8_is_named() -> None:
    content = articles(article(1), article(2)).replace(b"None.", "Noné.".encode("latin-1"))
    with pytest.raises(DataError, match=r"file:\d+: byte 0xe9 is not valid UTF-8"):
        read_bytes(content, "pubmed")


def test_a_gzipped_file_that_ends_early_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "pubmed.xml.gz"
    path.write_bytes(gzip.compress(articles(*(article(i) for i in range(1, 400))))[:-30])
    with pytest.raises(DataError, match="ends early"):
        list(read_documents(path, skip_bad=True))


def test_lines_are_exact_far_down() -> None:
    content = articles("\n" * 70_000, article(1), article(2, ('<PMID Version="2">2</PMID>', "")))
    with pytest.raises(DataError) as caught:
        read_bytes(content, "pubmed")
    assert caught.value.line == 70_000 + 3 + ARTICLE.count("\n")


def fuzz(count: int) -> None:
    """Mutated files: only the project's own errors, and every record is read, skipped or still named."""
    content = articles(*(article(i) for i in range(1, 6)))
    rng = random.Random(7)
    for _ in range(count):
        mutated = bytearray(content)
        for _ in range(rng.randint(1, 4)):
            place = rng.randrange(len(mutated))
            size = rng.choice((1, 1, 3, 40))
            kind = rng.randrange(3)
            if kind == 0:
                del mutated[place : place + size]
            elif kind == 1:
                mutated[place:place] = rng.choice(
                    (b"<", b">", b"&", b"]]>", b"<!--", b"\0", b"\xff", b"<x>", b"</Article>")
                )
            else:
                mutated[place : place + 1] = bytes([rng.randrange(256)])
        for skip_bad in (False, True):
            report = ReadReport()
            try:
                documents = read_bytes(bytes(mutated), "pubmed", skip_bad=skip_bad, report=report)
            except GlinerAdaptersError:
                continue
            starts = bytes(mutated).count(b"<PubmedArticle>")
            hidden = b"<!--" in mutated or b"<!DOC" in mutated
            assert hidden or len(documents) + report.skipped + sum(report.repairs.values()) >= starts


def test_mutated_files() -> None:
    fuzz(100)


@pytest.mark.slow
def test_many_mutated_files() -> None:
    fuzz(2000)


def test_the_real_record(data_dir: Path) -> None:
    report = ReadReport()
    (document,) = read_documents(data_dir / "pubmed" / "pubmed-29768149.xml", report=report)
    assert isinstance(document, Document)
    assert (document.id, document.meta["year"]) == ("29768149", "2018")
    sections = [each["infons"].get("section") for each in document.meta["bioc"]["passages"]]
    assert sections == [None, "BACKGROUND", "METHODS", "RESULTS", "CONCLUSIONS"]
    assert "200 μg of budesonide" in document.text
    assert not report.problems()
