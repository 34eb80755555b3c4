"""One input from beginning to commit.

    claim ──► is it done? ──► read and commit it (:mod:`.work`), here or in a child

A document that raises or kills the process is no reason to lose the others. An input that was begun and not finished is
read in a child process (:mod:`.suspects`), which commits it; if the child dies, the documents that kill it are found,
left out and put among the dead letters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gliner_adapters.errors import ConfigError, DataError, GlinerAdaptersError
from gliner_adapters.jobs.folder import Attempt, JobFolder
from gliner_adapters.jobs.inputs import Fetched, Input, fetched, input_digest
from gliner_adapters.jobs.reading import JobReader
from gliner_adapters.jobs.records import FileRecord
from gliner_adapters.jobs.suspects import NotBegun, Task, in_child, search
from gliner_adapters.jobs.work import FileWork, OnDocuments

#: A child that reads an input may die so often without a document that explains it; then the input is given up.
FRUITLESS = 2

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
        on_documents: called with an input when it is taken, and now and then with how many of its documents are done.
    """

    def __init__(
        self, folder: JobFolder, reader: JobReader, on_documents: OnDocuments = lambda given, count: None
    ) -> None:
        self.folder, self.reader, self._on_documents = folder, reader, on_documents
        self.work = FileWork(folder, reader, on_documents)

    def do(self, given: Input) -> Outcome:
        """Do an input, unless it is done or another process has it.

        Raises:
            StorageError: nothing can be written, or there is no room. What was committed stays.
        """
        with self.folder.claim(given.name) as ours:
            if not ours:
                return Outcome(given, "taken")
            record = self.folder.record(given.name)
            if record is not None and self._valid(record, given):
                return Outcome(given, "was done", record)
            if record is not None:
                self.folder.forget(given.name)
            self._on_documents(given, 0)
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
        before = self.folder.attempt(given)
        attempt = before or Attempt(size=given.size, modified=given.modified)
        if before is not None:
            self.work.clear(given)
        self.folder.note_attempt(given.name, attempt)
        try:
            try:
                with fetched(given) as here:
                    return self._annotate(given, here, attempt, suspicious=before is not None)
            except (DataError, ConfigError) as error:  # not to be opened, or in no format that is known
                return self.work.commit_nothing(given, str(error))
        except BaseException:
            # Whoever interrupts a job and a disk that is full say nothing about the input.
            if before is None:
                self.folder.end_attempt(given.name)
            raise

    def _annotate(self, given: Input, here: Fetched, attempt: Attempt, *, suspicious: bool) -> FileRecord:
        if not suspicious:
            try:
                return self.work.annotate(given, here, attempt)
            except GlinerAdaptersError:
                raise
            except Exception:
                pass  # whatever it was, a child meets it as well and may die of it
        return self._in_child(given, here, attempt)

    def _in_child(self, given: Input, here: Fetched, attempt: Attempt) -> FileRecord:
        """Do an input at which a process may have died, in a child; see :mod:`.suspects`."""
        fruitless, places, digest = 0, self.reader.places, self.reader.digest
        while attempt.cut != 0:
            task = Task(self.folder.path, given, here, attempt, places, digest)
            try:
                died = in_child(task)
                if died is None:
                    record = self.folder.record(given.name)
                    assert record is not None, "a child that ended well has committed"
                    return record
                self.work.clear(given)
                found = search(task)
            except NotBegun:
                return self.work.annotate(given, here, attempt)
            if found is not None:
                attempt = found
                self.folder.note_attempt(given.name, attempt)
                continue
            fruitless += 1
            if fruitless == FRUITLESS:
                reason = f"the process that read it {died.how}, {fruitless} times, and at none of its documents"
                return self.work.commit_nothing(given, reason, here.record)
        return self.work.commit_nothing(given, attempt.reason, here.record)
