"""Zero-shot: the base as it is, asked for labels by name (or description). The baseline.

    text  ──► text encoder ──► span head ──┐
                                           ├─► scores
    label ──► label encoder ► label head ──┘         nothing is trained

In a bi-encoder the label vectors can be baked like any other adapter's, so that a zero-shot label set is served
as an adapter of a few kilobytes.
"""

from gliner_adapters.methods.base import Adapter
from gliner_adapters.methods.registry import register


@register
class ZeroShot(Adapter):
    """Nothing added, nothing trained."""

    name = "zero-shot"
