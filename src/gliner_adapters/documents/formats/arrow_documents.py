"""Documents as Arrow tables: what Parquet and Arrow files and data frames have in common (extra ``[tables]``).

Two kinds are written. ``documents`` has a row a document, with nested columns, and keeps everything:

    id, text, entities: list<start, end, label, score, id, meta>, words: list<start, end>, sentences: likewise, meta

``entities`` has a row an entity (:mod:`.table_rows`), the text in each. Metadata are JSON. Both are read, and so are
GLiNER's training rows (``tokenized_text`` and ``ner``), token-classification rows (``tokens`` and ``ner_tags``, numbers
by the names that ``datasets`` keeps in the file), and texts alone. Errors name the row, counted from 1.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

from gliner_adapters.documents.formats.base import ReadOptions, document_name, encode, parse_records
from gliner_adapters.documents.formats.hf_tokens import TAGS, TOKENS, parsed_tags, tagged_document
from gliner_adapters.documents.formats.json_entities import Note
from gliner_adapters.documents.formats.json_fields import Malformed, check_text
from gliner_adapters.documents.formats.jsonl import document_of, record_of
from gliner_adapters.documents.formats.report import ReadReport, WriteReport
from gliner_adapters.documents.formats.table_columns import has_header, header_columns
from gliner_adapters.documents.formats.table_rows import Row, RowWriter, read_rows
from gliner_adapters.documents.types import Document
from gliner_adapters.errors import ConfigError, DataError
from gliner_adapters.extras import require

if TYPE_CHECKING:
    import pyarrow as pa

Kind = Literal["documents", "entities"]
"""A row a document, with nested columns, or a row an entity."""

#: Rows and characters after which a batch is written; a batch is held in memory.
BATCH_ROWS, BATCH_CHARACTERS = 1000, 1 << 24
#: The most bytes of a batch that is read, however few they are in the file.
MAX_BATCH = 1 << 30
#: Columns that hold a list, and not a value a row.
_NESTED = ("entities", "words", "sentences", "tokenized_text", "ner")


def arrow() -> Any:
    """The package pyarrow; the error names the extra where it is missing."""
    return require("pyarrow", "tables")


def schema(kind: Kind) -> pa.Schema:
    """The columns of a table of documents or of entities."""
    pa = arrow()
    if kind == "entities":
        return pa.schema(
            [
                ("document_number", pa.int64()),
                ("id", pa.string()),
                ("text", pa.string()),
                ("start", pa.int64()),
                ("end", pa.int64()),
                ("label", pa.string()),
                ("mention", pa.string()),
                ("score", pa.float64()),
                ("identifier", pa.string()),
            ]
        )
    span = [("start", pa.int64()), ("end", pa.int64())]
    more = [("label", pa.string()), ("score", pa.float64()), ("id", pa.string()), ("meta", pa.string())]
    return pa.schema(
        [
            ("id", pa.string()),
            ("text", pa.string()),
            ("entities", pa.list_(pa.struct([*span, *more]))),
            ("words", pa.list_(pa.struct(span))),
            ("sentences", pa.list_(pa.struct(span))),
            ("meta", pa.string()),
        ]
    )


def batches_of(documents: Iterable[Document], kind: Kind, report: WriteReport) -> Iterator[pa.RecordBatch]:
    """Documents as batches of rows, each bounded in rows and characters.

    Raises:
        DataError: a document cannot be expressed; by its id.
    """
    pa = arrow()
    made = schema(kind)
    writer = RowWriter(report)
    rows: list[dict[str, Any]] = []
    characters = 0
    for number, document in enumerate(documents, 1):
        name = document_name(document, number)
        _check_unicode(document, name)
        if kind == "entities":
            fresh = writer.rows(document, number)
        else:
            fresh = [_nested(document, name)]
            report.documents += 1
            report.entities += len(document.entities)
        for row in fresh:
            rows.append(row)
            characters += len(document.text)
            if len(rows) >= BATCH_ROWS or characters >= BATCH_CHARACTERS:
                yield pa.RecordBatch.from_pylist(rows, schema=made)
                rows, characters = [], 0
    if rows:
        yield pa.RecordBatch.from_pylist(rows, schema=made)


def _check_unicode(document: Document, name: str) -> None:
    for string in (document.id or "", document.text):
        encode(string, name)
    for entity in document.entities:
        encode(entity.label + (entity.identifier or ""), name)


def _nested(document: Document, name: str) -> dict[str, Any]:
    """A document as a row."""
    try:
        record = record_of(document)
        for each in (record, *record["entities"]):
            if "meta" in each:
                each["meta"] = json.dumps(each["meta"], ensure_ascii=False, allow_nan=False)
                encode(each["meta"], name)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name}: its metadata cannot be written as JSON: {error}") from error
    for key in ("words", "sentences"):
        if key in record:
            record[key] = [{"start": start, "end": end} for start, end in record[key]]
    return record


def documents_of(
    table: pa.Schema,
    batches: Iterable[pa.RecordBatch],
    path: str,
    *,
    options: ReadOptions,
    report: ReadReport,
) -> Iterator[Document]:
    """The documents that batches of rows say, of whatever kind their columns are.

    Args:
        table: the columns.
        batches: the rows.
        path: what messages name.
        options: how to read.
        report: counts.

    Raises:
        DataError: a row is malformed, with ``path:row``; or the columns do not say what they are.
        ConfigError: ``options`` do not fit the table.
    """
    pa = arrow()
    names = list(table.names)
    if len(set(names)) < len(names):
        raise DataError(f"two columns have the same name among {', '.join(map(repr, names))}", path)
    listed = {each.name for each in table if pa.types.is_nested(each.type)}
    rows = _rows(batches, path)
    tagged = TOKENS in listed and any(name in listed for name in TAGS) and "text" not in names
    if options.tag_names and not tagged:
        raise ConfigError(f"{path} holds no {TOKENS} with {TAGS[0]}; leave the names of tags out")
    if not tagged and not any(name in listed for name in (*_NESTED, "label", "labels", "spans")):
        if options.columns and not has_header(options.columns):
            raise ConfigError("the columns of such a file have names; give FIELD=NAME for those with other names")
        try:
            columns = header_columns(names, options.columns)
        except ValueError as error:
            raise DataError(str(error), path) from None
        flat = (
            Row(number, *columns.cells([_plain(each) for each in row.values()]), problem)
            for number, row, problem in rows
        )
        yield from read_rows(flat, columns, path, options=options, report=report)
        return
    if options.columns:
        raise ConfigError(f"{path} has nested columns, whose names are given; leave columns out")
    tags = parsed_tags(options.tag_names or (_tag_names(table) if tagged else ()))

    def parse(given: tuple[int, dict[str, Any], str]) -> Document:
        number, row, problem = given

        def note(kind: str) -> None:
            report.add_repair(kind, path, number)

        try:
            if problem:
                raise Malformed(problem)
            values = {name: _plain(value) for name, value in row.items() if value is not None}
            check_text(None, values)
            return tagged_document(values, tags, note) if tagged else _document(values, note)
        except Malformed as error:
            raise DataError(str(error), path, number) from None

    yield from parse_records(rows, parse, skip_bad=options.skip_bad, report=report)


def _document(row: dict[str, Any], note: Note) -> Document:
    """The document of a row with nested columns."""
    for key in ("words", "sentences"):
        if key in row:
            row[key] = [
                [each.get("start"), each.get("end")] if isinstance(each, dict) else each for each in _listed(row[key])
            ]
    if "entities" in row:
        row["entities"] = [
            _with_meta({k: v for k, v in each.items() if v is not None}) if isinstance(each, dict) else each
            for each in _listed(row["entities"])
        ]
    return document_of(_with_meta(row), note)


def _listed(value: Any) -> list[Any]:
    """A list of objects, which ``datasets`` may keep as an object of lists."""
    if isinstance(value, dict) and value and all(isinstance(each, list) for each in value.values()):
        if len({len(each) for each in value.values()}) > 1:
            raise Malformed("expected lists of the same length in a nested column")
        return [dict(zip(value, each, strict=True)) for each in zip(*value.values(), strict=True)]
    if not isinstance(value, list):
        raise Malformed("expected a list in a nested column")
    return value


def _with_meta(record: dict[str, Any]) -> dict[str, Any]:
    """A record with its metadata as an object."""
    if isinstance(record.get("meta"), str):
        try:
            record["meta"] = json.loads(record["meta"])
        except (ValueError, RecursionError):
            raise Malformed("expected JSON in the column 'meta'") from None
    return record


def _rows(batches: Iterable[pa.RecordBatch], path: str) -> Iterator[tuple[int, dict[str, Any], str]]:
    """Rows with their numbers from 1, and what is wrong with one, if anything is."""
    number = 0
    for batch in batches:
        if batch.nbytes > MAX_BATCH:
            raise DataError(f"more than {MAX_BATCH >> 20} MB in {len(batch)} rows; write smaller batches", path, number)
        try:
            rows: Sequence[Any] = batch.to_pylist()
        except Exception:  # whatever a damaged value makes pyarrow raise: then row by row
            rows = _one_by_one(batch)
        for row in rows:
            number += 1
            if isinstance(row, Exception):
                yield number, {}, f"a value cannot be read: {type(row).__name__}: {str(row)[:200]}"
            else:
                yield number, row, ""


def _one_by_one(batch: pa.RecordBatch) -> list[Any]:
    """The rows of a batch, or the error in the place of each that cannot be read."""
    found: list[Any] = []
    for place in range(len(batch)):
        try:
            found.append(batch.slice(place, 1).to_pylist()[0])
        except Exception as error:  # as above
            found.append(error)
    return found


def _plain(value: Any) -> Any:
    """A value as JSON knows it; others (dates, bytes, decimals) as text."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value if value is None or isinstance(value, str | bool | int | float) else str(value)


def _tag_names(table: pa.Schema) -> tuple[str, ...]:
    """The names of tags that ``datasets`` keeps in a table."""
    try:
        features = json.loads((table.metadata or {})[b"huggingface"])["info"]["features"]
        return next(tuple(map(str, features[name]["feature"]["names"])) for name in TAGS if name in features)
    except (KeyError, TypeError, ValueError, StopIteration):
        return ()
