"""JATS, the XML of PubMed Central's full texts: one article a file, a set of them, or an archive of files.

The text is the title, the abstracts, the body and the back matter, a passage for each heading, paragraph, list item
and caption, a line break between two. A passage's infons (``Document.meta["bioc"]["passages"]``) say its ``type``
(``title``, ``abstract``, ``heading``, ``paragraph``, ``figure``, ``table``, ...), the ``section_type`` (``TITLE``,
``ABSTRACT``, ``INTRO``, ``METHODS``, ``RESULTS``, ``DISCUSS``, ``CONCL``, ...) and the ``section``, its headings from
the outermost on. Inline markup and formulas are plain text; see :mod:`.xml_text`. A figure or table inside a paragraph
follows it, caption and label as one passage.

Left out and counted: reference lists, the cells of tables, abstracts in other languages, sub-articles and responses.
Left out: authors, affiliations, keywords, funding and permissions. The id is the PMC id, else the PMID, else the DOI.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

from gliner_adapters.documents.formats.base import Format, ReadOptions, parse_records
from gliner_adapters.documents.formats.jats_archive import is_archive, members
from gliner_adapters.documents.formats.report import ReadReport
from gliner_adapters.documents.formats.streams import Prefixed
from gliner_adapters.documents.formats.xml_stream import XmlRecord, XmlRecords, local_name, parse, root_name
from gliner_adapters.documents.formats.xml_text import FORMULAS, InlineText, Passages
from gliner_adapters.documents.types import Document
from gliner_adapters.errors import DataError

REFERENCES = "reference list left out"
TABLES = "table left out but for its caption"
TRANSLATED = "abstract in another language left out"
FURTHER = "sub-article or response left out"
OTHER_MEMBERS = "member of the archive that is no article left out"
UNKNOWN = "element that is no article left out"

_SETS = ("pmc-articleset", "articles", "article-set")
_COUNTED = {
    "ref-list": REFERENCES,
    "table": TABLES,
    "trans-abstract": TRANSLATED,
    "sub-article": FURTHER,
    "response": FURTHER,
}
_IGNORED = frozenset(
    """graphic inline-graphic media object-id alt-text long-desc permissions sec-meta kwd-group processing-meta
    inline-supplementary-material fn-type related-object""".split()  # noqa: SIM905
)
#: Elements that interrupt what stands around them; the text around is one passage all the same.
_FLOATS = {
    "fig": "figure", "fig-group": "figure", "table-wrap": "table", "table-wrap-group": "table", "fn": "footnote",
    "boxed-text": "box", "supplementary-material": "supplement",
}  # fmt: skip
#: Elements that are passages, or hold them.
_BLOCKS = frozenset(
    """sec p title list list-item def-list def-item def term disp-quote statement verse-group verse-line speech ack app
    app-group fn-group glossary notes bio caption table-wrap-foot attrib abstract body back floats-group array
    disp-formula-group question answer""".split()  # noqa: SIM905
)
_SECTIONS = (
    ("INTRO", r"intro|background"),
    ("METHODS", r"method|material|procedure|experimental|patients"),
    ("RESULTS", r"result|finding"),
    ("DISCUSS", r"discuss"),
    ("CONCL", r"conclu"),
    ("CASE", r"case"),
    ("SUPPL", r"suppl"),
    ("ABBR", r"abbrev|glossary"),
)
_ID_KINDS = {"pmc": "pmcid", "pmcid": "pmcid", "pmc-id": "pmcid", "pmid": "pmid", "doi": "doi"}


class Jats(Format):
    """Reader for JATS."""

    name = "jats"
    endings = (".nxml",)
    shared_endings = (".xml", ".tar", ".tgz")
    summary = "JATS XML, full texts of PubMed Central, also in a tar archive"

    def recognises(self, head: bytes) -> bool:
        """Whether the root element is an article or a set of them, or this is a tar archive."""
        return is_archive(head) or root_name(head) in ("article", *_SETS)

    def read(self, stream: BinaryIO, path: str, *, options: ReadOptions, report: ReadReport) -> Iterator[Document]:
        """One document an article, in the memory of one article; a tar archive gives those of its members."""
        head = stream.read(1024)
        whole = cast(BinaryIO, Prefixed(head, stream))
        if is_archive(head):
            yield from self.read_archive(whole, path, options=options, report=report)
        else:
            yield from self._read_xml(whole, path, options, report)

    @staticmethod
    def _read_xml(stream: BinaryIO, path: str, options: ReadOptions, report: ReadReport) -> Iterator[Document]:
        records = XmlRecords(stream, path, sets=dict.fromkeys(_SETS, ("article",)), single=("article",))

        def articles() -> Iterator[XmlRecord]:
            for record in records:
                if record.name.rpartition(":")[2] == "article" or record.error:
                    yield record
                else:
                    report.repairs[UNKNOWN] += 1
                    report.first_repairs.setdefault(UNKNOWN, f"{path}:{record.line}")

        def document(record: XmlRecord) -> Document:
            return _Article(path, record.line, report).document(parse(record, path))

        yield from parse_records(articles(), document, skip_bad=options.skip_bad, report=report)

    def read_archive(
        self, stream: BinaryIO, path: str, *, options: ReadOptions, report: ReadReport
    ) -> Iterator[Document]:
        """The articles in a tar archive, compressed or not, member by member; nothing is unpacked to disk.

        Args:
            stream: the archive's bytes; need not be seekable.
            path: what messages name, with the member after a ``!``.
            options: how to read; ``skip_bad`` leaves out members that are no good.
            report: counts also the members that are no articles (``.nxml`` and ``.xml`` are).
        """
        for name, member in members(stream, path):
            where = f"{path}!{name}"
            if not name.lower().endswith((".nxml", ".xml")):
                report.repairs[OTHER_MEMBERS] += 1
                report.first_repairs.setdefault(OTHER_MEMBERS, where)
                continue
            try:
                yield from self._read_xml(member, where, options, report)
            except DataError as error:
                if not options.skip_bad:
                    raise
                report.add_skipped(error)


class _Article:
    """Reads one article."""

    def __init__(self, path: str, line: int, report: ReadReport) -> None:
        self._path = path
        self._line = line
        self._report = report
        self._passages = Passages()
        self._inline = InlineText()
        self._label = ""
        self._infons: dict[str, str] = {}
        self._floats: list[tuple[Any, dict[str, str]]] = []

    def document(self, article: Any) -> Document:
        meta = _child(_child(article, "front"), "article-meta")
        facts = self._facts(article, meta)
        self._flow(_child(_child(meta, "title-group"), "article-title"))
        self._passages.add(self._inline, {"type": "title", "section_type": "TITLE"})
        self._inline = InlineText()
        for each in () if meta is None else meta:
            name = local_name(each.tag)
            if name == "abstract":
                infons = {"type": "abstract", "section_type": "ABSTRACT"}
                if kind := each.get("abstract-type"):
                    infons["abstract_type"] = kind
                self._block(each, infons)
            elif name in _COUNTED:
                self._count(each)
        for each in article:
            name = local_name(each.tag)
            if name in ("body", "back", "floats-group"):
                self._block(each, {"type": "paragraph"})
            elif name in _COUNTED:
                self._count(each)
        identifier = facts.get("pmcid") or facts.get("pmid") or facts.get("doi")
        return Document(self._passages.text(), [], identifier, meta=self._passages.meta(facts))

    @staticmethod
    def _facts(article: Any, meta: Any) -> dict[str, str]:
        facts: dict[str, str] = {}
        for each in () if meta is None else meta:
            name, text = local_name(each.tag), "".join(each.itertext()).strip()
            if name == "article-id" and text and (kind := _ID_KINDS.get(each.get("pub-id-type", ""))):
                facts.setdefault(kind, f"PMC{text}" if kind == "pmcid" and text.isdecimal() else text)
            elif name == "pub-date" and (year := _child(each, "year")) is not None and year.text:
                facts.setdefault("year", year.text.strip())
        language = article.get("{http://www.w3.org/XML/1998/namespace}lang")
        journal = next((each for each in article.iter() if local_name(each.tag) == "journal-title"), None)
        title = "" if journal is None else "".join(journal.itertext()).strip()
        more = {"language": language, "journal": title, "article_type": article.get("article-type")}
        return facts | {key: value for key, value in more.items() if value}

    def _block(self, element: Any, infons: dict[str, str]) -> None:
        """Read an element that begins and ends passages."""
        name = local_name(element.tag)
        # A label alone (2., a) belongs to what it labels.
        if not self._label or self._inline.text() != self._label:
            self._flush()
        if name in ("sec", "ack", "app", "glossary", "notes"):
            infons = self._section(element, name, infons)
        elif name == "title":
            infons = {**infons, "type": infons["type"] if infons["type"] in ("figure", "table") else "heading"}
        self._infons = infons
        self._flow(element, infons)
        self._flush()

    def _flow(self, element: Any, infons: dict[str, str] | None = None) -> None:
        """Read what an element holds into the passage at hand."""
        if element is None:
            return
        begin = self._inline.begin()
        self._inline.add(element.text)
        for child in element:
            name = local_name(child.tag)
            if name in _COUNTED:
                self._count(child)
            elif infons is not None and name in _FLOATS:
                self._floats.append((child, {**infons, "type": _FLOATS[name]}))
            elif infons is not None and name in _BLOCKS and not self._caption(element, infons):
                self._block(child, infons)
                self._infons = infons
            elif name in FORMULAS and not self._holds_table(child):
                self._inline.add(" " if name.startswith("disp") else "")
                self._inline.element(child)
                self._inline.add(" " if name.startswith("disp") else "")
            elif name not in _IGNORED:
                apart = " " if name in _BLOCKS or name in ("label", "break") else ""
                self._inline.add(apart)
                self._flow(child, infons)
                self._inline.add(apart)
                if name == "label":
                    self._label = self._inline.text()
            self._inline.add(child.tail)
        self._inline.mark(begin, local_name(element.tag))

    @staticmethod
    def _caption(element: Any, infons: dict[str, str]) -> bool:
        """Whether blocks in an element belong to one passage, as title and paragraphs of a caption do."""
        return infons["type"] in ("figure", "table", "supplement") and local_name(element.tag) in (
            "caption", "fig", "table-wrap", "supplementary-material",
        )  # fmt: skip

    @staticmethod
    def _holds_table(element: Any) -> bool:
        return any(local_name(each.tag) == "table" for each in element)

    def _flush(self) -> None:
        """End the passage at hand, and read what floats in it."""
        if self._inline.text():
            self._passages.add(self._inline, self._infons)
        self._inline, self._label = InlineText(), ""
        floats, self._floats = self._floats, []
        for element, infons in floats:
            self._block(element, infons)

    @staticmethod
    def _section(element: Any, name: str, infons: dict[str, str]) -> dict[str, str]:
        title = _child(element, "title")
        heading = "" if title is None else " ".join("".join(title.itertext()).split())
        trail = " > ".join(filter(None, (infons.get("section"), heading)))
        infons = {**infons, "section": trail} if trail else infons
        if infons.get("section_type"):
            return infons  # of the outermost section
        words = f"{element.get('sec-type') or ''} {heading}".lower()
        kind = {"ack": "ACK_FUND", "app": "APPENDIX", "glossary": "ABBR"}.get(name)
        kind = kind or next((kind for kind, pattern in _SECTIONS if re.search(rf"\b({pattern})", words)), None)
        return {**infons, "section_type": kind} if kind else infons

    def _count(self, element: Any) -> None:
        line = self._line + max(0, (element.sourceline or 1) - 1)
        self._report.add_repair(_COUNTED[local_name(element.tag)], self._path, line)


def _child(element: Any, name: str) -> Any:
    """The first child of this name, whatever its name space."""
    return None if element is None else next((each for each in element if local_name(each.tag) == name), None)


FORMAT = Jats()
