"""The moving average of the weights: what it is, that it is kept, and that a resumed run goes on with it."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from bases import LABELS, TinyBase
from gliner_adapters.methods import attach
from gliner_adapters.training import train
from gliner_adapters.training.averaging import MovingAverage
from training.toy import outcome, quick, snapshot, tensors_equal, toy_corpus


def test_the_average_is_the_sum_that_it_stands_for(tiny: Callable[[str], TinyBase]) -> None:
    adapter = attach("heads", tiny("bi-bert").base, LABELS)
    average = MovingAverage(adapter, 0.5)
    expected = {name: p.detach().double() for name, p in adapter.trained().items()}
    generator = torch.Generator().manual_seed(1)
    for step in range(1, 12):
        keep = min(0.5, (1 + step) / (10 + step))
        for name, parameter in adapter.trained().items():
            parameter.data += torch.randn(parameter.shape, generator=generator)
            expected[name] = keep * expected[name] + (1 - keep) * parameter.detach().double()
        average.update(step)
    own = snapshot(adapter)
    with average.in_place():
        for name, parameter in adapter.trained().items():
            torch.testing.assert_close(parameter.detach().double(), expected[name], rtol=1e-4, atol=1e-4)
    assert tensors_equal(snapshot(adapter), own)


def test_what_is_kept_is_the_average(tiny: Callable[[str], TinyBase], tmp_path: Path) -> None:
    """Without devel the last one; with devel the best one, scored and kept as an average."""
    base, corpus = tiny("bi-bert").base, toy_corpus()
    plain, averaged, scored = (attach("heads", base, LABELS) for _ in range(3))
    train(base, plain, corpus, config=quick(epochs=4), folder=tmp_path / "a")
    train(base, averaged, corpus, config=quick(epochs=4, ema=0.9), folder=tmp_path / "b")
    one_look = quick(epochs=4, ema=0.9, evaluate_every=4)
    result = train(base, scored, corpus, corpus[:8], one_look, folder=tmp_path / "c")
    assert len(result.curve) == 1
    assert not tensors_equal(snapshot(plain), snapshot(averaged))
    assert tensors_equal(snapshot(scored), snapshot(averaged))


def test_looks_at_devel_do_not_disturb_the_steps(tiny: Callable[[str], TinyBase], tmp_path: Path) -> None:
    """The steps go on with the weights themselves, however often the average is scored."""
    base, corpus = tiny("bi-bert").base, toy_corpus()
    losses = []
    for name, config in (("a", quick(epochs=3)), ("b", quick(epochs=3, ema=0.99))):
        adapter = attach("heads", base, LABELS)
        result = train(base, adapter, corpus, corpus[:8], config, folder=tmp_path / name)
        losses.append([row["loss"] for row in result.curve])
    assert losses[0] == losses[1]


def test_a_killed_run_goes_on_with_its_average(
    tiny: Callable[[str], TinyBase],
    tmp_path: Path,
    processes: Any,
) -> None:
    given = (str(tiny("bi-bert").folder), "heads", quick(checkpoint_steps=2, ema=0.8))
    assert outcome(processes, *given, tmp_path / "whole") == 0
    assert outcome(processes, *given, tmp_path / "run", {"step": 7}) == -signal.SIGKILL
    assert outcome(processes, *given, tmp_path / "run") == 0
    assert (tmp_path / "run.safetensors").read_bytes() == (tmp_path / "whole.safetensors").read_bytes()
