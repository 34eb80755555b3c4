"""Prompts at the layers: which layers, where they start from, and what they promise."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from bases import LABELS, RECIPES, TinyBase, free
from comparing import assert_near
from gliner_adapters.documents import Label
from gliner_adapters.errors import ConfigError
from gliner_adapters.methods import Adapter, attach
from gliner_adapters.model import Base, Parts
from gliner_adapters.model.passages import Segmenter
from parts_reader import PartsReader

every_base = pytest.mark.parametrize("tiny_base", RECIPES, indirect=True)
on_bert = pytest.mark.parametrize("tiny_base", ["uni-bert"], indirect=True)
on_modernbert = pytest.mark.parametrize("tiny_base", ["uni-modernbert"], indirect=True)


def attached(base: Base, labels: tuple[Label, ...] = LABELS, method: str = "injection-deep", **options: Any) -> Adapter:
    torch.manual_seed(5)
    return attach(method, base, labels, options).eval()


def logits(base: Base, parts: Parts) -> Tensor:
    inputs = base.label_inputs(LABELS) if base.architecture == "bi" else None
    reader = PartsReader(base, parts, LABELS, inputs)
    return reader.logits(reader.collate(Segmenter(base, LABELS, "window").passages(free())))


@every_base
def test_keys_start_as_the_base(tiny_base: TinyBase) -> None:
    base = tiny_base.base
    adapter = attached(base)
    expected = logits(base, base.parts)
    assert torch.equal(logits(base, adapter.parts(base.parts)), expected)
    with torch.no_grad():
        adapter.get_parameter("text_prompts.gates").fill_(0.5)
    assert not torch.allclose(logits(base, adapter.parts(base.parts)), expected, atol=1e-2)


@every_base
def test_hidden_prompts_do_not(tiny_base: TinyBase) -> None:
    """They cannot: each takes a share of the attention. The documentation says so."""
    base = tiny_base.base
    adapter = attached(base, kind="hidden")
    assert not torch.allclose(logits(base, adapter.parts(base.parts)), logits(base, base.parts), atol=1e-2)


@on_bert
def test_shapes_and_room(tiny_base: TinyBase) -> None:
    base = tiny_base.base
    shapes = {name: tuple(p.shape) for name, p in attached(base).trained().items()}
    assert shapes == {"text_prompts.keys": (2, 32, 32), "text_prompts.values": (2, 32, 32), "text_prompts.gates": (2,)}
    hidden = attached(base, kind="hidden", prompt_length=5)
    assert {name: tuple(p.shape) for name, p in hidden.trained().items()} == {"text_prompts.states": (2, 5, 32)}
    assert hidden.text_overhead() == 5
    assert attached(base).text_overhead() == 0


@on_bert
@pytest.mark.parametrize("kind", ["keys", "hidden"])
def test_chosen_layers_alone_get_prompts(tiny_base: TinyBase, kind: str) -> None:
    """Prompts at the last layer only, equal to those that an adapter of all layers has there."""
    base = tiny_base.base
    last, both = attached(base, kind=kind, layers=[1]), attached(base, kind=kind)
    prompts = [adapter.text_prompts(2) for adapter in (last, both)]
    places = [set(p.hidden if kind == "hidden" else p.prefixes) for p in prompts]
    assert places == [{1}, {0, 1}]
    batch = [torch.tensor([[2, 7, 8, 3]]), torch.ones(1, 4, dtype=torch.long)]
    model = base.parts.text_encoder.transformer.model
    with torch.no_grad():
        before = model(*batch, output_hidden_states=True).hidden_states[1]
        states = last.get_parameter("text_prompts." + ("states" if kind == "hidden" else "values"))
        assert states.shape[0] == 1
        if kind == "keys":
            last.get_parameter("text_prompts.gates").fill_(1.0)
            attention = model.encoder.layer[1].attention
            prefix = last.text_prompts(1).prefixes[1]
            context = attention.self(before)[0] + prefix.read(attention.self.query(before), 4)
            expected = model.encoder.layer[1].feed_forward_chunk(attention.output(context, before))
        else:
            expected = model.encoder.layer[1](torch.cat([states, before], 1))[:, states.shape[1] :]
        read = last.parts(base.parts).text_encoder(*batch)
    assert_near(read, expected)


@on_modernbert
def test_sliding_windows(tiny_base: TinyBase) -> None:
    """ModernBERT's layer 0 sees everything and layer 1 a window: hidden prompts go to the first, keys to both."""
    base = tiny_base.base
    assert attached(base, kind="hidden").text_prompts.layers == [0]
    assert attached(base, kind="keys").text_prompts.layers == [0, 1]
    with pytest.raises(ConfigError, match=r"sliding-window layers 1; use 0, or kind 'keys'"):
        attached(base, kind="hidden", layers=[1])


@on_bert
def test_layers_that_make_no_sense(tiny_base: TinyBase) -> None:
    for layers, told in (
        ([2, 7], "layers 0 to 1, not 2, 7"),
        ([-1], "not -1"),
        ([], "at least one"),
        ([1, 1], "twice"),
    ):
        with pytest.raises(ConfigError, match=told):
            attached(tiny_base.base, layers=layers)
    for wrong in ({"layers": "some"}, {"prompt_length": 0}, {"kind": "values"}):
        with pytest.raises(ConfigError, match=f"options of method 'injection-deep': {next(iter(wrong))}"):
            attached(tiny_base.base, **wrong)


def start(base: Base, kind: str, labels: tuple[Label, ...] = LABELS, **options: Any) -> Tensor:
    """What an adapter's prompts are before training, ``(layers, P, D)``."""
    adapter = attached(base, labels, kind=kind, **{"prompt_length": 40, "initialisation": "encoded", **options})
    return adapter.get_parameter("text_prompts." + ("states" if kind == "hidden" else "keys")).detach()


@pytest.mark.parametrize("tiny_base", ["uni-bert", "uni-deberta", "uni-modernbert", "bi-bert"], indirect=True)
@pytest.mark.parametrize("kind", ["keys", "hidden"])
def test_where_prompts_start_from(tiny_base: TinyBase, kind: str) -> None:
    """From the descriptions as each layer has them, or from noise of that scale; never two alike."""
    base = tiny_base.base
    encoded = start(base, kind)
    assert torch.equal(start(base, kind), encoded), "the seed decides"
    other = (Label("chemical", "used in culture"), *LABELS[1:])
    assert not torch.allclose(start(base, kind, other), encoded, atol=0.1)
    for of_encoded, of_random in zip(encoded, start(base, kind, initialisation="random"), strict=True):
        assert 0.3 < float(of_random.std() / of_encoded.std()) < 3
        assert torch.cdist(of_encoded[None], of_encoded[None])[0].fill_diagonal_(1.0).min() > 0, "they could not part"


@pytest.mark.parametrize("tiny_base", ["uni-bert", "uni-deberta", "uni-modernbert", "bi-bert"], indirect=True)
def test_a_single_prompt_starts_as_the_mean_of_the_descriptions(tiny_base: TinyBase) -> None:
    base = tiny_base.base
    ids = [i for pieces in base.text_tokens.word_ids([each.description or "" for each in LABELS]) for i in pieces]
    framed = torch.tensor([[*base.text_tokens.prefix, *ids, *base.text_tokens.suffix]])
    model = base.parts.text_encoder.transformer.model
    with torch.no_grad():
        first = model(framed, torch.ones_like(framed), output_hidden_states=True).hidden_states[0]
    (made,) = start(base, "hidden", prompt_length=1, layers=[0])[0]
    apart = (made - first[0, 1:-1].mean(0)).abs()
    assert float(apart.max()) < 0.4 * float(first.std()), "but for a little noise"


@pytest.mark.parametrize("tiny_base", ["uni-bert", "bi-modernbert"], indirect=True)
def test_descriptions_longer_than_an_input(tiny_base: TinyBase) -> None:
    """As much as fits is enough to start from."""
    long = tuple(Label(f"kind {i}", "a disease of the cells " * 20) for i in range(3))
    adapter = attached(tiny_base.base, long, kind="hidden", initialisation="encoded")
    assert adapter.get_parameter("text_prompts.states").isfinite().all()


# With others.


@pytest.mark.parametrize("tiny_base", ["uni-bert", "uni-deberta", "bi-modernbert"], indirect=True)
@pytest.mark.parametrize("method", ["injection-deep+heads", "injection-deep+lora+heads", "injection-deep+full"])
def test_combined_with_what_trains_the_encoder_or_the_heads(tiny_base: TinyBase, method: str) -> None:
    base = tiny_base.base
    both = attached(base, method=method)
    assert torch.equal(logits(base, both.parts(base.parts)), logits(base, base.parts))
    with torch.no_grad():
        for name, parameter in both.trained().items():
            if "gates" in name or "lora_B" in name:
                parameter.add_(0.2)
    reader = PartsReader(base, base.parts, LABELS)
    batch = reader.collate(Segmenter(base, LABELS, "window").passages(free()))
    both.parts(base.parts).text_encoder(batch.input_ids, batch.attention_mask).square().sum().backward()
    without = {name.split(".")[0] for name, p in both.trained().items() if p.grad is None or not p.grad.abs().sum() > 0}
    assert not without & {"text_prompts", "text_deltas"}
    assert ("text_encoder" in both.ingredients()) == ("full" in method)


@on_bert
def test_both_kinds_of_injection(tiny_base: TinyBase) -> None:
    """Prompts in the input of an encoder that has prompts at its layers."""
    base = tiny_base.base
    both = attached(base, method="injection-deep+injection-cross", kind="hidden")
    assert both.text_overhead() == 32 + 11 * len(LABELS)
    cross = attached(base, method="injection-cross")
    before = logits(base, both.parts(base.parts))
    assert not torch.allclose(before, logits(base, cross.parts(base.parts)), atol=1e-2)
    keys = attached(base, method="injection-deep+injection-cross")
    with torch.no_grad():
        assert_near(logits(base, keys.parts(base.parts)), logits(base, cross.parts(base.parts)), 1e-3)
    with pytest.raises(ConfigError, match="cannot reach them through a PromptedInput; plug it in before"):
        attached(base).parts(cross.parts(base.parts))
