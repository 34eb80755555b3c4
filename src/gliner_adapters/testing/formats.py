"""What every file format must keep: entities at their places, nothing lost silently, no foreign error on damaged files.

Each check takes a :class:`FormatCase` and raises :class:`~gliner_adapters.testing.CheckFailed`. No model library is
loaded.
"""

from __future__ import annotations

import io
import random
import re
import traceback
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from gliner_adapters.documents import (
    Discontinuous,
    Document,
    Entity,
    OnConflict,
    ReadOptions,
    ReadReport,
    WriteOptions,
    WriteReport,
    read_documents,
    write_documents,
)
from gliner_adapters.documents.formats import Format, get_format
from gliner_adapters.documents.formats.base import DISCONTINUOUS
from gliner_adapters.errors import DataError, GlinerAdaptersError
from gliner_adapters.testing.damage import XML_ATTACKS, mutate_content
from gliner_adapters.testing.expecting import CheckFailed, expect

There = Callable[[bytes], "int | range | None"]
"""How many documents a file holds, or within which bounds, told without the reader; ``None`` where nothing tells."""

#: Texts of documents that formats are tried with.
TEXTS = ("Aspirin cures asthma.", "TNF-α and “IL-2” 🧪 rise.\nTwice, too.", "None here.", "Naloxone helps — often.")
#: The same with entities, types with blanks among them, ids and concept ids.
DOCUMENTS = tuple(
    Document(
        text,
        [
            Entity(m.start(), m.end(), "Chemical" if number % 2 else "Gene or protein", identifier=f"D{number}")
            for m in re.finditer(r"Aspirin|asthma|TNF-α|Twice|Naloxone", text)
        ],
        str(number),
    )
    for number, text in enumerate(TEXTS, 1)
)


@dataclass(frozen=True)
class FormatCase:
    """A format, and what its checks need to know of it.

    Attributes:
        name: of the format.
        documents: that it is tried with; fewer where it parts or refuses some.
        sample: a file of these documents, for a format that is only read.
        there: how many documents a damaged file holds; without it nothing is said about documents that get lost.
        told: share of the damaged files, at least, of which ``there`` can tell.
        left_out: repairs (:attr:`ReadReport.repairs`) that leave a document out.
        damaged: how many damaged files are read.
    """

    name: str
    documents: Sequence[Document] = DOCUMENTS
    sample: bytes | None = None
    there: There | None = None
    told: float = 0.1
    left_out: Sequence[str] = ()
    damaged: int = 2000

    def __str__(self) -> str:
        return f"format {self.name!r}"

    @property
    def format(self) -> Format:
        """The format itself."""
        return get_format(self.name)

    def file(self) -> bytes:
        """A good file of the documents."""
        return write_bytes(self.documents, self.name, on_conflict="drop") if self.sample is None else self.sample


def read_bytes(
    raw: bytes,
    name: str,
    *,
    path: str = "file",
    skip_bad: bool = False,
    discontinuous: Discontinuous = "span",
    report: ReadReport | None = None,
) -> list[Document]:
    """The documents of a file's bytes.

    Args:
        raw: the bytes.
        name: of the format.
        path: what messages name.
        skip_bad, discontinuous: see :class:`ReadOptions`.
        report: receives the counts.
    """
    counts = ReadReport() if report is None else report
    options = ReadOptions(skip_bad=skip_bad, discontinuous=discontinuous)
    return list(get_format(name).read(io.BytesIO(raw), path, options=options, report=counts))


def write_bytes(
    documents: Iterable[Document], name: str, *, on_conflict: OnConflict = "error", report: WriteReport | None = None
) -> bytes:
    """A file's bytes.

    Args:
        documents: to write.
        name: of the format.
        on_conflict: see :class:`WriteOptions`.
        report: receives the counts.
    """
    stream = io.BytesIO()
    counts = WriteReport() if report is None else report
    get_format(name).write(documents, stream, options=WriteOptions(on_conflict=on_conflict), report=counts)
    return stream.getvalue()


def check_declaration(case: FormatCase) -> None:
    """It is known by its name, says what it is in a line, and reads or writes."""
    each = case.format
    expect(each.name == case.name, f"{case}: it calls itself {each.name!r}")
    expect(bool(each.summary) and "\n" not in each.summary, f"{case}: its summary is no line of text")
    expect(each.readable or each.writable, f"{case}: it neither reads nor writes; override read, write or both")
    expect(each.writable or case.sample is not None, f"{case}: it does not write, so the checks need a sample to read")
    for ending in (*each.endings, *each.shared_endings):
        good = re.fullmatch(r"\.[^A-Z\s]+", ending) and not ending.endswith(".gz")
        expect(bool(good), f"{case}: {ending!r} is no ending in small letters, with a dot and without .gz")


def check_round_trip(case: FormatCase) -> None:
    """What is written is read again: as many documents and entities, with the same mentions and, if they fit, types."""
    if not (case.format.readable and case.format.writable):
        return
    written, read = WriteReport(), ReadReport()
    raw = write_bytes(case.documents, case.name, on_conflict="drop", report=written)
    documents = read_bytes(raw, case.name, report=read)
    expect(written.documents == len(case.documents), f"{case}: {written.documents} documents are counted as written")
    expect(
        len(documents) == read.documents == len(case.documents), f"{case}: {len(documents)} documents are read again"
    )
    held = sum(len(document.entities) for document in documents)
    expect(held == read.entities == written.entities, f"{case}: it writes {written.entities} entities and reads {held}")
    given = sum(len(document.entities) for document in case.documents)
    lost = written.dropped.total()
    expect(
        written.entities + lost == given, f"{case}: of {given} entities {written.entities} + {lost} are accounted for"
    )
    for before, after in zip(case.documents, documents, strict=True):
        expect(
            before.text.split() == after.text.split() or "".join(before.text.split()) == "".join(after.text.split()),
            f"{case}: the text {before.text!r} is read again as {after.text!r}",
        )
        mentions = [(_plain(before.mention(e)), e.label) for e in before.entities]
        for entity in after.entities:
            found = _plain(after.mention(entity))
            expect(found in [m for m, _ in mentions], f"{case}: an entity is read at {found!r}, where none was written")
            if not written.changes:
                held_so = (found, entity.label) in mentions
                expect(held_so, f"{case}: {found!r} is of the type {entity.label!r} when it is read again")
    again = write_bytes(read_bytes(raw, case.name), case.name, on_conflict="drop")
    expect(again == raw, f"{case}: a file that is read and written again has other bytes")


def _plain(mention: str) -> str:
    """A mention without white space, which formats of words lay out anew."""
    return "".join(mention.split())


def check_files(case: FormatCase) -> None:
    """A file with its ending is known by it, packed too, and the same documents are read."""
    each = case.format
    if not (each.readable and each.writable and each.endings):
        return
    expected = read_bytes(case.file(), case.name)
    with TemporaryDirectory() as place:
        for packed in ("", ".gz"):
            path = Path(place) / f"documents{each.endings[0]}{packed}"
            write_documents(case.documents, path, case.name, on_conflict="drop")
            try:
                found = list(read_documents(path))
            except GlinerAdaptersError as error:
                raise CheckFailed(f"{case}: {path.name} is not known by its ending and content: {error}") from error
            same = [(d.text, [e.key for e in d.entities]) for d in found]
            wanted = [(d.text, [e.key for e in d.entities]) for d in expected]
            expect(same == wanted, f"{case}: {path.name} does not hold what a stream does")


def check_overlaps(case: FormatCase) -> None:
    """Entities that overlap are kept, or refused as an error, or dropped and counted."""
    if not case.format.writable:
        return
    document = Document(
        "Naloxone reverses opioid overdose.", [Entity(18, 33, "Disease"), Entity(18, 24, "Chemical")], "1"
    )
    with suppress(DataError):
        report = WriteReport()
        write_bytes([document], case.name, report=report)
        expect(report.entities == 2, f"{case}: of two entities that overlap one is lost, and nothing is raised")
    report = WriteReport()
    raw = write_bytes([document], case.name, on_conflict="drop", report=report)
    counted = report.entities + report.dropped.total()
    expect(counted == 2, f"{case}: of two entities that overlap {counted} are counted as written or dropped")
    if case.format.readable:
        found = sum(len(each.entities) for each in read_bytes(raw, case.name))
        expect(found == report.entities, f"{case}: {report.entities} entities are written, {found} read")


def check_documents(documents: Sequence[Document], report: ReadReport, case: FormatCase, raw: bytes) -> bool:
    """What was read can be written, and with what was left out it is all that is there.

    Args:
        documents: that were read.
        report: of the reading.
        case: of the format.
        raw: the file.

    Returns:
        whether it could be told how many are there.
    """
    for document in documents:
        try:
            document.text.encode("utf-8")
        except UnicodeEncodeError:
            raise CheckFailed(f"{case}: a document that is read holds a lone surrogate: {raw!r}") from None
        for entity in document.entities:
            inside = 0 <= entity.start < entity.end <= len(document.text)
            expect(inside and bool(entity.label), f"{case}: {entity} is no entity of its document: {raw!r}")
    expect(report.documents == len(documents), f"{case}: it counts {report.documents} of {len(documents)}: {raw!r}")
    there = None if case.there is None else case.there(raw)
    if there is None:
        return False
    found = report.documents + report.skipped + sum(report.repairs[kind] for kind in case.left_out)
    held = found in there if isinstance(there, range) else found == there
    expect(held, f"{case}: {found} documents are read or left out, and {there} are there: {raw!r}")
    return True


def check_damaged_files(case: FormatCase) -> None:
    """Of damaged files nothing but this package's errors comes, and no document is lost: read + left out = there."""
    if not case.format.readable:
        return
    raw, rng = case.file(), random.Random(case.name)
    documents = len(read_bytes(raw, case.name))
    expect(documents == len(case.documents), f"{case}: {documents} documents are in the good file")
    told = 0
    for _ in range(case.damaged):
        damaged = mutate_content(raw, rng)
        report = ReadReport()
        try:
            with suppress(GlinerAdaptersError):
                read_bytes(damaged, case.name)
            with suppress(DataError):
                way = rng.choice(list(DISCONTINUOUS))
                found = read_bytes(damaged, case.name, skip_bad=True, discontinuous=way, report=report)
                told += check_documents(found, report, case, damaged)
        except CheckFailed:
            raise
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            raise CheckFailed(
                f"{case}: {type(error).__name__} ({error}) at {place.filename}:{place.lineno}, where a DataError with "
                f"file and line should say what is wrong, of the file {damaged!r}"
            ) from error
    if case.there is not None:
        expect(told > case.told * case.damaged, f"{case}: of {told} damaged files alone it is told what they hold")


def check_nothing_expanded(case: FormatCase) -> None:
    """Entities of XML are neither expanded nor loaded; a file that is no XML to the format is text at most."""
    if not case.format.readable:
        return
    good = case.file()
    for attack in XML_ATTACKS.values():
        for raw in (attack.encode(), good + attack.encode(), attack.encode() + good):
            with suppress(DataError):
                for document in read_bytes(raw, case.name, skip_bad=True):
                    expect(len(document.text) <= len(raw), f"{case}: it expands entities of XML")
                    expect("root:" not in document.text, f"{case}: it loads files that entities of XML name")


#: What every format must keep.
FORMAT_CHECKS: tuple[Callable[[FormatCase], None], ...] = (
    check_declaration,
    check_round_trip,
    check_files,
    check_overlaps,
    check_damaged_files,
    check_nothing_expanded,
)


def check_format(case: FormatCase | str) -> int:
    """Run every check of :data:`FORMAT_CHECKS` on a format.

    Args:
        case: its name, or a case that says more of it.

    Returns:
        how many checks were run.

    Raises:
        CheckFailed: the first that fails; the message says what does not hold, and of which file.
        ConfigError: there is no such format.
    """
    case = FormatCase(case) if isinstance(case, str) else case
    for check in FORMAT_CHECKS:
        check(case)
    return len(FORMAT_CHECKS)
