"""IOB2, also called CoNLL: one token a line with its tag in the last column, a blank line between sentences.

    -DOCSTART-  O

    Famotidine  B-Chemical
    induced     O
    delirium    B-Disease

A sentence becomes one document whose text is its tokens joined by single spaces, with the tokens as
``words``. ``meta["abstract"]`` names the abstract of a sentence where the file marks abstracts with
``-DOCSTART-``, and ``meta["iob2"]`` keeps what the usual layout (a tab between two columns, ``\\n``, one
blank line) does not say, so that writing gives the same bytes. IOB1, IO, BIOES and BILOU tags and stray ``I-`` tags
are read as they are meant and counted; IOB2 is written. Comments before a sentence (``# sent_id = 5``, which gives the
document's id) are kept.

The word is in the first column and the tag in the last unless ``columns`` says otherwise: ``word,pos,tag``, or
``-,word,tag,-`` with ``-`` for what is passed over. ``meta["columns"]`` keeps the columns of other names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
from gliner_adapters.documents.formats.blocks import BlockWriter
from gliner_adapters.documents.formats.iob2_reader import DOCSTART, SENT_ID, Iob2Reader, columns_of, docstart_line
from gliner_adapters.documents.formats.json_records import IDS, METADATA, count_unkept
from gliner_adapters.documents.formats.report import ReadReport, WriteReport
from gliner_adapters.documents.formats.streams import BOM
from gliner_adapters.documents.formats.tagged_words import tags_of
from gliner_adapters.documents.sentences import sentence_breaks
from gliner_adapters.documents.types import Document
from gliner_adapters.documents.words import Span, entity_words
from gliner_adapters.errors import DataError

SEVERAL = "document of several sentences written as one document for each"

_TAG = re.compile(r"[BIESLU]-\S+")
#: Lines by which a file is recognised; the last one of a head may be cut.
_LOOKED_AT = 200


class Iob2(Format):
    """Reader and writer for IOB2."""

    name = "iob2"
    endings = (".iob2", ".iob", ".bio", ".conll", ".tsv")
    shared_endings = (".txt",)
    takes_columns = True
    summary = "IOB2/CoNLL, a token and its tag a line, a blank line between sentences"

    def recognises(self, head: bytes) -> bool:
        """Lines of as many columns, the last of them a tag, and not ``O`` everywhere."""
        lines = head.removeprefix(BOM).decode("utf-8", errors="replace").split("\n")[:_LOOKED_AT]
        rows = [columns_of(line.rstrip("\r")) for line in lines[:-1] if line.strip() and not line.startswith(DOCSTART)]
        rows = [row for row in rows if not row[0].startswith("#")]
        if len({len(row) for row in rows}) != 1 or len(rows[0]) < 2:
            return False
        return all(row[-1] == "O" or _TAG.fullmatch(row[-1]) for row in rows) and any(row[-1] != "O" for row in rows)

    def read(self, stream: BinaryIO, path: str, *, options: ReadOptions, report: ReadReport) -> Iterator[Document]:
        """One document a sentence; see the module.

        Raises:
            ConfigError: ``options.columns`` name no word or no tag.
        """
        reader = Iob2Reader(path, report, options.columns)
        return parse_records(reader.records(stream), reader.parse, skip_bad=options.skip_bad, report=report)

    def write(
        self, documents: Iterable[Document], stream: BinaryIO, *, options: WriteOptions, report: WriteReport
    ) -> None:
        """One block a sentence. A document of several sentences is set off by ``-DOCSTART-`` lines."""
        writer = _Writer(stream, options.on_conflict, report)
        for document in documents:
            writer.write(document)


class _Writer:
    def __init__(self, stream: BinaryIO, on_conflict: OnConflict, report: WriteReport) -> None:
        self._blocks = BlockWriter(stream)
        self._on_conflict = on_conflict
        self._report = report
        self._abstract: str | None = None

    def write(self, document: Document) -> None:
        name = document_name(document, self._report.documents + 1)
        words, tags, left_out = tags_of(document, name, "IOB2", self._on_conflict, self._report)
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
        before = docstart_line(layout.get("newline", "\n")) if abstract != self._abstract else ""
        self._abstract = abstract
        for start, end in pairwise([*breaks, len(lines)]):
            self._blocks.write(name, lines[start:end], layout if len(breaks) == 1 else {}, before)
            before = ""
        self._report.documents += 1
        self._report.entities += len(document.entities) - left_out
        self._count_losses(document, layout, len(breaks))

    def _count_losses(self, document: Document, layout: Mapping[str, Any], sentences: int) -> None:
        """Count what lines of words and tags do not say."""
        count_unkept(document, self._report, score=True, identifier=True)
        changes = self._report.changes
        if sentences > 1:
            changes[SEVERAL] += 1
        # Numbers that reading gives sentences are given anew.
        numbered = document.sentences is not None and re.fullmatch(r".*:\d+", document.id or "", re.DOTALL)
        if document.id is not None and not numbered and document.id not in SENT_ID.findall(layout.get("before", "")):
            changes[IDS] += 1
        kept = {"iob2", "abstract", *({"columns"} if layout.get("middle", "\t") != "\t" else ())}
        if document.meta.keys() - kept or any(entity.meta for entity in document.entities):
            changes[METADATA] += 1


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


def _check_tokens(tokens: list[str], tags: list[str], middles: list[str], name: str) -> None:
    """Refuse what would be read back as something else."""
    if DOCSTART in tokens:
        raise DataError(f"{name} holds the word {DOCSTART}, which IOB2 reserves")
    for token, middle, tag in zip(tokens, middles, tags, strict=True):
        for what, value in (("word", token), ("label", tag)):
            spaced = " " in value and "\t" not in middle
            if not value or "\t" in value or "\n" in value or "\r" in value or spaced:
                raise DataError(f"{name}: the {what} {value[:40]!r} cannot stand in a column of IOB2")


FORMAT = Iob2()
