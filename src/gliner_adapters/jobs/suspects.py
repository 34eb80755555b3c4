"""Inputs at which a process may have died: they are read in a child, which may die in this one's stead.

    committed by the child ──► done
    the child died ──► search: groups of documents in another child ──► the group one by one ──► leave out, read again

Only a child that dies while its parent lives is evidence against a document. A parent that was killed says nothing: it
may have been the machine, the batch system or the user.

The child says in lines on its standard output what it is about to do: ``parse 64`` before it takes the documents from
number 64 on from the file, ``read 64`` before it reads them. So what kills in parsing is told from what kills in
reading. :mod:`.child` is the other side.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any, Literal

from gliner_adapters.errors import StorageError
from gliner_adapters.jobs.folder import Attempt
from gliner_adapters.jobs.inputs import Fetched, Input
from gliner_adapters.jobs.records import InputRecord

#: Documents that are tried together at first.
GROUP = 64
#: Documents of one input that are found one by one; if there are more, the input is cut there.
MOST_KILLERS = 100
#: What tells the parent's errors from a death.
READY, FULL = "ready", "storage "


class NotBegun(Exception):
    """A child could not begin: it says nothing about the input."""


@dataclass(frozen=True, slots=True)
class Death:
    """How a child ended that was not meant to.

    Attributes:
        how: for a message.
        doing: what it said last, if it said so.
        number: the document of which it said that.
    """

    how: str
    doing: Literal["parse", "read"] | None = None
    number: int = 0


@dataclass(frozen=True, slots=True)
class Task:
    """What a child is to do with an input.

    Attributes:
        folder: the job's.
        given: the input.
        here: where its bytes lie on this machine.
        attempt: what is left out of it.
        adapters: where the adapters lie.
        expected: digest of the job's fingerprint.
        start: the first document to try; ``None`` to do and commit the input.
        end: the one after the last; ``None`` for all.
        group: documents to try together.
    """

    folder: Path
    given: Input
    here: Fetched
    attempt: Attempt
    adapters: Mapping[str, Path] = field(default_factory=dict)
    expected: str = ""
    start: int | None = None
    end: int | None = None
    group: int = GROUP


def in_child(task: Task) -> Death | None:
    """Do a task in a child process; how it died, or ``None`` if it did not.

    Raises:
        NotBegun: the child ended before it could begin.
        StorageError: there was no room to write.
    """
    command = [sys.executable, "-m", "gliner_adapters.jobs.child"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stderr is not None
        errors: list[str] = []
        listening = Thread(target=lambda: errors.extend(child.stderr or ()), daemon=True)
        listening.start()
        try:
            with suppress(OSError):  # it is gone already, and will be found so
                child.stdin.write(packed(task) + "\n")
                child.stdin.flush()
            said = [line.rstrip("\n") for line in child.stdout]
            code = child.wait()
        except BaseException:
            child.kill()
            raise
        listening.join()
    if code == 0:
        return None
    if said and said[-1].startswith(FULL):
        raise StorageError(json.loads(said[-1].removeprefix(FULL)))
    how = _how(code, errors)
    if READY not in said:
        raise NotBegun(how)
    doing, _, number = said[-1].partition(" ")
    return Death(how, doing, int(number)) if doing in ("parse", "read") else Death(how)  # type: ignore[arg-type]


def _how(code: int, errors: list[str]) -> str:
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    last = [line.strip() for line in errors if line.strip()][-1:] or [f"exit code {code}"]
    return f"ended with {last[0][:200]}"


def search(task: Task) -> Attempt | None:
    """What of an input kills a process: the attempt with that left out, or ``None`` if nothing was found.

    Args:
        task: the input, as it was last tried.

    Raises:
        NotBegun: a child could not begin.
    """
    attempt, start = task.attempt, 0
    company: dict[int, str] = {}
    while True:
        died = in_child(_trial(task, attempt, start, None, GROUP))
        if died is None or died.doing is None:
            break
        first = died.number
        single = in_child(_trial(task, attempt, first, first + GROUP, 1))
        if single is None or single.doing is None:
            # Not one by one. What dies only in company is set aside where nothing else explains the deaths.
            if died.doing == "read":
                reason = f"the process that read it with up to {GROUP - 1} others {died.how}"
                company |= dict.fromkeys(range(first, first + GROUP), reason)
            start = first + GROUP
        elif single.doing == "parse":
            attempt = _cut(attempt, single.number, f"the process that parsed it {single.how}")
        else:
            how = f"the process that read it {single.how}"
            attempt = attempt.model_copy(update={"excluded": {**attempt.excluded, single.number: how}})
            start = single.number + 1
            if len(attempt.excluded) >= MOST_KILLERS:
                attempt = _cut(attempt, start, f"{MOST_KILLERS} documents before it killed a process each")
        if attempt.cut is not None and start >= attempt.cut:
            break
    if attempt == task.attempt and company:
        attempt = attempt.model_copy(update={"excluded": {**company, **attempt.excluded}})
    return None if attempt == task.attempt else attempt


def _trial(task: Task, attempt: Attempt, start: int, end: int | None, group: int) -> Task:
    return Task(task.folder, task.given, task.here, attempt, task.adapters, task.expected, start, end, group)


def _cut(attempt: Attempt, number: int, reason: str) -> Attempt:
    return attempt.model_copy(update={"cut": number, "reason": reason})


def packed(task: Task) -> str:
    """A task in one line, for the child."""
    whole: dict[str, Any] = {
        "folder": str(task.folder.absolute()),
        "given": asdict(task.given),
        "path": str(task.here.path),
        "record": task.here.record.model_dump(),
        "attempt": task.attempt.model_dump(),
        "adapters": {name: str(place) for name, place in task.adapters.items()},
        **{name: getattr(task, name) for name in ("expected", "start", "end", "group")},
    }
    return json.dumps(whole)


def unpacked(line: str) -> Task:
    """The task of a line."""
    whole = json.loads(line)
    return Task(
        Path(whole["folder"]),
        Input(**whole["given"]),
        Fetched(Path(whole["path"]), InputRecord.model_validate(whole["record"])),
        Attempt.model_validate(whole["attempt"]),
        {name: Path(place) for name, place in whole["adapters"].items()},
        **{name: whole[name] for name in ("expected", "start", "end", "group")},
    )
