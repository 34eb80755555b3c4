"""PubMed XML: one article, what a search fetched, or a baseline or update file of 30,000.

    <PubmedArticleSet>
      <PubmedArticle><MedlineCitation><PMID Version="1">29768149</PMID><Article>
        <ArticleTitle>Budesonide in asthma.</ArticleTitle>
        <Abstract><AbstractText Label="BACKGROUND">...</AbstractText></Abstract>
      ...
      <DeleteCitation><PMID Version="1">12345</PMID></DeleteCitation>

The text is the title and the sections of the abstract, a line break between two. Markup inside is plain text, MathML
included, with runs of white space as one space; ``Document.meta["markup"]`` says what stood lower or higher. A
section's label is the infon ``section`` of its passage (``Document.meta["bioc"]["passages"]``) and no part of the
text. ``meta`` has ``pmid``, ``version``, ``language``, ``journal``, ``year``, ``doi`` and ``pmcid`` where the record
says them. A summary in another language or of another kind (``OtherAbstract``) is left out and counted. Ids that a
file declares deleted are in ``ReadReport.deleted``. Authors, keywords and MeSH headings are not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, BinaryIO

from gliner_adapters.documents.formats.base import Format, ReadOptions, parse_records
from gliner_adapters.documents.formats.report import ReadReport
from gliner_adapters.documents.formats.xml_stream import XmlRecord, XmlRecords, parse, root_name
from gliner_adapters.documents.formats.xml_text import InlineText, Passages
from gliner_adapters.documents.types import Document
from gliner_adapters.errors import DataError

OTHER_ABSTRACT = "other abstract (OtherAbstract, in another language mostly) left out"
UNKNOWN = "element that is no record left out"

_DELETED = ("DeleteCitation", "DeleteDocument")
_SETS = {
    "PubmedArticleSet": ("PubmedArticle", "PubmedBookArticle", *_DELETED),
    "PubmedBookArticleSet": ("PubmedArticle", "PubmedBookArticle", *_DELETED),
    "MedlineCitationSet": ("MedlineCitation", *_DELETED),
}
_RECORDS = ("PubmedArticle", "PubmedBookArticle", "MedlineCitation")
_YEAR = re.compile(r"\d{4}")


class PubMed(Format):
    """Reader for PubMed XML."""

    name = "pubmed"
    endings = (".pubmed.xml",)
    shared_endings = (".xml",)
    summary = "PubMed XML, titles and abstracts"

    def recognises(self, head: bytes) -> bool:
        """Whether the root element is one of PubMed's."""
        return root_name(head) in (*_SETS, *_RECORDS)

    def read(self, stream: BinaryIO, path: str, *, options: ReadOptions, report: ReadReport) -> Iterator[Document]:
        """One document a record, in bounded memory; ``skip_bad`` leaves out records, broken ones included."""
        records = XmlRecords(stream, path, sets=_SETS, single=_RECORDS)

        def articles() -> Iterator[XmlRecord]:
            for record in records:
                if record.name in _DELETED and not record.error:
                    try:
                        report.deleted += [each.text.strip() for each in parse(record, path) if each.text]
                    except DataError as error:
                        yield replace(record, error=error.message)
                elif record.name in _RECORDS or record.error:
                    yield record
                else:
                    report.repairs[UNKNOWN] += 1
                    report.first_repairs.setdefault(UNKNOWN, f"{path}:{record.line}")

        def document(record: XmlRecord) -> Document:
            return _document(parse(record, path), path, record.line, report)

        return parse_records(articles(), document, skip_bad=options.skip_bad, report=report)


def _document(record: Any, path: str, line: int, report: ReadReport) -> Document:
    citation = record if record.tag == "MedlineCitation" else record.find("MedlineCitation")
    if citation is None:
        citation = record.find("BookDocument")
    if citation is None:
        raise DataError(f"expected MedlineCitation or BookDocument in <{record.tag}>", path, line)
    pmid = _text(citation, "PMID")
    if not pmid:
        raise DataError("the record has no PMID", path, line)
    article = citation.find("Article")
    article = citation if article is None else article
    passages = Passages()
    title = InlineText()
    if (element := article.find("ArticleTitle")) is not None:
        title.element(element)
    passages.add(title, {"type": "title"})
    for section in article.iterfind("Abstract/AbstractText"):
        inline = InlineText()
        inline.element(section)
        if inline.text():
            named = {"section": section.get("Label"), "nlm_category": section.get("NlmCategory")}
            passages.add(inline, {"type": "abstract"} | {key: value for key, value in named.items() if value})
    for other in citation.iterfind("OtherAbstract"):
        report.add_repair(OTHER_ABSTRACT, path, line + max(0, (other.sourceline or 1) - 1))
    facts = {
        "pmid": pmid,
        "version": citation.find("PMID").get("Version"),
        "language": _text(article, "Language"),
        "journal": _text(article, "Journal/Title"),
        "year": _year(article),
    }
    for each in record.iterfind("PubmedData/ArticleIdList/ArticleId"):
        if each.get("IdType") in ("doi", "pmc") and each.text:
            facts["pmcid" if each.get("IdType") == "pmc" else "doi"] = each.text.strip()
    return Document(
        passages.text(), [], pmid, meta=passages.meta({key: value for key, value in facts.items() if value})
    )


def _text(element: Any, path: str) -> str:
    return (element.findtext(path) or "").strip()


def _year(article: Any) -> str:
    """Year of publication; a date may be none, or words alone (``MedlineDate``: 2000 Spring)."""
    date = article.find("Journal/JournalIssue/PubDate")
    if date is None:
        return ""
    found = _YEAR.search(_text(date, "Year") or _text(date, "MedlineDate"))
    return found[0] if found else ""


FORMAT = PubMed()
