"""The process that may die: does one input, or tries its documents, for a parent that watches; see :mod:`.suspects`.

It ends with its parent, whose end of the standard input it watches.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from itertools import islice
from pathlib import Path
from threading import Thread

from gliner_adapters.errors import StorageError
from gliner_adapters.jobs.folder import JobFolder
from gliner_adapters.jobs.heartbeat import Heartbeat
from gliner_adapters.jobs.reading import JobReader, is_readable, job_documents
from gliner_adapters.jobs.suspects import FULL, READY, Task, unpacked
from gliner_adapters.jobs.work import FileWork


def main() -> None:
    """Do the task that stands on standard input."""
    task = unpacked(sys.stdin.readline())
    Thread(target=_end_with_parent, daemon=True).start()
    with suppress(OSError):  # where memory is short, this process goes before its parent
        Path("/proc/self/oom_score_adj").write_text("1000")
    folder = JobFolder(task.folder)
    reader = JobReader(folder.settings(), task.adapters)
    if reader.digest != task.expected:
        sys.exit("another fingerprint than the parent's")
    print(READY, flush=True)
    if task.start is None:
        _commit(task, folder, reader)
    else:
        _try(task, task.start, reader)


def _commit(task: Task, folder: JobFolder, reader: JobReader) -> None:
    heartbeat = Heartbeat(folder)
    try:
        FileWork(folder, reader, heartbeat).annotate(task.given, task.here, task.attempt)
    except StorageError as error:
        print(f"{FULL}{json.dumps(str(error))}", flush=True)
        sys.exit(1)
    finally:
        heartbeat.end()


def _try(task: Task, start: int, reader: JobReader) -> None:
    """Read documents from number ``start`` on and say before which; what is left out stays so."""
    left_out = task.attempt.excluded
    end = min((each for each in (task.end, task.attempt.cut) if each is not None), default=None)
    print(f"parse {start}", flush=True)
    documents = islice(job_documents(task.here.path, reader.settings), start, end)
    number = start
    while block := list(islice(documents, task.group)):
        print(f"read {number}", flush=True)
        kept = [each for place, each in enumerate(block, number) if place not in left_out]
        for _ in reader.read(filter(is_readable, kept)):
            pass
        number += len(block)
        print(f"parse {number}", flush=True)


def _end_with_parent() -> None:
    """End this process when the other end of the standard input is closed."""
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    main()
