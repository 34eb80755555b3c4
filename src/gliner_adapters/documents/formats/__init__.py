"""Readers and writers of documents in the file formats of the field.

Reading and writing stream. A format is one module with a ``FORMAT``; see :mod:`.base`. Other packages add theirs
(:mod:`gliner_adapters.plugins`).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from gliner_adapters.documents.formats.base import (
    Discontinuous,
    Format,
    OnConflict,
    ReadOptions,
    WriteOptions,
)
from gliner_adapters.documents.formats.registry import (
    builtin_formats,
    detect_format,
    formats,
    get_format,
    written_format,
)
from gliner_adapters.documents.formats.report import ReadReport, RepairWarning, WriteReport
from gliner_adapters.documents.formats.streams import check_readable, display_name
from gliner_adapters.documents.inputs import only_documents
from gliner_adapters.documents.types import Document
from gliner_adapters.errors import ConfigError
from gliner_adapters.extras import require
from gliner_adapters.inputs import as_names, as_path

__all__ = [
    "Discontinuous",
    "Format",
    "OnConflict",
    "ReadOptions",
    "ReadReport",
    "RepairWarning",
    "WriteOptions",
    "WriteReport",
    "builtin_formats",
    "check_writable",
    "detect_format",
    "formats",
    "get_format",
    "read_documents",
    "write_documents",
    "written_format",
]


def read_documents(
    path: str | Path,
    format: str | None = None,  # noqa: A002 - the word users know
    *,
    skip_bad: bool = False,
    discontinuous: Discontinuous = "span",
    columns: Sequence[str] = (),
    tag_names: Sequence[str] = (),
    report: ReadReport | None = None,
) -> Iterator[Document]:
    """Read the documents of a file or folder, one at a time.

    Args:
        path: the file; decompressed if it ends in ``.gz``; ``-`` is standard input.
        format: name of the format; by default what ending and content say.
        skip_bad: leave out records that cannot be read and count them in ``report``, instead of raising.
        discontinuous: what to make of annotations of several parts; see :data:`Discontinuous`.
        columns: what the columns of the file are, for formats with columns; see docs/data.md.
        tag_names: names of tags that the file gives as numbers, in the order of these.
        report: receives the counts. Without one, a single :class:`RepairWarning` at the end tells what was
            repaired or left out.

    Returns:
        An iterator; the file is opened when the first document is asked for.

    Raises:
        DataError: the file is missing or damaged, or a record is malformed; with ``path:line``.
        ConfigError: the format is unknown, cannot be told, is not read, or takes no columns or tag names.
    """
    as_path(path, "the file to read")
    named = get_format(format) if format else None
    check_readable(path, folder=True)
    reader = named or get_format(detect_format(path))
    check_readable(path, folder=reader.in_folders)
    if not reader.readable:
        raise ConfigError(f"the format {reader.name} is written, not read")
    options = ReadOptions(
        skip_bad=skip_bad,
        discontinuous=discontinuous,
        columns=as_names(columns, "columns"),
        tag_names=as_names(tag_names, "tag_names"),
    )
    reader.check_options(options)
    return _read(reader, path, options, report)


def _read(reader: Format, path: str | Path, options: ReadOptions, report: ReadReport | None) -> Iterator[Document]:
    counts = ReadReport() if report is None else report
    try:
        yield from reader.read_path(path, options=options, report=counts)
    finally:
        if report is None and (problems := counts.problems()):
            warnings.warn(f"{display_name(path)}: {'; '.join(problems)}", RepairWarning, stacklevel=2)


def check_writable(name: str) -> Format:
    """The format of this name, which has to be one that is written and whose packages are there.

    Raises:
        ConfigError: there is no such format, it is only read, or an extra is missing.
    """
    writer = get_format(name)
    if not writer.writable:
        raise ConfigError(f"the format {writer.name} is read, not written")
    if writer.needs:
        require(*writer.needs)
    return writer


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
        ConfigError: the format is unknown, cannot be told from the ending, or is not written.
    """
    as_path(path, "the file to write")
    checked = only_documents(documents)
    writer = check_writable(format or written_format(path))
    report = WriteReport()
    writer.write_path(checked, path, options=WriteOptions(on_conflict=on_conflict), report=report)
    return report
