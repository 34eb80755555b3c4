"""An adapter as one module that is trained."""

from __future__ import annotations

from torch import Tensor, nn

from gliner_adapters.methods import Adapter
from gliner_adapters.model import Base, Batch, Encoded, forward
from gliner_adapters.model.predict import Precision, autocast


class TrainingModule(nn.Module):
    """An adapter's pass from a batch to logits, as one module that `accelerate` can wrap.

    The base stays outside of it: it is frozen, shared and never saved.
    """

    def __init__(self, base: Base, adapter: Adapter, precision: Precision) -> None:
        super().__init__()
        self.adapter = adapter
        self._base = (base,)  # in a tuple, so that it is no sub-module
        self.precision = precision
        self.label_inputs = adapter.label_inputs(base)

    def forward(self, batch: Batch | Encoded) -> Tensor:
        """``(N, K, C)`` logits."""
        base = self._base[0]
        with autocast(base.device, self.precision):
            parts = self.adapter.parts(base.parts)
            return forward(parts, batch, self.label_inputs, base.max_width, base.config.subtoken_pooling)


def set_head_dropout(adapter: Adapter, dropout: float | None) -> None:
    """Set the dropout of the heads that an adapter trains; ``None`` leaves the base's own."""
    for name, module in adapter.named_modules():
        if dropout is not None and isinstance(module, nn.Dropout) and name.split(".")[0] in ("span_head", "label_head"):
            module.p = dropout
