"""What hostile XML may not do, in every format that is XML."""

from __future__ import annotations

import gzip
import io
import tracemalloc
from pathlib import Path

import pytest

from gliner_adapters.documents import ReadReport, read_documents
from gliner_adapters.documents.formats import xml_source, xml_stream
from gliner_adapters.errors import DataError

from .helpers import read_bytes

FORMATS = {
    "bioc-xml": "<collection><document><id>1</id><passage><offset>0</offset><text>{}</text></passage>"
    "</document></collection>",
    "pubmed": "<PubmedArticleSet><PubmedArticle><MedlineCitation><PMID>1</PMID><ArticleTitle>{}</ArticleTitle>"
    "</MedlineCitation></PubmedArticle></PubmedArticleSet>",
    "jats": "<article><front/><body><p>{}</p></body></article>",
}  # fmt: skip
every = pytest.mark.parametrize("name", sorted(FORMATS))

LAUGHS = '<!DOCTYPE r [<!ENTITY a "lol">' + "".join(
    f'<!ENTITY {new} "{f"&{old};" * 10}">' for old, new in zip("abcdefgh", "bcdefghi", strict=True)
) + "]>"  # fmt: skip


@every
def test_the_frames_are_read(name: str) -> None:
    assert read_bytes(FORMATS[name].format("fine").encode(), name)[0].text.strip() == "fine"


@every
@pytest.mark.parametrize(
    "doctype",
    [
        LAUGHS,
        '<!DOCTYPE r [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE r SYSTEM "http://localhost:1/x.dtd" [<!ENTITY % p SYSTEM "http://localhost:1/p">%p;]>',
        '<!DOCTYPE r [<!ENTITY a "' + "x" * 100_000 + '">]>',
        "<!DOCTYPE r [\n]>",
    ],
)
def test_declarations_are_refused(name: str, doctype: str) -> None:
    with pytest.raises(DataError, match=r"file:1: the DOCTYPE holds declarations"):
        read_bytes((doctype + FORMATS[name].format("&a;")).encode(), name)


@every
def test_a_doctype_that_names_a_file_loads_nothing(name: str, tmp_path: Path) -> None:
    dtd = tmp_path / "x.dtd"
    dtd.write_text('<!ENTITY a "loaded">')
    content = f'<!DOCTYPE r SYSTEM "{dtd}">\n' + FORMATS[name].format("&a;")
    with pytest.raises(DataError, match=r"file:2: not well-formed XML: Entity 'a' not defined"):
        read_bytes(content.encode(), name)
    assert read_bytes(content.replace("&a;", "&lt;").encode(), name)[0].text.strip() == "<"


@every
def test_a_doctype_within_a_record_is_no_xml(name: str) -> None:
    with pytest.raises(DataError):
        read_bytes(FORMATS[name].format(LAUGHS + "&i;").encode(), name)


@every
def test_inclusions_are_not_followed(name: str) -> None:
    include = '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="/etc/passwd" parse="text"/>'
    try:
        documents = read_bytes(FORMATS[name].format(include).encode(), name)
    except DataError:
        return
    assert "root" not in documents[0].text


@every
def test_depth_is_bounded(name: str) -> None:
    for depth in (400, 50_000):
        with pytest.raises(DataError, match="depth"):
            read_bytes(FORMATS[name].format("<i>" * depth + "</i>" * depth).encode(), name)


def test_text_of_great_length_is_refused() -> None:
    with pytest.raises(DataError, match="not well-formed XML"):
        read_bytes(FORMATS["jats"].format("x" * 11_000_000).encode(), "jats")


@pytest.mark.parametrize(
    "filler", [b" ", b"<!--" + b"x" * 60_000 + b"-->", b"<?pi " + b"x" * 60_000 + b"?>", b"x", b'<a b="'], ids=range(5)
)
def test_a_bomb_takes_bounded_memory(filler: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A small file that unpacks to a lot, before the first record, between two and within one."""
    monkeypatch.setattr(xml_source, "MAX_RECORD", 1 << 20)
    bomb = filler * ((16 << 20) // len(filler))
    for before in (b"", b"<PubmedArticleSet>", b"<PubmedArticleSet><PubmedArticle>"):
        path = tmp_path / "bomb.xml.gz"
        path.write_bytes(gzip.compress(before + bomb, compresslevel=1))
        tracemalloc.start()
        with pytest.raises(DataError):
            list(read_documents(path, "pubmed", skip_bad=True, report=ReadReport()))
        assert tracemalloc.get_traced_memory()[1] < 12 << 20
        tracemalloc.stop()


def test_a_wide_file_is_read_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Records that chunks cut at every possible place come out whole."""
    content = (FORMATS["pubmed"].format("fine &amp; well") * 1).replace(
        "</PubmedArticle>", "</PubmedArticle>\n<!-- -->\n"
    )
    for size in (1, 2, 3, 7):
        monkeypatch.setattr(xml_source, "_CHUNK", size)
        records = list(
            xml_stream.XmlRecords(io.BytesIO(content.encode()), "x", sets={"PubmedArticleSet": ["PubmedArticle"]})
        )
        assert [each.error for each in records] == [None]
        assert xml_stream.parse(records[0], "x").findtext(".//ArticleTitle") == "fine & well"


def test_a_doctype_whose_quote_does_not_end_swallows_nothing() -> None:
    document = "<document><id>{}</id><infon key='a'>b</infon></document>\n"
    raw = f'<!DOCTYPE collection SYSTEM "BioC.dtd>\n<collection>\n{document.format(1)}<!-- " -->{document.format(2)}'
    with pytest.raises(DataError, match="the DOCTYPE does not end"):
        read_bytes(f"{raw}<collection>{document.format(3)}</collection>".encode(), "bioc-xml", skip_bad=True)
