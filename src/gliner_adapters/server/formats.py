"""What an answer is written as: JSON, or a file format of documents, by the request's ``Accept``."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from gliner_adapters.annotate import Reading
from gliner_adapters.documents import Document, Entity, WriteOptions, WriteReport
from gliner_adapters.documents.formats import get_format
from gliner_adapters.server.errors import ApiError
from gliner_adapters.server.schemas import EntityBody, ResultBody

JSON = "application/json"

#: Media types and the document formats that they mean, the preferred one first. JSON is the API's own.
MEDIA_TYPES: dict[str, str | None] = {
    JSON: None,
    "application/x-ndjson": "jsonl",
    "text/x-pubtator": "pubtator",
    "application/vnd.pubtator": "pubtator",
    "application/vnd.bioc+json": "bioc",
}

#: The header that says what an answer in a file format does not hold.
NOTES = "X-Notes"
#: Its longest value in characters: proxies refuse headers beyond a few kilobytes.
_MAX_NOTES = 2000


def choose(accept: str) -> str:
    """The media type that a client likes best, of those known.

    Args:
        accept: the header; empty for anything.

    Raises:
        ApiError: 406, none is known; lists those that are.
    """
    ranges = list(_ranges(accept or "*/*"))
    best = max(MEDIA_TYPES, key=lambda each: _quality(each, ranges))  # the first of equals
    if _quality(best, ranges) <= 0:
        raise ApiError(406, "not_acceptable", f"answers come as {', '.join(MEDIA_TYPES)}")
    return best


def _ranges(accept: str) -> Iterator[tuple[str, float]]:
    """The media ranges of an Accept header with their weights; what is malformed counts as not asked for."""
    for part in accept.split(","):
        name, *parameters = (each.strip().lower() for each in part.split(";"))
        quality = next((each[2:] for each in parameters if each.startswith("q=")), "1")
        try:
            yield name, min(1.0, float(quality))
        except ValueError:
            continue


def _quality(media_type: str, ranges: Sequence[tuple[str, float]]) -> float:
    """How much a client likes a media type; the most specific range counts."""
    kind = media_type.partition("/")[0]
    for wanted in (media_type, f"{kind}/*", "*/*"):
        matching = [quality for name, quality in ranges if name == wanted]
        if matching:
            return max(matching)
    return 0.0


@dataclass(frozen=True, slots=True)
class Sourced:
    """An entity and the adapter that found it; ``None`` for plain labels."""

    entity: Entity
    adapter: str | None


def sourced(reading: Reading) -> list[Sourced]:
    """All entities of a reading in the order of the text."""
    found = [Sourced(entity, each.adapter) for each in reading.found for entity in each.entities]
    return sorted(found, key=lambda each: (each.entity.start, each.entity.end))


def result_body(reading: Reading, with_text: bool) -> ResultBody:
    """A reading in the API's own form."""
    document = reading.document
    result = ResultBody(
        id=document.id,
        entities=[
            EntityBody(
                start=each.entity.start,
                end=each.entity.end,
                text=document.mention(each.entity),
                label=each.entity.label,
                score=score_of(each.entity),
                adapter=each.adapter,
            )
            for each in sourced(reading)
        ],
        windowed=reading.windowed,
        notes=list(reading.notes),
    )
    return result.model_copy(update={"text": document.text}) if with_text else result


def score_of(entity: Entity) -> float:
    """The probability of an entity that was found."""
    assert entity.score is not None, "what is found has a probability"
    return entity.score


def write(readings: Sequence[Reading], name: str) -> tuple[bytes, list[str]]:
    """Readings as a file of a document format; where it holds metadata, entities name their adapter.

    Returns:
        The file, and what it does not say: what the format has no place for, and the notes of the readings.

    Raises:
        DataError: a document that the format cannot express, by its id or number.
    """
    stream, report = io.BytesIO(), WriteReport()
    get_format(name).write(map(_document, readings), stream, options=WriteOptions(), report=report)
    notes = Counter(note for reading in readings for note in reading.notes)
    return stream.getvalue(), [*report.losses(), *(f"{note} (texts: {count})" for note, count in notes.items())]


def notes_header(notes: Iterable[str]) -> str:
    """Notes as the value of a header: printable ASCII of bounded length."""
    lines = ["".join(c if c.isprintable() else " " for c in note) for note in notes]
    value = "; ".join(lines).encode("ascii", errors="backslashreplace").decode("ascii")
    return value if len(value) <= _MAX_NOTES else f"{value[:_MAX_NOTES]}..."


def _document(reading: Reading) -> Document:
    return reading.document.with_entities(
        [
            each.entity if each.adapter is None else replace(each.entity, meta={"adapter": each.adapter})
            for each in sourced(reading)
        ]
    )
