"""PubTator: a title line, an abstract line, then a row for each entity and each relation.

    8701013|t|Famotidine-associated delirium. A series of six cases.
    8701013|a|Famotidine is a histamine H2-receptor antagonist ...
    8701013	0	10	Famotidine	Chemical	D015738
    8701013	CID	D015738	D003693

Offsets count characters over title and abstract with one character between them; here that is a line break.
The concept id of a row is ``Entity.identifier``; the individual mentions of a composite one (seventh column)
are ``Entity.meta["mentions"]``. Relations are ``Document.meta["relations"]``, each a list of columns, written
after the entities. ``Document.meta["pubtator"]`` keeps what the usual layout does not say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import takewhile
from typing import Any, BinaryIO

from gliner_adapters.documents.formats.base import Format, ReadOptions, WriteOptions, document_name, parse_records
from gliner_adapters.documents.formats.blocks import Block, BlockWriter, RawBlock, decode_block, raw_blocks
from gliner_adapters.documents.formats.json_records import METADATA, WORDS, count_unkept
from gliner_adapters.documents.formats.pubtator_offsets import locate, row_text
from gliner_adapters.documents.formats.report import ReadReport, WriteReport
from gliner_adapters.documents.formats.streams import BOM
from gliner_adapters.documents.types import Document, Entity
from gliner_adapters.errors import DataError

LINE_BREAKS = "line break in the text written as a space"
NO_BLANK_LINE = "no blank line before a document"
MIXED_NEWLINES = "line endings differ within a record"

_PASSAGE = re.compile(r"(?P<id>[^|\t]+)\|(?P<kind>[A-Za-z]+)\|(?P<text>.*)", re.DOTALL)
_TITLE = re.compile(rb"(?P<id>[^|\t]+)\|t\|")
_USUAL_KINDS = ["t", "a"]
_ENTITY_ROW = "PMID, start, end, mention, type and, optionally, an id, separated by tabs"
_RELATION_ROW = "PMID, relation, id and id"


class PubTator(Format):
    """Reader and writer for PubTator."""

    name = "pubtator"
    endings = (".pubtator", ".pubtator.txt")
    shared_endings = (".txt",)
    summary = "PubTator, title and abstract with a row for each entity and relation"

    def recognises(self, head: bytes) -> bool:
        """A title's line, such as ``123|t|Naloxone``, before anything else."""
        return bool(re.match(rb"\s*[^|\s]+\|t\|", head.removeprefix(BOM)))

    def read(self, stream: BinaryIO, path: str, *, options: ReadOptions, report: ReadReport) -> Iterator[Document]:
        """One document a block; see the module. A bad row makes its whole document bad."""
        reader = _Reader(path, report)
        blocks = (part for block in raw_blocks(stream, path) for part in _documents(block))
        return parse_records(blocks, reader.parse, skip_bad=options.skip_bad, report=report)

    def write(
        self, documents: Iterable[Document], stream: BinaryIO, *, options: WriteOptions, report: WriteReport
    ) -> None:
        """One block a document. Every entity can be expressed, so ``on_conflict`` never applies.

        A document without an id gets its number in the output. The text up to the first line break is the
        title; further line breaks become spaces (counted), which keeps all offsets.
        """
        blocks = BlockWriter(stream)
        for number, document in enumerate(documents, 1):
            name = document_name(document, number)
            lines = _lines(document, number, name, report)
            blocks.write(name, lines, document.meta.get("pubtator", {}))
            report.documents += 1
            report.entities += len(document.entities)
            count_unkept(document, report, score=True, identifier=False)


def _documents(block: RawBlock) -> Iterator[RawBlock]:
    """A block cut where the title of another document stands: blank lines between documents are missing."""
    cuts = [0]
    for index in range(1, len(block.lines)):
        found = _TITLE.match(block.lines[index])
        if found and not block.lines[index - 1].startswith(found["id"] + b"|"):
            cuts.append(index)
    if len(cuts) == 1:
        yield block
        return
    for first, last in zip(cuts, [*cuts[1:], len(block.lines)], strict=True):
        # A blank line is what usually comes after a document, so that it is written.
        newline = b"\r\n" if block.lines[first].endswith(b"\r\n") else b"\n"
        before, after = b"" if first else block.before, newline if last < len(block.lines) else block.after
        yield RawBlock(block.line + first, block.lines[first:last], before, after, joined=first > 0)


class _Reader:
    def __init__(self, path: str, report: ReadReport) -> None:
        self._path = path
        self._report = report

    def parse(self, raw: RawBlock) -> Document:
        block = decode_block(raw, self._path)
        if raw.joined:
            self._report.add_repair(NO_BLANK_LINE, self._path, raw.line)
        if block.mixed:
            self._report.add_repair(MIXED_NEWLINES, self._path, block.line)
        identifier, kinds, text = self._passages(block)
        entities: list[Entity] = []
        relations: list[list[str]] = []
        for number, row in enumerate(block.lines[len(kinds) :], block.line + len(kinds)):
            columns = row.split("\t")
            if columns[0] != identifier:
                raise self._error(f"expected a row of document {identifier!r}, found {row[:40]!r}", number)
            if len(columns) > 1 and columns[1][:1].isdigit():
                entities.append(self._entity(text, columns, number))
            elif len(columns) >= 4:
                relations.append(columns[1:])
            else:
                raise self._error(f"expected {_ENTITY_ROW}, or {_RELATION_ROW}; found {row[:40]!r}", number)
        meta: dict[str, Any] = {}
        if relations:
            meta["relations"] = relations
        layout: dict[str, Any] = block.layout()
        if kinds != _USUAL_KINDS:
            layout["passages"] = kinds
        if layout:
            meta["pubtator"] = layout
        return Document(text, entities, identifier, meta=meta)

    def _passages(self, block: Block) -> tuple[str, list[str], str]:
        """Id, kinds of passages and text of a document."""
        passages = list(takewhile(bool, (_PASSAGE.fullmatch(line) for line in block.lines)))
        found = [match for match in passages if match is not None]
        if not found:
            raise self._error(f"expected PMID|t|title, found {block.lines[0][:40]!r}", block.line)
        identifier = found[0]["id"]
        for number, match in enumerate(found, block.line):
            if match["id"] != identifier:
                raise self._error(
                    f"passage of document {match['id']!r} within document {identifier!r}; "
                    "expected a blank line between documents",
                    number,
                )
        texts = [match["text"] for match in found]
        while len(texts) > 1 and not texts[-1]:
            texts.pop()  # an empty abstract adds no text, not even the separator
        return identifier, [match["kind"] for match in found], "\n".join(texts)

    def _entity(self, text: str, columns: list[str], line: int) -> Entity:
        if len(columns) < 5:
            raise self._error(f"expected {_ENTITY_ROW}; found {len(columns)} columns", line)
        _, first, last, mention, label, *more = columns
        if not (first.isdecimal() and last.isdecimal() and int(first) < int(last)):
            raise self._error(f"expected offsets 0 <= start < end, found {first!r} and {last!r}", line)
        if not label:
            raise self._error("the type is empty", line)
        start, end = int(first), int(last)
        place = locate(text, start, end, mention)
        if place is None:
            raise self._error(
                f"expected the mention {mention[:40]!r} at {start}-{end}, found {row_text(text[start:end])[:40]!r}",
                line,
            )
        if place[2] is not None:
            self._report.add_repair(place[2], self._path, line)
        meta: dict[str, Any] = {}
        if len(more) > 1:
            meta["mentions"] = more[1].split("|") if more[1] else []
        if len(more) > 2:
            meta["columns"] = more[2:]
        if [str(place[0]), str(place[1]), row_text(text[place[0] : place[1]])] != [first, last, mention]:
            meta["written"] = [first, last, mention]
        return Entity(place[0], place[1], label, identifier=more[0] if more else None, meta=meta or None)

    def _error(self, message: str, line: int) -> DataError:
        return DataError(message, self._path, line)


def _lines(document: Document, number: int, name: str, report: WriteReport) -> list[str]:
    identifier = document.id if document.id is not None else str(number)
    if not identifier or "|" in identifier or row_text(identifier) != identifier:
        raise DataError(f"{name}: the id cannot stand in PubTator, which ends it with '|' or a tab")
    if document.words is not None or document.sentences is not None:
        report.changes[WORDS] += 1
    if document.meta.keys() - {"pubtator", "relations"} or any(
        (entity.meta or {}).keys() - {"mentions", "columns", "written"} for entity in document.entities
    ):
        report.changes[METADATA] += 1
    lines = [f"{identifier}|{kind}|{text}" for kind, text in _passages(document, report)]
    lines.extend(_row(name, identifier, *_columns(document, entity)) for entity in document.entities)
    lines.extend(_row(name, identifier, *relation) for relation in document.meta.get("relations", ()))
    return lines


def _passages(document: Document, report: WriteReport) -> list[tuple[str, str]]:
    """Kind and text of each passage line."""
    texts = document.text.split("\n")
    kinds = document.meta.get("pubtator", {}).get("passages", _USUAL_KINDS)
    if len(texts) > len(kinds):
        report.changes[LINE_BREAKS] += len(texts) - len(kinds)
        texts[len(kinds) - 1 :] = [" ".join(texts[len(kinds) - 1 :])]
    for index, text in enumerate(texts):
        if "\r" in text:
            report.changes[LINE_BREAKS] += text.count("\r")
            texts[index] = text.replace("\r", " ")
    padding = [""] * (len(kinds) - len(texts))
    return list(zip(kinds, texts + padding, strict=True))


def _columns(document: Document, entity: Entity) -> list[str]:
    """The columns of an entity after the document's id."""
    meta = entity.meta or {}
    columns = [str(entity.start), str(entity.end), row_text(document.mention(entity))]
    written = meta.get("written")
    # Only if the kept columns still lead to this very entity: it may have been moved since it was read.
    if written and (place := locate(document.text, int(written[0]), int(written[1]), written[2])):
        columns = list(written) if place[:2] == (entity.start, entity.end) else columns
    columns.append(entity.label)
    if entity.identifier is not None or "mentions" in meta:
        columns.append(entity.identifier or "")
    if "mentions" in meta:
        columns.extend(["|".join(meta["mentions"]), *meta.get("columns", ())])
    return columns


def _row(name: str, *columns: str) -> str:
    if any(row_text(column) != column for column in columns):
        raise DataError(f"{name}: a type or id holds a tab or a line break, which PubTator cannot express")
    return "\t".join(columns)


FORMAT = PubTator()
