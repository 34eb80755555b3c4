"""Plain text without annotation: a file with one document a line, or a folder whose files are a document each.

A line's document is called by the file and the line's number, counted from 1; empty lines are passed over. A file's
document is called by its path in the folder, without ending, and has its whole text, line breaks included.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from gliner_adapters.documents.formats.base import Format, ReadOptions, parse_records
from gliner_adapters.documents.formats.brat_files import ANNOTATION, TEXT, FolderFiles
from gliner_adapters.documents.formats.registry import source_name
from gliner_adapters.documents.formats.report import ReadReport
from gliner_adapters.documents.formats.streams import BOM, STANDARD, decode, first_line, numbered_lines
from gliner_adapters.documents.types import Document

OTHER_FILES = "file that is no .txt left out"
ANNOTATED = "annotations beside a text (.ann) not read: they are read with the folder"


class PlainText(Format):
    """Reader for plain text."""

    name = "txt"
    endings = (".txt",)
    summary = "plain text, a document a line, or a folder of .txt files, a document each (read only)"
    in_folders = True

    def recognises_folder(self, path: Path) -> bool:
        """Whether the folder, or one in it, holds text files and no annotations."""
        names = FolderFiles(path).names()
        return any(name.endswith(TEXT) for name in names) and not any(name.endswith(ANNOTATION) for name in names)

    def read(self, stream: BinaryIO, path: str, *, options: ReadOptions, report: ReadReport) -> Iterator[Document]:
        """One document a line that holds more than white space."""
        source = source_name(path)

        def document(record: tuple[int, bytes]) -> Document:
            number, raw = record
            text = decode(raw, path, number).rstrip("\r\n")
            return Document(text, id=f"{source}:{number}")

        numbered = ((n, first_line(raw, path) if n == 1 else raw) for n, raw in numbered_lines(stream, path))
        lines = ((number, raw) for number, raw in numbered if raw.strip())
        return parse_records(lines, document, skip_bad=options.skip_bad, report=report)

    def read_path(self, path: str | Path, *, options: ReadOptions, report: ReadReport) -> Iterator[Document]:
        """The lines of a file, or the files of a folder by name; nested folders are read, hidden files are not."""
        if str(path) == STANDARD or not Path(path).is_dir():
            if Path(path).with_suffix(ANNOTATION).is_file():
                report.repairs[ANNOTATED] += 1
                report.first_repairs.setdefault(ANNOTATED, str(Path(path).with_suffix(ANNOTATION)))
            return super().read_path(path, options=options, report=report)
        files = FolderFiles(path)
        visible = [name for name in files.names() if not any(part.startswith(".") for part in name.split("/"))]
        for name in visible:
            if not name.endswith(TEXT):
                report.repairs[OTHER_FILES] += 1
                report.first_repairs.setdefault(OTHER_FILES, files.where(name))

        def document(name: str) -> Document:
            return Document(decode(files.read(name).removeprefix(BOM), files.where(name), 1), id=name[: -len(TEXT)])

        texts = (name for name in visible if name.endswith(TEXT))
        return parse_records(texts, document, skip_bad=options.skip_bad, report=report)


FORMAT = PlainText()
