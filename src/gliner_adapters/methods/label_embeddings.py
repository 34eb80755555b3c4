"""Label embeddings: one free vector a label, and the label head; no label encoder any more (soft prompting, base
approach).

    text        ──► text encoder (frozen, cached) ──► span head (frozen) ──┐
                                                                           ├─► scores        * trained
    description ──► label encoder, once ──► table* ──► label head* ────────┘

The table starts from the encoded descriptions, so training starts where the base reads descriptions zero-shot.
Once baked, all that is left is C x D numbers.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor, nn

from gliner_adapters.methods.base import Adapter, LabelOptions, fresh_bias, own_copy
from gliner_adapters.methods.registry import register
from gliner_adapters.methods.search import LABEL_STYLES, Choice
from gliner_adapters.model import Base, Parts
from gliner_adapters.model.parts import LabelEncoder
from gliner_adapters.model.tokens import LabelStyle


class LabelEmbeddingsOptions(LabelOptions):
    """Options of label embeddings."""

    label_style: LabelStyle = "description"
    initialisation: Literal["encoded", "random"] = "encoded"
    """Start the vectors from the encoded labels, or from noise of the same scale."""


@register
class LabelEmbeddings(Adapter):
    """A free vector for each label, projected by a trained label head."""

    name = "label-embeddings"
    architectures = ("bi",)
    options_type = LabelEmbeddingsOptions
    search_space = {"label_style": LABEL_STYLES, "initialisation": Choice(("encoded", "random"))}  # noqa: RUF012
    learning_rates = {"label_table": 1e-3, "label_head": 4e-3, "label_bias": 1e-2}  # noqa: RUF012
    options: LabelEmbeddingsOptions

    def build(self, base: Base) -> None:
        """Encode the labels once; the label encoder is not needed after that."""
        assert base.parts.label_encoder is not None
        assert base.parts.label_head is not None
        with torch.no_grad():
            vectors = base.parts.label_encoder(*base.label_inputs(self.labels, self.options.label_style))
        if self.options.initialisation == "random":
            vectors = torch.randn_like(vectors) * vectors.std()
        self.label_table: LabelTable | None = LabelTable(vectors)
        self.label_head = own_copy(base.parts.label_head)
        self.label_bias = fresh_bias(self)

    @property
    def starts_as_base(self) -> bool:
        """With encoded labels; noise says nothing of them."""
        return self.options.initialisation == "encoded"

    def parts(self, parts: Parts) -> Parts:
        """The table stands in the label encoder's place."""
        return replace(parts, label_encoder=self.label_table, label_head=self.label_head, label_bias=self.label_bias)


class LabelTable(LabelEncoder):
    """``(C, D)`` free vectors with a label encoder's signature; it reads no text."""

    def __init__(self, vectors: Tensor) -> None:
        nn.Module.__init__(self)
        self.vectors = nn.Parameter(vectors.clone())

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """The table, whatever the labels' texts are."""
        return self.vectors
