"""Whether a job's books balance: every record against the files that it speaks of."""

from __future__ import annotations

from pathlib import Path

from gliner_adapters.documents import read_documents
from gliner_adapters.documents.formats import get_format
from gliner_adapters.errors import DataError, GlinerAdaptersError
from gliner_adapters.jobs.commit import file_digest
from gliner_adapters.jobs.folder import JobFolder
from gliner_adapters.jobs.inputs import Input, find_inputs, input_digest
from gliner_adapters.jobs.records import DeadLetter, FileRecord, OutputRecord


def verify(out: str | Path, *, inputs: bool = False) -> list[str]:
    """What is wrong with a job's folder, a line each; nothing if the books balance.

    Looked at: that every input is done; that outputs and dead letters are those on record, to the byte, and hold as
    many documents as their record says; that nothing else lies beside them.

    Args:
        out: the job's folder.
        inputs: read the inputs as well, and compare their digests.

    Raises:
        ConfigError: there is no job.
    """
    folder = JobFolder(out)
    digest, problems = folder.digest(), []
    given = {each.name: each for each in find_inputs(folder.patterns(), may_be_gone=True)}
    known: set[str] = set()
    names = sorted(file.stem for file in folder.records.glob("*.json")) if folder.records.is_dir() else []
    for name in names:
        try:
            record = folder.record(name)
        except GlinerAdaptersError as error:
            problems.append(str(error))
            continue
        if record is None:
            continue
        if record.fingerprint != digest:
            problems.append(f"{folder.record_file(name)}: of another job")
        problems += _files(folder, record)
        known |= {each.file for each in (record.output, record.failed) if each is not None}
        if inputs and name in given and _digest(given[name]) != record.input.sha256:
            problems.append(f"{record.input.path}: changed since it was done")
    problems += [f"{each.path}: not done" for name, each in given.items() if name not in names]
    for file in sorted(folder.outputs.iterdir()) if folder.outputs.is_dir() else []:
        if file.name not in known:
            problems.append(f"{file}: no record speaks of it")
    return problems


def _files(folder: JobFolder, record: FileRecord) -> list[str]:
    problems = []
    for each in (record.output, record.failed):
        if each is not None and (problem := _differs(folder.outputs / each.file, each)):
            problems.append(problem)
    if problems:
        return problems
    if record.failed is not None:
        lines = (folder.outputs / record.failed.file).read_bytes().splitlines()
        letters = [DeadLetter.model_validate_json(line) for line in lines]
        if len(letters) != record.documents_failed:
            problems.append(f"{record.failed.file}: {len(letters)} dead letters, {record.documents_failed} on record")
    if record.output is not None and get_format(to := folder.settings().to).readable:
        try:
            count = sum(1 for _ in read_documents(folder.outputs / record.output.file, to))
        except DataError as error:
            return [*problems, f"cannot be read: {error}"]
        if count != record.documents_out:
            problems.append(f"{record.output.file}: {count} documents, {record.documents_out} on record")
    return problems


def _digest(given: Input) -> str:
    """sha256 of an input now; empty where it cannot be read, as on record of one that could not."""
    try:
        return input_digest(given)
    except DataError:
        return ""


def _differs(path: Path, record: OutputRecord) -> str | None:
    """What of a file is not as on record."""
    if not path.is_file():
        return f"{path}: missing"
    if path.stat().st_size != record.size:
        return f"{path}: {path.stat().st_size} bytes, {record.size} on record"
    if file_digest(path)[0] != record.sha256:
        return f"{path}: other bytes than on record"
    return None
