"""Text out of XML: inline markup as plain text with its white space collapsed, and passages as one text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from gliner_adapters.documents.formats.xml_stream import local_name

#: Markup that changes what its text means; its spans are kept in ``Document.meta["markup"]``.
RAISED = {"sub": "sub", "sup": "sup", "inf": "sub"}
FORMULAS = ("math", "tex-math", "alternatives", "inline-formula", "disp-formula", "chem-struct", "chem-struct-wrap")

_SPACE = re.compile(r"[ \t\r\n]+")
_TEX_BODY = re.compile(r"\\begin\{document\}(.*?)\\end\{document\}", re.DOTALL)
_SILENT = ("annotation", "annotation-xml", "graphic", "inline-graphic", "media", "object-id", "alt-text", "long-desc")

Span = tuple[int, int, str]


class InlineText:
    """A stretch of text that grows; runs of XML white space are one space, and none stands at either edge."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._size = 0
        self._spaced = True
        self.spans: list[Span] = []

    def add(self, raw: str | None) -> None:
        """Add character data."""
        if not raw:
            return
        text = _SPACE.sub(" ", raw)
        if self._spaced:
            text = text.lstrip(" ")
        if text:
            self._parts.append(text)
            self._size += len(text)
            self._spaced = text.endswith(" ")

    def element(self, element: Any) -> None:
        """Add the text of an element: what it holds, without what follows it."""
        name = local_name(element.tag)
        if name in _SILENT:
            return
        if name in FORMULAS:
            self.add(formula_text(element))
            return
        begin = self._size
        self.add(element.text)
        for child in element:
            self.element(child)
            self.add(child.tail)
        self.mark(begin, name)

    def begin(self) -> int:
        """Where the text has come to."""
        return self._size

    def mark(self, begin: int, name: str) -> None:
        """Note that what was added since ``begin`` stands lower or higher, if the element ``name`` says so."""
        if name in RAISED and self._size > begin:
            self.spans.append((begin, self._size, RAISED[name]))

    def text(self) -> str:
        """The text."""
        return "".join(self._parts).rstrip(" ")


def formula_text(element: Any) -> str:
    """A formula as text: that of its MathML where there is one, else its TeX without preamble."""
    if local_name(element.tag) in ("inline-formula", "disp-formula", "alternatives", "chem-struct", "chem-struct-wrap"):
        maths = [child for child in element.iter() if local_name(child.tag) == "math"]
        texs = [child for child in element.iter() if local_name(child.tag) == "tex-math"]
        if maths or texs:
            label = " ".join(filter(None, (each.text for each in element if local_name(each.tag) == "label")))
            chosen = " ".join(formula_text(each) for each in maths or texs)
            return f" {chosen} {label} " if label else chosen
    if local_name(element.tag) == "tex-math":
        raw = "".join(element.itertext())
        found = _TEX_BODY.search(raw)
        return (found[1] if found else raw).strip().strip("$")
    inner = InlineText()
    inner.add(element.text)
    for child in element:
        inner.element(child)
        inner.add(child.tail)
    return inner.text()


class Passages:
    """Passages as one text, a line break between two, in the layout that ``Document.meta["bioc"]`` has.

    The first is always the title, an empty one if there is none, so that PubTator gets it right.
    """

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._size = 0
        self.layout: list[dict[str, Any]] = []
        self.markup: list[list[Any]] = []

    def add(self, inline: InlineText, infons: Mapping[str, str]) -> None:
        """Add a passage."""
        text = inline.text()
        start = self._size + 1 if self._texts else 0
        self._texts.append(text)
        self._size = start + len(text)
        self.layout.append({"start": start, "end": self._size, "infons": dict(infons)})
        spans = ((begin, min(end, len(text)), name) for begin, end, name in inline.spans)
        self.markup += [[start + begin, start + end, name] for begin, end, name in spans if begin < end]

    def text(self) -> str:
        """The whole text."""
        return "\n".join(self._texts)

    def meta(self, facts: Mapping[str, str]) -> dict[str, Any]:
        """``Document.meta``: facts at the top, again as infons so that BioC keeps them, passages, and markup."""
        meta: dict[str, Any] = {**facts, "bioc": {"infons": dict(facts), "passages": self.layout}}
        if self.markup:
            meta["markup"] = self.markup
        return meta
