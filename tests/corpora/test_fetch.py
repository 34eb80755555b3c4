"""Downloads: whole and right, or not there; broken ones go on where they stopped."""

from __future__ import annotations

import gzip
import os
import threading
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import Progress

from gliner_adapters.corpora import FetchError, Retry, fetch_corpus, find_file
from gliner_adapters.corpora.registry import CorpusInfo
from gliner_adapters.errors import DataError

from .conftest import Site, make_info, pinned

BODY = bytes(range(256)) * 800  # 204,800 bytes: several chunks
INFO = make_info(train={"path": "train.tsv", **pinned(BODY)})
PATH = f"/owner/repo/{'0' * 40}/data/Tiny/train.tsv"
SOON = Retry(attempts=4, wait=0.001)


def fetch(site: Site, root: Path, info: CorpusInfo = INFO) -> Path:
    return fetch_corpus(info, data_dir=root, base_url=site.url, retry=SOON)["train"]


def put_part(root: Path, body: bytes) -> Path:
    part = root / "Tiny" / "train.tsv.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(body)
    return part


def leftovers(root: Path) -> set[str]:
    folder = root / "Tiny"  # which is not left behind where nothing was written
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


def test_a_fetched_file_is_found_and_not_fetched_again(site: Site, tmp_path: Path) -> None:
    site.files[PATH] = BODY
    path = fetch(site, tmp_path)
    assert path.read_bytes() == BODY
    assert leftovers(tmp_path) == {"train.tsv"}
    assert find_file(INFO, "train", tmp_path) == path
    assert fetch(site, tmp_path) == path
    assert site.requests == [(PATH, None)]


def test_a_cut_connection_resumes_where_it_broke(site: Site, tmp_path: Path) -> None:
    site.files[PATH] = BODY
    site.cuts = [70_000, 30_000]
    assert fetch(site, tmp_path).read_bytes() == BODY
    assert site.requests == [(PATH, None), (PATH, "bytes=70000-"), (PATH, "bytes=100000-")]


def test_a_later_process_resumes_too(site: Site, tmp_path: Path) -> None:
    site.files[PATH] = BODY
    put_part(tmp_path, BODY[:123_456])
    assert fetch(site, tmp_path).read_bytes() == BODY
    assert site.requests == [(PATH, "bytes=123456-")]
    assert leftovers(tmp_path) == {"train.tsv"}


def test_a_whole_part_needs_no_request(site: Site, tmp_path: Path) -> None:
    put_part(tmp_path, BODY)
    assert fetch(site, tmp_path).read_bytes() == BODY
    assert site.requests == []


@pytest.mark.parametrize("stale", [b"x" * 1000, b"x" * len(BODY), BODY + b"x"])
def test_a_stale_part_is_thrown_away(site: Site, tmp_path: Path, stale: bytes) -> None:
    site.files[PATH] = BODY
    put_part(tmp_path, stale)
    assert fetch(site, tmp_path).read_bytes() == BODY
    assert site.requests[-1] == (PATH, None)


def test_a_server_without_ranges_sends_all_of_it_again(site: Site, tmp_path: Path) -> None:
    site.files[PATH] = BODY
    site.ranges = False
    site.cuts = [70_000]
    assert fetch(site, tmp_path).read_bytes() == BODY
    assert site.requests == [(PATH, None), (PATH, "bytes=70000-")]


def test_a_server_that_keeps_failing_is_given_up_and_the_part_kept(site: Site, tmp_path: Path) -> None:
    site.files[PATH] = BODY
    site.cuts = [1000] * 10
    with pytest.raises(FetchError, match="gave up after 4 tries") as caught:
        fetch(site, tmp_path)
    assert PATH in str(caught.value)
    assert leftovers(tmp_path) == {"train.tsv.part"}
    assert (tmp_path / "Tiny" / "train.tsv.part").read_bytes() == BODY[:4000]
    site.cuts = []
    assert fetch(site, tmp_path).read_bytes() == BODY
    assert site.requests[-1] == (PATH, "bytes=4000-")


def test_passing_failures_are_tried_again(site: Site, tmp_path: Path) -> None:
    site.files[PATH] = BODY
    site.statuses = [503, 429, 416]
    assert fetch(site, tmp_path).read_bytes() == BODY
    assert len(site.requests) == 4


def test_a_missing_page_is_not_tried_again(site: Site, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="answered 404"):
        fetch(site, tmp_path)
    assert len(site.requests) == 1
    assert leftovers(tmp_path) == set()


def test_no_server(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="gave up after 2 tries"):
        fetch_corpus(INFO, data_dir=tmp_path, base_url="http://127.0.0.1:9", retry=Retry(2, 0.001))


@pytest.mark.parametrize("body", [BODY.replace(b"a", b"b"), BODY + b"more", BODY + BODY])
def test_wrong_bytes_are_removed(site: Site, tmp_path: Path, body: bytes) -> None:
    site.files[PATH] = body
    with pytest.raises(DataError, match="does not hold the published file: expected 204800 bytes") as caught:
        fetch(site, tmp_path)
    assert INFO.file("train").blob in str(caught.value)
    assert leftovers(tmp_path) == set()


def test_wrong_bytes_after_a_cut_are_removed_too(site: Site, tmp_path: Path) -> None:
    site.files[PATH] = BODY.replace(b"a", b"b")
    site.cuts = [70_000]
    with pytest.raises(DataError, match="does not hold the published file"):
        fetch(site, tmp_path)
    assert leftovers(tmp_path) == set()


def test_a_wrong_file_in_place_is_replaced(site: Site, tmp_path: Path) -> None:
    site.files[PATH] = BODY
    target = tmp_path / "Tiny" / "train.tsv"
    target.parent.mkdir()
    target.write_bytes(b"truncated by something")
    assert fetch(site, tmp_path).read_bytes() == BODY
    os.utime(target)
    assert find_file(INFO, "train", tmp_path) == target


def test_two_at_once_download_once(site: Site, tmp_path: Path) -> None:
    site.files[PATH] = BODY
    site.delay = 0.2
    errors: list[BaseException] = []

    def run() -> None:
        try:
            fetch(site, tmp_path)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert site.requests == [(PATH, None)]
    assert leftovers(tmp_path) == {"train.tsv"}


def test_a_file_published_gzipped_stays_so(site: Site, tmp_path: Path) -> None:
    packed = gzip.compress(BODY, mtime=0)
    info = make_info(train={"path": "train.tsv.gz", **pinned(packed), "text": pinned(BODY)})
    site.files[f"{PATH}.gz"] = packed
    assert fetch(site, tmp_path, info).read_bytes() == packed


def test_the_bar_ends_full(site: Site, tmp_path: Path) -> None:
    site.files[PATH] = BODY
    site.cuts = [70_000]
    with Progress(console=Console(quiet=True)) as progress:
        fetch_corpus(INFO, data_dir=tmp_path, base_url=site.url, progress=progress, retry=SOON)
        (task,) = progress.tasks
    assert (task.description, task.completed, task.total) == ("tiny train", len(BODY), len(BODY))


def test_the_packaged_corpus_needs_no_server(tmp_path: Path) -> None:
    files = fetch_corpus("sample", data_dir=tmp_path, base_url="http://127.0.0.1:9")
    assert set(files) == {"train", "devel", "test"}
    assert list(tmp_path.iterdir()) == []
