"""A job's folder.

OUT/job.json                 what the job does, and the fingerprint of it
    outputs/NAME.parquet     what was found in an input
    outputs/NAME.failed.jsonl    what of it could not be done
    records/NAME.json        says that the input is done
    .claims/ .attempts/ .workers/    who does what at the moment, and what was begun
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gliner_adapters.errors import ConfigError, DataError
from gliner_adapters.jobs.commit import leftovers, remove_durably, write_bytes_durably
from gliner_adapters.jobs.inputs import Input, is_address
from gliner_adapters.jobs.records import FileRecord
from gliner_adapters.jobs.settings import JobSettings, digest
from gliner_adapters.settings import problems_of
from gliner_adapters.storage import storing

JOB_FILE = "job.json"
#: Seconds that a job waits for another one that begins in the same folder.
PATIENCE = 60.0


class Attempt(BaseModel):
    """An input that was begun and not finished, and what was found out about it.

    That it was begun is no evidence against it: whoever ends a job by force leaves the same trace as a document that
    does. It only decides that the input is read in a child process from now on.

    Attributes:
        size: the input's, when it was begun; what was found out is of these bytes.
        modified: the same of its mark.
        excluded: documents that kill a worker, by their number in the input, and how.
        cut: number of the document from which on the input cannot be parsed, as that kills a process too.
        reason: how, for ``cut``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int
    modified: str
    excluded: dict[int, str] = Field(default_factory=dict)
    cut: int | None = None
    reason: str = ""


class JobFolder:
    """A job's folder, as far as it is there.

    Args:
        path: the folder.

    Raises:
        ConfigError: an address, which cannot be locked or synced; or a file.
    """

    def __init__(self, path: str | Path) -> None:
        if is_address(str(path)):
            raise ConfigError(f"{path}: a job's folder must be a local or shared one; inputs may be anywhere")
        self.path = Path(path)
        if self.path.exists() and not self.path.is_dir():
            raise ConfigError(f"{self.path} is a file; a job is a folder")
        self.outputs = self.path / "outputs"
        self.records = self.path / "records"
        self.attempts = self.path / ".attempts"
        self.claims = self.path / ".claims"
        self.workers = self.path / ".workers"

    # What the job is

    def exists(self) -> bool:
        """Whether a job was begun here."""
        return (self.path / JOB_FILE).is_file()

    def begin(self, settings: JobSettings, inputs: list[str], fingerprint: dict[str, Any]) -> None:
        """Put down what the job is, or find that it is the one that is there.

        Args:
            settings: what it does.
            inputs: patterns; those of a job that is there are joined by new ones.
            fingerprint: of the settings, as they resolve now.

        Raises:
            ConfigError: the folder holds another job, or other files; says what differs.
            StorageError: it cannot be written.
        """
        with self._alone():
            if self.exists():
                known = self._content()
                if changes := _changes(known["fingerprint"], fingerprint):
                    raise ConfigError(
                        f"{self.path} holds a job that differs: {'; '.join(changes)}. Choose another folder, or the "
                        "same base, adapters, options and version"
                    )
                joined = list(dict.fromkeys([*known["inputs"], *inputs]))
                if joined == known["inputs"]:
                    return
                inputs = joined
            elif foreign := [each.name for each in self.path.iterdir() if not each.name.startswith(".")]:
                raise ConfigError(f"{self.path} holds {foreign[0]} and no job; choose an empty or new folder")
            for left in leftovers(self.path / JOB_FILE):
                left.unlink(missing_ok=True)
            content = {"settings": settings.model_dump(), "inputs": inputs, "fingerprint": fingerprint}
            for folder in (self.outputs, self.records, self.attempts, self.claims, self.workers):
                folder.mkdir(parents=True, exist_ok=True)
            write_bytes_durably(self.path / JOB_FILE, (json.dumps(content, indent=2) + "\n").encode())

    def settings(self) -> JobSettings:
        """What the job does.

        Raises:
            ConfigError: there is no job.
            DataError: its file is malformed.
        """
        try:
            return JobSettings.model_validate(self._content()["settings"])
        except ValidationError as error:
            raise DataError(f"malformed: {problems_of(error)}", self.path / JOB_FILE) from error

    def patterns(self) -> list[str]:
        """The inputs as they were given; errors as for :meth:`fingerprint`."""
        found: list[str] = self._content()["inputs"]
        return found

    def fingerprint(self) -> dict[str, Any]:
        """All that decides an output beside its input.

        Raises:
            ConfigError: there is no job.
            DataError: its file is malformed.
        """
        found: dict[str, Any] = self._content()["fingerprint"]
        return found

    def digest(self) -> str:
        """sha256 of the fingerprint."""
        return digest(self.fingerprint())

    def _content(self) -> dict[str, Any]:
        file = self.path / JOB_FILE
        if not file.is_file():
            raise ConfigError(f"{self.path} holds no job: {JOB_FILE} is missing; begin one with `job run`")
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            if {"settings", "inputs", "fingerprint"} - set(content):
                raise ValueError("settings, inputs and fingerprint are expected")
        except ValueError as error:
            raise DataError(f"malformed: {error}", file) from error
        found: dict[str, Any] = content
        return found

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Two jobs that begin at once write one file."""
        with storing(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.path / ".job.lock")
            try:
                lock.acquire(timeout=PATIENCE)
            except Timeout:
                raise ConfigError(f"{self.path}: another job has been beginning here for {PATIENCE:.0f} s") from None
        try:
            yield
        finally:
            lock.release()

    # What is done

    def record_file(self, name: str) -> Path:
        """Where the record of an input lies."""
        return self.records / f"{name}.json"

    def record(self, name: str) -> FileRecord | None:
        """The record of an input; ``None`` where it is not done.

        Raises:
            DataError: the record is malformed.
        """
        file = self.record_file(name)
        try:
            return FileRecord.model_validate_json(file.read_bytes())
        except FileNotFoundError:
            return None
        except ValidationError as error:
            raise DataError(f"malformed record: {problems_of(error)}; remove it to do the input anew", file) from error

    def all_records(self) -> dict[str, FileRecord]:
        """All records by the name of their output, sorted; errors as for :meth:`record`."""
        names = sorted(file.stem for file in self.records.glob("*.json")) if self.records.is_dir() else []
        found = {name: self.record(name) for name in names}
        return {name: record for name, record in found.items() if record is not None}

    def write_record(self, name: str, record: FileRecord) -> None:
        """Say that an input is done.

        Args:
            name: what its output is called.
            record: what was read, found and written.
        """
        write_bytes_durably(self.record_file(name), (record.model_dump_json(indent=2) + "\n").encode())

    def forget(self, name: str) -> None:
        """Say that an input is not done; its output does not count from now on."""
        remove_durably(self.record_file(name))
        (self.attempts / f"{name}.json").unlink(missing_ok=True)

    # Who does what

    @contextmanager
    def claim(self, name: str) -> Iterator[bool]:
        """Take an input, or find that another process has it. The claim of a process that died is free.

        Args:
            name: what its output is called.

        Yields:
            Whether it is ours.
        """
        with storing(self.claims):
            self.claims.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.claims / f"{name}.lock")
            try:
                lock.acquire(timeout=0)
            except Timeout:
                yield False
                return
        try:
            yield True
        finally:
            lock.release()

    def sweep(self) -> None:
        """Remove what processes have left in the small files' folders that died while they wrote there."""
        for file in (each for place in (self.attempts, self.records) for each in place.glob(".*.tmp")):
            name = file.name.removeprefix(".").rpartition(".json.")[0]
            with self.claim(name) as ours:
                if ours:
                    file.unlink(missing_ok=True)

    def attempt(self, given: Input) -> Attempt | None:
        """What is known of an input that was begun; ``None`` where it was not."""
        unknown = Attempt(size=given.size, modified=given.modified)
        try:
            found = Attempt.model_validate_json((self.attempts / f"{given.name}.json").read_bytes())
        except FileNotFoundError:
            return None
        except ValidationError:  # of another version of this package
            return unknown
        same = (found.size, found.modified) == (given.size, given.modified)
        return found if same else unknown

    def note_attempt(self, name: str, attempt: Attempt) -> None:
        """Put down that an input is begun.

        Args:
            name: what its output is called.
            attempt: what was found out about it.
        """
        write_bytes_durably(self.attempts / f"{name}.json", attempt.model_dump_json().encode())

    def end_attempt(self, name: str) -> None:
        """Put down that an input was begun no more."""
        (self.attempts / f"{name}.json").unlink(missing_ok=True)


def _changes(known: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What differs between two fingerprints, for a message."""
    names = [name for name in {**known, **now} if known.get(name) != now.get(name)]
    return [f"{name} was {_short(known.get(name))} and is {_short(now.get(name))}" for name in names]


def _short(value: Any) -> str:
    told = json.dumps(value)
    return told if len(told) <= 80 else told[:77] + "..."
