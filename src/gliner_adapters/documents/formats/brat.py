"""brat standoff: a folder, or a zip archive, of ``.txt`` files with an ``.ann`` beside each.

A document's id is its path without ending, nested folders included. The text is the file, to the last character:
``\\r\\n`` stays. Text-bound annotations are entities; the first normalisation of each gives its identifier. Relations,
events, attributes, normalisations and notes are ``Document.meta["brat"]["lines"]`` and are written back, so an
annotation file comes out as it was. An annotation of several parts is read by ``discontinuous``.

A text without an ``.ann`` is a document without entities, which is counted; an ``.ann`` without a text is an error.
"""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from gliner_adapters.documents.formats.base import (
    Format,
    ReadOptions,
    WriteOptions,
    document_name,
    encode,
    parse_records,
)
from gliner_adapters.documents.formats.brat_ann import AnnReader, ann_text
from gliner_adapters.documents.formats.brat_files import (
    ANNOTATION,
    TEXT,
    Files,
    FolderFiles,
    FolderWriter,
    ZipFiles,
    ZipWriter,
    file_name,
    new_folder,
    pairs,
)
from gliner_adapters.documents.formats.report import ReadReport, WriteReport
from gliner_adapters.documents.formats.streams import STANDARD, decode
from gliner_adapters.documents.types import Document
from gliner_adapters.errors import DataError

UNANNOTATED = "text without an .ann file read as a document without entities"
OTHER_FILES = "file that is neither text nor annotation left out"
BOUNDARIES = "word and sentence boundaries left out"
RENAMED = "document id written in another form, as a file name"


class Brat(Format):
    """Reader and writer for brat standoff."""

    name = "brat"
    endings = (".zip",)
    summary = "brat standoff, a folder or zip archive of .txt and .ann files"
    in_folders = True

    def recognises(self, head: bytes) -> bool:
        """Whether this is a zip archive."""
        return head.startswith((b"PK\x03\x04", b"PK\x05\x06"))

    def recognises_folder(self, path: Path) -> bool:
        """Whether the folder, or one in it, holds an annotation file."""
        return any(name.endswith(ANNOTATION) for name in FolderFiles(path).names())

    def read(self, stream: BinaryIO, path: str, *, options: ReadOptions, report: ReadReport) -> Iterator[Document]:
        """The documents of a zip archive, by name; see the module. A bad line makes its whole document bad."""
        if stream.seekable():
            yield from _read(ZipFiles(stream, path), options, report)
            return
        # The list of what a zip archive holds is at its end.
        with tempfile.TemporaryFile() as whole:
            shutil.copyfileobj(stream, whole)
            yield from _read(ZipFiles(whole, path), options, report)

    def write(
        self, documents: Iterable[Document], stream: BinaryIO, *, options: WriteOptions, report: WriteReport
    ) -> None:
        """A zip archive. Every entity can be expressed, so ``on_conflict`` never applies.

        A document without an id is called by its number in the output.
        """
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            _write(documents, ZipWriter(archive), report)

    def read_path(self, path: str | Path, *, options: ReadOptions, report: ReadReport) -> Iterator[Document]:
        """The documents of a folder or zip archive."""
        if str(path) != STANDARD and Path(path).is_dir():
            return _read(FolderFiles(path), options, report)
        return super().read_path(path, options=options, report=report)

    def write_path(
        self, documents: Iterable[Document], path: str | Path, *, options: WriteOptions, report: WriteReport
    ) -> None:
        """Write a zip archive if ``path`` ends in ``.zip`` or is ``-``, else a folder, which must be new or empty.

        Either appears only when it is complete.
        """
        if str(path) == STANDARD or str(path).lower().endswith(".zip"):
            super().write_path(documents, path, options=options, report=report)
            return
        with new_folder(path) as folder:
            _write(documents, FolderWriter(folder), report)


def _read(files: Files, options: ReadOptions, report: ReadReport) -> Iterator[Document]:
    found, others = pairs(files)
    if not found:
        more = (
            "" if isinstance(files, FolderFiles) else "; a zip archive is read as brat's files, unpack it for another"
        )
        raise DataError(f"holds no .txt file{more}", files.path)
    for name in others:
        report.repairs[OTHER_FILES] += 1
        report.first_repairs.setdefault(OTHER_FILES, files.where(name))

    def document(pair: tuple[str, bool, bool]) -> Document:
        name, has_text, has_annotations = pair
        if not has_text:
            raise DataError(
                f"annotations without a text; expected {name + TEXT} beside them", files.where(name + ANNOTATION)
            )
        text = decode(files.read(name + TEXT), files.where(name + TEXT), 1)
        if not has_annotations:
            report.add_repair(UNANNOTATED, files.where(name + TEXT), 1)
            return Document(text, [], name)
        reader = AnnReader(text, files.where(name + ANNOTATION), options, report)
        entities, meta = reader.read(files.read(name + ANNOTATION))
        return Document(text, entities, name, meta={"brat": meta} if meta else {})

    return parse_records(found, document, skip_bad=options.skip_bad, report=report)


def _write(documents: Iterable[Document], files: FolderWriter | ZipWriter, report: WriteReport) -> None:
    seen: set[str] = set()
    for number, document in enumerate(documents, 1):
        name = document_name(document, number)
        identifier = str(number) if document.id is None else document.id
        place = file_name(identifier)
        if place != identifier:
            report.changes[RENAMED] += 1
        # Some file systems do not tell upper case from lower case.
        if not place or place.casefold() in seen:
            raise DataError(f"{name} has no file name of its own in brat: the id is empty or another document has it")
        seen.add(place.casefold())
        if "\0" in document.text:
            raise DataError(f"{name} holds a NUL, which a text file cannot hold")
        if document.words is not None or document.sentences is not None:
            report.changes[BOUNDARIES] += 1
        annotations = ann_text(document, report)
        files.write(place + TEXT, encode(document.text, name))
        files.write(place + ANNOTATION, encode(annotations, name))
        report.documents += 1
        report.entities += len(document.entities)


FORMAT = Brat()
