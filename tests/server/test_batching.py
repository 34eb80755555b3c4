"""The queue: who is read with whom, who is dropped, and that answers never mix."""

from __future__ import annotations

import threading
import time
from concurrent.futures import CancelledError

import pytest

from gliner_adapters.annotate import Annotator, Request
from gliner_adapters.documents import Document, Label
from gliner_adapters.errors import ConfigError
from gliner_adapters.server.batching import Batcher, TimeIsUp
from gliner_adapters.server.errors import ApiError
from gliner_adapters.server.metrics import Metrics
from gliner_adapters.server.settings import Settings

from .conftest import Held


def ask(*texts: str, label: str = "x") -> list[Request]:
    return [Request(Document(text), labels=(Label(label),), threshold=0.2) for text in texts]


def later(seconds: float = 30) -> float:
    return time.monotonic() + seconds


def batcher_of(held: Held, **settings: float) -> Batcher:
    """A running batcher whose reader is busy with a first text."""
    batcher = Batcher(held, Settings(**{"batch_wait_ms": 0, **settings}), Metrics())  # type: ignore[arg-type]
    batcher.start()
    batcher.submit(ask("first"), later())
    assert held.reading.wait(10)
    return batcher


def test_jobs_take_turns(held: Held) -> None:
    batcher = batcher_of(held, batch_documents=4)
    many = batcher.submit(ask("a1", "a2", "a3", "a4", "a5"), later())
    few = batcher.submit(ask("b1"), later())
    two = batcher.submit(ask("c1", "c2"), later())
    assert batcher.documents == 8
    held.go.set()
    for future, texts in ((many, ["a1", "a2", "a3", "a4", "a5"]), (few, ["b1"]), (two, ["c1", "c2"])):
        assert [reading.document.text for reading in future.result(30)] == texts
    assert held.texts == [["first"], ["a1", "b1", "c1", "a2"], ["c2", "a3", "a4", "a5"]]
    assert batcher.documents == 0
    batcher.close(10)


def test_a_batch_closes_at_its_characters(held: Held) -> None:
    batcher = batcher_of(held, batch_chars=10)
    done = batcher.submit(ask("x" * 6, "y" * 4, "z" * 3, "w" * 30, "v"), later())
    held.go.set()
    done.result(30)
    assert [[len(text) for text in batch] for batch in held.texts[1:]] == [[6, 4], [3], [30], [1]]
    batcher.close(10)


def test_an_idle_reader_waits_a_moment_for_more(held: Held) -> None:
    batcher = Batcher(held, Settings(batch_wait_ms=300), Metrics())  # type: ignore[arg-type]
    batcher.start()
    held.go.set()
    time.sleep(0.1)  # it is idle now
    futures = [batcher.submit(ask(text), later()) for text in "abc"]
    for future in futures:
        future.result(30)
    assert held.texts == [["a", "b", "c"]]
    batcher.close(10)


def test_nothing_is_read_that_nobody_waits_for(held: Held) -> None:
    metrics = Metrics()
    batcher = Batcher(held, Settings(batch_wait_ms=0), metrics)  # type: ignore[arg-type]
    batcher.start()
    batcher.submit(ask("first"), later())
    assert held.reading.wait(10)
    gone = batcher.submit(ask("gone", "too"), later())
    late = batcher.submit(ask("late"), later(0.05))
    kept = batcher.submit(ask("kept"), later())
    assert gone.cancel()
    time.sleep(0.1)
    held.go.set()
    kept.result(30)
    assert held.texts == [["first"], ["kept"]]
    with pytest.raises(CancelledError):
        gone.result(10)
    with pytest.raises(TimeIsUp):
        late.result(10)
    text = metrics.text().decode()
    assert 'dropped_requests_total{reason="client gone"} 1.0' in text
    assert 'dropped_requests_total{reason="time is up"} 1.0' in text
    batcher.close(10)


def test_what_is_left_of_a_job_is_dropped_in_its_midst(held: Held) -> None:
    batcher = batcher_of(held, batch_documents=1)
    cut = batcher.submit(ask("a", "b", "c"), later(0.2))
    held.go.set()
    time.sleep(0.05)
    held.go.clear()
    time.sleep(0.3)
    held.go.set()
    batcher.close(10)
    if not cut.done() or cut.exception() is not None:
        assert isinstance(cut.exception(10), TimeIsUp)
        assert ["c"] not in held.texts


def test_a_request_that_makes_no_sense_harms_no_other(held: Held) -> None:
    batcher = batcher_of(held)
    good = [batcher.submit(ask(text), later()) for text in ("a", "b")]
    bad = batcher.submit([Request(Document("bad"), ("no such adapter",))] * 3, later())
    more = batcher.submit(ask("c"), later())
    held.go.set()
    assert [future.result(30)[0].document.text for future in (*good, more)] == ["a", "b", "c"]
    with pytest.raises(ConfigError, match="no adapter is called"):
        bad.result(10)
    assert held.texts[-1] == ["a", "b", "c"]
    assert batcher.documents == 0
    batcher.close(10)


def test_the_queue_is_bounded(held: Held) -> None:
    batcher = batcher_of(held, queue_requests=2, max_text_chars=10, queue_chars=20)
    batcher.submit(ask("x" * 15), later())
    with pytest.raises(ApiError) as caught:
        batcher.submit(ask("x" * 6), later())
    assert (caught.value.status, caught.value.code) == (503, "queue_full")
    assert caught.value.headers == {"Retry-After": "1"}
    gone = batcher.submit(ask("x"), later())
    with pytest.raises(ApiError):
        batcher.submit(ask("y"), later())
    gone.cancel()  # makes room at once
    batcher.submit(ask("y"), later())
    held.go.set()
    batcher.close(30)
    assert held.texts == [["first"], ["x" * 15, "y"]]


def test_closing_reads_what_was_accepted_and_takes_no_more(held: Held) -> None:
    batcher = batcher_of(held)
    accepted = batcher.submit(ask("a", "b"), later())
    closing = threading.Thread(target=batcher.close, args=(30,))
    closing.start()
    while batcher.accepting:
        time.sleep(0.01)
    with pytest.raises(ApiError) as caught:
        batcher.submit(ask("c"), later())
    assert (caught.value.status, caught.value.code) == (503, "stopping")
    held.go.set()
    closing.join(30)
    assert [reading.document.text for reading in accepted.result(0)] == ["a", "b"]


def test_answers_never_mix(annotator: Annotator) -> None:
    batcher = Batcher(annotator, Settings(batch_documents=5, queue_requests=200), Metrics())
    batcher.start()
    wrong: list[str] = []

    def client(number: int) -> None:
        for turn in range(6):
            texts = [f"asthma {number} {turn} {i} in HeLa" for i in range(1 + (number + turn) % 4)]
            readings = batcher.submit(ask(*texts, label=f"label {number}"), later()).result(60)
            if [reading.document.text for reading in readings] != texts:
                wrong.append(f"texts of {number}")
            labels = {entity.label for reading in readings for entity in reading.document.entities}
            if not labels <= {f"label {number}"}:
                wrong.append(f"labels of {number}: {labels}")

    threads = [threading.Thread(target=client, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    batcher.close(10)
    assert not wrong
