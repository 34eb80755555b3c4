from __future__ import annotations

import io
import random
import tarfile
from pathlib import Path

import pytest

from gliner_adapters.documents import ReadOptions, ReadReport, detect_format, read_documents
from gliner_adapters.documents.formats import jats
from gliner_adapters.errors import DataError, GlinerAdaptersError

from .helpers import read_bytes, write_bytes

ARTICLE = r"""<!DOCTYPE article PUBLIC "-//NLM//DTD JATS" "JATS-archivearticle1.dtd">
<article article-type="research-article" xml:lang="en" xmlns:xlink="http://www.w3.org/1999/xlink"><front>
<journal-meta><journal-title-group><journal-title>J Test</journal-title></journal-title-group></journal-meta>
<article-meta><article-id pub-id-type="pmid">17</article-id><article-id pub-id-type="pmc">42</article-id>
<article-id pub-id-type="doi">10.1/x</article-id><title-group><article-title>A <italic>new</italic> CO<sub>2</sub>
trap</article-title></title-group><contrib-group><contrib><name><surname>Nobody</surname></name></contrib>
</contrib-group><pub-date><year>2020</year></pub-date>
<abstract><p>Short.</p></abstract><trans-abstract xml:lang="fr"><p>Court.</p></trans-abstract></article-meta></front>
<body><sec sec-type="methods"><label>2.</label><title>How</title>
<p>Mass <inline-formula><alternatives><tex-math>\documentclass{x}\begin{document}$m$\end{document}</tex-math>
<mml:math><mml:mi>m</mml:mi></mml:math></alternatives></inline-formula> and
<tex-math>\begin{document}$$E=mc^2$$\end{document}</tex-math> as <xref ref-type="fig">Figure 1</xref> says
<fig><label>Figure 1</label><caption><title>A trap.</title><p>Open.</p></caption><graphic xlink:href="x"/></fig>
clearly.</p>
<list><list-item><label>a</label><p>First.</p></list-item><list-item><p>Second.</p></list-item></list>
<sec><title>Inner</title><p>Deep.</p></sec></sec>
<table-wrap><label>Table 1</label><caption><p>Masses.</p></caption>
<table><tr><td>Cell</td></tr></table><table-wrap-foot><p>Foot.</p></table-wrap-foot></table-wrap></body>
<back><ack><p>Thanks.</p></ack><ref-list><ref><p>Reference.</p></ref></ref-list></back>
<sub-article><body><p>Reply.</p></body></sub-article></article>
"""


def test_passages_of_an_article() -> None:
    report = ReadReport()
    (document,) = read_bytes(ARTICLE.encode(), "jats", report=report)
    assert document.id == "PMC42"
    assert [
        (document.text[each["start"] : each["end"]], each["infons"]["type"], each["infons"].get("section_type"))
        for each in document.meta["bioc"]["passages"]
    ] == [
        ("A new CO2 trap", "title", "TITLE"),
        ("Short.", "abstract", "ABSTRACT"),
        ("2. How", "heading", "METHODS"),
        ("Mass m and E=mc^2 as Figure 1 says clearly.", "paragraph", "METHODS"),
        ("Figure 1 A trap. Open.", "figure", "METHODS"),
        ("a First.", "paragraph", "METHODS"),
        ("Second.", "paragraph", "METHODS"),
        ("Inner", "heading", "METHODS"),
        ("Deep.", "paragraph", "METHODS"),
        ("Table 1 Masses.", "table", None),
        ("Foot.", "table", None),
        ("Thanks.", "paragraph", "ACK_FUND"),
    ]
    assert document.meta["bioc"]["passages"][8]["infons"]["section"] == "How > Inner"
    facts = {"pmid": "17", "pmcid": "PMC42", "doi": "10.1/x", "year": "2020", "language": "en", "journal": "J Test"}
    assert facts.items() <= document.meta.items()
    assert facts.items() <= document.meta["bioc"]["infons"].items()
    assert report.repairs == {jats.REFERENCES: 1, jats.TABLES: 1, jats.TRANSLATED: 1, jats.FURTHER: 1}
    (again,) = read_bytes(write_bytes([document], "bioc-xml"), "bioc-xml")
    assert (again.text, again.meta["bioc"]) == (document.text, document.meta["bioc"])


def test_a_set_and_a_bad_article_in_it() -> None:
    one = ARTICLE.partition("\n")[2]
    content = f"<pmc-articleset>{one}{one.replace('</abstract>', '')}{one}<Reply/></pmc-articleset>".encode()
    report = ReadReport()
    assert len(read_bytes(content, "jats", skip_bad=True, report=report)) == 2
    assert report.skipped == 1
    assert report.repairs[jats.UNKNOWN] == 1


def packed(members: dict[str, bytes], mode: str = "w:gz") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


@pytest.mark.parametrize(("name", "mode"), [("a.tar.gz", "w:gz"), ("a.tgz", "w:gz"), ("a.tar", "w")])
def test_an_archive_is_read_member_by_member(tmp_path: Path, name: str, mode: str) -> None:
    content = ARTICLE.encode()
    members = {"PMC/1.nxml": content, "PMC/x.jpg": b"x", "PMC/2.xml": b"<html/>", "PMC/3.nxml": content}
    path = tmp_path / name
    path.write_bytes(packed(members, mode))
    assert detect_format(path) == "jats"
    report = ReadReport()
    assert [each.id for each in read_documents(path, skip_bad=True, report=report)] == ["PMC42", "PMC42"]
    assert report.skipped == 1
    assert report.repairs[jats.OTHER_MEMBERS] == 1
    with pytest.raises(DataError, match=rf"{name}!PMC/2\.xml:1: the root element is <html>"):
        list(read_documents(path))


def test_bad_archives_are_refused() -> None:
    content = ARTICLE.encode()
    with pytest.raises(DataError, match="leads out of it"):
        read_bytes(packed({"../x.nxml": content}), "jats")
    with pytest.raises(DataError, match="not a valid tar archive"):
        read_bytes(
            packed({"x.nxml": random.Random(0).randbytes(30_000), "y.nxml": content})[:9000], "jats", skip_bad=True
        )
    with pytest.raises(DataError, match="the root element is <html>"):  # an archive in an archive is no article
        read_bytes(packed({"x.xml": b"<html/>"}), "jats")
    # A header that claims gigabytes, which tarfile would read at once.
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 1 << 32
    with pytest.raises(DataError, match="a header of 4294967296 bytes"):
        read_bytes(header.tobuf() + b"\0" * 1024, "jats")


def test_read_archive_needs_no_seeking() -> None:
    class Pipe(io.RawIOBase):
        def __init__(self, raw: bytes) -> None:
            self._stream = io.BytesIO(raw)

        def read(self, size: int = -1) -> bytes:
            return self._stream.read(size)

    stream = Pipe(packed({"1.nxml": ARTICLE.encode()}))
    found = jats.FORMAT.read_archive(stream, "x", options=ReadOptions(), report=ReadReport())  # type: ignore[arg-type]
    assert [each.id for each in found] == ["PMC42"]


def fuzz(count: int) -> None:
    rng = random.Random(5)
    tags = (b"<p>", b"</p>", b"<sec>", b"<fig>", b"<table>", b"<math>", b"<title>", b"&", b"<!--", b"<list>")
    for _ in range(count):
        mutated = bytearray(ARTICLE.encode())
        for _ in range(rng.randint(1, 3)):
            place = rng.randrange(len(mutated))
            if rng.random() < 0.5:
                del mutated[place : place + rng.choice((1, 5, 60))]
            else:
                mutated[place:place] = rng.choice(tags)
        report = ReadReport()
        try:
            (document,) = read_bytes(bytes(mutated), "jats", report=report)
        except GlinerAdaptersError:
            continue
        joined = "\n".join(document.text[each["start"] : each["end"]] for each in document.meta["bioc"]["passages"])
        assert joined == document.text


def test_mutated_files() -> None:
    fuzz(100)


@pytest.mark.slow
def test_many_mutated_files() -> None:
    fuzz(2000)


def test_every_word_of_a_body_is_read_once() -> None:
    """Words in all kinds of places, in order: nothing is lost or said twice."""
    places = [
        "<p>{}</p>", "<sec><title>{}</title><p>x</p></sec>", "<list><list-item><p>{}</p></list-item></list>",
        "<def-list><def-item><term>{}</term><def><p>x</p></def></def-item></def-list>", "<p>a<bold>b{}</bold>c</p>",
        "<disp-quote><p>{}</p></disp-quote>", "<boxed-text><p>{}</p></boxed-text>", "<p><fn><p>{}</p></fn></p>",
        "<fig><caption><p>{}</p></caption></fig>", "<supplementary-material><caption><p>{}</p></caption>"
        "</supplementary-material>", "<p><list><list-item><p>{}</p></list-item></list>tail</p>",
        "<disp-formula><math><mi>{}</mi></math></disp-formula>", "<p><named-content>{}</named-content></p>",
        "<p>x<disp-formula><graphic/><label>{}</label></disp-formula></p>",
        "<fig-group><fig><label>{}</label></fig></fig-group>",
        "<p><alternatives><textual-form>{}</textual-form></alternatives></p>", "<sec><sec><p>{}</p></sec></sec>",
    ]  # fmt: skip
    for number, place in enumerate(places):
        word = f"word{number}"
        body = place.format(word)
        (document,) = read_bytes(f"<article><front/><body>{body}</body></article>".encode(), "jats")
        assert document.text.count(word) == 1, place


def test_the_real_article(data_dir: Path) -> None:
    (document,) = read_documents(data_dir / "pubmed" / "pone.0000217.nxml")
    assert (document.id, document.meta["pmid"]) == ("PMC1790863", "17299597")
    kinds = {each["infons"].get("section_type") for each in document.meta["bioc"]["passages"]}
    assert {"TITLE", "ABSTRACT", "INTRO", "RESULTS", "DISCUSS", "METHODS", "ACK_FUND"} <= kinds
    figures = [each for each in document.meta["bioc"]["passages"] if each["infons"]["type"] == "figure"]
    assert len(figures) == 3
