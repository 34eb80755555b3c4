"""The pass with prompts at the layers: without prompts the encoder's own, with them what a plain reference gives."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoModel, BertConfig, DebertaV2Config, DistilBertConfig, ModernBertConfig, MPNetConfig

from comparing import assert_near
from gliner_adapters.errors import ConfigError
from gliner_adapters.model.layer_walks import Prefix
from gliner_adapters.model.prompts import (
    LayerPrompts,
    check_encoder,
    encode_with_prompts,
    layer_states,
    layers_for_hidden_prompts,
)

SIZES: dict[str, Any] = {
    "vocab_size": 60,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
    "initializer_range": 0.2,
    "pad_token_id": 0,
}
RELATIVE: dict[str, Any] = {
    "relative_attention": True,
    "position_biased_input": False,
    "pos_att_type": ["p2c", "c2p"],
    "norm_rel_ebd": "layer_norm",
    "type_vocab_size": 0,
}
ROTARY: dict[str, Any] = {"global_attn_every_n_layers": 2, "local_attention": 8, "cls_token_id": 1, "sep_token_id": 2}
CONFIGS: dict[str, Any] = {
    "bert": BertConfig(**SIZES),
    "bert-eager": BertConfig(**SIZES, attn_implementation="eager"),
    "deberta": DebertaV2Config(**SIZES, **RELATIVE, position_buckets=8, share_att_key=True),
    "deberta-own-keys": DebertaV2Config(**SIZES, **RELATIVE, share_att_key=False),
    "deberta-conv": DebertaV2Config(**SIZES, **RELATIVE, position_buckets=8, conv_kernel_size=3),
    "deberta-absolute": DebertaV2Config(**SIZES, relative_attention=False),
    "modernbert": ModernBertConfig(**SIZES, **ROTARY, bos_token_id=1, eos_token_id=2),
    "modernbert-bias": ModernBertConfig(**SIZES, **ROTARY, bos_token_id=1, eos_token_id=2, attention_bias=True),
    "mpnet": MPNetConfig(**{**SIZES, "pad_token_id": 1}),
}
every_encoder = pytest.mark.parametrize("kind", CONFIGS)
LENGTHS = (30, 7, 19)
P = 5


def encoder(kind: str) -> Any:
    """A random encoder, all its biases away from zero."""
    torch.manual_seed(3)
    model = AutoModel.from_config(CONFIGS[kind]).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.add_(0.1 * torch.randn_like(parameter))
    return model


def batch() -> tuple[Tensor, Tensor]:
    """Ids and mask of texts of several lengths."""
    generator = torch.Generator().manual_seed(4)
    mask = (torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS)[:, None]).long()
    return torch.randint(3, 60, mask.shape, generator=generator) * mask, mask


def some(*shape: int, seed: int = 5) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def all_prompts(model: Any, rows: int = len(LENGTHS), seed: int = 5) -> LayerPrompts:
    """Hidden prompts where they can be and a prefix at each layer, other ones in each row."""
    return LayerPrompts(
        {i: some(rows, P, 32, seed=seed + i) for i in layers_for_hidden_prompts(model)},
        {
            i: Prefix(some(rows, P, 32, seed=seed + 10 + i), some(rows, P, 32, seed=seed + 20 + i), some(rows))
            for i in range(3)
        },
    )


@every_encoder
@torch.no_grad()
def test_without_prompts_it_is_the_encoders_own_pass(kind: str) -> None:
    model = encoder(kind)
    ids, mask = batch()
    expected = model(ids, attention_mask=mask)[0]
    read = encode_with_prompts(model, ids, mask, LayerPrompts())
    assert_near(read, expected)
    words = model.get_input_embeddings()(ids)
    from_words = encode_with_prompts(model, None, mask, LayerPrompts(), inputs_embeds=words)
    assert_near(from_words, expected)


@every_encoder
@torch.no_grad()
def test_a_factor_of_zero_changes_no_bit(kind: str) -> None:
    model = encoder(kind)
    ids, mask = batch()
    closed = {i: Prefix(p.keys, p.values, torch.zeros(3)) for i, p in all_prompts(model).prefixes.items()}
    plain = encode_with_prompts(model, ids, mask, LayerPrompts())
    assert torch.equal(encode_with_prompts(model, ids, mask, LayerPrompts(prefixes=closed)), plain)


@contextmanager
def prefixes_by_hooks(model: Any, prefixes: dict[int, Prefix]) -> Iterator[None]:
    """The encoder's own pass with what is read from the prefixes added by hooks, computed in the plainest way."""
    handles = []

    def read(queries: Tensor, prefix: Prefix) -> Tensor:
        out = torch.zeros_like(queries)
        for head in range(4):
            own = slice(8 * head, 8 * head + 8)
            weights = (queries[..., own] @ prefix.keys[..., own].transpose(1, 2) / 8**0.5).softmax(-1)
            out[..., own] = prefix.factor[:, None, None] * (weights @ prefix.values[..., own])
        return out

    for index, prefix in prefixes.items():
        layer = model.layers[index] if hasattr(model, "layers") else model.encoder.layer[index]
        inner = getattr(layer, "attn", None) or getattr(layer.attention, "attn", None)
        if inner is not None:  # ModernBERT and MPNet: before the attention's output projection

            def project(module: Any, given: Any, output: Any, at: list[Tensor]) -> None:
                at[:] = [output[..., :32]]

            def add(module: Any, given: Any, at: list[Tensor], prefix: Prefix) -> Any:
                return (given[0] + read(at[0], prefix),)

            queries, projection = (inner.Wqkv, inner.Wo) if hasattr(inner, "Wqkv") else (inner.q, inner.o)
            at: list[Tensor] = []
            handles.append(queries.register_forward_hook(lambda m, g, o, at=at: project(m, g, o, at)))
            handles.append(projection.register_forward_pre_hook(lambda m, g, at=at, p=prefix: add(m, g, at, p)))
        else:
            attention = layer.attention.self
            query = attention.query if hasattr(attention, "query") else attention.query_proj
            handles.append(
                attention.register_forward_hook(
                    lambda m, given, output, q=query, p=prefix: (output[0] + read(q(given[0]), p), *output[1:])
                )
            )
    yield
    for handle in handles:
        handle.remove()


@every_encoder
@torch.no_grad()
def test_prefixes_are_read_beside_the_attention(kind: str) -> None:
    model = encoder(kind)
    ids, mask = batch()
    prefixes = dict(all_prompts(model).prefixes)
    with prefixes_by_hooks(model, prefixes):
        expected = model(ids, attention_mask=mask)[0]
    read = encode_with_prompts(model, ids, mask, LayerPrompts(prefixes=prefixes))
    assert_near(read, expected)
    assert not torch.allclose(read, model(ids, attention_mask=mask)[0], atol=0.1)


def distance_bias(model: Any, length: int) -> Tensor:
    """MPNet's bias ``(1, heads, L, L)``: a number for each head and each range of distances, made word by word.

    Half of the 32 ranges are for what stands later. The first 8 of a half are distances of their own; the others grow
    by the same factor up to a distance of 128.
    """
    table = model.encoder.relative_attention_bias.weight
    bias = torch.empty(4, length, length)
    for here in range(length):
        for there in range(length):
            far = abs(there - here)
            steps = far if far < 8 else min(15, 8 + int(math.log(far / 8) / math.log(16) * 8))
            bias[:, here, there] = table[steps + (16 if there > here else 0)]
    return bias[None]


@pytest.mark.parametrize("kind", ["bert", "deberta", "deberta-own-keys", "modernbert", "mpnet"])
@torch.no_grad()
def test_hidden_prompts_are_tokens_of_their_layer(kind: str) -> None:
    """Against whole layers, called with masks and positions of our own making."""
    model = encoder(kind)
    ids, mask = batch()
    hidden = all_prompts(model).hidden
    longer = torch.cat([torch.ones(3, P, dtype=torch.long), mask], 1)
    visible = longer[:, None, None, :].bool()
    modern = hasattr(model, "layers")
    x = model.embeddings(ids)
    if kind.startswith("deberta"):
        x = x * mask[..., None]
    for index, layer in enumerate(model.layers if modern else model.encoder.layer):
        size = P if index in hidden else 0
        if size:
            x = torch.cat([hidden[index], x], 1)
        if kind == "bert":
            x = layer(x, visible.expand(-1, 1, x.shape[1], -1))
        elif modern:
            # Rotary positions: only distances count, so counting from 0 must give the same.
            near = (torch.arange(x.shape[1])[:, None] - torch.arange(x.shape[1])).abs() <= 4
            seen = visible if size else mask[:, None, None, :].bool() & near
            rope = model.rotary_emb(x, torch.arange(x.shape[1])[None], layer.attention_type)
            x = layer(x, attention_mask=seen.expand(-1, 1, x.shape[1], -1), position_embeddings=rope)
        elif kind == "mpnet":
            unseen = torch.zeros(3, 1, 1, x.shape[1]).masked_fill(~visible, -1e9)
            x = layer(x, unseen, distance_bias(model, x.shape[1]))[0]
        else:
            pairs = (longer[:, None, :, None] * longer[:, None, None, :]).bool()
            positions = model.encoder.get_rel_pos(x)
            x = layer(x, pairs, relative_pos=positions, rel_embeddings=model.encoder.get_rel_embedding())[0]
        x = x[:, size:]
    expected = model.final_norm(x) if modern else x
    read = encode_with_prompts(model, ids, mask, LayerPrompts(hidden))
    inside = mask.bool()
    assert_near(read[inside], expected[inside])
    changed = (read - encode_with_prompts(model, ids, mask, LayerPrompts())).abs().amax(-1)
    assert changed[inside].min() > 1e-3, "each token sees the prompts, far ones too"


@every_encoder
@torch.no_grad()
def test_rows_keep_their_own_prompts_and_padding_does_not_matter(kind: str) -> None:
    """A batch of texts with other prompts each equals one text at a time, without padding."""
    model = encoder(kind)
    ids, mask = batch()
    prompts = all_prompts(model)
    together = encode_with_prompts(model, ids, mask, prompts)
    for row, length in enumerate(LENGTHS):
        one = slice(row, row + 1)
        own = LayerPrompts(
            {i: p[one] for i, p in prompts.hidden.items()},
            {i: Prefix(p.keys[one], p.values[one], p.factor[one]) for i, p in prompts.prefixes.items()},
        )
        alone = encode_with_prompts(model, ids[one, :length], mask[one, :length], own)
        assert_near(together[one, :length], alone)


@pytest.mark.parametrize("kind", ["bert", "deberta-absolute", "modernbert-bias", "mpnet"])
@torch.no_grad()
def test_states_keys_and_values_of_each_layer(kind: str) -> None:
    """Where positions are left out, a layer's own keys and values as a prefix give what its attention gives."""
    model = encoder(kind)
    ids = batch()[0][:1]
    found = layer_states(model, ids, torch.ones_like(ids))
    assert torch.equal(found[0][0], model.embeddings(ids))
    for index, (states, keys, values) in enumerate(found):
        own = Prefix(keys, values, torch.ones(1))
        if kind == "modernbert-bias":
            layer = model.layers[index]
            inner = layer.attn_norm(states)
            nowhere = model.rotary_emb(states, torch.zeros_like(ids), layer.attention_type)
            expected = layer.attn(inner, position_embeddings=nowhere)[0]
            read = layer.attn.Wo(own.read(layer.attn.Wqkv(inner)[..., :32], 4))
        elif kind == "mpnet":
            attention = model.encoder.layer[index].attention.attn
            expected = attention(states)[0]  # without the bias
            read = attention.o(own.read(attention.q(states), 4))
        else:
            attention = model.encoder.layer[index].attention.self
            query = attention.query if kind == "bert" else attention.query_proj
            every = torch.ones(1, 1, 30, 30, dtype=torch.bool)
            expected = attention(states, every)[0]
            read = own.read(query(states), 4)
        assert_near(read, expected)


def test_layers_that_hidden_prompts_reach_from() -> None:
    assert layers_for_hidden_prompts(encoder("modernbert")) == [0, 2]
    assert layers_for_hidden_prompts(encoder("deberta")) == [0, 1, 2]


def test_encoders_that_it_cannot_run() -> None:
    plain = SimpleNamespace(fuse_layers=False)
    other = AutoModel.from_config(DistilBertConfig(vocab_size=60, dim=32, n_layers=1, n_heads=4, hidden_dim=64))
    with pytest.raises(
        ConfigError, match=r"BertModel, DebertaV2Model, ModernBertModel, MPNetModel; .* DistilBertModel"
    ):
        check_encoder(SimpleNamespace(model=other, config=plain))
    check_encoder(SimpleNamespace(model=encoder("bert"), config=plain))
    with pytest.raises(ConfigError, match="fuses the outputs"):
        check_encoder(SimpleNamespace(model=encoder("bert"), config=SimpleNamespace(fuse_layers=True)))
