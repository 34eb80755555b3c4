"""XML files cut into records, each parsed on its own.

A file of the field is one root with many children (articles, documents), or is itself one. :class:`XmlRecords` looks
for tags in the bytes and yields the children, and :func:`parse` parses one of them. So memory holds one record, a
record that is not well-formed costs that record alone, and every line number is exact however long the file is.

It is safe by construction: only records reach the parser, and a record cannot hold a document type definition, so
there are no entities to expand, no external files to load, and no parameter entities. A DOCTYPE that only names its
DTD is passed over, for the DTD is never read; one that declares anything is refused. Depth and size are bounded.
"""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from gliner_adapters.documents.formats.streams import decode
from gliner_adapters.documents.formats.xml_source import XmlSource
from gliner_adapters.errors import DataError

_NAMESPACE = re.compile(rb"""\s(xmlns:[^\s=]+)\s*=\s*("[^"<]*"|'[^'<]*')""")
_NAME_ENDS = rb"(?=[\s/>])"
# Prefixes that the DTDs of the field declare by default, so that files need not.
_PREFIXES = {
    b"xmlns:mml": b'"http://www.w3.org/1998/Math/MathML"',
    b"xmlns:xlink": b'"http://www.w3.org/1999/xlink"',
    b"xmlns:xsi": b'"http://www.w3.org/2001/XMLSchema-instance"',
    b"xmlns:ali": b'"http://www.niso.org/schemas/ali/1.0/"',
}
_KNOWN_ROOTS = "collection (bioc-xml), PubmedArticleSet or PubmedArticle (pubmed), article or pmc-articleset (jats)"


@dataclass(frozen=True, slots=True)
class XmlRecord:
    """One element of a file.

    Attributes:
        name: the element's name, as written.
        line: the line that it begins on.
        raw: its bytes, UTF-8.
        error: why it cannot be parsed, where that is known already.
        before: declarations of name spaces that hold for it.
    """

    name: str
    line: int
    raw: bytes
    error: str | None = None
    before: bytes = b""


def local_name(tag: Any) -> str:
    """An element's name without its name space; empty for what is no element."""
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def root_name(head: bytes) -> str:
    """Name of the root element in the first bytes of an XML file, without a prefix; empty if there is none."""
    try:
        source = XmlSource(io.BytesIO(head), "head")
        return _prolog(source)[0].rpartition(":")[2]
    except DataError:
        return ""


def parse(record: XmlRecord, path: str) -> Any:
    """Parse one record.

    Returns:
        Its ``lxml`` element, without comments and processing instructions.

    Raises:
        DataError: it is not well-formed, not UTF-8, too deep or too long, or refers to an entity; with its line.
    """
    if record.error:
        raise DataError(record.error, path, record.line)
    from lxml import etree  # here, so that importing the formats stays fast

    decode(record.raw, path, record.line)
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False,
        remove_comments=True, remove_pis=True, collect_ids=False, encoding="utf-8",
    )  # fmt: skip
    try:
        # The element that holds the declarations stands on the record's first line, so lines count on from there.
        parent = etree.fromstring(b"<records" + record.before + b">" + record.raw + b"</records>", parser)
    except etree.XMLSyntaxError as error:
        line = record.line + max(0, (error.lineno or 1) - 1)
        raise DataError(f"not well-formed XML: {error.msg}", path, line) from None
    if len(parent) != 1:
        raise DataError("not well-formed XML: expected one element", path, record.line)
    return parent[0]


class XmlRecords:
    """The records of one file.

    Args:
        stream: the bytes, in UTF-8, UTF-16, ISO 8859 or a Windows code page, as the file declares.
        path: what messages name.
        sets: roots whose children are the records, with the names of the children: reading goes on at the next of
            them after something broken, so they stand nowhere else.
        single: names of roots that are a record themselves.

    Raises:
        DataError: while iterating: no XML, another root, a DOCTYPE with declarations, a file that ends early.
    """

    def __init__(
        self, stream: BinaryIO, path: str, *, sets: Mapping[str, Collection[str]], single: Collection[str] = ()
    ) -> None:
        self._source = XmlSource(stream, path)
        self._sets, self._single = sets, single

    def __iter__(self) -> Iterator[XmlRecord]:
        source = self._source
        name, line, attributes, empty = _prolog(source)
        local = name.rpartition(":")[2]
        if local not in self._sets and local not in self._single:
            raise DataError(f"the root element is <{name}>; roots that are known: {_KNOWN_ROOTS}", source.path, line)
        before = self._namespaces(attributes)
        if local in self._single:
            own = re.escape(name).encode()
            yield self._record(name, line, before, rb"</?" + own + _NAME_ENDS)
        else:
            source.skip_tag()
            if not empty:
                yield from self._children(name, self._sets[local], before)
        source.skip_misc()
        if rest := source.look(1):
            raise source.error(f"expected nothing after the root element, found {rest!r}")

    def _children(self, root: str, names: Collection[str], before: bytes) -> Iterator[XmlRecord]:
        source = self._source
        end = f"</{root}".encode()
        records = "|".join(map(re.escape, sorted(names))).encode()
        again = rb"<(?:(?:\w+:)?(?:" + records + rb")|/" + re.escape(root).encode() + rb")" + _NAME_ENDS
        while True:
            source.skip_misc()
            start = source.look(len(end) + 1)
            if not start:
                raise source.error(f"the file ends before </{root}>; it is truncated")
            if start.startswith(end) and start[len(end) :] in (b">", b" ", b"\n", b"\r", b"\t"):
                source.skip_past(b">")
                return
            line = source.line
            tag = source.start_tag()
            if tag is None:
                broken = source.take_until(re.compile(again), 1)
                yield XmlRecord("", line, b"", f"expected an element, found {broken[:40]!r}")
                continue
            own = rb"</?" + re.escape(tag[0]).encode() + _NAME_ENDS
            yield self._record(tag[0], line, before, own + rb"|" + again)

    def _record(self, name: str, line: int, before: bytes, stops: bytes) -> XmlRecord:
        """The element that stands next; of ``stops``, only its own end is where it may end."""
        source = self._source
        tag = source.start_tag()
        if tag is not None and tag[2]:
            return XmlRecord(name, line, source.skip_tag(), None, before)
        own = name.encode()
        raw = source.take_until(re.compile(stops), 1)
        if source.look(len(own) + 2) == b"</" + own:
            return XmlRecord(name, line, raw + source.skip_past(b">"), None, before)
        reason = "the file ends" if not source.look(1) else "another begins, or the file's root ends,"
        return XmlRecord(name, line, b"", f"not well-formed XML: {reason} before </{name}>")

    @staticmethod
    def _namespaces(attributes: bytes) -> bytes:
        declared = {**_PREFIXES, **dict(_NAMESPACE.findall(attributes))}
        return b"".join(b" " + name + b"=" + value for name, value in declared.items())


def _prolog(source: XmlSource) -> tuple[str, int, bytes, bool]:
    """Name, line, attributes of the root element, and whether it is empty; the source stands before it."""
    source.skip_misc()
    if source.look(9) == b"<!DOCTYPE":
        source.skip_doctype()
        source.skip_misc()
    line = source.line
    tag = source.start_tag()
    if tag is None:
        raise source.error(f"expected an XML element, found {source.look(40)!r}")
    return tag[0], line, tag[1], tag[2]
