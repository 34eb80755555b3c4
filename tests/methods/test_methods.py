"""What every technique must keep, over every technique and every kind of base.

A new technique is covered by existing.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
import torch

from bases import LABELS, PLAIN, RECIPES, TEXTS, TinyBase, free
from gliner_adapters.documents import Label
from gliner_adapters.errors import ConfigError
from gliner_adapters.methods import METHODS, Adapter, attach, get_method
from gliner_adapters.methods.base import PRODUCERS
from gliner_adapters.model import Base
from gliner_adapters.model.passages import Segmenter
from methods.helpers import logits_of, quiet, scores, unlike
from parts_reader import PartsReader

#: Every technique on every base that it works on.
FITTING = [
    pytest.param(method, recipe, id=f"{method}-{recipe}")
    for method in sorted(METHODS)
    for recipe in RECIPES
    if RECIPES[recipe].architecture in METHODS[method].architectures
]
every_combination = pytest.mark.parametrize(("method", "tiny_base"), FITTING, indirect=["tiny_base"])
TRAINING = [combination for combination in FITTING if combination.values[0] != "zero-shot"]
every_training = pytest.mark.parametrize(("method", "tiny_base"), TRAINING, indirect=["tiny_base"])
on_a_bi_encoder = pytest.mark.parametrize(
    ("method", "tiny_base"),
    [combination for combination in FITTING if combination.values[1] in ("bi-bert", "bi-deberta-conv")],
    indirect=["tiny_base"],
)


@every_combination
def test_a_fresh_adapter_changes_nothing_or_says_so(method: str, tiny_base: TinyBase) -> None:
    """The base's own logits, with the labels read in the technique's way (names or descriptions)."""
    base = tiny_base.base
    adapter = attach(method, base, LABELS)
    assert adapter.starts_as_base == same_as_the_base(base, adapter)


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
    base = tiny_base.base
    adapter = attach(method, base, LABELS, options)
    assert not adapter.starts_as_base
    assert not same_as_the_base(base, adapter)


def same_as_the_base(base: Base, adapter: Adapter) -> bool:
    with torch.no_grad():
        return torch.equal(quiet(base, adapter), scores(base, adapter, base.parts))


@every_combination
@pytest.mark.parametrize("style", ["name", "description", "name: description"])
def test_the_label_style_is_what_is_read(method: str, tiny_base: TinyBase, style: str) -> None:
    base = tiny_base.base
    adapter = attach(method, base, LABELS, {"label_style": style})
    read = {
        "name": [label.name for label in LABELS],
        "description": [label.description or "" for label in LABELS],
        "name: description": [f"{label.name}: {label.description}" for label in LABELS],
    }[style]
    named = tuple(Label(text, label.description) for text, label in zip(read, LABELS, strict=True))
    if adapter.starts_as_base:
        with torch.no_grad():
            expected = logits_of(base, base.parts, "name", named)
    else:  # what it adds may be made from the descriptions, which stay
        expected = quiet(base, attach(method, base, named, {"label_style": "name"}))
    assert torch.equal(quiet(base, adapter), expected)


@every_training
def test_what_is_trained_gets_a_gradient_and_nothing_else(method: str, tiny_base: TinyBase) -> None:
    """Seen a step into training: what starts behind a zero (LoRA's A, what a gate lets in) gets its gradient then."""
    base = copy.deepcopy(tiny_base.base)
    adapter = unlike(attach(method, base, LABELS)).eval()
    scores(base, adapter, adapter.parts(base.parts)).square().sum().backward()
    trained = adapter.trained()
    assert trained
    without = [name for name, p in trained.items() if p.grad is None or not p.grad.abs().sum() > 0]
    assert not without
    others = {n: p for n, p in adapter.named_parameters() if n not in trained} | dict(base.network.named_parameters())
    assert not [name for name, p in others.items() if p.requires_grad or p.grad is not None]
    assert not [name for name in trained if ".pooler." in f".{name}"]


@every_combination
def test_ingredients_add_up(method: str, tiny_base: TinyBase) -> None:
    base = tiny_base.base
    adapter = attach(method, base, LABELS)
    ingredients = adapter.ingredients()
    assert set(ingredients) <= set(adapter.learning_rates), "each ingredient has a learning rate"
    counted = [id(p) for parameters in ingredients.values() for p in parameters]
    assert sorted(counted) == sorted(id(p) for p in adapter.trained().values())
    own = {id(p) for p in base.network.parameters()}
    assert not own & set(counted), "an adapter trains copies, never the base"
    total = sum(p.numel() for p in adapter.trained().values())
    if method == "full":
        idle = sum(p.numel() for n, p in base.network.named_parameters() if ".pooler." in n or ".project_first." in n)
        assert total == base.parameters - idle
    elif method == "heads":
        heads = [*base.parts.span_head.named_parameters(), *base.parts.label_head.named_parameters()]
        assert total == sum(p.numel() for name, p in heads if ".project_first." not in name)


@every_training
def test_a_trained_adapter_leaves_the_base_alone(method: str, tiny_base: TinyBase) -> None:
    base = tiny_base.base
    with torch.no_grad():
        before = logits_of(base, base.parts, "name")
    adapter = attach(method, base, LABELS)
    fresh = quiet(base, adapter)
    assert not torch.equal(quiet(base, unlike(adapter)), fresh)
    with torch.no_grad():
        assert torch.equal(logits_of(base, base.parts, "name"), before)


@every_combination
def test_leaves_text_alone_is_the_truth(method: str, tiny_base: TinyBase) -> None:
    """Word vectors are the base's exactly where the technique says so, whatever it has trained."""
    base = tiny_base.base
    adapter = unlike(attach(method, base, LABELS)).eval()
    predictors = [PartsReader(base, parts, LABELS) for parts in (base.parts, adapter.parts(base.parts))]
    passages = Segmenter(base, LABELS, "window", reserve=adapter.text_overhead()).passages(free())
    words = [predictor.encode(predictor.collate(passages)).words for predictor in predictors]
    assert torch.equal(*words) == adapter.leaves_text_alone(base)


@on_a_bi_encoder
@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
def test_baked_equals_unbaked(method: str, tiny_base: TinyBase, training: bool) -> None:
    base = tiny_base.base
    adapter = unlike(attach(method, base, LABELS))
    expected = quiet(base, adapter)
    adapter.train(training)
    assert adapter.bake(base) is adapter
    assert adapter.training == training
    assert adapter.baked is not None
    assert adapter.baked.shape == (len(LABELS), base.hidden_size)
    assert not adapter.baked.requires_grad
    assert "baked" not in adapter.trained()
    assert adapter.label_inputs(base) is None
    parts = adapter.plug(base)
    assert (parts.label_encoder, parts.label_head) == (None, None)
    assert torch.equal(quiet(base, adapter), expected)
    assert adapter.unbake().baked is None
    assert torch.equal(quiet(base, adapter), expected)


@on_a_bi_encoder
def test_baking_again_follows_the_weights(method: str, tiny_base: TinyBase) -> None:
    base = tiny_base.base
    adapter = attach(method, base, LABELS).bake(base)
    unlike(adapter).bake(base)
    baked = quiet(base, adapter)
    assert torch.equal(baked, quiet(base, adapter.unbake()))


@on_a_bi_encoder
def test_producers_can_go_once_baked(method: str, tiny_base: TinyBase) -> None:
    base = tiny_base.base
    adapter = unlike(attach(method, base, LABELS))
    with pytest.raises(ConfigError, match="not baked"):
        adapter.drop_producers()
    expected = quiet(base, adapter)
    adapter.bake(base)
    before = set(adapter.ingredients())
    assert adapter.drop_producers() is adapter
    assert set(adapter.ingredients()) == before - set(PRODUCERS)
    assert torch.equal(quiet(base, adapter), expected)
    for impossible in (adapter.unbake, lambda: adapter.bake(base)):
        with pytest.raises(ConfigError, match="deployable form"):
            impossible()
    assert torch.equal(quiet(base, adapter), expected), "a refusal changes nothing"


@pytest.mark.parametrize("tiny_base", ["uni-bert"], indirect=True)
@pytest.mark.parametrize("method", [m for m in sorted(METHODS) if "uni" in METHODS[m].architectures])
def test_a_uni_encoder_has_nothing_to_bake(method: str, tiny_base: TinyBase) -> None:
    """Its label vectors depend on the text."""
    adapter = attach(method, tiny_base.base, LABELS).bake(tiny_base.base)
    assert adapter.baked is None
    assert adapter.label_inputs(tiny_base.base) is None


@every_combination
def test_entities_do_not_depend_on_the_batch(method: str, tiny_base: TinyBase) -> None:
    base = tiny_base.base
    adapter = unlike(attach(method, base, LABELS), 0.01).eval().bake(base)  # so that scores still spread

    def read(texts: list[str], passages: int) -> list[list[tuple[int, int, str]]]:
        predictor = PartsReader(
            base,
            adapter.plug(base),
            LABELS,
            label_style=adapter.options.label_style,
            reserve=adapter.text_overhead(),
            max_passages=passages,
        )
        return [[e.key for e in d.entities] for d in predictor.annotate(free(texts), 0.5)[0]]

    together = read(list(TEXTS), 32)
    assert any(together)
    assert together == [found for text in TEXTS for found in read([text], 1)]
    assert together == read(list(reversed(TEXTS)), 3)[::-1]


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
