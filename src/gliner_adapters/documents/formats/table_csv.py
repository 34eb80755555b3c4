"""CSV tables: one row an entity, and one row a document that has none. See :mod:`.table_rows`.

    document_number,id,text,start,end,label,mention,score,identifier
    1,7,Naloxone helps.,0,8,Chemical,Naloxone,0.98,MESH:D009270
    2,8,Nothing here.,,,,,,

A table of texts (``id,text``) has one row a document. Columns may have other names and stand in any order
(:mod:`.table_columns`), and a semicolon may part them. Written is the text in the first row of a document alone, for
else it stood in the file as often as it has entities.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO, ClassVar

from gliner_adapters.documents.formats.base import Format, ReadOptions, WriteOptions, document_name, encode
from gliner_adapters.documents.formats.report import ReadReport, WriteReport
from gliner_adapters.documents.formats.streams import BOM, decode, numbered_lines
from gliner_adapters.documents.formats.table_columns import (
    FIELDS,
    Columns,
    field_of,
    has_header,
    header_columns,
    listed_columns,
)
from gliner_adapters.documents.formats.table_rows import OTHERS, Row, RowWriter, read_rows
from gliner_adapters.documents.types import Document
from gliner_adapters.errors import DataError

#: The most characters of a cell: longer than any text, and less than what a quote that never ends would swallow.
MAX_CELL = 1 << 26


class CsvTable(Format):
    """Reader and writer for CSV."""

    name = "csv"
    endings = (".csv",)
    summary = "a table, one row an entity, or one row a document for texts alone"
    takes_columns = True
    delimiters: ClassVar[tuple[str, ...]] = (",", ";")
    """What may part columns; the first is written."""

    def recognises(self, head: bytes) -> bool:
        """Whether the first line is a header with a text and another column that is known."""
        line = head.removeprefix(BOM).split(b"\n")[0].decode("utf-8", errors="replace")
        return any(_known(line, delimiter) >= 2 for delimiter in self.delimiters)

    def read(self, stream: BinaryIO, path: str, *, options: ReadOptions, report: ReadReport) -> Iterator[Document]:
        """The documents of a table, a few rows at a time.

        Raises:
            DataError: a row is malformed, with ``path:line``; or the header does not say which column is which.
            ConfigError: ``options.columns`` do not fit the table.
        """
        # Python's own limit is shorter than an article. Nothing is lost where another limit was higher.
        csv.field_size_limit(max(MAX_CELL, csv.field_size_limit()))
        lines = _Lines(stream, path)
        columns: Columns | None = None
        delimiter = self.delimiters[0]
        first = lines.peek()
        if options.columns and not has_header(options.columns):
            columns = listed_columns(options.columns)
            delimiter = max(self.delimiters, key=lambda each: len(_cells(first, each)) == len(options.columns))
        else:
            delimiter = max(self.delimiters, key=lambda each: (_known(first, each), len(_cells(first, each))))
        rows = lines.rows(delimiter)
        if columns is None:
            line, header, problem = next(rows, (1, [], ""))
            if problem or not header:
                raise DataError(problem or "the table is empty; expected a header, such as id,text", path, line)
            try:
                columns = header_columns(header, options.columns)
            except ValueError as error:
                raise DataError(str(error), path, line) from None
        yield from read_rows(_rows(rows, columns), columns, path, options=options, report=report)

    def write(
        self, documents: Iterable[Document], stream: BinaryIO, *, options: WriteOptions, report: WriteReport
    ) -> None:
        """One row an entity. Every entity can be expressed, so ``on_conflict`` never applies."""
        writer = RowWriter(report, others=True)
        number = 0
        for number, document in enumerate(documents, 1):
            name = document_name(document, number)
            rows = writer.rows(document, number)
            others = [f"{OTHERS}.{each}" for each in writer.others or ()]
            if number == 1:
                stream.write(encode(self._line([*FIELDS, *(writer.others or ())]), name))
            for place, row in enumerate(rows):
                if place:
                    row["text"] = ""
                cells = [row.get(field) for field in (*FIELDS, *others)]
                line = self._line(["" if cell is None else str(cell) for cell in cells])
                if "\0" in line:
                    raise DataError(f"{name} holds a NUL, which no table of text can hold")
                stream.write(encode(line, name))
        if not number:
            stream.write(encode(self._line(FIELDS), "the header"))

    def _line(self, cells: Sequence[str]) -> str:
        """A row, quoted where it has to be."""
        special = (self.delimiters[0], '"', "\n", "\r")
        return self.delimiters[0].join(
            '"' + cell.replace('"', '""') + '"' if any(each in cell for each in special) else cell for cell in cells
        ) + "\n"  # fmt: skip


class _Lines:
    """The lines of a table as the module ``csv`` takes them, and the records that it makes of them."""

    def __init__(self, stream: BinaryIO, path: str) -> None:
        self._path = path
        self._lines = numbered_lines(stream, path)
        self._taken: list[tuple[int, bytes]] = []
        self._held = next(self._lines, None)
        if self._held is not None:
            self._held = (1, self._held[1].removeprefix(BOM))

    def peek(self) -> str:
        """The first line."""
        return "" if self._held is None else self._held[1].decode("utf-8", errors="replace")

    def rows(self, delimiter: str) -> Iterator[tuple[int, list[str], str]]:
        """The line on which each row begins, its cells, and what is wrong with it, if anything is."""
        reader = csv.reader(self._decoded(), delimiter=delimiter, strict=True)
        while True:
            self._taken.clear()
            cells: list[str] = []
            problem = ""
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                problem = f"not a row of a table: {error}"
            line = self._taken[0][0] if self._taken else 1
            try:
                decode(b"".join(raw for _, raw in self._taken), self._path, line)
            except DataError as error:
                problem = error.message
            # Nothing says where rows begin after a quote that has not ended.
            if problem and "field larger" in problem:
                raise DataError(f"a cell of more than {MAX_CELL:,} characters; is a quote missing?", self._path, line)
            if cells or problem:
                yield line, cells, problem

    def _decoded(self) -> Iterator[str]:
        """Text of the lines. What is no UTF-8 is found when the row is whole, and is then that row's problem."""
        while self._held is not None:
            self._taken.append(self._held)
            # Python 3.10 takes NUL for the end of the whole table.
            yield self._held[1].decode("utf-8", errors="surrogateescape").replace("\0", "\ufffd")
            self._held = next(self._lines, None)


def _rows(rows: Iterable[tuple[int, list[str], str]], columns: Columns) -> Iterator[Row]:
    for line, cells, problem in rows:
        if not problem and len(cells) != columns.width:
            problem = f"expected {columns.width} cells, found {len(cells)}"
        yield Row(line, *columns.cells(cells), problem)


def _cells(line: str, delimiter: str) -> list[str]:
    """The cells of one line, as far as it is a row."""
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _known(line: str, delimiter: str) -> int:
    """How many columns of a header are known; none if it has no text."""
    fields = [field_of(cell.strip()) for cell in _cells(line.strip("\r\n"), delimiter)]
    return sum(field is not None for field in fields) if "text" in fields else 0


FORMAT = CsvTable()
