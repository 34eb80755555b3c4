"""Which documents of an input kill a worker: they are tried in a process of their own, which may die.

The child says which documents it is about to read. It reads them in groups first; when it dies, the group at which it
died is read one by one. A document that kills only in company is not found by this.
"""

from __future__ import annotations

import signal
import subprocess
import sys

from gliner_adapters.jobs.folder import JobFolder
from gliner_adapters.jobs.inputs import Input

#: Documents that are tried together at first.
GROUP = 64


def find_killers(folder: JobFolder, given: Input) -> dict[int, str]:
    """Documents that kill a process which reads them, by their number in the input, and how it died.

    Args:
        folder: the job's, begun.
        given: an input at which workers have died.
    """
    killers: dict[int, str] = {}
    start = 0
    while True:
        died = _try(folder, given, start, None, GROUP)
        if died is None:
            return killers
        first, how = died
        single = _try(folder, given, first, first + GROUP, 1)
        if single is None:  # not the documents one by one
            start = first + GROUP
            continue
        number, how = single
        killers[number] = f"the process that read it {how}"
        start = number + 1


def _try(folder: JobFolder, given: Input, start: int, end: int | None, group: int) -> tuple[int, str] | None:
    """Read documents in a child. The number of the first document at which it died, and how; ``None`` if it did not."""
    command = [sys.executable, "-m", __name__, str(folder.path), given.path, str(start), str(end or -1), str(group)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return None
    begun = [int(line) for line in done.stdout.split() if line.isdigit()]
    if done.returncode < 0:
        how = f"was killed by {signal.Signals(-done.returncode).name}"
    else:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        how = f"ended with {last[0][:200]}"
    return (begun[-1] if begun else start), how


def main(arguments: list[str]) -> None:
    """The child: read documents ``start`` to ``end`` of an input, saying the first of each group before it is read."""
    from itertools import islice

    from gliner_adapters.documents import ReadReport, read_documents
    from gliner_adapters.jobs.inputs import fetched, find_inputs
    from gliner_adapters.jobs.reading import JobReader, is_readable

    path, source, start, end, group = arguments[0], arguments[1], *map(int, arguments[2:])
    settings = JobFolder(path).settings()
    reader = JobReader(settings)
    (given,) = find_inputs([source])
    print(start, flush=True)
    with fetched(given) as here:
        documents = read_documents(
            here.path,
            settings.read_as,
            skip_bad=True,
            columns=settings.columns,
            tag_names=settings.tag_names,
            report=ReadReport(),
        )
        documents = islice(documents, start, None if end < 0 else end)
        number = start
        while block := list(islice(documents, group)):
            print(number, flush=True)
            for _ in reader.read(filter(is_readable, block)):
                pass
            number += len(block)
            print(number, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
