"""Combinations: declared by name, chained, and indistinguishable from one technique for everything that uses them."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from bases import LABELS, TEXTS, TinyBase
from gliner_adapters.adapters import describe, load_adapter, save_adapter, verify_adapter
from gliner_adapters.annotate import Annotator
from gliner_adapters.errors import AdapterError, ConfigError
from gliner_adapters.methods import METHODS, attach, get_method
from gliner_adapters.training.module import TrainingModule, set_head_dropout
from gliner_adapters.training.optimiser import build_optimiser
from methods.helpers import learns, on, quiet, scores, unlike
from training.toy import quick

#: Combinations with the bases that they are tried on.
TRIED = [
    pytest.param(name, base, id=f"{name}-{base}")
    for name, bases in {
        "lora+heads": ("uni-deberta", "bi-bert"),
        "heads+lora": ("bi-modernbert",),
        "injection-deep+lora+heads": ("uni-bert", "bi-deberta", "uni-modernbert"),
        "injection-bi+heads": ("bi-bert",),
        "label-descriptions+lora": ("bi-bert",),
        "lora+label-embeddings": ("bi-modernbert",),
        "lora+extension": ("bi-bert",),
        "injection-cross+lora": ("uni-bert",),
        "injection-cross+injection-deep": ("uni-modernbert",),
        "injection-bi+label-descriptions": ("bi-bert",),
    }.items()
    for base in bases
]
every_one = pytest.mark.parametrize(("method", "tiny_base"), TRIED, indirect=["tiny_base"])


@every_one
def test_ingredients_keep_their_members_names(method: str, tiny_base: TinyBase) -> None:
    base = tiny_base.base
    adapter = attach(method, base, LABELS)
    members = [attach(name, base, LABELS) for name in method.split("+")]
    assert adapter.name == method
    assert set(adapter.trained()) == {name for member in members for name in member.trained()}
    assert set(adapter.ingredients()) <= set(adapter.learning_rates)
    for group in build_optimiser(adapter, quick()).param_groups:
        assert group["peak_lr"] in [rate for member in members for rate in member.learning_rates.values()]
    assert not {id(p) for p in adapter.trained().values()} & {id(p) for p in base.network.parameters()}


@every_one
def test_it_starts_as_its_members_do(method: str, tiny_base: TinyBase) -> None:
    base = tiny_base.base
    adapter = attach(method, base, LABELS)
    if "injection-cross" in method:  # which does not start as the base
        assert not adapter.starts_as_base
        assert torch.equal(quiet(base, adapter), quiet(base, attach("injection-cross", base, LABELS)))
    else:
        assert adapter.starts_as_base
        with torch.no_grad():
            assert torch.equal(quiet(base, adapter), scores(base, adapter, base.parts))


@every_one
def test_every_member_takes_part(method: str, tiny_base: TinyBase) -> None:
    """Each trained parameter gets a gradient, and nothing else does."""
    base = copy.deepcopy(tiny_base.base)
    adapter = unlike(attach(method, base, LABELS)).eval()
    scores(base, adapter, adapter.parts(base.parts)).square().sum().backward()
    assert not [name for name, p in adapter.trained().items() if p.grad is None or not p.grad.abs().sum() > 0]
    assert not [name for name, p in base.network.named_parameters() if p.requires_grad or p.grad is not None]


@every_one
def test_save_load_bake(method: str, tiny_base: TinyBase, tmp_path: Path) -> None:
    base = tiny_base.base
    adapter = unlike(attach(method, base, LABELS))
    unbaked = quiet(base, adapter)
    trained = describe(adapter, base, threshold=0.5)
    expected = quiet(base, adapter)
    assert torch.equal(unbaked, expected)
    save_adapter(trained, tmp_path / "full")
    loaded = load_adapter(tmp_path / "full", base)
    assert loaded.adapter.options == adapter.options
    assert torch.equal(quiet(base, loaded.adapter), expected)
    assert verify_adapter(tmp_path / "full", base)
    assert (tmp_path / "full" / "peft").exists() == ("lora" in method)
    if base.architecture == "bi":
        save_adapter(trained, tmp_path / "small", deployable=True)
        small = load_adapter(tmp_path / "small", base).adapter
        assert torch.equal(quiet(base, small), expected)
        kept = {name.split(".")[0] for name in load_file(tmp_path / "small" / "adapter_model.safetensors")}
        assert kept == {"label_vectors"} | (set(adapter.ingredients()) & {"span_head", "text_deltas", "text_prompts"})
        assert set(small.ingredients()) == kept - {"label_vectors"}


@pytest.mark.parametrize(
    ("names", "tiny_base"),
    [
        (("injection-deep", "lora"), "bi-bert"),
        (("injection-cross", "injection-deep"), "uni-bert"),
        (("injection-cross", "lora", "injection-deep"), "uni-deberta"),
        (("bitfit", "injection-cross"), "uni-modernbert"),
    ],
    indirect=["tiny_base"],
)
@torch.no_grad()
def test_the_order_of_the_names_does_not_matter(names: tuple[str, ...], tiny_base: TinyBase) -> None:
    """What is put in place comes first, then what runs its layers, then what stands in its input."""
    base = tiny_base.base
    one, *others = (unlike(attach("+".join(order), base, LABELS)) for order in permutations(names))
    expected = quiet(base, one)
    for other in others:
        for name, parameter in one.trained().items():
            other.trained()[name].copy_(parameter)
        assert torch.equal(quiet(base, other), expected)
    for name in names:  # none is lost
        rest = [each for each in names if each != name]
        fewer = attach("+".join(rest), base, LABELS)
        for key, parameter in fewer.trained().items():
            parameter.copy_(one.trained()[key])
        assert not torch.allclose(quiet(base, fewer), expected, atol=1e-3)


@every_one
def test_entities_do_not_depend_on_the_batch(method: str, tiny_base: TinyBase) -> None:
    trained = describe(unlike(attach(method, tiny_base.base, LABELS), 0.01), tiny_base.base, threshold=0.5)

    def read(texts: Sequence[str], passages: int) -> list[list[tuple[int, int, str]]]:
        return [[e.key for e in d.entities] for d in Annotator(trained, max_passages=passages).annotate(texts)]

    together = read(TEXTS, 32)
    assert any(together)
    assert together == [found for text in TEXTS for found in read([text], 1)]
    assert together == read(TEXTS[::-1], 3)[::-1]


# Users of adapters


@on("bi-bert")
def test_it_moves_trains_and_copies_as_one_module(tiny_base: TinyBase) -> None:
    base = tiny_base.base
    adapter = attach("lora+heads", base, LABELS)
    module = TrainingModule(base, adapter, "fp32")
    names = {name for name, p in module.named_parameters() if p.requires_grad}
    assert names == {f"adapter.{name}" for name in adapter.trained()}
    assert sum(1 for _ in adapter.modules()) == len(set(adapter.modules())), "no module is met twice"
    adapter.train()
    assert all(m.training for m in adapter.modules())
    assert not any(m.training for m in adapter.eval().modules())
    duplicate = copy.deepcopy(adapter)
    assert not {id(p) for p in duplicate.trained().values()} & {id(p) for p in adapter.trained().values()}
    assert torch.equal(quiet(base, duplicate), quiet(base, adapter))
    adapter.double()
    assert {p.dtype for p in duplicate.trained().values()} == {torch.float32}
    assert {p.dtype for p in adapter.parameters()} == {torch.float64}
    assert {p.dtype for p in base.network.parameters()} == {torch.float32}, "the shared weights are not taken along"


@on("bi-bert")
def test_head_dropout_reaches_a_members_heads(tiny_base: TinyBase) -> None:
    adapter = attach("lora+heads", tiny_base.base, LABELS)
    set_head_dropout(adapter, 0.4)
    heads = [m for name, m in adapter.named_modules() if isinstance(m, nn.Dropout) and "_head." in name]
    assert heads
    assert {m.p for m in heads} == {0.4}
    assert 0.4 not in {m.p for name, m in adapter.named_modules() if isinstance(m, nn.Dropout) and "_head." not in name}


@on("bi-bert")
def test_text_is_cached_where_all_members_leave_it_alone(tiny_base: TinyBase) -> None:
    base = tiny_base.base
    assert attach("injection-bi+heads", base, LABELS).leaves_text_alone(base)
    assert not attach("lora+heads", base, LABELS).leaves_text_alone(base)
    assert attach("lora+heads", base, LABELS, {"sides": "label"}).leaves_text_alone(base)


@on("uni-bert")
def test_room_for_prompts_adds_up(tiny_base: TinyBase) -> None:
    base = tiny_base.base
    options = {"injection-cross.prompt_length": 2, "injection-deep.prompt_length": 3, "kind": "hidden"}
    adapter = attach("injection-deep+injection-cross", base, LABELS, options)
    assert adapter.text_overhead() == 2 * len(LABELS) + 3


@pytest.mark.parametrize("method", ["lora+heads", "label-descriptions+lora"])
@on("bi-bert")
def test_learns(method: str, tiny_base: TinyBase, tmp_path: Path) -> None:
    learns(tiny_base, attach(method, tiny_base.base, LABELS), tmp_path)


@pytest.mark.parametrize("method", ["bitfit+heads", "heads+bitfit"])
@on("bi-bert")
def test_a_rate_is_that_of_who_trains(method: str, tiny_base: TinyBase) -> None:
    """Both know a rate for heads, and only one trains them."""
    adapter = attach(method, tiny_base.base, LABELS, {"bitfit.heads": False})
    assert adapter.learning_rates == {
        "text_encoder": METHODS["bitfit"].learning_rates["text_encoder"],
        "label_encoder": METHODS["bitfit"].learning_rates["label_encoder"],
        **METHODS["heads"].learning_rates,
    }


@on("bi-bert")
def test_rates_by_ingredient(tiny_base: TinyBase) -> None:
    adapter = attach("lora+heads", tiny_base.base, LABELS)
    groups = build_optimiser(adapter, quick(learning_rates={"span_head": 0.25})).param_groups
    own = adapter.learning_rates
    assert {group["peak_lr"] for group in groups} == {0.25, own["text_deltas"], own["label_head"]}
    with pytest.raises(ConfigError, match=r"'lora\+heads' does not train label_encoder; it trains text_deltas, span"):
        build_optimiser(adapter, quick(learning_rates={"label_encoder": 0.25}))


# Options


@on("bi-bert")
def test_options_find_their_member(tiny_base: TinyBase) -> None:
    def options(method: str, **given: Any) -> dict[str, Any]:
        adapter = attach(method, tiny_base.base, LABELS, {key.replace("__", "."): v for key, v in given.items()})
        return adapter.options.model_dump()

    for given in ({"rank": 4}, {"lora__rank": 4}, {"lora": {"rank": 4}}):
        assert options("lora+heads", **given)["lora"]["rank"] == 4
    with pytest.raises(ConfigError, match="option rank of lora is given twice"):
        options("lora+heads", rank=4, lora__rank=8)
    with pytest.raises(ConfigError, match="option hidden of the combined techniques lora, heads: none has it"):
        options("lora+heads", hidden=4)
    with pytest.raises(ConfigError, match=r"option bitfit\.rank: 'bitfit' is none of the combined techniques"):
        options("lora+heads", bitfit__rank=4)
    with pytest.raises(ConfigError, match=r"options of method 'lora\+heads': lora\.hidden: Extra inputs"):
        options("lora+heads", lora__hidden=4)
    with pytest.raises(ConfigError, match=r"options of method 'lora\+heads': lora\.rank: "):
        options("lora+heads", rank=-1)
    with pytest.raises(ConfigError, match=r"option lora: expected its options, as in lora\.OPTION"):
        options("lora+heads", lora=16)


@on("bi-bert")
def test_an_option_that_several_have(tiny_base: TinyBase) -> None:
    attached = attach("injection-bi+injection-deep", tiny_base.base, LABELS, {"injection-bi.prompt_length": 3})
    assert getattr(attached.options, "injection-bi").prompt_length == 3
    message = r"option prompt_length .*: say which: injection-bi\.prompt_length, injection-deep\.prompt_length"
    with pytest.raises(ConfigError, match=message):
        attach("injection-bi+injection-deep", tiny_base.base, LABELS, {"prompt_length": 3})


@on("bi-bert")
def test_labels_are_read_in_one_way(tiny_base: TinyBase) -> None:
    def style(method: str, **given: str) -> str:
        adapter = attach(method, tiny_base.base, LABELS, {key.replace("__", "."): v for key, v in given.items()})
        assert {m.options.label_style for m in adapter.members} == {adapter.options.label_style}
        return adapter.options.label_style

    assert style("lora+heads") == "name"
    assert style("lora+label-descriptions") == "description"
    assert style("lora+label-descriptions", label_style="name") == "name"
    assert style("lora+heads", lora__label_style="name: description") == "name: description"
    conflicts = (
        {"lora__label_style": "name", "heads__label_style": "description"},
        {"label_style": "name", "heads__label_style": "description"},
    )
    for given in conflicts:
        with pytest.raises(ConfigError, match=r"read labels in one way, but: .*heads\.label_style=description"):
            style("lora+heads", **given)


# What does not go together


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("lora+full", "'lora' and 'full' both put their own text_encoder in place"),
        ("full+heads", "'full' and 'heads' both put their own label_head in place"),
        ("extension+heads", "'heads' and 'extension' both put their own label_head in place"),
        ("label-embeddings+label-descriptions", "both put their own label_encoder in place"),
        ("label-embeddings+injection-bi", r"'injection-bi' rewrites .* another technique here \(LabelTable\)"),
        ("extension+injection-bi", r"'injection-bi' rewrites .* another technique here \(RewritingLabelEncoder\)"),
        ("lora+lora", "names lora twice"),
        ("lora+", "unknown method ''; known: "),
        ("lora+haeds", "unknown method 'haeds'; known: .*heads"),
        ("injection-bi+injection-cross", "no base to work on: injection-bi on bi-encoders, injection-cross on uni-enc"),
        ("injection-cross+heads", "works on uni-encoders; .* is a bi-encoder"),
    ],
)
@on("bi-bert")
def test_what_does_not_go_together(method: str, message: str, tiny_base: TinyBase) -> None:
    with pytest.raises(ConfigError, match=message):
        attach(method, tiny_base.base, LABELS)


def test_a_combination_is_a_method() -> None:
    kind = get_method("lora+heads")
    assert kind is get_method("lora+heads")
    assert kind.name == "lora+heads"
    assert kind.architectures == ("uni", "bi")
    assert get_method("lora+extension").architectures == ("bi",)
    assert kind.__doc__
    assert not any("+" in name for name in METHODS), "what is listed are the techniques themselves"


@on("bi-bert")
def test_loading_stays_strict(tiny_base: TinyBase, tmp_path: Path) -> None:
    base = tiny_base.base
    save_adapter(describe(attach("lora+heads", base, LABELS, {"rank": 4}), base, threshold=0.5), tmp_path)
    path = tmp_path / "adapter_config.json"
    text = path.read_text()
    for old, new, message in (
        ('"rank": 4', '"rank": 8', "does not fit method 'lora[+]heads': text_deltas.* has shape"),
        ('"lora+heads"', '"lora+bitfit"', r"lora\+bitfit': bitfit\.heads: Input should be a valid boolean"),
        ('"lora+heads"', '"lora"', "heads: Extra inputs"),
    ):
        assert old in text
        path.write_text(text.replace(old, new))
        with pytest.raises(AdapterError, match=message):
            load_adapter(tmp_path, base)
