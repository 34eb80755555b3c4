"""Heads: GLiNER's own span head and label head are trained; both encoders stay frozen.

    text  ──► text encoder (frozen, cached) ──► span head* ──┐
                                                             ├─► scores        * trained
    label ──► label encoder (frozen) ─────────► label head* ─┘

Word vectors never change, so they are computed once and an epoch runs on the heads alone.
"""

from __future__ import annotations

from dataclasses import replace

from gliner_adapters.methods.base import Adapter, own_copy
from gliner_adapters.methods.registry import register
from gliner_adapters.model import Base, Parts


@register
class Heads(Adapter):
    """Span head and label head replaced by trained copies."""

    name = "heads"
    learning_rates = {"span_head": 5e-4, "label_head": 5e-4}  # noqa: RUF012

    def build(self, base: Base) -> None:
        """Start from the base's heads."""
        assert base.parts.label_head is not None
        self.span_head = own_copy(base.parts.span_head)
        self.label_head = own_copy(base.parts.label_head)

    def parts(self, parts: Parts) -> Parts:
        """Both heads are the adapter's."""
        return replace(parts, span_head=self.span_head, label_head=self.label_head)
