"""Documents in, entities out: batches of similar length through the four stages."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import torch
from torch import Tensor

from gliner_adapters.documents import Document, Label
from gliner_adapters.model.base import Base
from gliner_adapters.model.batches import Batch, by_length, collate
from gliner_adapters.model.decode import Span, decode
from gliner_adapters.model.encode import Encoded, encode_text
from gliner_adapters.model.forward import forward
from gliner_adapters.model.parts import Parts
from gliner_adapters.model.passages import Passage, Segment, Segmenter, entities_of

Precision = Literal["fp32", "bf16"]

#: Padded sub-tokens in a batch at most.
MAX_TOKENS = 8192
#: Passages in a batch at most.
MAX_PASSAGES = 32


def autocast(device: torch.device, precision: Precision) -> contextlib.AbstractContextManager[object]:
    """The arithmetic of a pass: float32, or bfloat16 matrix products."""
    if precision == "fp32":
        return contextlib.nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


class Predictor:
    """Runs passages through one set of parts.

    Args:
        base: tokenizers and limits.
        parts: what the pass runs through (with an adapter plugged in, or the base's own).
        labels: the label axis.
        label_inputs: ids and mask of the labels where a label encoder reads them.
        precision: ``"fp32"`` or ``"bf16"``.
        label_style: how a uni-encoder's labels are written into the text.
        reserve: sub-tokens that an adapter's prompts take in each input (`Adapter.text_overhead`).
        max_passages: passages in a batch at most.
        max_tokens: padded sub-tokens in a batch at most.
    """

    def __init__(
        self,
        base: Base,
        parts: Parts,
        labels: Sequence[Label],
        label_inputs: tuple[Tensor, Tensor] | None = None,
        *,
        precision: Precision = "fp32",
        label_style: str = "name",
        reserve: int = 0,
        max_passages: int = MAX_PASSAGES,
        max_tokens: int = MAX_TOKENS,
    ) -> None:
        self.base = base
        self.parts = parts
        self.labels = tuple(labels)
        self.label_inputs = label_inputs
        self.precision = precision
        self.label_style = label_style
        self.reserve = reserve
        self.max_passages = max_passages
        self.max_tokens = max_tokens
        self.pooling = base.config.subtoken_pooling
        self.prompt = base.prompt(labels, label_style) if base.architecture == "uni" else None

    def collate(self, passages: Sequence[Passage]) -> Batch:
        """Lay passages out on the base's device."""
        return collate(passages, self.base.text_tokens, self.prompt, self.pooling).to(self.base.device)

    @property
    def overhead(self) -> int:
        """Sub-tokens that each input carries beside the text: the label prompt and an adapter's prompts."""
        return self.reserve + (0 if self.prompt is None else self.prompt.ids.size)

    def batches(self, passages: Sequence[Passage]) -> Iterator[list[int]]:
        """Indices of passages in batches of similar length; prompts count towards the token budget."""
        return by_length(passages, self.max_passages, self.max_tokens, self.overhead)

    @torch.inference_mode()
    def encode(self, batch: Batch) -> Encoded:
        """The text encoder's part of a pass."""
        with autocast(self.base.device, self.precision):
            return encode_text(self.parts.text_encoder, batch, self.pooling)

    @torch.inference_mode()
    def logits(self, batch: Batch | Encoded) -> Tensor:
        """``(N, K, C)`` logits."""
        with autocast(self.base.device, self.precision):
            return forward(self.parts, batch, self.label_inputs, self.base.max_width, self.pooling)

    def spans(
        self,
        passages: Sequence[Passage],
        threshold: float | Sequence[float] = 0.5,
        *,
        nested: bool = False,
        encoded: Callable[[list[int]], Encoded] | None = None,
    ) -> list[list[Span]]:
        """Decode passages, in their order.

        Args:
            passages: what to read.
            threshold: one probability or one a label.
            nested: keep nested spans.
            encoded: where the text encoder's output for the given passages was kept; computed if ``None``.
        """
        found: list[list[Span]] = [[] for _ in passages]
        for indices in self.batches(passages):
            batch = encoded(indices) if encoded else self.collate([passages[i] for i in indices])
            decoded = decode(self.logits(batch), batch.lengths, threshold, nested=nested)
            for index, spans in zip(indices, decoded, strict=True):
                found[index] = spans
        return found

    def annotate(
        self,
        documents: Sequence[Document],
        threshold: float | Sequence[float] = 0.5,
        *,
        nested: bool = False,
        segment: Segment = "sentence",
    ) -> tuple[list[Document], Segmenter]:
        """Documents with the entities found in them, and the segmenter, which counts what did not fit."""
        segmenter = Segmenter(self.base, self.labels, segment, self.label_style, reserve=self.reserve)
        passages = segmenter.passages(documents)
        spans = self.spans(passages, threshold, nested=nested)
        entities = entities_of(documents, passages, spans, self.labels)
        return [d.with_entities(e) for d, e in zip(documents, entities, strict=True)], segmenter
