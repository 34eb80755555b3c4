"""Stages that work at the same time, each in a thread, joined by queues of bounded length."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from threading import Condition, Thread
from typing import Any

_END = object()
#: Seconds that an interruption waits for threads that are at a large item.
PATIENCE = 3.0


class _Failure:
    """An error on its way to whoever takes the results."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


class _Channel:
    """A queue of bounded length that either side can close."""

    def __init__(self, size: int) -> None:
        self._items: deque[Any] = deque()
        self._size = size
        self._closed = False
        self._changed = Condition()

    def put(self, item: Any) -> bool:
        """Wait for room and put an item in; ``False`` if the channel was closed instead."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._items) < self._size)
            if self._closed:
                return False
            self._items.append(item)
            self._changed.notify_all()
            return True

    def get(self) -> Any:
        """Wait for an item; the end mark if the channel was closed instead."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._items)
            if self._closed:
                return _END
            item = self._items.popleft()
            self._changed.notify_all()
            return item

    def close(self) -> None:
        """Wake up everyone who waits; what is in the channel is dropped."""
        with self._changed:
            self._closed = True
            self._items.clear()
            self._changed.notify_all()


def pipelined(
    source: Iterable[Any],
    stages: Sequence[Callable[[Any], Any]],
    ahead: int = 2,
    stopping: Callable[[], None] = lambda: None,
) -> Generator[Any, None, None]:
    """Send each item of a source through all stages, in order; yields what the last one gives.

    Each stage and the source have a thread of their own, and a stage is at most ``ahead`` items before the next one.
    An error in any of them is raised here, after the results of the items before it. When the iterator ends, fails or
    is closed, the threads end; closing waits until each is done with the item that it is at. An interruption (Ctrl-C)
    waits for a few seconds only: a thread that is at a large item then goes on alone, and ends after it.

    Args:
        source: read in a thread.
        stages: functions of one item.
        ahead: items that may wait between two stages.
        stopping: called before the threads are waited for, whatever ends the iterator: an interruption that arrives
            while it waits for an item is raised in here, and its caller learns of it only after the threads' end.
    """
    channels = [_Channel(ahead) for _ in range(len(stages) + 1)]
    threads = [Thread(target=_feed, args=(source, channels[0]), name="reading-source", daemon=True)]
    for number, stage in enumerate(stages):
        work = (stage, channels[number], channels[number + 1])
        threads.append(Thread(target=_run, args=work, name=f"reading-stage-{number + 1}", daemon=True))
    patience: float | None = None
    for thread in threads:
        thread.start()
    try:
        while (item := channels[-1].get()) is not _END:
            if isinstance(item, _Failure):
                raise item.error
            yield item
    except (Exception, GeneratorExit):
        raise
    except BaseException:
        patience = PATIENCE
        raise
    finally:
        stopping()
        for channel in channels:
            channel.close()
        until = None if patience is None else time.monotonic() + patience
        for thread in threads:
            thread.join(None if until is None else max(0.0, until - time.monotonic()))


def _feed(source: Iterable[Any], out: _Channel) -> None:
    try:
        for item in source:
            if not out.put(item):
                return
    except BaseException as error:  # whatever it is, it is the caller's to see
        out.put(_Failure(error))
    else:
        out.put(_END)


def _run(stage: Callable[[Any], Any], given: _Channel, out: _Channel) -> None:
    while (item := given.get()) is not _END:
        if not isinstance(item, _Failure):
            try:
                item = stage(item)
            except BaseException as error:  # as above
                item = _Failure(error)
        if not out.put(item) or isinstance(item, _Failure):
            return
    out.put(_END)
