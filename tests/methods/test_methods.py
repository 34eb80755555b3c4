"""What every technique must keep (`gliner_adapters.testing`), over every technique and every kind of base.

A new technique is covered by existing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from bases import LABELS, PLAIN, RECIPES, TinyBase
from gliner_adapters.documents import Label
from gliner_adapters.errors import ConfigError
from gliner_adapters.methods import METHODS, attach, get_method
from gliner_adapters.testing import METHOD_CHECKS, MethodCase
from gliner_adapters.testing.lives import check_deployable, check_resuming, check_saving, check_serving, check_training
from gliner_adapters.testing.methods import check_baking, check_label_style, check_start, check_unplugging
from methods.helpers import logits_of, quiet

#: Every technique on every base that it works on.
FITTING = [
    pytest.param(method, recipe, id=f"{method}-{recipe}")
    for method in sorted(METHODS)
    for recipe in RECIPES
    if RECIPES[recipe].architecture in METHODS[method].architectures
]
#: These depend on an encoder's type no further than these bases show.
ENOUGH = {
    check_baking: ("bi-bert", "bi-deberta-conv", "uni-bert"),
    check_serving: PLAIN,
    check_training: PLAIN,
    check_resuming: PLAIN,
    check_label_style: PLAIN,
    check_unplugging: [name for name in RECIPES if not RECIPES[name].config],
    check_saving: (),  # in tests/adapters
    check_deployable: (),
}
CHECKED = [
    pytest.param(check, method, base, id=f"{check.__name__.removeprefix('check_')}-{method}-{base}")
    for check in METHOD_CHECKS
    for method, base in (each.values for each in FITTING)
    if base in ENOUGH.get(check, RECIPES)
]


@pytest.mark.parametrize(("check", "method", "tiny_base"), CHECKED, indirect=["tiny_base"])
def test_every_method_keeps_what_all_keep(
    check: Callable[[MethodCase], None], method: str, tiny_base: TinyBase
) -> None:
    check(MethodCase(tiny_base.base, method, where=tiny_base.recipe.name))


@pytest.mark.parametrize("tiny_base", RECIPES, indirect=True)
def test_full_and_heads_train_all_that_a_pass_reaches(tiny_base: TinyBase) -> None:
    base = tiny_base.base

    def trained(method: str) -> int:
        return sum(p.numel() for p in attach(method, base, LABELS).trained().values())

    idle = sum(p.numel() for n, p in base.network.named_parameters() if ".pooler." in n or ".project_first." in n)
    assert trained("full") == base.parameters - idle
    heads = [*base.parts.span_head.named_parameters(), *base.parts.label_head.named_parameters()]
    assert trained("heads") == sum(p.numel() for name, p in heads if ".project_first." not in name)


@pytest.mark.parametrize(
    ("method", "options", "tiny_base"),
    [
        ("injection-bi", {"gated": False}, "bi-bert"),
        ("injection-deep", {"kind": "hidden"}, "bi-bert"),
        ("label-embeddings", {"initialisation": "random"}, "bi-bert"),
        ("injection-deep+heads", {"kind": "hidden"}, "uni-bert"),
        ("injection-cross+lora", {}, "uni-bert"),
    ],
    indirect=["tiny_base"],
)
def test_options_that_start_elsewhere(method: str, options: dict[str, Any], tiny_base: TinyBase) -> None:
    assert not attach(method, tiny_base.base, LABELS, options).starts_as_base
    check_start(MethodCase(tiny_base.base, method, options))


@pytest.mark.parametrize("tiny_base", ["bi-bert"], indirect=True)
def test_label_embeddings_start_from_descriptions_or_noise(tiny_base: TinyBase) -> None:
    base = tiny_base.base
    encoded = attach("label-embeddings", base, LABELS)
    by_name = attach("label-embeddings", base, LABELS, {"label_style": "name"})
    assert not torch.equal(quiet(base, encoded), quiet(base, by_name))
    torch.manual_seed(1)
    random = attach("label-embeddings", base, LABELS, {"initialisation": "random"})
    tables = [dict(adapter.named_parameters())["label_table.vectors"] for adapter in (encoded, random)]
    assert tables[0].shape == tables[1].shape == (len(LABELS), base.hidden_size)
    assert not torch.equal(*tables)
    assert 0.5 < (tables[1].std() / tables[0].std()).item() < 2


@pytest.mark.parametrize("tiny_base", ["bi-bert"], indirect=True)
def test_the_table_needs_no_label_encoder(tiny_base: TinyBase) -> None:
    """What the label encoder says no longer matters once the table stands in its place."""
    base = tiny_base.base
    adapter = attach("label-embeddings", base, LABELS)
    parts = adapter.plug(base)
    assert parts.label_encoder is not base.parts.label_encoder
    without = replace(base.parts, label_encoder=None)
    with torch.no_grad():
        assert torch.equal(logits_of(base, adapter.parts(without), "description"), quiet(base, adapter))


# Requests that cannot be met.


def test_the_known_methods() -> None:
    assert {"zero-shot", "full", "heads", "label-embeddings"} <= set(METHODS)
    assert all(get_method(name).name == name for name in METHODS)
    assert all((method.__doc__ or "").strip() for method in METHODS.values())


@pytest.mark.parametrize("tiny_base", PLAIN, indirect=True)
def test_bases_of_the_wrong_kind(tiny_base: TinyBase) -> None:
    for name, method in METHODS.items():
        if tiny_base.recipe.architecture not in method.architectures:
            with pytest.raises(ConfigError, match=f"method '{name}' works on .*-encoders"):
                attach(name, tiny_base.base, LABELS)


@pytest.mark.parametrize("tiny_base", ["bi-bert"], indirect=True)
def test_requests_that_make_no_sense(tiny_base: TinyBase) -> None:
    base = tiny_base.base
    with pytest.raises(ConfigError, match=r"unknown method 'lorra'; known: .*full.*heads.*zero-shot"):
        attach("lorra", base, LABELS)
    with pytest.raises(ConfigError, match="options of method 'heads': dropout: Extra inputs"):
        attach("heads", base, LABELS, {"dropout": 0.5})
    with pytest.raises(ConfigError, match="options of method 'label-embeddings': initialisation"):
        attach("label-embeddings", base, LABELS, {"initialisation": "zeros"})
    with pytest.raises(ConfigError, match="options of method 'zero-shot': label_style"):
        attach("zero-shot", base, LABELS, {"label_style": "riddle"})
    with pytest.raises(ConfigError, match="at least one"):
        attach("heads", base, [])
    with pytest.raises(ConfigError, match="empty name"):
        attach("heads", base, [Label(" ")])
    with pytest.raises(ConfigError, match="labels given twice: disease"):
        attach("heads", base, [*LABELS, Label("disease", "another")])
