"""Steps laid out ahead: what goes through the encoders together, and that it makes no difference."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from bases import TinyBase
from comparing import assert_near
from gliner_adapters.documents import Label
from gliner_adapters.errors import ConfigError
from gliner_adapters.methods import attach
from gliner_adapters.pretraining.data import joined
from gliner_adapters.pretraining.drawing import Group
from gliner_adapters.pretraining.loop import PretrainingLoop
from gliner_adapters.pretraining.work import AHEAD, Work, ahead, ahead_in_processes
from gliner_adapters.training import Reporter
from pretraining.helpers import recipe, source, toy_source
from training.toy import toy_corpus
from watching import ended


def loop_of(tiny_base: TinyBase, folder: Path, **training: object) -> PretrainingLoop:
    base = tiny_base.base
    own = recipe(
        sampling={"sentences": 12, "most_repeats": 1000},
        drawing={"description": 0.0, "both": 0.0},
        group_size=4,
        training={"batch_size": 12, "precision": "fp32", **training},
    )
    toy = toy_source(base, toy_corpus())
    return PretrainingLoop(
        base, attach("full", base, [Label("any")]), [toy], own, own.training.config(), folder, Reporter(quiet=True)
    )


def gradients(loop: PretrainingLoop, groups: list[Group]) -> tuple[float, torch.Tensor, int]:
    """Loss and gradient of a step without dropout, and in how many passes it went."""
    loop.adapter.zero_grad()
    loop.adapter.eval()
    works = loop.make_work(0, groups)
    loss = sum(float(loop.backward(work)) for work in works)
    found = [p.grad.flatten() for p in loop.adapter.trained().values() if p.grad is not None]
    return loss, torch.cat(found), len(works)


@pytest.mark.parametrize("tiny_base", ["bi-bert", "uni-bert", "bi-mpnet", "uni-mpnet"], indirect=True)
def test_one_pass_for_all_groups_gives_what_one_for_each_gives(tiny_base: TinyBase, tmp_path: Path) -> None:
    loop = loop_of(tiny_base, tmp_path)
    (groups, *_) = loop.plan
    assert len(groups) > 1
    apart, of_each, count = gradients(loop, groups)
    assert count == len(groups)
    loop.make_work.together = True
    together, of_all, count = gradients(loop, groups)
    assert count == 1
    assert together == pytest.approx(apart, rel=1e-4)
    assert_near(of_all, of_each)


def test_a_sentence_counts_alike_by_itself_and_in_a_window(
    tiny: Callable[[str], TinyBase], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loss of a window is the sum over its spans, so it counts as one sentence of the step, not as all of its."""
    loop = loop_of(tiny("bi-bert"), tmp_path)
    (toy,) = loop.sources
    toy.windows = source(toy.name, [joined(toy.passages[:3]), joined(toy.passages[3:5])], [])
    toy.windows.texts, toy.windows.sizes = toy.texts, [3, 2]
    toy.windows.known = [toy.known[0]] * 2
    works = loop.make_work(0, [Group(0, (5, 6)), Group(0, (0, 1), windows=True)])
    shares = {work.groups[0].lengths[0]: work.groups[0].share for work in works}
    assert sorted(shares.values()) == [pytest.approx(2 / 7), pytest.approx(2 / 7)]
    assert sum(len(work.batch.passages) for work in works) == 4


def test_labels_that_leave_no_room_are_refused(tiny: Callable[[str], TinyBase], tmp_path: Path) -> None:
    loop = loop_of(tiny("uni-bert"), tmp_path)
    (toy,) = loop.sources
    whole = joined(toy.passages[:12])
    toy.windows = source(toy.name, [whole], [])
    toy.windows.texts, toy.windows.sizes = toy.texts, [12]
    with pytest.raises(ConfigError, match=r"lower the recipe's .*sampling\.window_tokens"):
        loop.make_work(0, [Group(0, (0,), windows=True)])


def test_what_is_made_ahead_comes_in_order() -> None:
    made: list[int] = []

    def make(item: int) -> int:
        made.append(item)
        return -item

    items = ahead(make, range(50))
    assert next(items) == 0
    assert list(items) == [-item for item in range(1, 50)]
    assert made == list(range(50))
    assert list(ahead(make, [])) == []


def test_it_is_made_while_the_loop_is_at_work_and_not_beyond_what_is_needed_soon() -> None:
    """The next items are made by another thread; a loop that stops leaves the rest unmade and no thread behind."""
    made: list[int] = []
    before = threading.active_count()
    enough = threading.Event()

    def make(item: int) -> str:
        made.append(item)
        if len(made) > AHEAD:
            enough.set()
        return threading.current_thread().name

    items = ahead(make, range(1000))
    assert next(items) != threading.current_thread().name
    assert enough.wait(10), "items ahead are made without being asked for"
    items.close()
    assert AHEAD < len(made) <= AHEAD + 2
    assert threading.active_count() == before


def test_what_goes_wrong_ahead_is_raised_in_its_turn() -> None:
    def make(item: int) -> int:
        if item == 3:
            raise ConfigError("no")
        return item

    items = ahead(make, range(10))
    assert [next(items) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ConfigError, match="no"):
        next(items)


def test_processes_make_what_a_thread_makes(tiny: Callable[[str], TinyBase], tmp_path: Path) -> None:
    loop = loop_of(tiny("bi-bert"), tmp_path)

    def make(step: int) -> list[Work]:
        return loop.make_work(step % len(loop.plan), loop.plan[step % len(loop.plan)])

    for one, other in zip(ahead(make, range(20)), ahead_in_processes(make, range(20), 2), strict=True):
        assert len(one) == len(other)
        for mine, theirs in zip(one, other, strict=True):
            assert torch.equal(mine.batch.input_ids, theirs.batch.input_ids)
            assert [group.lengths for group in mine.groups] == [group.lengths for group in theirs.groups]
            assert all(torch.equal(a.targets, b.targets) for a, b in zip(mine.groups, theirs.groups, strict=True))


def test_processes_raise_in_turn_and_end_with_the_loop() -> None:
    def make(item: int) -> int:
        if item == 3:
            raise ConfigError("no")
        return item

    items = ahead_in_processes(make, range(1000), 2)
    assert [next(items) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ConfigError, match="no"):
        next(items)
    assert not multiprocessing.active_children()
    stopped = ahead_in_processes(lambda item: item, range(1000), 2)
    assert next(stopped) == 0
    stopped.close()
    assert not multiprocessing.active_children()


def test_processes_end_with_one_that_is_killed() -> None:
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)

    def loop() -> None:
        for process in ahead_in_processes(lambda _: os.getpid(), range(1_000_000), 2):
            sender.send(process)

    process = context.Process(target=loop)
    process.start()
    seen = {receiver.recv() for _ in range(100)}
    process.kill()
    process.join()
    assert process.pid not in seen
    assert all(ended(each, 20) for each in seen)


def test_without_fork_a_thread_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multiprocessing, "get_all_start_methods", lambda: ["spawn"])
    assert list(ahead_in_processes(lambda item: (item, os.getpid()), range(3), 2)) == [
        (i, os.getpid()) for i in range(3)
    ]
