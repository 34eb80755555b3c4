"""The lines of brat's ``.ann`` files: text-bound annotations as entities, all other lines as they stand.

    T1	Chemical 0 8	Naloxone
    T2	Disease 10 16;30 38	Ocular toxicity
    N1	Reference T1 MESH:D009270	naloxone
    R1	CID Arg1:T1 Arg2:T2

``Document.meta["brat"]["lines"]`` are the lines in order, a text-bound annotation by its id alone, so that the same
file can be written again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any
from urllib.parse import quote, unquote

from gliner_adapters.documents.formats.base import DISCONTINUOUS, ReadOptions
from gliner_adapters.documents.formats.line_ends import ONE_CHARACTER, with_both_counted
from gliner_adapters.documents.formats.report import ReadReport, WriteReport
from gliner_adapters.documents.formats.streams import decode
from gliner_adapters.documents.types import Document, Entity
from gliner_adapters.errors import DataError

SPACES = "mention differs from the text in its white space"
BLANK = "blank line left out"
TYPE = "type with white space written with underscores"
SCORE = "score left out"
GONE = "line that refers to an annotation that is gone left out"
METADATA = "metadata that brat does not hold left out"
MORE_IDS = "further identifier of an entity kept as its line only"

#: The database of identifiers that name none themselves: brat wants one.
NO_DATABASE = "id"

_LINE = re.compile(r"[REAMN]\d+[^\t]*\t\S.*|\*\t\S.*|#\S*\t\S.*", re.DOTALL)
_BOUND = re.compile(r"(T\S+)\t(\S+) (\d{1,12} \d{1,12}(?:;\d{1,12} \d{1,12})*)(?:\t(.*))?", re.DOTALL)
_REFERENCE = re.compile(r"N\S+\t\S+ (T\S+) (\S+)(?:\t.*)?", re.DOTALL)
_REFERENT = re.compile(r"(?:^|[\s:])([TREAMN]\d+)(?=\s|$)")
_SPACE = re.compile(r"\s+")
_SPACE_CHARACTER = re.compile(r"\s")


class AnnReader:
    """Reads the annotations of one document.

    Args:
        text: the document's text.
        path: the ``.ann`` file, for messages.
    """

    def __init__(self, text: str, path: str, options: ReadOptions, report: ReadReport) -> None:
        self._text = text
        self._path = path
        self._options = options
        self._report = report

    def read(self, raw: bytes) -> tuple[list[Entity], dict[str, Any]]:
        """Entities, and what ``Document.meta["brat"]`` holds.

        Raises:
            DataError: a line is malformed, or its mention is not what stands in the text; with file and line.
        """
        content = decode(raw, self._path, 1)
        newline = "\r\n" if "\r\n" in content else "\n"
        rows = content.split(newline)
        meta: dict[str, Any] = {}
        if rows[-1] == "":
            rows.pop()
        elif rows:
            meta["unterminated"] = True
        if newline != "\n":
            meta["newline"] = newline
        lines: list[str] = []
        bound: dict[str, list[Entity]] = {}
        references: dict[str, str] = {}
        for number, row in enumerate(rows, 1):
            if not row.strip():
                self._report.add_repair(BLANK, self._path, number)
                continue
            if row.startswith("T"):
                identifier, entities = self._bound(row, number)
                if identifier in bound:
                    raise self._error(f"two annotations {identifier}", number)
                bound[identifier] = entities
                if entities:
                    lines.append(identifier)
                continue
            if not _LINE.fullmatch(row):
                raise self._error(
                    f"expected T, R, E, A, M, N, * or # with its number, a tab, what it says; found {row[:40]!r}",
                    number,
                )
            lines.append(row)
            if found := _REFERENCE.fullmatch(row):
                if found[1] in references:
                    self._report.add_repair(MORE_IDS, self._path, number)
                references.setdefault(found[1], from_reference(found[2]))
        if lines:
            meta["lines"] = lines
        entities = [
            Entity(each.start, each.end, each.label, None, references.get(identifier), each.meta)
            for identifier, parts in bound.items()
            for each in parts
        ]
        return entities, meta

    def _bound(self, row: str, line: int) -> tuple[str, list[Entity]]:
        """The id of a text-bound annotation and the entities that are made of it."""
        found = _BOUND.fullmatch(row)
        if not found:
            raise self._error(
                f"expected an id, a tab, type, start and end, a tab, the mention; found {row[:40]!r}", line
            )
        identifier, label, places, mention = found.groups()
        parts = [(int(start), int(end)) for start, end in (place.split() for place in places.split(";"))]
        if mention is not None:
            parts = self._checked(parts, mention, line)
        if any(not 0 <= start < end <= len(self._text) for start, end in parts):
            raise self._error(f"expected offsets within the text's {len(self._text)} characters, found {places}", line)
        meta: dict[str, Any] = {"id": identifier}
        first, last = min(start for start, _ in parts), max(end for _, end in parts)
        if len(parts) == 1:
            return identifier, [Entity(first, last, label, meta={"brat": meta})]
        if self._joined(parts):
            meta["parts"] = [list(part) for part in parts]  # parts that touch are one stretch
            return identifier, [Entity(first, last, label, meta={"brat": meta})]
        self._report.add_repair(DISCONTINUOUS[self._options.discontinuous], self._path, line)
        if self._options.discontinuous == "drop":
            return identifier, []
        if self._options.discontinuous == "split":
            # The first part keeps the id, so that relations still lead to it.
            return identifier, [
                Entity(start, end, label, meta={"brat": meta} if index == 0 else None)
                for index, (start, end) in enumerate(parts)
            ]
        meta["parts"] = [list(part) for part in parts]
        return identifier, [Entity(first, last, label, meta={"brat": meta})]

    @staticmethod
    def _joined(parts: list[tuple[int, int]]) -> bool:
        return all(left[1] == right[0] for left, right in pairwise(parts))

    def _checked(self, parts: list[tuple[int, int]], mention: str, line: int) -> list[tuple[int, int]]:
        """The parts, at offsets where the mention stands."""
        stated = mention_at(self._text, parts)
        if stated == mention:
            return parts
        moved = [one for part in parts if (one := with_both_counted(self._text, *part))]
        if len(moved) == len(parts) and mention_at(self._text, moved) == mention:
            self._report.add_repair(ONE_CHARACTER, self._path, line)
            return moved
        if _SPACE.sub("", stated) == _SPACE.sub("", mention) != "":
            self._report.add_repair(SPACES, self._path, line)
            return parts
        raise self._error(f"expected the mention {mention[:40]!r} at its offsets, found {stated[:40]!r}", line)

    def _error(self, message: str, line: int) -> DataError:
        return DataError(message, self._path, line)


def mention_at(text: str, parts: list[tuple[int, int]]) -> str:
    """A mention as brat writes it: a space between parts, and for each character of white space."""
    return " ".join(_SPACE_CHARACTER.sub(" ", text[start:end]) for start, end in parts)


def from_reference(reference: str) -> str:
    """An identifier out of ``database:identifier``."""
    database, _, identifier = reference.partition(":")
    return unquote(identifier) if database == NO_DATABASE else reference


def to_reference(identifier: str) -> str:
    """An identifier as ``database:identifier``, without white space."""
    database, _, rest = identifier.partition(":")
    if database and rest and database != NO_DATABASE and not _SPACE_CHARACTER.search(identifier):
        return identifier
    return f"{NO_DATABASE}:{quote(identifier, safe='', errors='replace')}"


def ann_text(document: Document, report: WriteReport) -> str:
    """The ``.ann`` file of a document."""
    meta: Mapping[str, Any] = document.meta.get("brat", {})
    if document.meta.keys() - {"brat"}:
        report.changes[METADATA] += 1
    kept: list[str] = list(meta.get("lines", ()))
    entities: dict[str, Entity] = {}
    fresh: list[Entity] = []
    for entity in document.entities:
        identifier = (entity.meta or {}).get("brat", {}).get("id")
        if isinstance(identifier, str) and identifier not in entities and re.fullmatch(r"T\S+", identifier):
            entities[identifier] = entity
        else:
            fresh.append(entity)
    numbers = _numbers("T", [*entities, *(line for line in kept if "\t" not in line)])
    entities |= {next(numbers): entity for entity in fresh}
    lines, there = _still_true(kept, entities, report)
    references = {
        found[1]: from_reference(found[2]) for line in reversed(lines) if (found := _REFERENCE.fullmatch(line))
    }
    numbers = _numbers("N", [line.partition("\t")[0] for line in lines])
    written: list[str] = []
    for line in lines:
        written.append(line if "\t" in line else _bound_line(document, line, entities[line], report))
    for identifier, entity in entities.items():
        if identifier not in there:
            written.append(_bound_line(document, identifier, entity, report))
        if entity.identifier is not None and references.get(identifier) != entity.identifier:
            written.append(f"{next(numbers)}\tReference {identifier} {to_reference(entity.identifier)}\t")
    newline = meta.get("newline", "\n")
    return newline.join(written) + (newline if written and not meta.get("unterminated") else "")


def _still_true(lines: list[str], entities: Mapping[str, Entity], report: WriteReport) -> tuple[list[str], set[str]]:
    """The lines all of whose annotations are there, and the ids of the text-bound ones among them."""
    there = {line for line in lines if "\t" not in line and line in entities}
    lines = [line for line in lines if "\t" in line or line in there]
    while True:
        known = set(entities) | {line.partition("\t")[0] for line in lines}
        good = []
        identified: set[str] = set()
        for line in lines:
            rest = line.partition("\t")[2]
            found = _REFERENCE.fullmatch(line)
            changed = False
            if found and found[1] in entities and found[1] not in identified:
                identified.add(found[1])  # by its first reference
                changed = entities[found[1]].identifier != from_reference(found[2])
            referents = _REFERENT.findall(rest.partition("\t")[0].partition(" ")[2]) if rest else []
            referents += re.findall(r"^\S+?:([TE]\d+)", rest)  # an event's trigger
            if not rest or (not changed and all(each in known for each in referents)):
                good.append(line)
            else:
                report.changes[GONE] += 1
        if len(good) == len(lines):
            return good, there
        lines = good


def _bound_line(document: Document, identifier: str, entity: Entity, report: WriteReport) -> str:
    kept = (entity.meta or {}).get("brat", {})
    parts = [(entity.start, entity.end)]
    # Parts are kept only if they still lead to this very entity: it may have been moved since it was read.
    stated = [(int(start), int(end)) for start, end in kept.get("parts", ())]
    if stated and (min(s for s, _ in stated), max(e for _, e in stated)) == (entity.start, entity.end):
        parts = stated
    if (entity.meta or {}).keys() - {"brat"}:
        report.changes[METADATA] += 1
    if entity.score is not None:
        report.changes[SCORE] += 1
    label = _SPACE.sub("_", entity.label)
    if label != entity.label:
        report.changes[TYPE] += 1
    places = ";".join(f"{start} {end}" for start, end in parts)
    return f"{identifier}\t{label} {places}\t{mention_at(document.text, parts)}"


def _numbers(letter: str, taken: list[str]) -> Iterator[str]:
    names = set(taken)
    number = 0
    while True:
        number += 1
        if f"{letter}{number}" not in names:
            yield f"{letter}{number}"
