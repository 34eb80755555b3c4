"""Streams: in order, in bounded memory, with errors for the caller and no thread left behind."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from threading import Event, Thread
from typing import Any

import pytest

from adapters.helpers import Tiny
from annotate.helpers import assert_same, moved
from bases import LABELS, TEXTS
from gliner_adapters.annotate import Annotator, Request, pipeline
from gliner_adapters.annotate.pipeline import pipelined
from gliner_adapters.documents import Document
from gliner_adapters.errors import ConfigError


@pytest.fixture(autouse=True)
def no_threads_left() -> Iterator[None]:
    """Whatever a test does, its threads end."""
    yield
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("reading-")]


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C raises, also where it is ignored: in what a shell has begun in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_items_pass_all_stages_in_order_and_at_once() -> None:
    stages: list[Callable[[int], Any]] = [lambda item: item + 1, lambda item: item * 2, str]
    assert list(pipelined(range(50), stages)) == [str(2 * (i + 1)) for i in range(50)]
    together = threading.Barrier(3, timeout=60)  # breaks unless three stages hold an item at the same time

    def meet_at(number: int) -> Callable[[int], int]:
        def stage(item: int) -> int:
            if item == number:
                together.wait()
            return item

        return stage

    assert list(pipelined(range(5), [meet_at(3), meet_at(2), meet_at(1)])) == list(range(5))


def test_nothing_runs_far_ahead() -> None:
    taken: list[int] = []

    def source() -> Iterator[int]:
        for number in range(1000):
            taken.append(number)
            yield number

    results = pipelined(source(), [lambda item: item, lambda item: item], ahead=2)
    assert next(results) == 0
    time.sleep(0.2)
    assert len(taken) <= 1 + 3 * 2 + 3 + 1, "queues of two, one item in each stage, one on its way"
    results.close()


@pytest.mark.parametrize("place", ["source", "first", "last"])
def test_an_error_comes_after_what_went_before(place: str) -> None:
    def fail(at: str) -> Callable[[int], int]:
        def stage(item: int) -> int:
            if at == place and item == 3:
                raise KeyError(at)
            return item

        return stage

    results = pipelined(map(fail("source"), range(10)), [fail("first"), lambda item: item, fail("last")])
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(KeyError, match=place):
        next(results)


def test_closing_early_ends_all_threads() -> None:
    endless = pipelined(iter(int, 1), [lambda item: item, lambda item: item])
    assert [next(endless), next(endless)] == [0, 0]
    endless.close()
    assert list(endless) == []
    untouched = pipelined(iter(int, 1), [lambda item: item])
    untouched.close()


def requests(count: int) -> list[Request]:
    names = ("vectors", "full", "heads")
    return [
        Request(Document(TEXTS[i % len(TEXTS)], id=str(i)), (names[i % 3], *names[: i % 3])[:2] if i % 3 else ("full",))
        for i in range(count)
    ]


@pytest.fixture(scope="module")
def annotator(tiny: Tiny) -> Annotator:
    base = tiny("bi-bert").base
    methods: dict[str, Any] = {"vectors": "label-embeddings", "full": "full", "heads": "heads"}
    return Annotator(base, adapters={name: moved(base, method, LABELS, {}, 4) for name, method in methods.items()})


def test_a_stream_gives_what_a_read_gives(annotator: Annotator) -> None:
    asked = requests(23)
    expected = annotator.read(asked)
    assert sum(len(reading.document.entities) for reading in expected) > 20
    for chunk in (1, 4, 100):
        read = list(annotator.read_stream(iter(asked), chunk=chunk))
        assert [reading.document.id for reading in read] == [str(i) for i in range(23)]
        for reading, other in zip(read, expected, strict=True):
            assert_same(reading.document, other.document)
    assert list(annotator.read_stream([])) == []


def test_a_stream_is_bounded_and_can_be_left(annotator: Annotator) -> None:
    taken: list[int] = []

    def source() -> Iterator[Request]:
        for number in range(100_000):
            taken.append(number)
            yield Request(Document("Aspirin grew.", id=str(number)), ("vectors",))

    stream = annotator.read_stream(source(), chunk=3)
    assert next(stream).document.id == "0"
    stream.close()
    assert len(taken) <= 3 * (1 + 4 * 2 + 4 + 1)


def test_an_error_in_a_stream_reaches_the_caller(annotator: Annotator) -> None:
    asked = [*requests(9), Request(Document("x"), ("nobody",)), *requests(9)]
    stream = annotator.read_stream(asked, chunk=3)
    assert [next(stream).document.id for _ in range(9)] == [str(i) for i in range(9)]
    with pytest.raises(ConfigError, match="no adapter is called 'nobody'"):
        next(stream)
    with pytest.raises(ConfigError, match="at least one request"):
        annotator.read_stream([], chunk=0)


def test_a_pass_that_nobody_waits_for_ends_before_its_next_batch(tiny: Tiny) -> None:
    annotator = Annotator(tiny("bi-bert").base, LABELS, max_passages=1)
    engine, planner = annotator._reader._engine, annotator._reader._planner
    plan = planner.plan([Request(Document(text), labels=LABELS) for text in TEXTS])
    assert len(engine.run(plan)) == len(plan.batches) > 3
    asked = iter([False, False, True])
    assert len(engine.run(planner.plan(plan.requests), stopped=lambda: next(asked))) == 2


@pytest.mark.usefixtures("interruptible")
def test_an_interruption_while_a_result_is_awaited_stops_the_stages_first() -> None:
    """It is raised within the iterator, which must not wait for work that nobody wants any more."""
    stop, begun = Event(), Event()

    def work(item: int) -> int:
        begun.set()
        assert stop.wait(60), "the stage was waited for before it was told to stop"
        return item

    stream = pipelined(range(3), [work], stopping=stop.set)

    def interrupt() -> None:
        begun.wait(60)
        time.sleep(0.2)  # until the other thread waits
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    Thread(target=interrupt).start()
    since = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        next(stream)
    assert time.monotonic() - since < 30


@pytest.mark.usefixtures("interruptible")
def test_an_interruption_does_not_wait_for_a_large_item(monkeypatch: pytest.MonkeyPatch) -> None:
    """A text of fifty megabytes is one item: whoever presses Ctrl-C need not wait for its end."""
    monkeypatch.setattr(pipeline, "PATIENCE", 0.05)
    begun, done, ended = Event(), Event(), Event()

    def work(item: int) -> int:
        begun.set()
        done.wait(20)
        ended.set()
        return item

    def interrupt() -> None:
        begun.wait(60)
        time.sleep(0.2)  # until the other thread waits
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    stream = pipelined(range(3), [work])
    Thread(target=interrupt).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            next(stream)
        assert not ended.is_set()
    finally:
        done.set()
    for thread in threading.enumerate():  # what it left behind ends with its item
        if thread.name.startswith("reading-"):
            thread.join(60)
