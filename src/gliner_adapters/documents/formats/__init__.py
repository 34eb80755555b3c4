"""Readers and writers of documents: IOB2/CoNLL, PubTator, BioC JSON, JSON Lines.

Reading and writing stream. A format is one module with a ``FORMAT``; see :mod:`.base`.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

from gliner_adapters.documents.formats.base import Format, OnConflict
from gliner_adapters.documents.formats.registry import detect_format, formats, get_format
from gliner_adapters.documents.formats.report import ReadReport, RepairWarning, WriteReport
from gliner_adapters.documents.formats.streams import check_readable, display_name, open_input, open_output
from gliner_adapters.documents.types import Document

__all__ = [
    "Format",
    "OnConflict",
    "ReadReport",
    "RepairWarning",
    "WriteReport",
    "detect_format",
    "formats",
    "get_format",
    "read_documents",
    "write_documents",
]


def read_documents(
    path: str | Path,
    format: str | None = None,  # noqa: A002 - the word users know
    *,
    skip_bad: bool = False,
    report: ReadReport | None = None,
) -> Iterator[Document]:
    """Read the documents of a file, one at a time.

    Args:
        path: the file; decompressed if it ends in ``.gz``; ``-`` is standard input.
        format: name of the format; by default what the ending says.
        skip_bad: leave out records that cannot be read and count them in ``report``, instead of raising.
        report: receives the counts. Without one, a single :class:`RepairWarning` at the end tells what was
            repaired or left out.

    Returns:
        An iterator; the file is opened when the first document is asked for.

    Raises:
        DataError: the file is missing or damaged, or a record is malformed; with ``path:line``.
        ConfigError: the format is unknown or cannot be told from the ending.
    """
    reader = get_format(format or detect_format(path))
    check_readable(path)
    return _read(reader, path, skip_bad, report)


def _read(reader: Format, path: str | Path, skip_bad: bool, report: ReadReport | None) -> Iterator[Document]:
    counts = ReadReport() if report is None else report
    try:
        with open_input(path) as stream:
            yield from reader.read(stream, display_name(path), skip_bad=skip_bad, report=counts)
    finally:
        if report is None and (problems := counts.problems()):
            warnings.warn(f"{display_name(path)}: {'; '.join(problems)}", RepairWarning, stacklevel=2)


def write_documents(
    documents: Iterable[Document],
    path: str | Path,
    format: str | None = None,  # noqa: A002 - the word users know
    *,
    on_conflict: OnConflict = "error",
) -> WriteReport:
    """Write documents to a file, which appears (or is replaced) only when all of them are written.

    Args:
        documents: consumed one at a time.
        path: the file; compressed if it ends in ``.gz``; ``-`` is standard output.
        format: name of the format; by default what the ending says.
        on_conflict: what to do with entities that the format cannot express; see :data:`OnConflict`.

    Returns:
        What was written, left out or changed.

    Raises:
        DataError: a document cannot be expressed in the format; names the document.
        ConfigError: the format is unknown or cannot be told from the ending.
    """
    writer = get_format(format or detect_format(path))
    report = WriteReport()
    with open_output(path) as stream:
        writer.write(documents, stream, on_conflict=on_conflict, report=report)
    return report
