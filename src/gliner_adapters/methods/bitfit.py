"""BitFit: every bias vector is trained, and nothing else.

    text  ──► text encoder (W, b*) ──► span head (W, b*) ──┐
                                                           ├─► scores        * trained
    label ──► label encoder (W, b*) ─► label head (W, b*) ─┘   (a uni-encoder reads the labels in the text)

The weights are the base's own, shared and not copied. The heads' biases are trained as well, so that all vectors that
shift something take part; ``heads=false`` leaves the heads as they are, which makes room for trained ones
(``bitfit+heads``). A part without biases stays the base's: ModernBERT has none, so its word vectors can be cached.
"""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from gliner_adapters.errors import ConfigError
from gliner_adapters.methods.base import Adapter, Options, sharing_copy
from gliner_adapters.methods.registry import register
from gliner_adapters.model import Base, Parts
from gliner_adapters.model.dropout import cheapen
from gliner_adapters.model.parts import unused_parameters

ENCODERS = ("text_encoder", "label_encoder")
HEADS = ("span_head", "label_head")


class BitFitOptions(Options):
    """Options of BitFit."""

    heads: bool = True
    """Train the biases of span head and label head too; off, to combine it with `heads`."""


@register
class BitFit(Adapter):
    """Bias vectors of encoders and heads."""

    name = "bitfit"
    options_type = BitFitOptions
    learning_rates = {"text_encoder": 8e-3, "label_encoder": 1e-3, "span_head": 8e-3, "label_head": 1e-3}  # noqa: RUF012
    options: BitFitOptions

    def build(self, base: Base) -> None:
        """Parts that share the base's weights and have biases of their own."""
        self.replaced: list[str] = []
        for name in ENCODERS + HEADS if self.options.heads else ENCODERS:
            part = getattr(base.parts, name)
            owned = [] if part is None else biases(part)
            if owned:
                setattr(self, name, sharing_copy(part, owned))
                cheapen(getattr(self, name))
                self.replaced.append(name)
        if not self.replaced:
            raise ConfigError(f"the encoders of {base.id} have no bias vectors that bitfit could train")

    def parts(self, parts: Parts) -> Parts:
        """Each part that has biases is the adapter's."""
        return replace(parts, **{name: getattr(self, name) for name in self.replaced})


def biases(part: nn.Module) -> list[str]:
    """Names of the bias vectors that a pass reaches (an LSTM's are called ``bias_hh_l0`` and the like)."""
    idle = unused_parameters(part)
    named = [name for name, _ in part.named_parameters() if name not in idle]
    return [name for name in named if name.rsplit(".", 1)[-1].startswith("bias")]
