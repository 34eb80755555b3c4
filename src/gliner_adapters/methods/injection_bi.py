"""Injection into the label branch: prompt vectors made from a label's description are put into the label encoder's
input, before the label's own tokens.

    description ──► word embeddings ──► prompt encoder* ──► P prompts ──┐
                                                                        ▼
    label ──────────────────────────► word embeddings:  [CLS] p₁ … p_P label [SEP]
                                                                        │
                                                   label encoder (frozen)
                                                                        │
                             mean over [CLS] label [SEP] ──► label head ┴──┐
                                                                           ├─► scores        * trained
    text ──► text encoder (frozen, cached) ──► span head ──────────────────┘

The prompts steer how the label is read and are not read off themselves: their output positions stay out of the mean
that makes the label's vector, which therefore means what it meant to the base. They do take positions, so a label's
tokens stand P places further right.

A frozen encoder is thrown off by vectors that it never saw, so by default the vector is gated: that of the label read
without prompts, plus a trained gate times what the prompts change of it. The gate starts at zero, and with it the
adapter starts as the base, to the bit; the prompt encoder learns from the second step on. ``gated=false`` is the
plain form, which starts elsewhere.
"""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import torch
from pydantic import Field
from torch import Tensor, nn

from gliner_adapters.errors import ConfigError
from gliner_adapters.methods.base import Adapter, LabelOptions, fresh_bias, plain_label_encoder
from gliner_adapters.methods.prompt_encoder import Pooling, PromptEncoder
from gliner_adapters.methods.registry import register
from gliner_adapters.methods.search import LABEL_STYLES, Choice, Whole
from gliner_adapters.model import Base, Parts
from gliner_adapters.model.parts import LabelEncoder
from gliner_adapters.model.tokens import label_texts


class InjectionBiOptions(LabelOptions):
    """Options of injection into the label branch.

    ``label_style`` is what the label encoder itself reads; the prompts are made from the description, or from the
    name of a label that has none.
    """

    prompt_length: int = Field(8, ge=1)
    """P, prompt vectors before each label."""
    hidden: int = Field(128, ge=1)
    """Width of the prompt encoder's hidden layer."""
    pooling: Pooling = "mean"
    """How a description's tokens become P vectors."""
    gated: bool = True
    """Start as the base, and let a trained gate open to the prompts."""


@register
class InjectionBi(Adapter):
    """Prompts from descriptions in the label encoder's input."""

    name = "injection-bi"
    architectures = ("bi",)
    options_type = InjectionBiOptions
    search_space = {  # noqa: RUF012
        "label_style": LABEL_STYLES,
        "prompt_length": Whole(2, 32, log=True),
        "hidden": Whole(32, 512, log=True),
        "pooling": Choice(get_args(Pooling)),
        "gated": Choice((True, False)),
    }
    learning_rates = {"label_prompts": 1e-3, "label_bias": 1e-2}  # noqa: RUF012
    options: InjectionBiOptions

    def build(self, base: Base) -> None:
        """A fresh prompt encoder for the labels' descriptions."""
        encoder, options = base.parts.label_encoder, self.options
        assert encoder is not None
        ids, _ = base.label_inputs(self.labels, options.label_style)
        if ids.shape[1] + options.prompt_length > base.label_limit:
            raise ConfigError(
                f"{options.prompt_length} prompts and label texts of up to {ids.shape[1]} sub-tokens are more than "
                f"the label encoder of {base.id} reads ({base.label_limit}); lower prompt_length, or shorten the labels"
            )
        self.label_prompts: LabelPrompts | None = LabelPrompts(
            encoder.word_embeddings.weight, *_descriptions(self, base), opening=_opening(base), options=options
        )
        self.label_bias = fresh_bias(self)

    @property
    def starts_as_base(self) -> bool:
        """Behind a closed gate."""
        return self.options.gated

    def parts(self, parts: Parts) -> Parts:
        """The prompts stand in the label encoder's input."""
        if self.label_prompts is None:
            return parts
        encoder = plain_label_encoder(parts, self.name)
        return replace(
            parts, label_encoder=PromptedLabelEncoder(encoder, self.label_prompts), label_bias=self.label_bias
        )


def _descriptions(adapter: Adapter, base: Base) -> tuple[Tensor, Tensor]:
    """Ids and mask of what prompts are made from, without special tokens. Only embeddings of it are read, so it may
    be of any length.
    """
    encoded = base.label_tokenizer(
        label_texts(adapter.labels, "description"),
        add_special_tokens=False,
        truncation=False,
        padding="longest",
        padding_side="right",
        return_tensors="pt",
        verbose=False,
    )
    return encoded["input_ids"].long(), encoded["attention_mask"].long()


def _opening(base: Base) -> int:
    """How many special tokens open a label text.

    Raises:
        ConfigError: the tokenizer pads on the left, or does not frame a text as it is.
    """
    tokenizer = base.label_tokenizer
    if tokenizer.padding_side != "right":
        raise ConfigError(f"the label tokenizer of {base.id} pads on the left, so prompts cannot be put in")
    bare = tokenizer("a", add_special_tokens=False)["input_ids"]
    framed = tokenizer("a")["input_ids"]
    starts = [i for i in range(len(framed)) if framed[i : i + len(bare)] == bare]
    if not starts:
        raise ConfigError(f"the label tokenizer of {base.id} changes words when it adds special tokens")
    return starts[0]


class LabelPrompts(nn.Module):
    """The prompts of a set of labels, and the gate that lets them in.

    Args:
        embeddings: the frozen word embeddings ``(V, E)``, for their width and scale.
        input_ids: ``(C, T)`` of the descriptions.
        attention_mask: ``(C, T)``.
        opening: special tokens that stay before the prompts.
        options: those of the technique.
    """

    input_ids: Tensor
    attention_mask: Tensor

    def __init__(
        self,
        embeddings: Tensor,
        input_ids: Tensor,
        attention_mask: Tensor,
        *,
        opening: int,
        options: InjectionBiOptions,
    ) -> None:
        super().__init__()
        self.opening = opening
        width, scale = embeddings.shape[1], float(embeddings.std())
        self.encoder = PromptEncoder(width, options.prompt_length, options.hidden, options.pooling, scale=scale)
        self.gate = nn.Parameter(torch.zeros(())) if options.gated else None
        self.register_buffer("input_ids", input_ids, persistent=False)
        self.register_buffer("attention_mask", attention_mask, persistent=False)

    def forward(self, word_embeddings: nn.Module) -> Tensor:
        """``(C, P, E)`` prompts."""
        return self.encoder(word_embeddings(self.input_ids), self.attention_mask)


class PromptedLabelEncoder(LabelEncoder):
    """A label encoder with prompts in its input."""

    def __init__(self, encoder: LabelEncoder, prompts: LabelPrompts) -> None:
        super().__init__(encoder.transformer, encoder.projection)
        self.prompts = prompts

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Encode labels: ``(C, T)`` ids and mask to ``(C, D)``."""
        prompted = self._prompted(input_ids, attention_mask)
        gate = self.prompts.gate
        if gate is None:
            return prompted
        plain = super().forward(input_ids, attention_mask)
        return plain + gate * (prompted - plain)

    def _prompted(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """The labels' vectors with prompts after the opening special tokens."""
        made = self.prompts(self.word_embeddings)
        before, after = slice(self.prompts.opening), slice(self.prompts.opening, None)
        own = self.word_embeddings(input_ids)
        seen = attention_mask.new_ones(made.shape[:2])
        tokens = self.transformer(
            inputs_embeds=torch.cat([own[:, before], made, own[:, after]], 1),
            attention_mask=torch.cat([attention_mask[:, before], seen, attention_mask[:, after]], 1),
        )
        beyond = slice(self.prompts.opening + made.shape[1], None)
        return self.pool(torch.cat([tokens[:, before], tokens[:, beyond]], 1), attention_mask)
