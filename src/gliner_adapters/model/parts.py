"""The parts that a forward pass runs through.

A GLiNER has four parts: a text encoder, a label encoder (bi-encoders only), a span head and a label head. A
pass takes them from a :class:`Parts`; an adapter returns a `Parts` in which some are replaced. That is the only
way in which a technique reaches into a pass: no patching, no swapped classes.

The two encoder modules here hold GLiNER's own modules and call them; they own no weights of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from gliner.modeling.span_rep import SpanMarkerV1
from torch import Tensor, nn


class TextEncoder(nn.Module):
    """Sub-token ids to contextual vectors: GLiNER's Transformer and, where widths differ, its projection.

    ``rnn`` is the bi-directional LSTM over words that uni-encoder GLiNERs may carry; it belongs to the text
    side, so it is frozen, trained and cached together with the Transformer.
    """

    def __init__(self, transformer: Any, projection: nn.Module | None, rnn: nn.Module | None) -> None:
        super().__init__()
        self.transformer: Any = transformer
        self.projection = projection
        self.rnn = rnn

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Encode sub-tokens: ``(B, L)`` ids and mask to ``(B, L, D)``."""
        tokens = self.transformer(input_ids, attention_mask=attention_mask)
        return tokens if self.projection is None else self.projection(tokens)


class LabelEncoder(nn.Module):
    """Label texts to vectors: a Transformer, its projection, and the mean over sub-tokens."""

    def __init__(self, transformer: Any, projection: nn.Module | None) -> None:
        super().__init__()
        self.transformer: Any = transformer
        self.projection = projection

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Encode labels: ``(C, T)`` ids and mask to ``(C, D)``."""
        return self.pool(self.transformer(input_ids, attention_mask=attention_mask), attention_mask)

    @property
    def word_embeddings(self) -> nn.Embedding:
        """Ids to the vectors that the Transformer adds positions to."""
        return self.transformer.model.get_input_embeddings()

    def pool(self, tokens: Tensor, attention_mask: Tensor) -> Tensor:
        """The Transformer's output ``(C, T, H)`` to label vectors ``(C, D)``: projected, and averaged over the mask."""
        if self.projection is not None:
            tokens = self.projection(tokens)
        mask = attention_mask.unsqueeze(-1).expand(tokens.size()).float()
        return (tokens * mask).sum(1) / mask.sum(1).clamp(min=1e-9)


@dataclass(frozen=True)
class Parts:
    """What one forward pass runs through.

    Attributes:
        text_encoder: sub-tokens to vectors.
        label_encoder: label texts to vectors; ``None`` in a uni-encoder, whose labels stand in the text.
        span_head: GLiNER's `span_rep_layer`.
        label_head: GLiNER's `prompt_rep_layer`; ``None`` only where ``label_vectors`` are given.
        label_bias: ``(C,)`` what is added to the logits of each label (bi-encoders); ``None`` for nothing.
        label_vectors: ``(C, D)`` constants that replace label encoder and label head (a baked adapter); with biases
            ``(C, D + 1)``, the last column.
    """

    text_encoder: TextEncoder
    label_encoder: LabelEncoder | None
    span_head: nn.Module
    label_head: nn.Module | None
    label_vectors: Tensor | None = None
    label_bias: Tensor | None = None


def split_network(network: Any) -> Parts:
    """The parts of a GLiNER span model (`UniEncoderSpanModel` or `BiEncoderSpanModel`), sharing its weights."""
    encoder = network.token_rep_layer
    bi = hasattr(encoder, "labels_encoder")
    # A bi-encoder GLiNER builds an LSTM too, but its forward pass never calls it.
    rnn = None if bi else getattr(network, "rnn", None)
    return Parts(
        text_encoder=TextEncoder(encoder.bert_layer, getattr(encoder, "projection", None), rnn),
        label_encoder=LabelEncoder(encoder.labels_encoder, getattr(encoder, "labels_projection", None)) if bi else None,
        span_head=network.span_rep_layer,
        label_head=network.prompt_rep_layer,
    )


def unused_parameters(module: nn.Module) -> set[str]:
    """Names of parameters that no GLiNER pass reaches.

    These are the poolers of BERT-like encoders, and a projection that GLiNER's `markerV1` head creates but never
    calls.
    """
    idle = {name for name, _ in module.named_parameters() if ".pooler." in f".{name}"}
    for prefix, child in module.named_modules():
        if isinstance(child, SpanMarkerV1):
            idle |= {f"{prefix}.project_first.{name}".lstrip(".") for name, _ in child.project_first.named_parameters()}
    return idle


def position_limit(config: Any) -> int | None:
    """How many sub-tokens an encoder has positions for; ``None`` where it needs none.

    RoBERTa and its kin begin to count after the padding token's id, so they read fewer than they have positions.
    """
    positions = getattr(config, "max_position_embeddings", None)
    if not positions:
        return None
    if config.model_type == "mpnet":
        return int(positions) - 2  # whatever the tokenizer pads with: its padding index is fixed
    if config.model_type in ("roberta", "xlm-roberta"):
        return int(positions) - int(config.pad_token_id) - 1
    return int(positions)


def device_of(module: nn.Module) -> torch.device:
    """Where a module's weights lie."""
    return next(module.parameters()).device
