"""IOB2, also called CoNLL: one token a line with its tag in the last column, a blank line between sentences.

    -DOCSTART-  O

    Famotidine  B-Chemical
    induced     O
    delirium    B-Disease

A sentence becomes one document whose text is its tokens joined by single spaces, with the tokens as
``words``. ``meta["abstract"]`` names the abstract of a sentence where the file marks abstracts with
``-DOCSTART-``, and ``meta["iob2"]`` keeps what the usual layout (a tab between two columns, ``\\n``, one
blank line) does not say, so that writing gives the same bytes. IOB1, IO, BIOES and BILOU tags and stray ``I-`` tags
are read as they are meant and counted; IOB2 is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, BinaryIO

from gliner_adapters.documents.formats.base import (
    Format,
    OnConflict,
    ReadOptions,
    WriteOptions,
    document_name,
    parse_records,
)
from gliner_adapters.documents.formats.blocks import Block, BlockWriter, RawBlock, decode_block, raw_blocks
from gliner_adapters.documents.formats.registry import source_name
from gliner_adapters.documents.formats.report import ReadReport, WriteReport
from gliner_adapters.documents.sentences import sentence_breaks
from gliner_adapters.documents.tags import PREFIXES, count_reasons, entities_to_tags, split_tag, tags_to_entities
from gliner_adapters.documents.types import Document
from gliner_adapters.documents.words import Span, entity_words, joined_spans, refine_words, word_spans
from gliner_adapters.errors import DataError

DOCSTART = "-DOCSTART-"
STRAY_TAG = "I- tag that continues no entity, read as B-"
OTHER_SCHEME = "sentence with {} tags, read as they are meant"
MIXED_NEWLINES = "line endings differ within a record"

_SPACES = re.compile(" +")


class Iob2(Format):
    """Reader and writer for IOB2."""

    name = "iob2"
    endings = (".iob2", ".iob", ".bio", ".conll", ".tsv")
    summary = "IOB2/CoNLL, a token and its tag a line, a blank line between sentences"

    def read(self, stream: BinaryIO, path: str, *, options: ReadOptions, report: ReadReport) -> Iterator[Document]:
        """One document a sentence; see the module."""
        reader = _Reader(path, report)
        return parse_records(reader.records(stream), reader.parse, skip_bad=options.skip_bad, report=report)

    def write(
        self, documents: Iterable[Document], stream: BinaryIO, *, options: WriteOptions, report: WriteReport
    ) -> None:
        """One block a sentence. A document of several sentences is set off by ``-DOCSTART-`` lines."""
        writer = _Writer(stream, options.on_conflict, report)
        for document in documents:
            writer.write(document)


@dataclass(slots=True)
class _Record:
    """A sentence, the text of ``-DOCSTART-`` lines before it, and how many those are."""

    block: RawBlock
    docstarts: int


class _Reader:
    def __init__(self, path: str, report: ReadReport) -> None:
        self._path = path
        self._source = source_name(path)
        self._report = report
        self._sentences = self._abstracts = 0
        self._tags: dict[str, tuple[str, str]] = {}

    def records(self, stream: BinaryIO) -> Iterator[_Record]:
        """Sentences, with ``-DOCSTART-`` lines moved into the text before the next one."""
        lead, docstarts = b"", 0
        held: _Record | None = None
        for block in raw_blocks(stream, self._path):
            if re.match(rb"-DOCSTART-(\s|$)", block.lines[0]):
                lead += block.before + block.lines.pop(0)
                docstarts += 1
                if not block.lines:
                    lead += block.after
                    continue
                block = RawBlock(block.line + 1, block.lines, b"", block.after)
            if held is not None:
                yield held
            block.before, lead = lead + block.before, b""
            held, docstarts = _Record(block, docstarts), 0
        if held is not None:
            held.block.after += lead  # `-DOCSTART-` with no sentence after it
            yield held

    def parse(self, record: _Record) -> Document:
        self._sentences += 1
        self._abstracts += record.docstarts
        block = decode_block(record.block, self._path)
        if block.mixed:
            self._report.add_repair(MIXED_NEWLINES, self._path, block.line)
        tokens, middles, tags = self._columns(block)
        words = joined_spans(tokens)
        entities, stray = tags_to_entities(words, tags)
        for scheme in sorted({PREFIXES[prefix] for prefix, _ in tags if prefix != "O"} - {"IOB2"}):
            self._report.add_repair(OTHER_SCHEME.format(scheme), self._path, block.line)
        for index in stray:
            self._report.add_repair(STRAY_TAG, self._path, block.line + index)
        if DOCSTART in tokens:
            line = block.line + tokens.index(DOCSTART)
            raise DataError(f"a {DOCSTART} line within a sentence; expected a blank line before it", self._path, line)
        text = " ".join(tokens)
        meta: dict[str, Any] = {}
        if self._abstracts:
            meta["abstract"] = f"{self._source}:abstract-{self._abstracts}"
        layout: dict[str, Any] = block.layout(_docstart(block.newline) if record.docstarts else "")
        if any(middle != "\t" for middle in middles):
            layout["middle"] = middles[0] if len(set(middles)) == 1 else middles
        if layout:
            meta["iob2"] = layout
        return Document(
            text, entities, f"{self._source}:{self._sentences}", words, sentences=[(0, len(text))], meta=meta
        )

    def _columns(self, block: Block) -> tuple[list[str], list[str], list[tuple[str, str]]]:
        """Token, what stands between token and tag, and tag of each line."""
        tokens: list[str] = []
        middles: list[str] = []
        tags: list[tuple[str, str]] = []
        width = 0
        for number, line in enumerate(block.lines, block.line):
            token, middle, tag = line.partition("\t")
            count = 2
            if not middle or "\t" in tag:
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

    def _wide_columns(self, line: str, number: int) -> tuple[str, str, str, int]:
        """First column, everything up to the last, last column, and how many there are."""
        columns = line.split("\t") if "\t" in line else _SPACES.split(line)
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


class _Writer:
    def __init__(self, stream: BinaryIO, on_conflict: OnConflict, report: WriteReport) -> None:
        self._blocks = BlockWriter(stream)
        self._on_conflict = on_conflict
        self._report = report
        self._abstract: str | None = None

    def write(self, document: Document) -> None:
        name = document_name(document, self._report.documents + 1)
        words, tags = self._tagged(document, name)
        layout = document.meta.get("iob2", {})
        middles = layout.get("middle", "\t")
        if isinstance(middles, str):
            middles = [middles] * len(words)
        elif len(middles) != len(words):
            raise DataError(f"{name}: the columns kept for {len(middles)} tokens do not fit its {len(words)} words")
        tokens = [document.text[start:end] for start, end in words]
        _check_tokens(tokens, tags, middles, name)
        lines = [token + middle + tag for token, middle, tag in zip(tokens, middles, tags, strict=True)]
        breaks = _sentence_starts(document, words)
        abstract = document.meta.get("abstract") or (name if len(breaks) > 1 else None)
        before = _docstart(layout.get("newline", "\n")) if abstract != self._abstract else ""
        self._abstract = abstract
        for start, end in pairwise([*breaks, len(lines)]):
            self._blocks.write(name, lines[start:end], layout if len(breaks) == 1 else {}, before)
            before = ""
        self._report.documents += 1

    def _tagged(self, document: Document, name: str) -> tuple[Sequence[Span], list[str]]:
        words = word_spans(document)
        if not words:
            raise DataError(f"{name} has no words; IOB2 cannot hold an empty sentence")
        if document.words is not None:
            _check_covered(document, words, name)
        if self._on_conflict == "split":
            words, _ = refine_words(words, document.entities)
        tags, left_out = entities_to_tags(words, document.entities)
        if left_out and self._on_conflict == "error":
            entity, reason = left_out[0]
            raise DataError(
                f"{name}: entity {entity.key} {document.mention(entity)[:40]!r} cannot be written as "
                f"IOB2: {reason}; drop such entities, or split words at entity boundaries (for training data)"
            )
        self._report.dropped += count_reasons(left_out)
        self._report.entities += len(document.entities) - len(left_out)
        return words, tags


def _sentence_starts(document: Document, words: Sequence[Span]) -> list[int]:
    """Words at which a block begins: sentence starts that cut no entity.

    Words without sentences are the words of one sentence.
    """
    if document.words is not None and document.sentences is None:
        return [0]
    breaks = sentence_breaks(document, words)
    if not breaks:
        return [0]
    spans = [span for entity in document.entities if (span := entity_words(words, entity)) is not None]
    inside = {index for first, last in spans for index in range(first + 1, last + 1)}
    return [0, *(index for index in breaks if index not in inside)]


def _check_covered(document: Document, words: Sequence[Span], name: str) -> None:
    """Refuse a text with characters in no word: IOB2 would lose them."""
    previous = 0
    for start, end in [*words, (len(document.text), len(document.text))]:
        if previous != start and (lost := document.text[previous:start].strip()):
            raise DataError(f"{name}: {lost[:40]!r} (character {previous} on) belongs to no word; IOB2 would lose it")
        previous = end


def _check_tokens(tokens: list[str], tags: list[str], middles: list[str], name: str) -> None:
    """Refuse what would be read back as something else."""
    if DOCSTART in tokens:
        raise DataError(f"{name} holds the word {DOCSTART}, which IOB2 reserves")
    for token, middle, tag in zip(tokens, middles, tags, strict=True):
        for what, value in (("word", token), ("label", tag)):
            spaced = " " in value and "\t" not in middle
            if not value or "\t" in value or "\n" in value or "\r" in value or spaced:
                raise DataError(f"{name}: the {what} {value[:40]!r} cannot stand in a column of IOB2")


def _docstart(newline: str) -> str:
    return f"{DOCSTART}\tO{newline}{newline}"


FORMAT = Iob2()
