"""One table out of a job, and counts.

PubMed's files tell a citation again when it has changed, and name those that were deleted. With ``latest`` each id
stands once: of several the highest version, then the one in the input whose path comes last (files of PubMed are
numbered), then the last one there. An id that a later input declares deleted is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from gliner_adapters.documents import Document, WriteReport, read_documents, write_documents
from gliner_adapters.documents.formats import get_format
from gliner_adapters.errors import ConfigError, DataError
from gliner_adapters.jobs.counting import version_of
from gliner_adapters.jobs.folder import JobFolder
from gliner_adapters.jobs.records import FileRecord

#: Ids that are numbers up to this one are remembered by a bit; PubMed's are.
MOST_BITS = 1 << 30


class SeenIds:
    """A set of ids. Numbers, as PubMed's ids are, take a bit each: 40 million of them fit in 6 MB."""

    def __init__(self) -> None:
        self._bits = bytearray()
        self._others: set[str] = set()

    def add(self, name: str) -> bool:
        """Put an id in; whether it is new."""
        number = int(name) if name.isascii() and name.isdigit() and len(name) < 11 and str(int(name)) == name else -1
        if not 0 <= number < MOST_BITS:
            new = name not in self._others
            self._others.add(name)
            return new
        place, bit = number >> 3, 1 << (number & 7)
        if place >= len(self._bits):
            self._bits.extend(bytes(place + 1 - len(self._bits) + len(self._bits) // 2))
        new = not self._bits[place] & bit
        self._bits[place] |= bit
        return new


def export(out: str | Path, to: str | Path, form: str | None = None, *, latest: bool = False) -> WriteReport:
    """Write all outputs of a job as one file.

    Args:
        out: the job's folder.
        to: the file; it appears when it is complete.
        form: its format; by default what the ending says. ``csv`` and ``parquet-entities`` have a row an entity.
        latest: each document's id once, the latest version, without those that were deleted. The inputs stand in
            reverse order then.

    Returns:
        What was written, and what the format had no place for.

    Raises:
        ConfigError: there is no job, or its outputs are in a format that is not read.
        DataError: an output differs from its record or is missing; or an id is wanted and missing.
    """
    folder = JobFolder(out)
    written = folder.settings().to
    if not get_format(written).readable:
        raise ConfigError(f"the outputs are in the format {written}, which is written and not read")
    records = sorted(_finished(folder), key=lambda record: record.input.path)
    documents = _latest(folder, written, records) if latest else _all(folder, written, records)
    return write_documents(documents, to, form, on_conflict="drop")


def label_counts(out: str | Path) -> dict[str, dict[str, int]]:
    """Entities of each input, by label.

    Args:
        out: the job's folder.

    Raises:
        ConfigError: there is no job.
    """
    return {record.input.path: record.entities for record in _finished(JobFolder(out))}


def _finished(folder: JobFolder) -> list[FileRecord]:
    digest = folder.digest()
    return [record for record in folder.all_records().values() if record.fingerprint == digest]


def _all(folder: JobFolder, form: str, records: Iterable[FileRecord]) -> Iterator[Document]:
    for record in records:
        yield from _read(folder, form, record)


def _read(folder: JobFolder, form: str, record: FileRecord) -> Iterator[Document]:
    if record.output is None:
        return
    path = folder.outputs / record.output.file
    if not path.is_file() or path.stat().st_size != record.output.size:
        raise DataError("differs from its record; see `job verify`, and do it anew with `job run`", path)
    yield from read_documents(path, form)


def _latest(folder: JobFolder, form: str, records: list[FileRecord]) -> Iterator[Document]:
    """From the newest input to the oldest, so that the first of an id is the one that counts."""
    seen, highest = SeenIds(), _highest(records)
    for number in range(len(records) - 1, -1, -1):
        kept: dict[str, tuple[int, Document]] = {}
        for document in _read(folder, form, records[number]):
            if document.id is None:
                raise DataError("a document without an id cannot be told from others", records[number].input.path)
            version = version_of(document)
            if (version, number) < highest.get(document.id, (version, number)):
                continue
            if document.id not in kept or version >= kept[document.id][0]:
                kept[document.id] = (version, document)
        yield from (document for name, (_, document) in kept.items() if seen.add(name))
        for name in records[number].deleted:
            seen.add(name)


def _highest(records: list[FileRecord]) -> dict[str, tuple[int, int]]:
    """Of ids that have versions above the first: the highest, and the last input that has it."""
    found: dict[str, tuple[int, int]] = {}
    for number, record in enumerate(records):
        for name, version in record.versions.items():
            found[name] = max(found.get(name, (0, 0)), (version, number))
    return found
