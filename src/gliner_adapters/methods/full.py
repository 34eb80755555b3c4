"""Full fine-tuning: every parameter is trained. The ceiling that the others are measured against.

    text  ──► text encoder* ──► span head* ──┐
                                             ├─► scores        * trained
    label ──► label encoder* ─► label head* ─┘   (a uni-encoder reads the labels in the text)

The trained network is the adapter's own copy; the base stays as it was.
"""

from __future__ import annotations

from dataclasses import replace

from gliner_adapters.methods.base import Adapter, own_copy
from gliner_adapters.methods.registry import register
from gliner_adapters.model import Base, Parts
from gliner_adapters.model.dropout import cheapen


@register
class Full(Adapter):
    """Every part replaced by a trained copy."""

    name = "full"
    learning_rates = {  # noqa: RUF012
        "text_encoder": 1.5e-4,
        "label_encoder": 3e-5,
        "span_head": 5e-4,
        "label_head": 5e-4,
    }

    def build(self, base: Base) -> None:
        """Start from the base."""
        parts = base.parts
        assert parts.label_head is not None
        self.text_encoder = own_copy(parts.text_encoder)
        cheapen(self.text_encoder)
        self.label_encoder = None if parts.label_encoder is None else own_copy(parts.label_encoder)
        self.span_head = own_copy(parts.span_head)
        self.label_head = own_copy(parts.label_head)

    def parts(self, parts: Parts) -> Parts:
        """All parts are the adapter's."""
        return replace(
            parts,
            text_encoder=self.text_encoder,
            label_encoder=self.label_encoder,
            span_head=self.span_head,
            label_head=self.label_head,
        )
