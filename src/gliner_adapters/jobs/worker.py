"""One input from beginning to commit.

    claim ──► is it done? ──► fetch, digest ──► read ──► find ──► write beside ──► publish ──► record

A document that raises or kills the process is no reason to lose the others: after a crash its input is begun again, and
after a second one the documents are tried in a process of their own (:mod:`.suspects`); those that kill it are left out
and stand among the dead letters.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Literal

from gliner_adapters.documents import Document, WriteReport, as_documents, read_documents, write_documents
from gliner_adapters.documents.formats import WriteOptions, get_format
from gliner_adapters.errors import ConfigError, DataError, GlinerAdaptersError
from gliner_adapters.jobs.commit import file_digest, leftovers, publish, temporary
from gliner_adapters.jobs.counting import DeadLetters, Found, version_of
from gliner_adapters.jobs.folder import Attempt, JobFolder
from gliner_adapters.jobs.inputs import Fetched, Input, fetched, input_digest
from gliner_adapters.jobs.reading import JobReader
from gliner_adapters.jobs.records import DeadLetter, FileRecord, InputRecord, OutputRecord
from gliner_adapters.jobs.suspects import find_killers
from gliner_adapters.storage import storing

#: An input whose worker has died so often is searched for documents that kill; after so many more it is given up.
CRASHES_BEFORE_SEARCH, CRASHES_AFTER_SEARCH = 2, 2

State = Literal["done", "was done", "taken"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an input.

    Attributes:
        input: which one.
        state: done now; done before, by a valid record; or taken by another process.
        record: of what is done.
        changed: whether it was done before and has changed since.
    """

    input: Input
    state: State
    record: FileRecord | None = None
    changed: bool = False


class Worker:
    """Does inputs of a job.

    Args:
        folder: the job's.
        reader: made from its settings.
        on_documents: called now and then with the input and how many of its documents are done.
    """

    def __init__(
        self,
        folder: JobFolder,
        reader: JobReader,
        on_documents: Callable[[Input, int], None] = lambda given, count: None,
    ) -> None:
        self.folder, self.reader, self.on_documents = folder, reader, on_documents
        self.settings = reader.settings

    def do(self, given: Input) -> Outcome:
        """Do an input, unless it is done or another process has it.

        Raises:
            StorageError: nothing can be written, or there is no room. What was committed stays.
        """
        with self.folder.claim(given) as ours:
            if not ours:
                return Outcome(given, "taken")
            record = self.folder.record(given.name)
            if record is not None and self._valid(record, given):
                return Outcome(given, "was done", record)
            if record is not None:
                self.folder.forget(given.name)
            return Outcome(given, "done", self._begin(given), changed=record is not None)

    def _valid(self, record: FileRecord, given: Input) -> bool:
        """Whether a record is of this job and of the input as it is now."""
        if record.fingerprint != self.reader.digest or not self._outputs_there(record):
            return False
        if (record.input.size, record.input.modified) == (given.size, given.modified):
            return True
        try:
            return input_digest(given) == record.input.sha256
        except DataError:
            return False

    def _outputs_there(self, record: FileRecord) -> bool:
        files = [each for each in (record.output, record.failed) if each is not None]
        paths = [(self.folder.outputs / each.file, each.size) for each in files]
        return all(path.is_file() and path.stat().st_size == size for path, size in paths)

    def _begin(self, given: Input) -> FileRecord:
        """Do an input whatever happened at it before."""
        before = self.folder.attempt(given.name)
        attempt = Attempt() if before is None else before.model_copy(update={"crashes": before.crashes + 1})
        for file in () if before is None else (self._output(given), self._dead(given)):
            for left in leftovers(file):
                left.unlink(missing_ok=True)
        if attempt.crashes >= CRASHES_BEFORE_SEARCH and not attempt.searched:
            attempt = self._search(given, attempt)
        if attempt.searched and attempt.crashes >= CRASHES_BEFORE_SEARCH + CRASHES_AFTER_SEARCH:
            reason = f"a worker died {attempt.crashes} times at it, and at no single document"
            return self._commit_nothing(given, DataError(reason, given.path))
        self.folder.note_attempt(given.name, attempt)
        while True:
            try:
                return self._do(given, attempt)
            except GlinerAdaptersError:
                raise
            except Exception as error:
                if attempt.searched:
                    return self._commit_nothing(given, error)
                attempt = self._search(given, attempt)
                self.folder.note_attempt(given.name, attempt)

    def _search(self, given: Input, attempt: Attempt) -> Attempt:
        """Look for documents that kill a worker, and put down which."""
        killers = find_killers(self.folder, given)
        return attempt.model_copy(update={"searched": True, "excluded": attempt.excluded | killers})

    def _do(self, given: Input, attempt: Attempt) -> FileRecord:
        since = time.monotonic()
        try:
            with fetched(given) as here:
                return self._annotate(given, here, attempt, since)
        except (DataError, ConfigError) as error:  # not to be opened, or in no format that is known
            return self._commit_nothing(given, error)

    def _annotate(self, given: Input, here: Fetched, attempt: Attempt, since: float) -> FileRecord:
        """Read, find, write, commit."""
        output, dead = self._output(given), self._dead(given)
        written, letters = temporary(output), temporary(dead)
        self.reader.losses()
        try:
            for checked in (False, True):
                with storing(letters), letters.open("wb") as stream:
                    report = DeadLetters(stream=stream, given=given.path, local=str(here.path))
                    documents = self._documents(here.path, report, attempt)
                    found = Found()
                    passing = self._watch(given, self.reader.read(documents), found)
                    try:
                        told = self._write(passing, written, report, checked=checked)
                    except DataError:  # what the format cannot hold is found one by one
                        if checked:
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
        settings = self.settings
        try:
            documents = read_documents(
                path,
                settings.read_as,
                skip_bad=True,
                columns=settings.columns,
                tag_names=settings.tag_names,
                report=report,
            )
            for number, document in enumerate(documents):
                if (reason := attempt.excluded.get(number)) is not None:
                    report.add(DeadLetter(input=report.given, reason=reason, number=number, id=document.id))
                    continue
                try:
                    yield next(as_documents(document))
                except DataError as error:
                    report.add(DeadLetter(input=report.given, reason=str(error), number=number, id=document.id))
        except (DataError, OSError, EOFError) as error:
            if report.documents == 0 and report.letters == 0:
                raise  # nothing could be read of it
            report.end(error)

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

    def _write(self, documents: Iterator[Document], path: Path, report: DeadLetters, *, checked: bool) -> WriteReport:
        """Write documents; where ``checked``, each is tried alone before."""
        if not checked:
            return write_documents(documents, path, self.settings.to, on_conflict="drop")

        def writable() -> Iterator[Document]:
            form = get_format(self.settings.to)
            for document in documents:
                try:
                    form.write([document], BytesIO(), options=WriteOptions(on_conflict="drop"), report=WriteReport())
                except DataError as error:
                    report.add(DeadLetter(input=report.given, reason=f"cannot be written: {error}", id=document.id))
                    continue
                yield document

        return write_documents(writable(), path, self.settings.to, on_conflict="drop")

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

    def _commit_nothing(self, given: Input, error: Exception) -> FileRecord:
        """Put down that an input could not be done at all."""
        letters = temporary(self._dead(given))
        told = str(error) if isinstance(error, GlinerAdaptersError) else f"{type(error).__name__}: {error}"
        letter = DeadLetter(input=given.path, reason=told, rest=True)
        try:
            with storing(letters):
                letters.write_bytes(letter.model_dump_json(exclude_defaults=True).encode() + b"\n")
            record = FileRecord(
                fingerprint=self.reader.digest,
                input=_unread(given),
                output=None,
                failed=self._output_record(letters, self._dead(given).name),
                documents_in=1,
                documents_out=0,
                documents_failed=1,
                entities={},
                seconds=0.0,
            )
            self._publish(given, record, None, letters)
            return record
        finally:
            letters.unlink(missing_ok=True)


def _unread(given: Input) -> InputRecord:
    """What is known of an input that could not be read, or not to its end."""
    try:
        digest = input_digest(given)
    except DataError:
        digest = ""
    return InputRecord(path=given.path, size=given.size, sha256=digest, modified=given.modified)
