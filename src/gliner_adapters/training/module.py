"""An adapter as one module that is trained."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from gliner_adapters.methods import Adapter
from gliner_adapters.methods.base import Part, sharing_copy
from gliner_adapters.model import Base, Batch, Encoded, forward
from gliner_adapters.model.parts import LabelEncoder, Parts
from gliner_adapters.model.precision import Precision, autocast


class EncodedLabels(LabelEncoder):
    """What a label encoder made of the labels, ``(C, D)``, in its place."""

    def __init__(self, vectors: Tensor) -> None:
        nn.Module.__init__(self)
        self.vectors = vectors

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """The vectors, whatever is asked: the labels of a training run are always the same."""
        return self.vectors


class TrainingModule(nn.Module):
    """An adapter's pass from a batch to logits, as one module that `accelerate` can wrap.

    The base stays outside of it: it is frozen, shared and never saved.
    """

    def __init__(self, base: Base, adapter: Adapter, precision: Precision) -> None:
        super().__init__()
        self.adapter = adapter
        self._base = (base,)  # in a tuple, so that it is no sub-module
        self.precision = precision
        self._frozen = (self._frozen_parts(),)  # likewise
        self.label_inputs = adapter.label_inputs(base)
        self._encoded = self._encode_once()

    @torch.no_grad()
    def _encode_once(self) -> tuple[EncodedLabels] | None:
        """What a label encoder that stays the base's own makes of the labels; in a tuple, so that it is no sub-module.

        It never changes then, so no step needs to run it.
        """
        base = self._base[0]
        encoder = self.adapter.parts(base.parts).label_encoder
        if encoder is None or encoder is not base.parts.label_encoder or self.label_inputs is None:
            return None
        with autocast(base.device, self.precision):
            return (EncodedLabels(encoder(*self.label_inputs)),)

    def _frozen_parts(self) -> Parts:
        """The base's parts as a step reads them: encoders that it runs through an adapter's prompts hold half matrices.

        Autocast would make the same halves of the same matrices, step after step.
        """
        base = self._base[0]
        parts = base.parts
        if self.precision == "fp32":
            return parts
        plugged = self.adapter.parts(parts)
        if not self.adapter.leaves_text_alone(base) and _reads(plugged.text_encoder, parts.text_encoder):
            parts = replace(parts, text_encoder=_with_half_matrices(parts.text_encoder))
        own = parts.label_encoder
        # One that stays the base's own is not run at all: see _encode_once.
        if own is not None and plugged.label_encoder is not own and _reads(plugged.label_encoder, own):
            parts = replace(parts, label_encoder=_with_half_matrices(own))
        return parts

    def forward(self, batch: Batch | Encoded) -> Tensor:
        """``(N, K, C)`` logits."""
        base = self._base[0]
        with autocast(base.device, self.precision):
            parts = self.adapter.parts(self._frozen[0])
            if self._encoded is not None:
                parts = replace(parts, label_encoder=self._encoded[0])
            return forward(parts, batch, self.label_inputs, base.max_width, base.config.subtoken_pooling)


def _reads(encoder: nn.Module | None, original: nn.Module) -> bool:
    """Whether an encoder runs the very modules of another one."""
    own = {id(module) for module in original.modules()}
    return encoder is not None and any(id(module) in own for module in encoder.modules())


@torch.no_grad()
def _with_half_matrices(part: Part) -> Part:
    """A copy of a frozen part that computes what autocast would make it compute."""
    duplicate = sharing_copy(part)
    for layer in duplicate.modules():
        if type(layer) is nn.Linear:
            layer.weight = nn.Parameter(layer.weight.bfloat16(), requires_grad=False)
            if layer.bias is not None:
                layer.bias = nn.Parameter(layer.bias.bfloat16(), requires_grad=False)
    return duplicate


def set_head_dropout(adapter: Adapter, dropout: float | None) -> None:
    """Set the dropout of the heads that an adapter trains; ``None`` leaves the base's own."""
    for name, module in adapter.named_modules():
        if dropout is not None and isinstance(module, nn.Dropout) and name.split(".")[0] in ("span_head", "label_head"):
            module.p = dropout
