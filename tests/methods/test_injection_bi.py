"""Injection into the label branch: what the label encoder reads, and what is read off it."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from bases import LABELS, TinyBase
from comparing import is_near
from gliner_adapters.adapters import describe, load_adapter, save_adapter
from gliner_adapters.documents import Label
from gliner_adapters.errors import ConfigError
from gliner_adapters.methods import attach
from gliner_adapters.model.parts import LabelEncoder
from methods.helpers import in_company_as_alone, learns, on, renamed, unlike, vectors

every_pooling = pytest.mark.parametrize("pooling", ["mean", "attention", "convolution"])


@every_pooling
@on("bi-bert", "bi-modernbert")
def test_the_gate_keeps_the_base_until_it_is_trained(pooling: str, tiny_base: TinyBase) -> None:
    base = tiny_base.base
    expected = vectors(base, attach("zero-shot", base, LABELS))
    gated = attach("injection-bi", base, LABELS, {"pooling": pooling})
    assert torch.equal(vectors(base, gated), expected)
    plain = attach("injection-bi", base, LABELS, {"pooling": pooling, "gated": False})
    assert not torch.allclose(vectors(base, plain), expected, atol=1e-3)
    with torch.no_grad():
        dict(gated.named_parameters())["label_prompts.gate"].fill_(1.0)
    assert is_near(vectors(base, gated), vectors(base, plain)), "an open gate lets all through"


@on("bi-bert")
def test_prompts_stand_after_the_opening_token_and_out_of_the_mean(tiny_base: TinyBase) -> None:
    """Against the layout written out by hand, one label at a time."""
    base = tiny_base.base
    assert base.parts.label_encoder is not None
    adapter = unlike(attach("injection-bi", base, LABELS, {"gated": False, "prompt_length": 3}))
    prompts = adapter.label_prompts
    model = base.parts.label_encoder.transformer.model
    expected = []
    with torch.no_grad():
        made = prompts(model.get_input_embeddings())
        for label, own in zip(LABELS, made, strict=True):
            ids = base.label_tokenizer(label.name, return_tensors="pt")["input_ids"][0]
            assert ids[0] == base.label_tokenizer.cls_token_id
            words = model.get_input_embeddings()(ids)
            states = model(inputs_embeds=torch.cat([words[:1], own, words[1:]])[None])[0][0]
            expected.append(torch.cat([states[:1], states[4:]]).mean(0))
        found = adapter.parts(base.parts).label_encoder(*adapter.label_inputs(base))
    assert is_near(found, torch.stack(expected))


@every_pooling
@on("bi-bert", "bi-deberta")
def test_a_label_is_read_alike_in_any_company(pooling: str, tiny_base: TinyBase) -> None:
    assert in_company_as_alone(tiny_base.base, "injection-bi", {"pooling": pooling, "gated": False})


@on("bi-bert")
def test_prompts_are_made_from_the_description_or_else_the_name(tiny_base: TinyBase) -> None:
    base = tiny_base.base
    options = {"gated": False}
    described = vectors(base, attach("injection-bi", base, LABELS, options))
    other = vectors(base, attach("injection-bi", base, renamed(disease="what drugs are for"), options))
    assert (described != other).any(1).tolist() == [False, True, False]
    names = [Label(label.name) for label in LABELS]
    named = [Label(label.name, label.name) for label in LABELS]
    assert torch.equal(*(vectors(base, attach("injection-bi", base, each, options)) for each in (names, named)))


@on("bi-bert")
def test_the_prompt_encoder_learns_once_the_gate_has_moved(tiny_base: TinyBase) -> None:
    base = tiny_base.base

    def reached(options: dict[str, object], gate: float | None = None) -> set[str]:
        adapter = attach("injection-bi", base, LABELS, options)
        assert set(adapter.ingredients()) == {"label_prompts"}
        if gate is not None:
            dict(adapter.named_parameters())["label_prompts.gate"].data.fill_(gate)
        parts = adapter.eval().parts(base.parts)
        parts.label_encoder(*adapter.label_inputs(base)).square().sum().backward()
        return {name for name, p in adapter.trained().items() if p.grad is not None and p.grad.abs().sum() > 0}

    every = set(attach("injection-bi", base, LABELS).trained())
    assert reached({}) == {"label_prompts.gate"}
    assert reached({}, 0.1) == every
    assert reached({"gated": False}) == every - {"label_prompts.gate"}


@on("bi-bert")
def test_size_follows_the_options(tiny_base: TinyBase) -> None:
    def size(**options: object) -> int:
        return sum(p.numel() for p in attach("injection-bi", tiny_base.base, LABELS, options).trained().values())

    assert size(hidden=16) - size(hidden=8) == 8 * (2 * 32 + 1)
    assert size(pooling="attention", prompt_length=5) - size(pooling="mean", prompt_length=5) == 5 * 32
    assert size(pooling="convolution") - size() == 4 * 32
    assert size() - size(gated=False) == 1


@on("bi-bert")
def test_what_does_not_fit(tiny_base: TinyBase) -> None:
    base = tiny_base.base
    longest = base.label_inputs(LABELS, "name")[0].shape[1]
    room = base.label_limit - longest
    attach("injection-bi", base, LABELS, {"prompt_length": room})
    with pytest.raises(ConfigError, match=rf"{room + 1} prompts and label texts of up to {longest} sub-tokens .*128"):
        attach("injection-bi", base, LABELS, {"prompt_length": room + 1})
    with pytest.raises(ConfigError, match="prompt_length: Input should be greater than or equal to 1"):
        attach("injection-bi", base, LABELS, {"prompt_length": 0})
    with pytest.raises(ConfigError, match="pooling: "):
        attach("injection-bi", base, LABELS, {"pooling": "max"})
    # A description is read as word embeddings only, so it may be longer than the label encoder's input.
    attach("injection-bi", base, [Label("disease", "an illness of the body " * 50)])


@on("bi-bert")
def test_a_tokenizer_that_pads_on_the_left(tiny_base: TinyBase) -> None:
    base = copy.copy(tiny_base.base)
    base.label_tokenizer = copy.deepcopy(base.label_tokenizer)
    base.label_tokenizer.padding_side = "left"
    with pytest.raises(ConfigError, match="pads on the left"):
        attach("injection-bi", base, LABELS)


@on("bi-bert")
def test_options_are_rebuilt_from_the_file(tiny_base: TinyBase, tmp_path: Path) -> None:
    base = tiny_base.base
    options = {"pooling": "attention", "prompt_length": 5, "hidden": 12, "gated": False, "label_style": "description"}
    adapter = unlike(attach("injection-bi", base, LABELS, options))
    save_adapter(describe(adapter, base, threshold=0.5), tmp_path)
    loaded = load_adapter(tmp_path, base).adapter
    assert loaded.options == adapter.options
    assert torch.equal(vectors(base, loaded.unbake()), vectors(base, adapter.unbake()))


@on("bi-bert")
def test_only_the_label_encoders_input_changes(tiny_base: TinyBase) -> None:
    base = tiny_base.base
    parts = attach("injection-bi", base, LABELS).parts(base.parts)
    assert type(parts.label_encoder) is not LabelEncoder
    assert replace(parts, label_encoder=None) == replace(base.parts, label_encoder=None)


@pytest.mark.parametrize("gated", [True, False])
@on("bi-bert")
def test_learns(gated: bool, tiny_base: TinyBase, tmp_path: Path) -> None:
    learns(tiny_base, attach("injection-bi", tiny_base.base, LABELS, {"gated": gated}), tmp_path, label_prompts=5e-3)
