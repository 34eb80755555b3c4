"""How each kind of encoder is walked through layer by layer, with prompts in front of a layer's tokens or beside them.

What :func:`~gliner_adapters.model.prompts.encode_with_prompts` runs; see that module for what the prompts are.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import BertModel, DebertaV2Model, ModernBertModel, MPNetModel


@dataclass(frozen=True)
class Prefix:
    """Keys and values that all tokens of a layer attend to, beside the layer's own attention.

    The prefix has a softmax of its own, and what is read from it is added with a factor. With a factor of 0 the
    layer is exactly what it was, which no key and no value could bring about inside of the layer's softmax.

    Attributes:
        keys: ``(B, P, D)``.
        values: ``(B, P, D)``.
        factor: ``(B,)``.
    """

    keys: Tensor
    values: Tensor
    factor: Tensor

    def read(self, queries: Tensor, heads: int) -> Tensor:
        """What tokens with these queries ``(B, L, D)`` read from the prefix, ``(B, L, D)``."""

        def split(rows: Tensor) -> Tensor:
            return rows.to(queries.dtype).unflatten(-1, (heads, -1)).transpose(1, 2)

        read = F.scaled_dot_product_attention(split(queries), split(self.keys), split(self.values))
        return read.transpose(1, 2).flatten(2) * self.factor.to(queries.dtype)[:, None, None]


class Walk(ABC):
    """One pass through one kind of encoder. Masks and positions are made once for each number of prompts."""

    def __init__(self, model: Any, attention_mask: Tensor) -> None:
        self.model = model
        self.mask = attention_mask
        self.heads: int = model.config.num_attention_heads
        self._frames: dict[int, Any] = {}

    @property
    def layers(self) -> nn.ModuleList:
        """The encoder's layers."""
        return self.model.encoder.layer

    def embed(self, input_ids: Tensor | None, inputs_embeds: Tensor | None) -> Tensor:
        """The first layer's input."""
        return self.model.embeddings(input_ids=input_ids, inputs_embeds=inputs_embeds)

    def finish(self, states: Tensor) -> Tensor:
        """What comes after the last layer."""
        return states

    def frame(self, states: Tensor, size: int) -> Any:
        """Mask and positions for a sequence that begins with ``size`` prompts."""
        if size not in self._frames:
            self._frames[size] = self.make_frame(states, size, F.pad(self.mask, (size, 0), value=1))
        return self._frames[size]

    @abstractmethod
    def make_frame(self, states: Tensor, size: int, mask: Tensor) -> Any:
        """The frame, from the ``(B, size + L)`` mask."""

    @abstractmethod
    def layer(self, index: int, states: Tensor, size: int, prefix: Prefix | None) -> Tensor:
        """One layer on a sequence that begins with ``size`` prompts."""

    @abstractmethod
    def keys_values(self, layer: Any, states: Tensor) -> tuple[Tensor, Tensor]:
        """A layer's keys and values for its input."""


class _BertWalk(Walk):
    def make_frame(self, states: Tensor, size: int, mask: Tensor) -> Any:
        return _full_mask(self.model.config, states, mask)

    def layer(self, index: int, states: Tensor, size: int, prefix: Prefix | None) -> Tensor:
        layer: Any = self.layers[index]
        attention = layer.attention.self
        context, _ = attention(states, attention_mask=self.frame(states, size))
        if prefix is not None:
            context = context + prefix.read(attention.query(states), self.heads)
        return layer.feed_forward_chunk(layer.attention.output(context, states))

    def keys_values(self, layer: Any, states: Tensor) -> tuple[Tensor, Tensor]:
        return layer.attention.self.key(states), layer.attention.self.value(states)


class _DebertaWalk(Walk):
    def embed(self, input_ids: Tensor | None, inputs_embeds: Tensor | None) -> Tensor:
        return self.model.embeddings(input_ids=input_ids, mask=self.mask, inputs_embeds=inputs_embeds)

    def make_frame(self, states: Tensor, size: int, mask: Tensor) -> Any:
        encoder = self.model.encoder
        return {
            "attention_mask": encoder.get_attention_mask(mask),
            "relative_pos": encoder.get_rel_pos(states),
            "rel_embeddings": encoder.get_rel_embedding(),
        }

    def layer(self, index: int, states: Tensor, size: int, prefix: Prefix | None) -> Tensor:
        layer: Any = self.layers[index]
        attention = layer.attention.self
        context, _ = attention(states, **self.frame(states, size))
        if prefix is not None:
            context = context + prefix.read(attention.query_proj(states), self.heads)
        attended = layer.attention.output(context, states)
        output = layer.output(layer.intermediate(attended), attended)
        if index == 0 and self.model.encoder.conv is not None:
            output = self.model.encoder.conv(states, output, F.pad(self.mask, (size, 0), value=1))
        return output

    def keys_values(self, layer: Any, states: Tensor) -> tuple[Tensor, Tensor]:
        return layer.attention.self.key_proj(states), layer.attention.self.value_proj(states)


class _ModernBertWalk(Walk):
    @property
    def layers(self) -> nn.ModuleList:
        return self.model.layers

    def finish(self, states: Tensor) -> Tensor:
        return self.model.final_norm(states)

    def make_frame(self, states: Tensor, size: int, mask: Tensor) -> Any:
        from transformers.masking_utils import create_bidirectional_sliding_window_mask

        config = self.model.config
        positions = torch.arange(-size, self.mask.shape[1], device=states.device).unsqueeze(0)
        masks = {"full_attention": _full_mask(config, states, mask)}
        if "sliding_attention" in config.layer_types and size == 0:
            masks["sliding_attention"] = create_bidirectional_sliding_window_mask(
                config=config, inputs_embeds=states, attention_mask=mask
            )
        return {
            kind: {"attention_mask": of_kind, "position_embeddings": self.model.rotary_emb(states, positions, kind)}
            for kind, of_kind in masks.items()
        }

    def layer(self, index: int, states: Tensor, size: int, prefix: Prefix | None) -> Tensor:
        layer: Any = self.layers[index]
        inner = layer.attn_norm(states)
        attended, _ = layer.attn(inner, **self.frame(states, size)[layer.attention_type])
        if prefix is not None:
            read = prefix.read(layer.attn.Wqkv(inner).chunk(3, dim=-1)[0], self.heads)
            attended = attended + _projected(layer.attn.Wo, read)
        states = states + attended
        return states + layer.mlp(layer.mlp_norm(states))

    def keys_values(self, layer: Any, states: Tensor) -> tuple[Tensor, Tensor]:
        _, keys, values = layer.attn.Wqkv(layer.attn_norm(states)).chunk(3, dim=-1)
        return keys, values


class _MPNetWalk(Walk):
    def make_frame(self, states: Tensor, size: int, mask: Tensor) -> Any:
        # One bias for all layers, by distance. Prompts stand right before the text, so its words keep their distances.
        return _full_mask(self.model.config, states, mask), self.model.encoder.compute_position_bias(states)

    def layer(self, index: int, states: Tensor, size: int, prefix: Prefix | None) -> Tensor:
        layer: Any = self.layers[index]
        attention = layer.attention
        mask, bias = self.frame(states, size)
        attended = attention.attn(states, mask, bias)[0]
        if prefix is not None:
            read = prefix.read(attention.attn.q(states), self.heads)
            attended = attended + _projected(attention.attn.o, read)
        attended = attention.LayerNorm(attention.dropout(attended) + states)
        return layer.output(layer.intermediate(attended), attended)

    def keys_values(self, layer: Any, states: Tensor) -> tuple[Tensor, Tensor]:
        return layer.attention.attn.k(states), layer.attention.attn.v(states)


def _projected(project: nn.Module, read: Tensor) -> Tensor:
    """What an attention that ends with its output projection gains from a prefix.

    The projection is linear, so what is added is projected alone, and what it makes of nothing (its bias) is not
    added twice.
    """
    return project(read) - project(torch.zeros_like(read[:1, :1]))


def _full_mask(config: Any, states: Tensor, mask: Tensor) -> Any:
    """What the chosen attention implementation takes as a mask in which every token sees every other."""
    # Imported here: transformers 4, which `check_encoder` refuses, does not have it.
    from transformers.masking_utils import create_bidirectional_mask

    return create_bidirectional_mask(config=config, inputs_embeds=states, attention_mask=mask)


#: The kinds of encoders that take prompts.
WALKS: dict[type[Any], type[Walk]] = {
    BertModel: _BertWalk,
    DebertaV2Model: _DebertaWalk,
    ModernBertModel: _ModernBertWalk,
    MPNetModel: _MPNetWalk,
}
