"""Prompts in a uni-encoder's joint input: where they stand, and what they are made of."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from bases import LABELS, TEXTS, TinyBase, free
from comparing import assert_near
from gliner_adapters.documents import Label
from gliner_adapters.errors import BaseModelError, ConfigError
from gliner_adapters.methods import Adapter, attach
from gliner_adapters.model import Base, Batch
from gliner_adapters.model.passages import Segmenter
from parts_reader import PartsReader

each_encoder = pytest.mark.parametrize("tiny_base", ["uni-bert", "uni-deberta", "uni-modernbert"], indirect=True)
on_bert = pytest.mark.parametrize("tiny_base", ["uni-bert"], indirect=True)


def attached(base: Base, labels: tuple[Label, ...] = LABELS, **options: Any) -> Adapter:
    torch.manual_seed(5)
    return attach("injection-cross", base, labels, options).eval()


def predictor(base: Base, adapter: Adapter, **sizes: int) -> PartsReader:
    return PartsReader(base, adapter.plug(base), adapter.labels, reserve=adapter.text_overhead(), **sizes)


def batch_of(base: Base, labels: tuple[Label, ...] = LABELS) -> Batch:
    reader = PartsReader(base, base.parts, labels)
    return reader.collate(Segmenter(base, labels, "window").passages(free()))


@torch.no_grad()
def tokens(base: Base, adapter: Adapter, batch: Batch) -> Tensor:
    return adapter.parts(base.parts).text_encoder(batch.input_ids, batch.attention_mask)


@each_encoder
@torch.no_grad()
def test_prompts_stand_between_the_opening_token_and_the_labels(tiny_base: TinyBase) -> None:
    """Against the encoder itself, given one input put together by hand at a time."""
    base = tiny_base.base
    adapter = attached(base, prompt_length=3)
    model = base.parts.text_encoder.transformer.model
    words = model.get_input_embeddings()
    prompts = []
    for label in LABELS:
        ids = torch.tensor(base.text_tokens.word_ids([label.description or ""])[0])
        prompts.append(adapter.prompt_encoder(words(ids)[None], torch.ones(1, len(ids), dtype=torch.long))[0])
    batch = batch_of(base)
    read = tokens(base, adapter, batch)
    assert read.shape[:2] == batch.input_ids.shape
    for row, length in enumerate(batch.attention_mask.sum(1).tolist()):
        own = words(batch.input_ids[row, :length])
        joint = torch.cat([own[:1], *prompts, own[1:]])[None]
        expected = model(inputs_embeds=joint, attention_mask=torch.ones(joint.shape[:2]).long())[0][0]
        assert_near(read[row, :1], expected[:1])
        assert_near(read[row, 1:length], expected[1 + 3 * len(LABELS) :])


@each_encoder
@torch.no_grad()
def test_the_first_prompts_are_the_descriptions_own_words(tiny_base: TinyBase) -> None:
    """At their own scale, so that a frozen encoder is not thrown off by them."""
    base = tiny_base.base
    words = base.parts.text_encoder.transformer.model.get_input_embeddings()
    adapter = attached(base)
    ids = torch.tensor(base.text_tokens.word_ids([LABELS[0].description or ""])[0])
    each = adapter.prompt_encoder.mlp(words(ids)) + words(ids)
    torch.testing.assert_close(each, words(ids), atol=0.1 * float(words.weight.std()), rtol=0)
    made = adapter.prompt_encoder.norm(words(ids))
    # The LayerNorm takes the mean of a vector's 32 entries away; wider ones have next to none.
    assert torch.nn.functional.cosine_similarity(made, words(ids)).mean() > 0.95
    assert 0.5 < float(made.std() / words(ids).std()) < 2


@on_bert
def test_prompts_follow_the_description(tiny_base: TinyBase) -> None:
    base = tiny_base.base
    batch = batch_of(base)
    described = tokens(base, attached(base), batch)
    other = (Label("chemical", "used in culture"), *LABELS[1:])
    assert not torch.allclose(tokens(base, attached(base, other), batch), described, atol=1e-3)
    bare, named = tuple(Label(each.name) for each in LABELS), tuple(Label(each.name, each.name) for each in LABELS)
    assert torch.equal(tokens(base, attached(base, bare), batch), tokens(base, attached(base, named), batch))


@on_bert
def test_options(tiny_base: TinyBase) -> None:
    base = tiny_base.base
    batch = batch_of(base)
    usual = attached(base)
    assert usual.text_overhead() == usual.options.prompt_length * len(LABELS)
    assert attached(base, LABELS[:2], prompt_length=7).text_overhead() == 14
    sizes = {h: sum(p.numel() for p in attached(base, hidden=h).trained().values()) for h in (8, 64, None)}
    assert sizes[None] == sizes[64], "twice the width of 32"
    assert sizes[8] < sizes[64]
    mean = attached(base, pooling="mean")
    assert not torch.allclose(tokens(base, mean, batch), tokens(base, usual, batch), atol=1e-3)
    assert len(attached(base, pooling="convolution").trained()) == len(mean.trained()) + 2
    for wrong in ({"prompt_length": 0}, {"hidden": 0}, {"pooling": "max"}):
        with pytest.raises(ConfigError, match=f"options of method 'injection-cross': {next(iter(wrong))}"):
            attached(base, **wrong)


@on_bert
def test_the_token_budget_counts_prompts(tiny_base: TinyBase) -> None:
    base = tiny_base.base
    adapter = attached(base, prompt_length=8)
    prompt = base.prompt(LABELS).ids.size
    reader = predictor(base, adapter, max_tokens=200)
    assert reader.source.profile.overhead == prompt + 24 + len(base.text_tokens.suffix)
    passages = Segmenter(base, LABELS, "window", reserve=24).passages(free([*TEXTS] * 2))
    batches = list(reader.batches(passages))
    assert sorted(i for batch in batches for i in batch) == list(range(len(passages)))
    assert all(len(b) * (max(passages[i].ids.size for i in b) + prompt + 24) <= 200 for b in batches if len(b) > 1)
    assert len(batches) > len(list(PartsReader(base, base.parts, LABELS, max_tokens=200).batches(passages)))


@on_bert
def test_prompts_that_leave_no_room(tiny_base: TinyBase) -> None:
    adapter = attached(tiny_base.base, prompt_length=40)
    with pytest.raises(BaseModelError, match=r"3 labels and 120 prompt vectors leave .* or shorter prompts"):
        predictor(tiny_base.base, adapter).annotate(free(), 0.5)


@on_bert
def test_with_trained_heads(tiny_base: TinyBase) -> None:
    base = tiny_base.base
    torch.manual_seed(5)
    both = attach("injection-cross+heads", base, LABELS).eval()
    assert set(both.ingredients()) == {"prompt_encoder", "span_head", "label_head"}
    assert both.text_overhead() == attached(base).text_overhead()
    batch = batch_of(base)
    one, two = (predictor(base, adapter).logits(batch) for adapter in (attached(base), both))
    assert torch.equal(one, two)
