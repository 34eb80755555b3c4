"""Parameter groups and the course of the learning rates."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bases import LABELS, TinyBase
from gliner_adapters.errors import ConfigError
from gliner_adapters.methods import METHODS, attach
from gliner_adapters.training.optimiser import build_optimiser, rate_factor, set_learning_rates
from training.toy import quick


@pytest.mark.parametrize("method", sorted(set(METHODS) - {"zero-shot"}))
def test_groups_cover_what_is_trained_once(method: str, tiny: Callable[[str], TinyBase]) -> None:
    base = tiny(f"{METHODS[method].architectures[-1]}-bert").base
    adapter = attach(method, base, LABELS)
    groups = build_optimiser(adapter, quick(weight_decay=0.3)).param_groups
    grouped = [id(p) for group in groups for p in group["params"]]
    assert sorted(grouped) == sorted(map(id, adapter.trained().values()))
    names = {id(p): name for name, p in adapter.trained().items()}
    for group in groups:
        for parameter in group["params"]:
            assert group["weight_decay"] == (0.3 if parameter.ndim > 1 else 0.0)
            assert group["peak_lr"] == adapter.learning_rates[names[id(parameter)].split(".")[0]]


def test_a_rate_of_ones_own(tiny: Callable[[str], TinyBase]) -> None:
    adapter = attach("heads", tiny("bi-bert").base, LABELS)
    groups = build_optimiser(adapter, quick(learning_rates={"span_head": 0.5})).param_groups
    assert {group["peak_lr"] for group in groups} == {0.5, adapter.learning_rates["label_head"]}


def test_a_rate_for_what_is_not_trained(tiny: Callable[[str], TinyBase]) -> None:
    adapter = attach("heads", tiny("bi-bert").base, LABELS)
    with pytest.raises(ConfigError, match="'heads' does not train text_encoder; it trains span_head, label_head"):
        build_optimiser(adapter, quick(learning_rates={"text_encoder": 1e-4}))


@pytest.mark.parametrize(
    ("warmup", "decay", "expected"),
    [
        (0.2, "linear", [1 / 3, 2 / 3, 1, 7 / 8, 6 / 8, 5 / 8, 4 / 8, 3 / 8, 2 / 8, 1 / 8]),
        (0.0, "linear", [1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1]),
        (0.0, "constant", [1] * 10),
        (0.5, "constant", [1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 1, 1, 1, 1, 1]),
        (1.0, "linear", [(k + 1) / 11 for k in range(10)]),
        (0.6, "cosine", [*[(k + 1) / 7 for k in range(6)], 1, 0.8535533905932737, 0.5, 0.14644660940672624]),
    ],
)
def test_the_course_of_the_rates(warmup: float, decay: str, expected: list[float]) -> None:
    config = quick(warmup=warmup, decay=decay)
    assert [rate_factor(config, step, 10) for step in range(10)] == pytest.approx(expected)


def test_rates_are_set_on_every_group(tiny: Callable[[str], TinyBase]) -> None:
    adapter = attach("full", tiny("bi-bert").base, LABELS)
    optimiser = build_optimiser(adapter, quick())
    set_learning_rates(optimiser, quick(warmup=0.0), 5, 10)
    assert all(group["lr"] == pytest.approx(group["peak_lr"] / 2) for group in optimiser.param_groups)


def test_one_step_of_any_schedule_has_a_rate() -> None:
    for decay in ("linear", "cosine", "constant"):
        for warmup in (0.0, 0.1, 1.0):
            assert 0 < rate_factor(quick(warmup=warmup, decay=decay), 0, 1) <= 1


def test_rates_fall_with_depth(tiny: Callable[[str], TinyBase]) -> None:
    """A two-layer encoder: the upper layer has the whole rate, the lower one a part, embeddings a part of that."""
    adapter = attach("full", tiny("bi-bert").base, LABELS)
    groups = build_optimiser(adapter, quick(layer_decay=0.5, learning_rates={"text_encoder": 1e-3})).param_groups
    rates = {id(p): group["lr"] for group in groups for p in group["params"]}
    assert len(rates) == len(adapter.trained())
    text = {name: rates[id(p)] for name, p in adapter.trained().items() if name.startswith("text_encoder.")}
    for name, rate in text.items():
        depth = next((d for part, d in ((".layer.1.", 0), (".layer.0.", 1), (".embeddings.", 2)) if part in name), 0)
        assert rate == pytest.approx(1e-3 * 0.5**depth), name
    assert len(set(text.values())) == 3
    heads = {rates[id(p)] for name, p in adapter.trained().items() if name.startswith("span_head.")}
    assert heads == {adapter.learning_rates["span_head"]}


def test_rates_fall_with_depth_in_deltas(tiny: Callable[[str], TinyBase]) -> None:
    adapter = attach("lora", tiny("bi-modernbert").base, LABELS)
    groups = build_optimiser(adapter, quick(layer_decay=0.5)).param_groups
    assert len({group["lr"] for group in groups}) == 2


def test_no_layers_no_depth(tiny: Callable[[str], TinyBase]) -> None:
    adapter = attach("heads", tiny("bi-bert").base, LABELS)
    with pytest.raises(ConfigError, match="'heads' trains no layer"):
        build_optimiser(adapter, quick(layer_decay=0.9))
