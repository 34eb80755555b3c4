"""BioC in XML: what :mod:`.bioc_json` holds, as elements.

    <collection><source/><date/><key/>
      <document><id>7</id>
        <passage><infon key="type">title</infon><offset>0</offset><text>Naloxone helps.</text>
          <annotation id="1"><infon key="type">Chemical</infon><location offset="0" length="8"/>
            <text>Naloxone</text></annotation>
        </passage>
      </document>
    </collection>

A document reads as the same one from both, ``Document.meta["bioc"]`` included. Infons are text here: one that is a
number, a truth value or an object in JSON is written as its JSON text, which is counted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO

from gliner_adapters.documents.formats.base import (
    Format,
    ReadOptions,
    WriteOptions,
    document_name,
    encode,
    parse_records,
)
from gliner_adapters.documents.formats.bioc_documents import SENTENCE, from_bioc, to_bioc
from gliner_adapters.documents.formats.bioc_json import COLLECTION
from gliner_adapters.documents.formats.report import ReadReport, WriteReport
from gliner_adapters.documents.formats.xml_stream import XmlRecord, XmlRecords, parse, root_name
from gliner_adapters.documents.types import Document
from gliner_adapters.errors import DataError

INFONS = "infon that is not text written as its JSON text"

_HEADER = b"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE collection SYSTEM "BioC.dtd">
<collection><source></source><date></date><key></key>
"""
_WHOLE = re.compile(r"\s*(-?\d{1,18})\s*")
# What XML 1.0 cannot hold, not even escaped.
_FORBIDDEN = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


class BioCXml(Format):
    """Reader and writer for BioC XML."""

    name = "bioc-xml"
    endings = (".bioc.xml", ".xml")
    summary = "BioC in XML, passages with annotations"

    def recognises(self, head: bytes) -> bool:
        """Whether the root element is a collection."""
        return root_name(head) == "collection"

    def read(self, stream: BinaryIO, path: str, *, options: ReadOptions, report: ReadReport) -> Iterator[Document]:
        """The documents of a collection, in bounded memory. A bad annotation makes its whole document bad."""

        def documents() -> Iterator[XmlRecord]:
            for record in XmlRecords(stream, path, sets={"collection": ("document",)}, single=("document",)):
                if record.name == "document" or record.error:
                    yield record
                elif _says_something(record):
                    report.repairs[COLLECTION] += 1
                    report.first_repairs.setdefault(COLLECTION, f"{path}:{record.line}")

        def document(record: XmlRecord) -> Document:
            value = _Elements(path, record.line, report).document(parse(record, path))
            return from_bioc(value, path, record.line, report, options.discontinuous)

        return parse_records(documents(), document, skip_bad=options.skip_bad, report=report)

    def write(
        self, documents: Iterable[Document], stream: BinaryIO, *, options: WriteOptions, report: WriteReport
    ) -> None:
        """One collection. Every entity can be expressed, so ``on_conflict`` never applies.

        A document without an id gets its number in the output.

        Raises:
            DataError: a document holds a character that XML does not allow.
        """
        stream.write(_HEADER)
        for number, document in enumerate(documents, 1):
            name = document_name(document, number)
            lines: list[str] = []
            _Writer(lines, report).document(to_bioc(document, number, report))
            text = "".join(lines)
            if found := _FORBIDDEN.search(text):
                raise DataError(f"{name} holds the character U+{ord(found[0]):04X}, which XML cannot hold")
            stream.write(encode(text, name))
            report.documents += 1
            report.entities += len(document.entities)
        stream.write(b"</collection>\n")


def _says_something(record: XmlRecord) -> bool:
    return not re.fullmatch(rb"<[^>]*>\s*(</[^>]*>)?", record.raw) or b"=" in record.raw


class _Elements:
    """Reads a document's elements into what JSON would hold."""

    def __init__(self, path: str, line: int, report: ReadReport) -> None:
        self._path = path
        self._line = line
        self._report = report

    def document(self, element: Any) -> dict[str, Any]:
        passages = [self._passage(each) for each in element.iterfind("passage")]
        annotations = [self._annotation(each) for each in element.iterfind("annotation")]
        if annotations and not passages:
            raise self._error("annotations in a document without a passage", element)
        self._known(element, ("id", "infon", "passage", "annotation", "relation"))
        return {
            "id": element.findtext("id"),
            "infons": self._infons(element),
            "passages": passages,
            "annotations": annotations,
            "relations": [self._relation(each) for each in element.iterfind("relation")],
        }

    def _passage(self, element: Any) -> dict[str, Any]:
        self._known(element, ("infon", "offset", "text", "sentence", "annotation", "relation"))
        relations = [self._relation(each) for each in element.iterfind("relation")]
        sentences = []
        for sentence in element.iterfind("sentence"):
            self._known(sentence, ("infon", "offset", "text", "annotation", "relation"))
            sentences.append(self._stretch(sentence))
            relations += [self._relation(each) for each in sentence.iterfind("relation")]
            for infon in sentence.iterfind("infon"):
                self._report.add_repair(SENTENCE, self._path, self._line_of(infon))
        infons = self._infons(element)
        return {**self._stretch(element), "infons": infons, "sentences": sentences, "relations": relations}

    def _stretch(self, element: Any) -> dict[str, Any]:
        return {
            "offset": self._whole(element.findtext("offset"), "offset", element),
            "text": element.findtext("text"),
            "annotations": [self._annotation(each) for each in element.iterfind("annotation")],
        }

    def _annotation(self, element: Any) -> dict[str, Any]:
        self._known(element, ("infon", "location", "text"))
        value = {
            "infons": self._infons(element),
            "text": element.findtext("text"),
            "locations": [
                {name: self._whole(each.get(name), name, each) for name in ("offset", "length")}
                for each in element.iterfind("location")
            ],
        }
        return value if element.get("id") is None else {"id": element.get("id"), **value}

    def _relation(self, element: Any) -> dict[str, Any]:
        self._known(element, ("infon", "node"))
        nodes = [{"refid": each.get("refid"), "role": each.get("role", "")} for each in element.iterfind("node")]
        return {"id": element.get("id"), "infons": self._infons(element), "nodes": nodes}

    def _infons(self, element: Any) -> dict[str, str]:
        found: dict[str, str] = {}
        for infon in element.iterfind("infon"):
            key = infon.get("key")
            if key is None or key in found:
                raise self._error("an infon without a key" if key is None else f"two infons {key!r}", infon)
            found[key] = infon.text or ""
        return found

    def _known(self, element: Any, names: tuple[str, ...]) -> None:
        stray = [element.text, *(child.tail for child in element)]
        if any(text and not text.isspace() for text in stray):
            raise self._error(f"text between the elements of <{element.tag}>", element)
        for child in element:
            if child.tag not in names:
                raise self._error(f"<{element.tag}> holds <{child.tag}>; expected {', '.join(names)}", child)
            if child.tag in ("id", "text", "offset") and child is not element.find(child.tag):
                raise self._error(f"<{element.tag}> holds <{child.tag}> twice", child)
            if child.tag in ("id", "infon", "text", "offset") and len(child):
                raise self._error(f"expected text in <{child.tag}>, found <{child[0].tag}>", child)

    def _whole(self, raw: str | None, name: str, element: Any) -> int:
        found = _WHOLE.fullmatch(raw or "")
        if not found:
            raise self._error(f"expected {name} to be a whole number, found {(raw or '')[:40]!r}", element)
        return int(found[1])

    def _line_of(self, element: Any) -> int:
        return self._line + max(0, (element.sourceline or 1) - 1)

    def _error(self, message: str, element: Any) -> DataError:
        return DataError(message, self._path, self._line_of(element))


class _Writer:
    """Writes what JSON would hold as elements."""

    def __init__(self, lines: list[str], report: WriteReport) -> None:
        self._lines = lines
        self._report = report

    def document(self, value: Mapping[str, Any]) -> None:
        self._lines.append(f"<document><id>{_escape(value['id'])}</id>")
        self._infons(value["infons"])
        for passage in value["passages"]:
            self._lines.append("\n <passage>")
            self._infons(passage["infons"])
            self._lines.append(f"<offset>{passage['offset']}</offset><text>{_escape(passage['text'])}</text>")
            for annotation in passage["annotations"]:
                self._annotation(annotation)
            self._relations(passage["relations"])
            self._lines.append("</passage>")
        self._relations(value["relations"])
        self._lines.append("\n</document>\n")

    def _annotation(self, value: Mapping[str, Any]) -> None:
        self._lines.append(f'\n  <annotation id="{_escape(value["id"])}">')
        self._infons(value["infons"])
        for place in value["locations"]:
            self._lines.append(f'<location offset="{place["offset"]}" length="{place["length"]}"/>')
        self._lines.append(f"<text>{_escape(value['text'])}</text></annotation>")

    def _relations(self, values: Iterable[Mapping[str, Any]]) -> None:
        for value in values:
            self._lines.append(f'\n  <relation id="{_escape(value.get("id") or "")}">')
            self._infons(value.get("infons") or {})
            for node in value.get("nodes") or ():
                refid, role = _escape(node.get("refid") or ""), _escape(node.get("role") or "")
                self._lines.append(f'<node refid="{refid}" role="{role}"/>')
            self._lines.append("</relation>")

    def _infons(self, values: Mapping[str, Any]) -> None:
        for key, value in values.items():
            if not isinstance(value, str):
                self._report.changes[INFONS] += 1
                value = json.dumps(value, ensure_ascii=False)
            self._lines.append(f'<infon key="{_escape(key)}">{_escape(value)}</infon>')


_ESCAPES = {ord(char): f"&#{ord(char)};" for char in '&<>"\r'} | {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;"}
_SPACES = {ord("\n"): "&#10;", ord("\t"): "&#9;"}


def _escape(value: Any) -> str:
    """Text as it stands in an element or an attribute; line ends and tabs are escaped, which attributes need."""
    return str(value).translate(_ESCAPES | _SPACES)


FORMAT = BioCXml()
