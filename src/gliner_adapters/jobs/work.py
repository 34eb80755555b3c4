"""One input, read and committed.

fetch, digest ──► read ──► find ──► write beside ──► publish ──► record
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from itertools import islice
from pathlib import Path

from gliner_adapters.documents import Document, WriteReport, as_documents, write_documents
from gliner_adapters.documents.formats import WriteOptions, get_format
from gliner_adapters.errors import DataError
from gliner_adapters.jobs.commit import file_digest, leftovers, publish, temporary
from gliner_adapters.jobs.counting import DeadLetters, Found, version_of
from gliner_adapters.jobs.folder import Attempt, JobFolder
from gliner_adapters.jobs.inputs import Fetched, Input, input_digest
from gliner_adapters.jobs.reading import JobReader, job_documents
from gliner_adapters.jobs.records import DeadLetter, FileRecord, InputRecord, OutputRecord
from gliner_adapters.storage import storing

#: Called now and then with an input and how many of its documents are done.
OnDocuments = Callable[[Input, int], None]


class FileWork:
    """Reads and commits inputs that are claimed.

    Args:
        folder: the job's.
        reader: made from its settings.
        on_documents: told of progress.
    """

    def __init__(
        self, folder: JobFolder, reader: JobReader, on_documents: OnDocuments = lambda given, count: None
    ) -> None:
        self.folder, self.reader, self.on_documents = folder, reader, on_documents
        self.settings = reader.settings

    def annotate(self, given: Input, here: Fetched, attempt: Attempt) -> FileRecord:
        """Read, find, write, commit.

        Args:
            given: the input, which is claimed.
            here: where its bytes lie.
            attempt: what is left out of it.

        Raises:
            DataError: nothing can be read of it.
            StorageError: nothing can be written, or there is no room.
        """
        since = time.monotonic()
        output, dead = self._output(given), self._dead(given)
        written, letters = temporary(output), temporary(dead)
        self.reader.losses()
        try:
            for checked in (False, True):
                with storing(letters), letters.open("wb") as stream:
                    report = DeadLetters(stream=stream, given=given.path, local=str(here.path))
                    passing = self.reader.read(self._documents(here.path, report, attempt))
                    found = Found()
                    try:
                        if checked:
                            passing = self._writable(passing, report)
                        told = self._write(self._watch(given, passing, found), written)
                    except DataError:  # what the format cannot hold is found one by one
                        if checked or (report.documents == 0 and report.letters == 0):
                            raise
                        continue
                break
            record = FileRecord(
                fingerprint=self.reader.digest,
                input=here.record,
                output=self._output_record(written, output.name),
                failed=self._output_record(letters, dead.name) if report.letters else None,
                documents_in=found.documents + report.letters,
                documents_out=found.documents,
                documents_failed=report.letters,
                entities=dict(sorted(found.entities.items())),
                deleted=report.deleted,
                versions=found.versions,
                notes=[*report.problems(), *self.reader.losses(), *told.losses()],
                seconds=round(time.monotonic() - since, 3),
            )
            self._publish(given, record, written, letters)
            return record
        finally:
            written.unlink(missing_ok=True)
            letters.unlink(missing_ok=True)

    def _documents(self, path: Path, report: DeadLetters, attempt: Attempt) -> Iterator[Document]:
        """The documents of an input that can be read with; all others are among the dead letters."""
        try:
            documents = islice(job_documents(path, self.settings, report), attempt.cut)
            for number, document in enumerate(documents):
                if (reason := attempt.excluded.get(number)) is not None:
                    report.add(
                        DeadLetter(input=report.given, reason=reason, number=number, id=document.id, killed=True)
                    )
                    continue
                try:
                    yield next(as_documents(document))
                except DataError as error:
                    report.add(DeadLetter(input=report.given, reason=str(error), number=number, id=document.id))
        except (DataError, OSError, EOFError) as error:
            if report.documents == 0 and report.letters == 0:
                raise  # nothing could be read of it
            report.end(error)
        else:
            if attempt.cut is not None:
                report.add(
                    DeadLetter(input=report.given, reason=attempt.reason, number=attempt.cut, rest=True, killed=True)
                )

    def _watch(self, given: Input, documents: Iterable[Document], found: Found) -> Iterator[Document]:
        told = time.monotonic()
        for document in documents:
            yield document
            found.documents += 1
            found.entities.update(each.label for each in document.entities)
            if document.id is not None and (version := version_of(document)) > 1:
                found.versions[document.id] = max(version, found.versions.get(document.id, 0))
            if time.monotonic() - told > 1:
                told = time.monotonic()
                self.on_documents(given, found.documents)

    def _write(self, documents: Iterator[Document], path: Path) -> WriteReport:
        return write_documents(documents, path, self.settings.to, on_conflict="drop")

    def _writable(self, documents: Iterable[Document], report: DeadLetters) -> Iterator[Document]:
        """The documents that the output's format can hold, each tried alone; the others are dead letters."""
        form = get_format(self.settings.to)
        for document in documents:
            try:
                form.write([document], BytesIO(), options=WriteOptions(on_conflict="drop"), report=WriteReport())
            except DataError as error:
                report.add(DeadLetter(input=report.given, reason=f"cannot be written: {error}", id=document.id))
                continue
            yield document

    def clear(self, given: Input) -> None:
        """Remove what a process has left that died while it wrote."""
        for file in (self._output(given), self._dead(given)):
            for left in leftovers(file):
                left.unlink(missing_ok=True)

    # The commit

    def _output(self, given: Input) -> Path:
        return self.folder.outputs / f"{given.name}{self.settings.ending}"

    def _dead(self, given: Input) -> Path:
        return self.folder.outputs / f"{given.name}.failed.jsonl"

    def _output_record(self, path: Path, name: str) -> OutputRecord:
        digest, size = file_digest(path)
        return OutputRecord(file=name, size=size, sha256=digest)

    def _publish(self, given: Input, record: FileRecord, written: Path | None, letters: Path) -> None:
        """Dead letters, output, record, in this order; see :mod:`.commit`."""
        dead = self._dead(given)
        if record.failed is None:
            dead.unlink(missing_ok=True)  # of an earlier time
        else:
            publish(letters, dead)
        if written is None:
            self._output(given).unlink(missing_ok=True)
        else:
            publish(written, self._output(given))
        self.folder.write_record(given.name, record)
        self.folder.end_attempt(given.name)

    def commit_nothing(self, given: Input, reason: str, record: InputRecord | None = None) -> FileRecord:
        """Put down that an input could not be done at all.

        Args:
            given: the input, which is claimed.
            reason: why.
            record: what was read of it, where that killed a process; ``None`` where nothing could be.
        """
        letters = temporary(self._dead(given))
        letter = DeadLetter(input=given.path, reason=reason, rest=True, killed=record is not None)
        try:
            with storing(letters):
                letters.write_bytes(letter.model_dump_json(exclude_defaults=True).encode() + b"\n")
            done = FileRecord(
                fingerprint=self.reader.digest,
                input=record or _unread(given),
                output=None,
                failed=self._output_record(letters, self._dead(given).name),
                documents_in=1,
                documents_out=0,
                documents_failed=1,
                entities={},
                seconds=0.0,
            )
            self._publish(given, done, None, letters)
            return done
        finally:
            letters.unlink(missing_ok=True)


def _unread(given: Input) -> InputRecord:
    """What is known of an input that could not be read, or not to its end."""
    try:
        digest = input_digest(given)
    except DataError:
        digest = ""
    return InputRecord(path=given.path, size=given.size, sha256=digest, modified=given.modified)
