r"""Entities in brackets within the text, a document a line, after its id and a tab.

    12<tab>[Cisplatin](Chemical) harms the kidney.

A backslash before ``\``, ``[``, ``]``, ``(`` or ``)`` makes it a plain character; ``\n``, ``\r`` and ``\t`` are a line
break, a return and a tab. Entities cannot overlap.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from gliner_adapters.documents import Document, Entity
from gliner_adapters.documents.formats import Format, ReadOptions, ReadReport, WriteOptions, WriteReport
from gliner_adapters.documents.formats.base import document_name, encode, parse_records
from gliner_adapters.errors import DataError

_CONTROL = {"n": "\n", "r": "\r", "t": "\t"}
_WRITTEN = str.maketrans({**{c: f"\\{c}" for c in "\\[]()"}, **{v: f"\\{k}" for k, v in _CONTROL.items()}})
#: An escaped character, an entity, or a character that means itself.
_PIECE = re.compile(r"\\(?P<escaped>.)|\[(?P<mention>(?:\\.|[^\\\[\]])+)\]\((?P<label>(?:\\.|[^\\()])+)\)|[^\\\[\]()]")
_LINE = re.compile(rb"\S", re.DOTALL)


class Inline(Format):
    """Reader and writer of the format."""

    name = "inline"
    endings = (".inline",)
    summary = "entities in brackets within the text, a document a line"

    def recognises(self, head: bytes) -> bool:
        """Whether the first line has an id, a tab and an entity in brackets."""
        return re.match(rb"[^\t\n\[]*\t[^\n]*\[[^\n\[\]]+\]\([^\n()]+\)", head) is not None

    def read(self, stream: BinaryIO, path: str, *, options: ReadOptions, report: ReadReport) -> Iterator[Document]:
        """One document a line; empty lines are passed over."""

        def document(record: tuple[int, bytes]) -> Document:
            number, raw = record
            try:
                line = raw.decode("utf-8").removesuffix("\n").removesuffix("\r")
            except UnicodeDecodeError as error:
                raise DataError(f"not UTF-8: {error.reason} at byte {error.start}", path, number) from None
            name, tab, marked = line.partition("\t")
            if not tab:
                raise DataError("expected an id, a tab and a text", path, number)
            text, entities = _unmarked(marked, path, number)
            return Document(text, entities, id=name or None)

        lines = ((number, raw) for number, raw in enumerate(stream, 1) if _LINE.search(raw))
        return parse_records(lines, document, skip_bad=options.skip_bad, report=report)

    def write(
        self, documents: Iterable[Document], stream: BinaryIO, *, options: WriteOptions, report: WriteReport
    ) -> None:
        """A line each; of entities that overlap the longest stays, or it is an error."""
        for number, document in enumerate(documents, 1):
            name = document_name(document, number)
            if re.search(r"[\t\n\r]", document.id or ""):
                raise DataError(f"{name}: an id with tabs or line breaks has no place in the format inline")
            entities = _apart(document, name, options, report)
            parts, end = [], 0
            for entity in entities:
                parts += [_escaped(document.text[end : entity.start])]
                parts += [f"[{_escaped(document.mention(entity))}]({_escaped(entity.label)})"]
                end = entity.end
            line = f"{document.id or ''}\t{''.join(parts)}{_escaped(document.text[end:])}\n"
            stream.write(encode(line, name))
            report.documents += 1
            report.entities += len(entities)


def _unmarked(marked: str, path: str, number: int) -> tuple[str, list[Entity]]:
    """The text without its marks, and its entities."""
    pieces: list[str] = []
    entities: list[Entity] = []
    at = size = 0
    while at < len(marked):
        match = _PIECE.match(marked, at)
        if match is None:
            raise DataError(
                f"character {at + 1} of the text, {marked[at]!r}, begins no [mention](type); put a backslash before it",
                path,
                number,
            )
        if match["mention"] is not None:
            mention, label = _plain(match["mention"]), _plain(match["label"])
            entities.append(Entity(size, size + len(mention), label))
        else:
            mention = match[0] if match["escaped"] is None else _plain(match[0])
        pieces.append(mention)
        size += len(mention)
        at = match.end()
    return "".join(pieces), entities


def _plain(escaped: str) -> str:
    return re.sub(r"\\(.)", lambda match: _CONTROL.get(match[1], match[1]), escaped)


def _escaped(plain: str) -> str:
    return plain.translate(_WRITTEN)


def _apart(document: Document, name: str, options: WriteOptions, report: WriteReport) -> list[Entity]:
    """Entities that do not overlap, in their order."""
    kept: list[Entity] = []
    for entity in sorted(document.entities, key=lambda each: (each.start - each.end, each.start)):
        other = next((each for each in kept if each.start < entity.end and entity.start < each.end), None)
        if other is None:
            kept.append(entity)
        elif options.on_conflict == "error":
            raise DataError(f"{name}: {entity.key} overlaps {other.key}, and the format inline cannot say so")
        else:
            report.dropped["overlaps a longer entity"] += 1
    return sorted(kept, key=lambda each: each.start)
