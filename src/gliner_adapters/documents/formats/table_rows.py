"""Rows of tables, to and from documents: one row an entity, and one row a document that has none.

The rows of a document stand together. They have its ``document_number`` where there is such a column, else its ``id``,
else its text; an empty text in a further row means the same text. A table without columns of entities has one row a
document. Rows that come apart are an error, for they would make two documents of one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from numbers import Integral
from typing import Any

from gliner_adapters.documents.formats.base import ReadOptions, parse_records
from gliner_adapters.documents.formats.json_entities import Note, make_entity
from gliner_adapters.documents.formats.json_fields import Malformed
from gliner_adapters.documents.formats.json_records import METADATA, WORDS
from gliner_adapters.documents.formats.report import ReadReport, WriteReport
from gliner_adapters.documents.formats.table_columns import ENTITY, Columns, field_of
from gliner_adapters.documents.types import Document, Entity
from gliner_adapters.errors import DataError

PLACED = "entity without offsets read where its text stands, which is one place"
#: The key of ``meta`` under which further columns are kept.
OTHERS = "table"


@dataclass(slots=True)
class Row:
    """A row of a table.

    Attributes:
        line: where it begins, counted from 1.
        cells: values by field; strings, numbers or nothing.
        others: values of the other columns by name.
        problem: what is wrong with it already.
    """

    line: int
    cells: dict[str, Any]
    others: dict[str, Any]
    problem: str = ""


def read_rows(
    rows: Iterable[Row], columns: Columns, path: str, *, options: ReadOptions, report: ReadReport
) -> Iterator[Document]:
    """The documents that rows say.

    Raises:
        DataError: a row is malformed, or the rows of a document do not stand together; with ``path:line``.
    """

    def parse(group: _Group) -> Document:
        return _document(group, columns, path, report)

    return parse_records(_groups(rows, columns), parse, skip_bad=options.skip_bad, report=report)


@dataclass(slots=True)
class _Group:
    """The rows of one document, and what is wrong with them as a whole."""

    key: Any
    rows: list[Row]
    problem: tuple[int, str] | None = None


def _groups(rows: Iterable[Row], columns: Columns) -> Iterator[_Group]:
    """Rows that belong to one document."""
    if not columns.annotated:
        for row in rows:
            yield _Group(None, [row])
        return
    held: _Group | None = None
    numbered = "document_number" in columns.places
    seen: set[Any] = set()
    last = 0
    for row in rows:
        key = _key(row, numbered)
        # A row that does not say whose it is spoils the document that it stands in, rather than come off it unseen.
        if held is not None and (key is None or key == held.key):
            held.rows.append(row)
            continue
        if held is not None:
            yield held
        held = _Group(key, [row])
        if key is None:
            continue
        if numbered and isinstance(key, int):
            if key <= last:
                held.problem = (row.line, f"document_number {key} after {last}; expected the rows of each document "
                                "together, numbers going up")  # fmt: skip
            last = max(last, key)
        elif hash(key) in seen:
            held.problem = (row.line, f"rows of the document {str(key[1])[:40]!r} stand further up too; expected the "
                            "rows of each document together (sort the table)")  # fmt: skip
        else:
            seen.add(hash(key))
    if held is not None:
        yield held


def _key(row: Row, numbered: bool) -> Any:
    """What the rows of one document have in common; ``None`` if this one does not say."""
    if numbered:
        try:
            return _whole(row.cells, "document_number")
        except Malformed:
            return None
    for field in ("id", "text"):
        if not is_empty(value := row.cells.get(field)):
            return field, str(value)
    return None


def _document(group: _Group, columns: Columns, path: str, report: ReadReport) -> Document:
    """The document that a group of rows says."""
    if group.problem is not None:
        raise DataError(group.problem[1], path, group.problem[0])
    text, name = "", None
    entities: list[Entity] = []
    meta: dict[str, Any] = {}
    for number, row in enumerate(group.rows):

        def note(kind: str, line: int = row.line) -> None:
            report.add_repair(kind, path, line)

        try:
            if row.problem:
                raise Malformed(row.problem)
            if columns.annotated and "document_number" in columns.places:
                _whole(row.cells, "document_number")
            here, own = _string(row.cells, "text"), _string(row.cells, "id") or None
            if not number:
                text, name = here, own
            elif here not in ("", text):
                raise Malformed(f"another text than in row {group.rows[0].line}, where this document begins")
            elif own not in (None, name):
                raise Malformed(f"another id than {name!r} in row {group.rows[0].line}, where this document begins")
            kept = {key: value for key, value in row.others.items() if not is_empty(value)}
            if columns.annotated and any(not is_empty(row.cells.get(field)) for field in ENTITY):
                entities.append(_entity(row.cells, text, {OTHERS: kept} if kept else None, note))
            elif number:
                raise Malformed("a further row of a document, without an entity")
            elif kept:
                meta[OTHERS] = kept
        except Malformed as error:
            raise DataError(str(error), path, row.line) from None
    return Document(text, entities, name, meta=meta)


def _entity(cells: dict[str, Any], text: str, meta: dict[str, Any] | None, note: Note) -> Entity:
    mention = _string(cells, "mention") or None
    start, end = _number(cells, "start"), _number(cells, "end")
    if (start is None) != (end is None):
        raise Malformed(f"the {'start' if start is None else 'end'} of an entity is empty")
    if start is None or end is None:
        if mention is None:
            raise Malformed("an entity without start, end and mention")
        start = text.find(mention)
        if start < 0 or text.find(mention, start + 1) >= 0:
            times = "nowhere" if start < 0 else "in several places"
            raise Malformed(f"the mention {mention[:40]!r} stands {times} in the text; give its start and end")
        end = start + len(mention)
        note(PLACED)
    label = _string(cells, "label")
    identifier = _string(cells, "identifier") or None
    return make_entity(
        text,
        start,
        end,
        label,
        note=note,
        mention=mention,
        score=_score(cells),
        identifier=identifier,
        meta=meta,
    )


def is_empty(value: Any) -> bool:
    """Whether a cell holds nothing; data frames say so with NaN."""
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def _string(cells: dict[str, Any], field: str) -> str:
    """A text; a number where the table has columns of numbers, as ids often are."""
    value = cells.get(field)
    if is_empty(value):
        return ""
    if isinstance(value, str):
        return value
    if field in ("id", "identifier") and isinstance(value, Integral) and not isinstance(value, bool):
        return str(value)
    raise Malformed(f"expected a string as {field}, found {str(value)[:40]!r}")


def _number(cells: dict[str, Any], field: str) -> int | None:
    return None if is_empty(cells.get(field)) else _whole(cells, field)


def _whole(cells: dict[str, Any], field: str) -> int:
    """A whole number; data frames write those of a column with gaps as ``8.0``."""
    value = cells.get(field)
    if isinstance(value, str) and value.isascii() and value.removesuffix(".0").isdigit() and len(value) < 16:
        return int(value.removesuffix(".0"))
    if isinstance(value, Integral) and not isinstance(value, bool):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    found = "nothing" if is_empty(value) else repr(str(value)[:40])
    raise Malformed(f"expected a whole number as {field}, found {found}")


def _score(cells: dict[str, Any]) -> float | None:
    value: Any = cells.get("score")
    if is_empty(value):
        return None
    try:
        if isinstance(value, bool) or (isinstance(value, str) and "_" in value):
            raise ValueError
        return float(value)
    except (TypeError, ValueError):
        raise Malformed(f"expected a number as score, found {str(value)[:40]!r}") from None


class RowWriter:
    """Makes rows of documents.

    Args:
        report: counts what a table has no place for.
        others: whether the further columns that documents came with are written.
    """

    def __init__(self, report: WriteReport, *, others: bool = False) -> None:
        self._report = report
        self._with_others = others
        self.others: tuple[str, ...] | None = None if others else ()

    def rows(self, document: Document, number: int) -> list[dict[str, Any]]:
        """The rows of the document with this number, each a value for each field that it has.

        The first document says which further columns are written.
        """
        if self.others is None:
            names = dict.fromkeys(document.meta.get(OTHERS, {}))
            names |= dict.fromkeys(name for e in document.entities for name in (e.meta or {}).get(OTHERS, {}))
            self.others = tuple(name for name in names if field_of(name) is None)
        self._count_losses(document)
        shared = {"document_number": number, "id": document.id, "text": document.text}
        own = document.meta.get(OTHERS, {})
        if not document.entities:
            return [shared | self._further(own)]
        return [
            shared
            | {
                "start": entity.start,
                "end": entity.end,
                "label": entity.label,
                "mention": document.mention(entity),
                "score": entity.score,
                "identifier": entity.identifier,
            }
            | self._further(own | (entity.meta or {}).get(OTHERS, {}))
            for entity in document.entities
        ]

    def _further(self, values: dict[str, Any]) -> dict[str, Any]:
        """Values of the further columns, set apart from the fields."""
        return {f"{OTHERS}.{name}": values[name] for name in self.others or () if name in values}

    def _count_losses(self, document: Document) -> None:
        report = self._report
        report.documents += 1
        report.entities += len(document.entities)
        report.changes[WORDS] += document.words is not None or document.sentences is not None
        report.changes[METADATA] += self._loses(document.meta) or any(
            self._loses(entity.meta or {}) for entity in document.entities
        )
        report.changes += type(report.changes)()  # without zeros

    def _loses(self, meta: Any) -> bool:
        return bool(meta.keys() - {OTHERS} or meta.get(OTHERS, {}).keys() - set(self.others or ()))
