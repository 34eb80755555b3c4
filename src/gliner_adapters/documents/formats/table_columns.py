"""Columns of tables: what each says, by its name or because the caller says so.

``columns`` (:attr:`~.base.ReadOptions.columns`) is one of two things. ``start=from`` and ``label=class`` say which
columns of the header have those fields; the others are known by their names (:data:`NAMES`). Fields alone (``id``,
``text``, ``-``) are the columns in their order of a file that has no header; ``-`` is passed over. Columns that are no
field are kept beside the entity or document of their row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from gliner_adapters.errors import ConfigError

#: The fields of a row, in the order in which they are written, and the names that their columns may have.
NAMES: dict[str, tuple[str, ...]] = {
    "document_number": ("document_number",),
    "id": ("id", "document_id", "doc_id", "docid", "document", "pmid"),
    "text": ("text", "document_text", "sentence", "abstract"),
    "start": ("start", "start_offset", "start_char", "begin"),
    "end": ("end", "end_offset", "end_char", "stop"),
    "label": ("label", "type", "entity_type", "class", "category"),
    "mention": ("mention", "entity", "entity_text", "mention_text", "span_text", "surface"),
    "score": ("score", "probability", "confidence"),
    "identifier": ("identifier", "concept_id", "concept"),
}
FIELDS = tuple(NAMES)
#: What a row says of an entity.
ENTITY = ("start", "end", "label", "mention", "score", "identifier")
PASSED_OVER = "-"
_FIELD_OF = {name: field for field, names in NAMES.items() for name in names}

ValueT = TypeVar("ValueT")


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of one table.

    Attributes:
        places: field to place in the row, counted from 0.
        others: name to place, of columns that are no field.
        width: how many columns there are.
    """

    places: dict[str, int]
    others: dict[str, int]
    width: int

    @property
    def annotated(self) -> bool:
        """Whether rows are entities, and not documents alone."""
        return any(field in self.places for field in ("start", "label", "mention"))

    def cells(self, row: Sequence[ValueT]) -> tuple[dict[str, ValueT], dict[str, ValueT]]:
        """A row's values by field, and those of the other columns by name; none of the columns that it is short of."""
        size = len(row)
        return (
            {field: row[place] for field, place in self.places.items() if place < size},
            {name: row[place] for name, place in self.others.items() if place < size},
        )


def has_header(columns: Sequence[str]) -> bool:
    """Whether a file that is read with these columns has a header.

    Raises:
        ConfigError: fields alone and fields with names are mixed.
    """
    named = ["=" in column for column in columns]
    if any(named) and not all(named):
        raise ConfigError(
            f"columns: give either FIELD=NAME for each that has another name, or the fields of all columns of a file "
            f"without a header; got {','.join(columns)}"
        )
    return all(named)


def listed_columns(columns: Sequence[str]) -> Columns:
    """The columns of a file without a header.

    Raises:
        ConfigError: a field is given twice, or none is the text.
    """
    places: dict[str, int] = {}
    others: dict[str, int] = {}
    for place, name in enumerate(columns):
        if name == PASSED_OVER:
            continue
        kept = places if name in FIELDS else others
        if name in kept:
            raise ConfigError(f"columns: {name!r} is given twice")
        kept[name] = place
    found = Columns(places, others, len(columns))
    if problem := _missing(found):
        raise ConfigError(f"columns: {problem}; fields are {', '.join(FIELDS)}, and {PASSED_OVER} passes a column over")
    return found


def header_columns(header: Sequence[str], columns: Sequence[str] = ()) -> Columns:
    """The columns that a header names.

    Args:
        header: the names.
        columns: ``FIELD=NAME`` for fields whose columns have other names than the usual ones.

    Raises:
        ConfigError: ``columns`` name a field that does not exist or a column that is not there.
        ValueError: the header does not say which column is which.
    """
    names = [name.strip() for name in header]
    given = _given(columns, names)
    places: dict[str, int] = {}
    others: dict[str, int] = {}
    by_place = {place: field for field, place in given.items()}
    for place, name in enumerate(names):
        field = by_place.get(place) or field_of(name)
        if field is not None and (place in by_place or field not in given):
            if field in places:
                raise ValueError(
                    f"the columns {names[places[field]]!r} and {name!r} could each be the {field}; say which one is, "
                    f"with columns {field}=NAME"
                )
            places[field] = place
        elif name in others:
            raise ValueError(f"two columns are called {name!r}")
        elif name:
            others[name] = place
    found = Columns(places, others, len(names))
    if problem := _missing(found):
        raise ValueError(f"{problem} among the columns {', '.join(map(repr, names))}; say which one is, with columns")
    return found


def _given(columns: Sequence[str], names: Sequence[str]) -> dict[str, int]:
    given: dict[str, int] = {}
    for column in columns:
        field, _, name = column.partition("=")
        if field not in FIELDS:
            raise ConfigError(f"columns: no field {field!r}; fields are {', '.join(FIELDS)}")
        if names.count(name) != 1:
            known = ", ".join(map(repr, names))
            raise ConfigError(f"columns: expected one column {name!r} for {column!r}, the header has {known}")
        if field in given or names.index(name) in given.values():
            raise ConfigError(f"columns: {column!r} says a second time what a field or a column is")
        given[field] = names.index(name)
    return given


def field_of(name: str) -> str | None:
    """The field that a column of this name has."""
    return _FIELD_OF.get(name.lower().replace(" ", "_"))


def _missing(columns: Columns) -> str:
    """What rows cannot do without and have not."""
    if "text" not in columns.places:
        return "no text of documents"
    if columns.annotated:
        if "label" not in columns.places:
            return "no label of entities"
        if ("start" in columns.places) != ("end" in columns.places):
            return f"no {'end' if 'start' in columns.places else 'start'} of entities"
        if "start" not in columns.places and "mention" not in columns.places:
            return "neither start and end nor the mention of entities"
    return ""
