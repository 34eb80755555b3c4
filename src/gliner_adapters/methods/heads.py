"""Heads: GLiNER's own span head and label head are trained; both encoders stay frozen.

    text  ──► text encoder (frozen, cached) ──► span head* ──┐
                                                             ├─► scores        * trained
    label ──► label encoder (frozen) ─────────► label head* ─┘

Word vectors never change, so they are computed once and an epoch runs on the heads alone. Either head can be trained
without the other: the label head is what techniques of the label side lack that do not train one themselves.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from gliner_adapters.methods.base import Adapter, Options, own_copy
from gliner_adapters.methods.registry import register
from gliner_adapters.model import Base, Parts


class HeadsOptions(Options):
    """Options of heads."""

    which: Literal["both", "span", "label"] = "both"
    """The heads that are trained."""


@register
class Heads(Adapter):
    """Span head and label head replaced by trained copies."""

    name = "heads"
    options_type = HeadsOptions
    learning_rates = {"span_head": 5e-4, "label_head": 5e-4}  # noqa: RUF012

    options: HeadsOptions

    def build(self, base: Base) -> None:
        """Start from the base's heads."""
        assert base.parts.label_head is not None
        which = self.options.which
        self.span_head = None if which == "label" else own_copy(base.parts.span_head)
        self.label_head = None if which == "span" else own_copy(base.parts.label_head)

    def parts(self, parts: Parts) -> Parts:
        """The heads that are trained are the adapter's."""
        if self.span_head is not None:
            parts = replace(parts, span_head=self.span_head)
        if self.options.which != "span":  # and dropped in the deployable form
            parts = replace(parts, label_head=self.label_head)
        return parts
