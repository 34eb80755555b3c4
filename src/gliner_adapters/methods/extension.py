"""Extension: the embeddings of a label's tokens are rewritten in place before the frozen label encoder reads them, and
both heads are trained.

    text  ──► text encoder (frozen, cached) ─────────────────────────► span head* ──┐
                                                                                    ├─► scores        * trained
    label ──► word embeddings ──► + transform* ──► label encoder ────► label head* ─┘
                              └────────────────┘   (frozen)
                                 residual; special tokens pass by

The transform adds LayerNorm(W x) to a token's embedding x. The LayerNorm's own gain and bias start at zero, so
the adapter starts as the base, to the bit; and W starts as the identity, so the first step already points somewhere
sensible: along the token itself.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from gliner_adapters.methods.base import Adapter, LabelOptions, fresh_bias, own_copy, plain_label_encoder
from gliner_adapters.methods.registry import register
from gliner_adapters.methods.search import LABEL_STYLES
from gliner_adapters.model import Base, Parts
from gliner_adapters.model.parts import LabelEncoder


class ExtensionOptions(LabelOptions):
    """Options of the extension."""

    heads: bool = True
    """Train span head and label head too; off, to see what the transform does alone."""


@register
class Extension(Adapter):
    """Label tokens rewritten in place by a residual transform; span head and label head replaced by trained copies."""

    name = "extension"
    architectures = ("bi",)
    options_type = ExtensionOptions
    search_space = {"label_style": LABEL_STYLES}  # noqa: RUF012
    learning_rates = {"label_transform": 1e-3, "span_head": 5e-4, "label_head": 5e-4, "label_bias": 1e-2}  # noqa: RUF012
    options: ExtensionOptions

    def build(self, base: Base) -> None:
        """A transform that changes nothing yet, and the base's heads."""
        encoder = base.parts.label_encoder
        assert encoder is not None
        assert base.parts.label_head is not None
        tokenizer = base.label_tokenizer
        # An unknown piece stands for a word of the label, so it is no special token here.
        special = [i for i in tokenizer.all_special_ids if i != tokenizer.unk_token_id]
        self.label_transform: LabelTransform | None = LabelTransform(encoder.word_embeddings.embedding_dim, special)
        self.label_bias = fresh_bias(self)
        if self.options.heads:
            self.span_head = own_copy(base.parts.span_head)
            self.label_head = own_copy(base.parts.label_head)

    def parts(self, parts: Parts) -> Parts:
        """The transform stands before the label encoder; the heads that are trained are the adapter's."""
        if self.label_transform is not None:
            encoder = plain_label_encoder(parts, self.name)
            parts = replace(parts, label_encoder=RewritingLabelEncoder(encoder, self.label_transform))
        parts = replace(parts, label_bias=self.label_bias)
        if not self.options.heads:
            return parts
        return replace(parts, span_head=self.span_head, label_head=self.label_head)


class LabelTransform(nn.Module):
    """``x + LayerNorm(W x)`` for the embeddings of a label's own tokens.

    Args:
        width: of the embeddings.
        special: ids of the tokens that are left alone (those that open, close and pad a text).
    """

    special: Tensor

    def __init__(self, width: int, special: list[int]) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width, bias=False)
        self.norm = nn.LayerNorm(width)
        nn.init.eye_(self.linear.weight)
        nn.init.zeros_(self.norm.weight)
        self.register_buffer("special", torch.tensor(special), persistent=False)

    def forward(self, embeddings: Tensor, input_ids: Tensor) -> Tensor:
        """Rewrite ``(C, T, E)`` embeddings of ``(C, T)`` ids."""
        own = ~torch.isin(input_ids, self.special)
        return embeddings + self.norm(self.linear(embeddings)) * own.unsqueeze(-1)


class RewritingLabelEncoder(LabelEncoder):
    """A label encoder whose tokens are rewritten before it reads them."""

    def __init__(self, encoder: LabelEncoder, transform: LabelTransform) -> None:
        super().__init__(encoder.transformer, encoder.projection)
        self.transform = transform

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Encode labels: ``(C, T)`` ids and mask to ``(C, D)``."""
        embeddings = self.transform(self.word_embeddings(input_ids), input_ids)
        return self.pool(self.transformer(inputs_embeds=embeddings, attention_mask=attention_mask), attention_mask)
