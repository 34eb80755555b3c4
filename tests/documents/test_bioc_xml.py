from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from gliner_adapters.documents import (
    Document,
    Entity,
    ReadReport,
    WriteReport,
    detect_format,
    read_documents,
    write_documents,
)
from gliner_adapters.documents.formats import bioc_json, bioc_xml
from gliner_adapters.errors import DataError, GlinerAdaptersError

from .helpers import any_documents, identity, read_bytes, write_bytes
from .test_bioc_json import ARTICLE, raw

DOCUMENT = """<document><id>7</id>
  <passage><infon key="type">title</infon><offset>0</offset><text>Naloxone helps.</text>
    <annotation id="1"><infon key="type">Chemical</infon><location offset="{offset}" length="8"/>
      <text>Naloxone</text></annotation>
  </passage></document>"""


def collection(*documents: str) -> bytes:
    return f"<collection><source/><date/><key/>\n{''.join(documents)}\n</collection>".encode()


def test_json_and_xml_hold_the_same() -> None:
    article = json.loads(json.dumps(ARTICLE))
    article["documents"][0]["passages"][0]["annotations"][0]["infons"]["valid"] = "yes"
    (from_json,) = read_bytes(raw(article), "bioc")
    written = write_bytes([from_json], "bioc-xml")
    (from_xml,) = read_bytes(written, "bioc-xml")
    assert identity(from_xml) == identity(from_json)
    assert write_bytes([from_xml], "bioc") == write_bytes([from_json], "bioc")
    assert write_bytes([from_xml], "bioc-xml") == written


def test_an_infon_that_is_no_text_is_counted() -> None:
    report = WriteReport()
    written = write_bytes(read_bytes(raw(ARTICLE), "bioc"), "bioc-xml", report=report)
    assert b'<infon key="valid">true</infon>' in written
    assert report.changes[bioc_xml.INFONS] == 1


# What XML 1.0 holds.
xml_text = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc"), exclude_characters="￾￿") | st.sampled_from("\n\r\t"),
    max_size=30,
)


@given(xml_text.filter(bool), st.lists(st.tuples(st.integers(0, 29), st.integers(1, 5), xml_text.filter(bool))))
def test_any_text_comes_back(text: str, places: list[tuple[int, int, str]]) -> None:
    entities = [
        Entity(min(start, len(text) - 1), min(start, len(text) - 1) + 1, label, 0.25, identifier)
        for start, _, label in places
        for identifier in (None, label)
    ]
    document = Document(text, entities, "a\tb\n&<>\"'")
    (again,) = read_bytes(write_bytes([document], "bioc-xml"), "bioc-xml")
    assert (again.text, again.entities, again.id) == (document.text, document.entities, document.id)


def etree_text(document: Document) -> bool:
    """Whether lxml takes all text of a document."""
    element = etree.Element("x")
    pieces = [document.text, document.id or "", json.dumps(document.meta.get("bioc"), ensure_ascii=False)]
    pieces += [each.identifier or "" for each in document.entities]
    pieces += [json.dumps(each.meta, ensure_ascii=False) for each in document.entities]
    try:
        element.text = "".join(pieces)
    except ValueError:
        return False
    return True


@given(any_documents())
def test_what_xml_cannot_hold_is_refused(document: Document) -> None:
    try:
        written = write_bytes([document], "bioc-xml")
    except DataError:
        assert not etree_text(document)
        return
    (again,) = read_bytes(written, "bioc-xml")
    assert (again.text, again.entities) == (document.text, document.entities)


def test_a_bad_document_costs_itself_alone(tmp_path: Path) -> None:
    path = tmp_path / "c.xml"
    good, wrong, broken = (
        DOCUMENT.format(offset=0),
        DOCUMENT.format(offset=3),
        "<document><id>8</id></passage></document>",
    )
    path.write_bytes(collection(good, "\n", wrong, "\n", broken, "\n", good))
    with pytest.raises(DataError, match=r"c\.xml:7: expected the mention 'Naloxone' at 3-11"):
        list(read_documents(path))
    report = ReadReport()
    assert len(list(read_documents(path, skip_bad=True, report=report))) == 2
    assert report.skipped == 2
    assert [reason.partition(": ")[0] for reason in report.reasons] == [f"{path}:7", f"{path}:12"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("<offset>0", "<offset>zero"), "expected offset to be a whole number"),
        (("</infon>", '</infon><infon key="type">x</infon>'), "two infons 'type'"),
        (('<infon key="type">', "<infon>"), "an infon without a key"),
        (("<text>", "stray <text>"), "text between the elements"),
        (("<offset>", "<table/><offset>"), "holds <table>"),
        (("Naloxone helps", "<b>Naloxone</b> helps"), "expected text in <text>"),
        (('length="8"', 'length="99"'), "expected an annotation within the text"),
    ],
)
def test_bad_elements_are_named(change: tuple[str, str], message: str) -> None:
    with pytest.raises(DataError, match=r"file:\d+: .*" + message):
        read_bytes(collection(DOCUMENT.format(offset=0).replace(*change)), "bioc-xml")


def test_what_the_collection_says_is_counted() -> None:
    report = ReadReport()
    content = collection(DOCUMENT.format(offset=0)).replace(b"<source/>", b"<source>PMC</source>")
    assert len(read_bytes(content, "bioc-xml", report=report)) == 1
    assert dict(report.repairs) == {bioc_json.COLLECTION: 1}


def test_content_tells_the_formats_apart(tmp_path: Path) -> None:
    bioc, pubmed, jats = tmp_path / "a.xml", tmp_path / "b.xml", tmp_path / "c.xml"
    bioc.write_bytes(
        b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- <article> -->\n<!DOCTYPE collection SYSTEM "x">\n<collection/>'
    )
    pubmed.write_text("<PubmedArticleSet>", encoding="utf-16")
    jats.write_text('<!DOCTYPE article PUBLIC "a>b" "c">\n<article xmlns:x="y"/>', encoding="utf-8")
    assert [detect_format(path) for path in (bioc, pubmed, jats)] == ["bioc-xml", "pubmed", "jats"]
    unknown = tmp_path / "d.xml"
    unknown.write_text("<html/>")
    with pytest.raises(DataError, match=r"d\.xml:1: the root element is <html>; .*PubmedArticleSet.*article"):
        list(read_documents(unknown))


def test_a_file_that_ends_early_is_no_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "c.bioc.xml"
    write_documents([Document("Aspirin.", [Entity(0, 7, "Chemical")], str(i)) for i in range(3)], path)
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex(b"</collection>")])
    with pytest.raises(DataError, match="the file ends before </collection>"):
        list(read_documents(path, skip_bad=True))
    path.write_bytes(content[: content.rindex(b"<annotation")])
    with pytest.raises(DataError, match="the file ends before </document>"):
        list(read_documents(path))


def fuzz(count: int) -> None:
    """Mutated files: only the project's own errors, and every document is read or skipped."""
    article = write_bytes(read_bytes(raw(ARTICLE), "bioc"), "bioc-xml").decode()
    start, end = article.index("<document>"), article.index("</collection>")
    content = article[:end] + article[start:end] + article[end:]
    rng = random.Random(11)
    pieces = ("<", ">", "&", "<b>", "</passage>", "\0", "9", "-", "<text>", 'offset="', "</document>")
    for _ in range(count):
        mutated = content
        for _ in range(rng.randint(1, 3)):
            place = rng.randrange(len(mutated))
            if rng.random() < 0.5:
                mutated = mutated[:place] + mutated[place + rng.choice((1, 2, 30)) :]
            else:
                mutated = mutated[:place] + rng.choice(pieces) + mutated[place:]
        report = ReadReport()
        try:
            documents = read_bytes(mutated.encode(), "bioc-xml", skip_bad=True, report=report)
        except GlinerAdaptersError:
            continue
        assert len(documents) + report.skipped + report.repairs[bioc_json.COLLECTION] >= mutated.count("<document>")
        for document in documents:
            assert all(entity.end <= len(document.text) for entity in document.entities)


def test_mutated_files() -> None:
    fuzz(100)


@pytest.mark.slow
def test_many_mutated_files() -> None:
    fuzz(2000)


@pytest.mark.parametrize("name", ["id", "offset", "text"])
def test_an_element_that_stands_twice_is_refused(name: str) -> None:
    """Of two the first would be read, and what the second says be lost."""
    good = "<document><id>1</id>\n<passage><offset>0</offset><text>ab</text></passage></document>"
    twice = good.replace(f"<{name}>", f"<{name}>1</{name}><{name}>")
    with pytest.raises(DataError, match=f"<{name}> twice"):
        read_bytes(f"<collection>{twice}</collection>".encode(), "bioc-xml")
