"""Reading IOB2: sentences off a stream, and the document that one says. See :mod:`.iob2`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from gliner_adapters.documents.formats.blocks import Block, RawBlock, decode_block, raw_blocks
from gliner_adapters.documents.formats.registry import source_name
from gliner_adapters.documents.formats.report import ReadReport
from gliner_adapters.documents.formats.table_columns import PASSED_OVER
from gliner_adapters.documents.formats.tagged_words import entities_of
from gliner_adapters.documents.tags import split_tag
from gliner_adapters.documents.types import Document
from gliner_adapters.documents.words import joined_spans
from gliner_adapters.errors import ConfigError, DataError

DOCSTART = "-DOCSTART-"
MIXED_NEWLINES = "line endings differ within a record"

_SPACES = re.compile(" +")
#: Lines before a sentence such as ``# sent_id = 5``; others that begin like that are comments if they end in no tag.
_COMMENT = re.compile(rb"#(?: +[\w.:-]+|sent_id|text) *=[^\t]*")
_TAGGED = re.compile(rb"[^\t]*[\t ](?:O|[BIESLU]-\S+)\s*")
SENT_ID = re.compile(r"^#\s*sent_id\s*=\s*(\S[^\n\r]*?)\s*$", re.MULTILINE)


def columns_of(line: str) -> list[str]:
    """The columns of a line, parted by tabs, or by spaces where there is no tab."""
    return line.split("\t") if "\t" in line else _SPACES.split(line)


def docstart_line(newline: str) -> str:
    """The line that sets off an abstract, and the blank one after it."""
    return f"{DOCSTART}\tO{newline}{newline}"


@dataclass(slots=True)
class Record:
    """A sentence, the text of ``-DOCSTART-`` lines and comments before it, and how many of each there are."""

    block: RawBlock
    docstarts: int
    comments: int = 0


#: What the columns of the word and of its tag may be called.
WORD, TAG = ("word", "token", "form"), ("tag", "label", "ner")


class Order:
    """Where word, tag and other columns stand.

    Args:
        columns: the names of all columns, in their order.

    Raises:
        ConfigError: there is not one word and one tag among them, or a name is given twice.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        names = [column.strip().lower() for column in columns]
        given = ",".join(columns)
        self.width = len(names)
        self.word, self.tag = (_one(names, known, given) for known in (WORD, TAG))
        own = (self.word, self.tag)
        self.others = {n: place for place, n in enumerate(names) if place not in own and n != PASSED_OVER}
        if len(self.others) + names.count(PASSED_OVER) + 2 != len(names):
            raise ConfigError(f"columns: a name is given twice in {given}; - passes a column over")

    @property
    def usual(self) -> bool:
        """Whether the word stands first and the tag last, as they are written."""
        return self.word == 0 and self.tag == self.width - 1


def _one(names: list[str], known: Sequence[str], given: str) -> int:
    """The place of the one name that is among the known ones."""
    places = [place for place, name in enumerate(names) if name in known]
    if len(places) != 1:
        raise ConfigError(f"columns: expected one {known[0]} ({', '.join(known)}), found {len(places)} in {given}")
    return places[0]


def _has_tag(line: bytes, order: Order | None) -> bool:
    """Whether a line that begins with a number sign is a token's."""
    if order is None:
        return _TAGGED.fullmatch(line) is not None
    columns = columns_of(line.decode("utf-8", errors="replace").rstrip("\r\n"))
    return len(columns) == order.width and _TAGGED.fullmatch(f"x {columns[order.tag]}".encode()) is not None


class Iob2Reader:
    """Reads the sentences of one file.

    Args:
        path: what messages name.
        report: counts.
        columns: the names of the columns, where the word is not the first or the tag not the last.
    """

    def __init__(self, path: str, report: ReadReport, columns: Sequence[str] = ()) -> None:
        self._order = Order(columns) if columns else None
        self._path = path
        self._source = source_name(path)
        self._report = report
        self._sentences = self._abstracts = 0
        self._tags: dict[str, tuple[str, str]] = {}

    def records(self, stream: BinaryIO) -> Iterator[Record]:
        """Sentences, with ``-DOCSTART-`` lines and comments moved into the text before the next one."""
        lead, docstarts, comments = b"", 0, 0
        held: Record | None = None
        for block in raw_blocks(stream, self._path):
            if re.match(rb"-DOCSTART-(\s|$)", block.lines[0]):
                lead += block.before + block.lines.pop(0)
                docstarts += 1
                if not block.lines:
                    lead += block.after
                    continue
                block = RawBlock(block.line + 1, block.lines, b"", block.after)
            if found := _comments(block, self._order):
                lead += block.before + b"".join(block.lines[:found])
                comments += found
                if found == len(block.lines):
                    lead += block.after
                    continue
                block = RawBlock(block.line + found, block.lines[found:], b"", block.after)
            if held is not None:
                yield held
            block.before, lead = lead + block.before, b""
            held, docstarts, comments = Record(block, docstarts, comments), 0, 0
        if held is not None:
            held.block.after += lead  # `-DOCSTART-` or a comment with no sentence after it
            yield held

    def parse(self, record: Record) -> Document:
        """The document that a sentence says.

        Raises:
            DataError: a line is malformed; with its number.
        """
        self._sentences += 1
        self._abstracts += record.docstarts
        block = decode_block(record.block, self._path)
        if block.mixed:
            self._report.add_repair(MIXED_NEWLINES, self._path, block.line)
        tokens, middles, tags = self._columns(block)
        several = len(tokens) > 1 and middles[0].strip()
        if several and self._order is None and tokens == [str(n) for n in range(1, len(tokens) + 1)]:
            raise DataError(
                "the first column counts the words; say which one holds them, with columns (-,word,...,tag)",
                self._path,
                block.line,
            )
        words = joined_spans(tokens)
        entities = entities_of(
            words, tags, lambda kind, index: self._report.add_repair(kind, self._path, block.line + index)
        )
        if DOCSTART in tokens:
            line = block.line + tokens.index(DOCSTART)
            raise DataError(f"a {DOCSTART} line within a sentence; expected a blank line before it", self._path, line)
        text = " ".join(tokens)
        meta: dict[str, Any] = {}
        if self._abstracts:
            meta["abstract"] = f"{self._source}:abstract-{self._abstracts}"
        layout: dict[str, Any] = block.layout(docstart_line(block.newline) if record.docstarts else "")
        if any(middle != "\t" for middle in middles):
            layout["middle"] = middles[0] if len(set(middles)) == 1 else middles
        if layout:
            meta["iob2"] = layout
        if self._order is not None and self._order.others:
            rows = [columns_of(line) for line in block.lines]
            meta["columns"] = {name: [row[place] for row in rows] for name, place in self._order.others.items()}
        name = f"{self._source}:{self._sentences}"
        if record.comments and (given := SENT_ID.findall(block.before)):
            name = given[-1]
        return Document(text, entities, name, words, sentences=[(0, len(text))], meta=meta)

    def _columns(self, block: Block) -> tuple[list[str], list[str], list[tuple[str, str]]]:
        """Token, what stands between token and tag, and tag of each line."""
        tokens: list[str] = []
        middles: list[str] = []
        tags: list[tuple[str, str]] = []
        width = 0
        for number, line in enumerate(block.lines, block.line):
            token, middle, tag = line.partition("\t")
            count = 2
            if self._order is not None:
                token, middle, tag, count = self._ordered_columns(line, number, self._order)
            elif not middle or "\t" in tag:
                token, middle, tag, count = self._wide_columns(line, number)
            if not token or not tag:
                raise DataError(f"the {'tag' if token else 'token'} is empty", self._path, number)
            if width and count != width:
                raise DataError(f"expected {width} columns as in line {block.line}, found {count}", self._path, number)
            width = count
            tokens.append(token)
            middles.append(middle)
            tags.append(self._tags.get(tag) or self._new_tag(tag, number))
        return tokens, middles, tags

    def _ordered_columns(self, line: str, number: int, order: Order) -> tuple[str, str, str, int]:
        """As :meth:`_wide_columns`, where the columns have names; of another order, what is written between."""
        columns = columns_of(line)
        if len(columns) != order.width:
            raise DataError(f"expected {order.width} columns, found {len(columns)}", self._path, number)
        if order.usual:
            return self._wide_columns(line, number)
        return columns[order.word], "\t", columns[order.tag], order.width

    def _wide_columns(self, line: str, number: int) -> tuple[str, str, str, int]:
        """First column, everything up to the last, last column, and how many there are."""
        columns = columns_of(line)
        if len(columns) < 2:
            raise DataError(
                f"expected a token and its tag, separated by a tab or spaces, found {line[:40]!r}",
                self._path,
                number,
            )
        token, tag = columns[0], columns[-1]
        return token, line[len(token) : len(line) - len(tag)], tag, len(columns)

    def _new_tag(self, tag: str, number: int) -> tuple[str, str]:
        try:
            return self._tags.setdefault(tag, split_tag(tag))
        except ValueError as error:
            raise DataError(str(error), self._path, number) from error


def _comments(block: RawBlock, order: Order | None) -> int:
    """How many lines before a sentence are comments: no tab, and a name with a value or no tag where one belongs."""
    for count, line in enumerate(block.lines):
        if not line.startswith(b"#") or b"\t" in line or not (_COMMENT.match(line) or not _has_tag(line, order)):
            return count
    return len(block.lines)
