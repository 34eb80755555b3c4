"""Label scale: each dimension of the label vectors is multiplied by a trained factor; everything else stays frozen.

    text  ──► text encoder (frozen, cached) ──► span head (frozen) ──────────────┐
                                                                                 ├─► scores        * trained
    label ──► label encoder (frozen) ─────────► label head (frozen) ──► scale* ──┘

D numbers in all. The factors start at one, so a fresh adapter gives the base's own scores, to the bit.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from gliner_adapters.errors import ConfigError
from gliner_adapters.methods import Adapter, Options
from gliner_adapters.model import Base, Parts


class LabelScaleOptions(Options):
    """Options of the label scale."""

    initial: float = 1.0
    """What the factors start at; any other number than one does not start as the base."""


class LabelScale(Adapter):
    """A trained factor for each dimension of the label vectors."""

    name = "label-scale"
    options_type = LabelScaleOptions
    # The ingredient is one of those that only make label vectors (methods/base.py, PRODUCERS), so the deployable form
    # of a bi-encoder's adapter leaves it out.
    learning_rates = {"label_transform": 1e-2}  # noqa: RUF012

    options: LabelScaleOptions

    def build(self, base: Base) -> None:
        """Factors that change nothing yet."""
        if self.options.initial == 0:
            raise ConfigError("initial: factors of zero make all labels alike, and no gradient leads away from them")
        self.label_transform: Scale | None = Scale(base.hidden_size, self.options.initial)

    @property
    def starts_as_base(self) -> bool:
        """Where the factors start at one."""
        return self.options.initial == 1.0

    def parts(self, parts: Parts) -> Parts:
        """The factors stand behind the label head."""
        if self.label_transform is None or parts.label_head is None:  # dropped in the deployable form
            return parts
        return replace(parts, label_head=nn.Sequential(parts.label_head, self.label_transform))


class Scale(nn.Module):
    """A factor for each dimension.

    Args:
        width: dimensions.
        initial: what the factors start at.
    """

    def __init__(self, width: int, initial: float) -> None:
        super().__init__()
        self.factors = nn.Parameter(torch.full((width,), initial))

    def forward(self, vectors: Tensor) -> Tensor:
        """Scale ``(..., D)`` label vectors."""
        return vectors * self.factors
