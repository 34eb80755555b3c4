"""Label descriptions: the label side is trained to read what a type is, not only what it is called (label
descriptions as semantic anchors).

    text        ──► text encoder (frozen, cached) ──► span head (frozen) ──┐
                                                                           ├─► scores        * trained
    description ──► label encoder* ─────────────────► label head* ─────────┘

It starts where the base reads descriptions zero-shot. Of the label encoder's vocabulary only the rows that the
descriptions read are trained. Nothing on the text side changes, so word vectors are computed once; and once baked, all
that is left is C x D numbers.
"""

from __future__ import annotations

import copy
from dataclasses import replace

from torch import nn

from gliner_adapters.methods.base import Adapter, LabelOptions, fresh_bias, own_copy
from gliner_adapters.methods.registry import register
from gliner_adapters.methods.rows import RowsInUse
from gliner_adapters.methods.search import LABEL_STYLES
from gliner_adapters.model import Base, Parts
from gliner_adapters.model.tokens import LabelStyle


class LabelDescriptionsOptions(LabelOptions):
    """Options of label descriptions."""

    label_style: LabelStyle = "description"


@register
class LabelDescriptions(Adapter):
    """Label encoder and label head replaced by trained copies that read descriptions."""

    name = "label-descriptions"
    architectures = ("bi",)
    options_type = LabelDescriptionsOptions
    search_space = {"label_style": LABEL_STYLES}  # noqa: RUF012
    learning_rates = {"label_encoder": 1e-5, "label_head": 2.5e-3, "label_bias": 1e-2}  # noqa: RUF012

    def build(self, base: Base) -> None:
        """Start from the base."""
        assert base.parts.label_encoder is not None
        assert base.parts.label_head is not None
        read, _ = base.label_inputs(self.labels, self.options.label_style)
        self.label_encoder = own_copy(base.parts.label_encoder)
        rows = RowsInUse(base.parts.label_encoder.word_embeddings, read)
        self.label_encoder.transformer.model.set_input_embeddings(rows)
        self.label_head = own_copy(base.parts.label_head)
        self.label_bias = fresh_bias(self)

    def parts(self, parts: Parts) -> Parts:
        """The label side is the adapter's."""
        return replace(parts, label_encoder=self.label_encoder, label_head=self.label_head, label_bias=self.label_bias)

    def merged_parts(self, parts: Parts) -> Parts:
        """A label encoder with a plain vocabulary."""
        merged = copy.deepcopy(self.label_encoder)
        rows = merged.word_embeddings
        assert isinstance(rows, RowsInUse)
        merged.transformer.model.set_input_embeddings(nn.Embedding.from_pretrained(rows.weight))
        return replace(self.parts(parts), label_encoder=merged)
