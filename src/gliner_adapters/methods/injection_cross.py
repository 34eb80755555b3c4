"""Embedding injection, joint input: prompts made from the labels' descriptions stand in a uni-encoder's input.

    descriptions ──► word embeddings (frozen) ──► prompt encoder* ──► P prompts a label
                                                                          │
    [CLS]  p₁₁ .. p₁ₚ  p₂₁ .. p₂ₚ ..   <<ENT>> name <<ENT>> name .. <<SEP>> text [SEP]
                                                                          │           * trained
                                             text encoder (frozen) ──► heads (frozen) ──► scores

Each label has prompts of its own, in the order of the labels, between the opening special token and the label prompt.
They are put in as word embeddings, so the encoder itself numbers, normalises and reads them like words that nobody
wrote; what it makes of them is dropped. A text has so much less room, and is cut into windows where it no longer
fits. A fresh adapter is not the base: with mean pooling it is close to one that reads the descriptions, pooled, before
the labels; with attention each prompt starts as a random mean of the description's words.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

import torch
from pydantic import Field
from torch import Tensor, nn

from gliner_adapters.methods.base import Adapter, Options
from gliner_adapters.methods.prompt_encoder import Pooling, PromptEncoder
from gliner_adapters.methods.registry import register
from gliner_adapters.methods.search import Choice, Whole
from gliner_adapters.model import Base, Parts
from gliner_adapters.model.parts import TextEncoder
from gliner_adapters.model.tokens import label_texts


class InjectionCrossOptions(Options):
    """Options of injection into the joint input."""

    prompt_length: int = Field(11, ge=1)
    """P, the prompts of each label: a description's gist. At 11, ten labels take 110 of an input's 512 sub-tokens; with
    many labels fewer are better."""
    pooling: Pooling = "attention"
    """How a description's tokens become P prompts."""
    hidden: int | None = Field(256, ge=1)
    """Width of the prompt encoder's MLP; if null, twice that of the word embeddings."""


@register
class InjectionCross(Adapter):
    """Prompts from a trained prompt encoder between the opening token and the label prompt."""

    name = "injection-cross"
    architectures = ("uni",)
    options_type = InjectionCrossOptions
    search_space = {  # noqa: RUF012
        "prompt_length": Whole(1, 16, log=True),
        "pooling": Choice(get_args(Pooling)),
        "hidden": Choice((None, 64, 256)),
    }
    outermost = True
    learning_rates = {"prompt_encoder": 1e-2}  # noqa: RUF012
    options: InjectionCrossOptions

    ids: Tensor
    mask: Tensor

    def build(self, base: Base) -> None:
        """A prompt encoder whose first prompts are the descriptions' own words."""
        pieces = [
            torch.tensor(ids, dtype=torch.long)
            for ids in base.text_tokens.word_ids(label_texts(self.labels, "description"))
        ]
        padded = nn.utils.rnn.pad_sequence(pieces, batch_first=True, padding_value=base.text_tokens.pad_id)
        sizes = torch.tensor([len(ids) for ids in pieces])
        self.register_buffer("ids", padded, persistent=False)
        self.register_buffer("mask", (torch.arange(padded.shape[1]) < sizes[:, None]).long(), persistent=False)
        words = base.parts.text_encoder.transformer.model.get_input_embeddings()
        width = words.embedding_dim
        self.prompt_encoder = PromptEncoder(
            width,
            self.options.prompt_length,
            self.options.hidden or 2 * width,
            self.options.pooling,
            scale=float(words.weight[torch.cat(pieces).to(base.device)].std()),
        )
        self.opening = len(base.text_tokens.prefix)

    @property
    def starts_as_base(self) -> bool:
        """No: the prompts take part in the attention whatever they are."""
        return False

    def text_overhead(self) -> int:
        """P for each label."""
        return self.options.prompt_length * len(self.labels)

    def parts(self, parts: Parts) -> Parts:
        """The text encoder reads prompts, then what it read before."""
        inner = parts.text_encoder
        transformer = PromptedInput(inner.transformer, self.prompt_encoder, self.ids, self.mask, self.opening)
        return replace(parts, text_encoder=TextEncoder(transformer, inner.projection, inner.rnn))


class PromptedInput(nn.Module):
    """A Transformer that reads prompt vectors behind the opening tokens of each input.

    Args:
        transformer: GLiNER's `Transformer`, or another with its signature.
        encoder: makes prompts of the labels' word embeddings.
        ids: ``(C, T)`` sub-tokens of the labels' descriptions.
        mask: ``(C, T)``.
        at: after how many sub-tokens the prompts stand.
    """

    def __init__(self, transformer: Any, encoder: PromptEncoder, ids: Tensor, mask: Tensor, at: int) -> None:
        super().__init__()
        self.transformer: Any = transformer
        self.encoder = encoder
        self.ids, self.mask, self.at = ids, mask, at

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """``(B, L)`` ids and mask to ``(B, L, D)``: the rows of the prompts are left out."""
        words = self.transformer.model.get_input_embeddings()
        tokens = words(input_ids)
        prompts = self.encoder(words(self.ids), self.mask).flatten(0, 1).to(tokens.dtype)
        prompts = prompts.expand(tokens.shape[0], -1, -1)
        states = self.transformer(
            None,
            attention_mask=self._beside(attention_mask, attention_mask.new_ones(prompts.shape[:2])),
            inputs_embeds=self._beside(tokens, prompts),
        )
        return torch.cat([states[:, : self.at], states[:, self.at + prompts.shape[1] :]], dim=1)

    def _beside(self, tokens: Tensor, prompts: Tensor) -> Tensor:
        return torch.cat([tokens[:, : self.at], prompts, tokens[:, self.at :]], dim=1)
