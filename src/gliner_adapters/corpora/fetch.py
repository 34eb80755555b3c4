"""Download corpora: resuming, retrying, verified before they get their name, safe with two processes.

A file arrives as ``NAME.part``. What is there of it is kept when a transfer breaks, and the next try asks the
server for the rest only. When all bytes are there their git blob id must be the registry's; then the file is
renamed in one step, so that a file under its own name is always whole and right.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from rich.progress import Progress

from gliner_adapters.corpora.info import RAW_URL, CorpusInfo, FileInfo
from gliner_adapters.corpora.places import blob_id, cache_dir, find_file, verify
from gliner_adapters.corpora.registry import corpus_info
from gliner_adapters.errors import DataError, GlinerAdaptersError
from gliner_adapters.locking import locked
from gliner_adapters.storage import storing

LOCK_SECONDS = 600.0
_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})


class FetchError(GlinerAdaptersError):
    """A download failed for good: names the address and the last thing that went wrong."""


@dataclass(frozen=True)
class Retry:
    """How often to try a file (``attempts``) and how long to wait: ``wait`` seconds, doubled each time."""

    attempts: int = 5
    wait: float = 0.5

    def sleep(self, failures: int) -> None:
        """Wait before the next try; the random part keeps many clients from returning together."""
        time.sleep(min(self.wait * 2 ** (failures - 1), 30.0) * random.uniform(0.8, 1.2))


def fetch_corpus(
    corpus: str | CorpusInfo,
    *,
    data_dir: str | Path | None = None,
    base_url: str = RAW_URL,
    progress: Progress | None = None,
    retry: Retry = Retry(),
) -> dict[str, Path]:
    """Bring a corpus to this machine and return its files by split.

    Files that are there and right are left alone. A wrong one under ``data_dir`` is replaced.

    Args:
        corpus: a name or alias of the registry, or an entry of its kind.
        data_dir: the folder to put the corpus's folder in (made if needed); the user's cache if ``None``.
        base_url: a mirror with the layout of raw.githubusercontent.com.
        progress: a rich progress display to add a bar for each file to.
        retry: how often to try again after a broken transfer.

    Raises:
        ConfigError: no such corpus, or another process has been fetching it for a long time; says which.
        FetchError: the server cannot be reached or answers with an error.
        DataError: the server's bytes are not the pinned ones; they have been removed.
    """
    info = corpus_info(corpus) if isinstance(corpus, str) else corpus
    if info.source is None:
        return {split: find_file(info, split) for split in info.splits}
    folder = Path(data_dir if data_dir is not None else cache_dir()) / info.folder
    timeout = httpx.Timeout(30.0, connect=15.0)
    # Whoever comes second waits, and then finds the files there.
    with locked(folder, LOCK_SECONDS), httpx.Client(follow_redirects=True, timeout=timeout) as client:
        return {split: _fetch_file(client, info, split, folder, base_url, progress, retry) for split in info.splits}


def _fetch_file(
    client: httpx.Client,
    info: CorpusInfo,
    split: str,
    folder: Path,
    base_url: str,
    progress: Progress | None,
    retry: Retry,
) -> Path:
    file, url = info.file(split), info.url(split, base_url)
    assert url is not None  # the caller has dealt with packaged corpora
    target = folder / file.path
    with _bar(progress, f"{info.name} {split}", file.size) as advance:
        if _is_right(target, file):
            advance(file.size)
        else:
            _download(client, url, target, file, advance, retry)
    return target


def _download(
    client: httpx.Client,
    url: str,
    target: Path,
    file: FileInfo,
    advance: Callable[[int], None],
    retry: Retry,
) -> None:
    part = target.with_name(f"{target.name}.part")
    for failures in range(1, retry.attempts + 1):
        resumed = part.exists()
        try:
            _transfer(client, url, part, file.size, advance)
        except (httpx.TransportError, _TryAgain) as error:
            if failures == retry.attempts:
                raise FetchError(
                    f"{url}: gave up after {failures} tries ({error or type(error).__name__}); "
                    "what has arrived is kept, and the same command goes on from there"
                ) from error
            retry.sleep(failures)
            continue
        size = part.stat().st_size
        with part.open("rb") as stream:
            found = blob_id(stream, size)
        if found == file.blob:
            part.replace(target)
            return
        part.unlink()
        if not resumed or failures == retry.attempts:  # else the old piece may be to blame: begin anew
            raise DataError(
                f"{url} does not hold the published file: expected {file.size} bytes with the git blob "
                f"{file.blob}, got {size} bytes with {found}; the download has been removed"
            )


class _TryAgain(Exception):
    """The server's answer was incomplete or a passing failure."""


def _transfer(client: httpx.Client, url: str, part: Path, size: int, advance: Callable[[int], None]) -> None:
    """Append the missing bytes to ``part``, or begin anew where the server does not do ranges."""
    have = part.stat().st_size if part.exists() else 0
    if have == size:
        return
    if have > size:
        part.unlink()
        have = 0
    headers = {"Accept-Encoding": "identity"}  # the ids pin bytes, and ranges count them
    if have:
        headers["Range"] = f"bytes={have}-"
    with client.stream("GET", url, headers=headers) as response:
        if response.status_code in _TRANSIENT:
            raise _TryAgain(f"the server answered {response.status_code}")
        if response.status_code == 416:
            part.unlink(missing_ok=True)
            raise _TryAgain("the server refused the range")
        if response.status_code not in (200, 206):
            raise FetchError(f"{url}: the server answered {response.status_code} {response.reason_phrase}")
        append = response.status_code == 206
        content_range = response.headers.get("Content-Range", "")
        if append and not content_range.startswith(f"bytes {have}-"):
            part.unlink(missing_ok=True)
            raise _TryAgain(f"asked for bytes from {have}, got {content_range or 'no Content-Range'}")
        have = have if append else 0
        advance(have)
        with storing(part, size), part.open("ab" if append else "wb") as stream:
            for chunk in response.iter_bytes():
                stream.write(chunk)
                have += len(chunk)
                advance(have)
                if have > size:  # not the file; the caller's check says so
                    break
            stream.flush()
            os.fsync(stream.fileno())
    if have < size:
        raise _TryAgain(f"the transfer ended after {have} of {size} bytes")


def _is_right(target: Path, file: FileInfo) -> bool:
    if not target.is_file():
        return False
    try:
        verify(target, file)
    except DataError:
        return False
    return True


@contextmanager
def _bar(progress: Progress | None, name: str, size: int) -> Iterator[Callable[[int], None]]:
    """A function that takes the number of bytes that are there, shown as a bar if there is a display."""
    if progress is None:
        yield lambda have: None
        return
    task = progress.add_task(name, total=size)
    yield lambda have: progress.update(task, completed=have)
