"""The order of training: every passage once an epoch, fixed by the seed, within the token budget."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bases import LABELS, TinyBase
from gliner_adapters.documents import Window
from gliner_adapters.methods import attach
from gliner_adapters.model import Passage
from gliner_adapters.training import Reporter, train
from gliner_adapters.training.order import epoch_batches, share
from training.toy import quick, toy_corpus


def passages_of(sizes: list[int]) -> list[Passage]:
    starts = np.asarray([0, 1], dtype=np.int32)
    return [Passage(i, Window(0, 1), np.zeros(n, dtype=np.int64), starts) for i, n in enumerate(sizes)]


@settings(deadline=None)
@given(
    sizes=st.lists(st.integers(0, 60), min_size=1, max_size=130),
    batch_size=st.integers(1, 9),
    max_tokens=st.integers(64, 400),
    overhead=st.integers(0, 30),
    epoch=st.integers(0, 3),
)
def test_each_passage_once_within_the_budget(
    sizes: list[int], batch_size: int, max_tokens: int, overhead: int, epoch: int
) -> None:
    passages = passages_of(sizes)
    batches = epoch_batches(passages, batch_size, max_tokens, 1, epoch, overhead)
    assert sorted(i for batch in batches for i in batch) == list(range(len(sizes)))
    for batch in batches:
        longest = max(sizes[i] for i in batch) + overhead + 2
        assert 1 <= len(batch) <= batch_size
        assert len(batch) == 1 or len(batch) * longest <= max_tokens


def test_the_order_is_of_seed_and_epoch_alone() -> None:
    passages = passages_of([5 + i % 17 for i in range(200)])
    order = {(seed, epoch): epoch_batches(passages, 8, 8192, seed, epoch) for seed in (0, 1) for epoch in (0, 1)}
    assert len({str(batches) for batches in order.values()}) == 4
    np.random.default_rng().random()  # some other generator's state has no say
    assert order[1, 1] == epoch_batches(passages, 8, 8192, 1, 1)


def test_batches_hold_similar_lengths() -> None:
    sizes = np.random.default_rng(0).integers(3, 60, 600).tolist()
    batches = epoch_batches(passages_of(sizes), 8, 8192, 1, 0)
    spread = np.mean([max(sizes[i] for i in b) - min(sizes[i] for i in b) for b in batches])
    assert spread < 5
    firsts = [sizes[batch[0]] for batch in batches]
    assert firsts != sorted(firsts), "the batches themselves are in no order of length"


def test_processes_share_every_batch() -> None:
    batches = [[0, 1, 2, 3, 4], [5], [6, 7]]
    parts = [share(batches, process, 3) for process in range(3)]
    assert parts == [[[0, 3], [5], [6]], [[1, 4], [5], [7]], [[2], [5], [6]]]
    assert share(batches, 0, 1) == batches


@pytest.mark.parametrize("name", ["uni-bert", "bi-bert"])
def test_inputs_of_a_run_respect_the_budget(name: str, tiny: Callable[[str], TinyBase], tmp_path: Path) -> None:
    """With the label prompt of a uni-encoder, which is the longest part of a short input."""
    base = tiny(name).base
    inputs = []
    watch = base.parts.text_encoder.register_forward_pre_hook(lambda module, args: inputs.append(args[0].shape))
    try:
        config = quick(epochs=2, max_tokens=150, cache_features=False, batch_size=32)
        seen: list[int] = []

        class Counter(Reporter):
            def advance(self, steps: int, sentences: int, loss: float | None = None) -> None:
                seen.append(sentences)

        adapter = attach("heads", base, LABELS)
        train(base, adapter, toy_corpus(), config=config, folder=tmp_path, reporter=Counter(quiet=True))
    finally:
        watch.remove()
    assert [shape[0] for shape in inputs] == seen
    assert sum(seen) == 2 * 20
    assert all(rows == 1 or rows * columns <= 150 for rows, columns in inputs)
    assert max(rows for rows, _ in inputs) > 1
