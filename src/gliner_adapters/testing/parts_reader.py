"""Reads with a set of parts, stage by stage or whole, as tests of a pass need it: the engine with one source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from gliner_adapters.documents import Document, Label
from gliner_adapters.inference import Engine, ReadTask, single_source
from gliner_adapters.inference.schedule import inputs_of
from gliner_adapters.model import Base, Batch, Encoded, Parts, Passage, Span, forward
from gliner_adapters.model.base import Segment
from gliner_adapters.model.batches import MAX_PASSAGES, MAX_TOKENS
from gliner_adapters.model.passages import Segmenter, entities_of
from gliner_adapters.model.precision import Precision, autocast

Threshold = float | Sequence[float]


class PartsReader:
    """One set of parts with its engine."""

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
        self.base, self.parts, self.labels, self.label_inputs = base, parts, tuple(labels), label_inputs
        self.label_style, self.reserve = label_style, reserve
        if label_inputs is None and base.architecture == "bi" and parts.label_vectors is None:
            label_inputs = base.label_inputs(labels, label_style)
        with autocast(base.device, precision):
            self.source = single_source(base, parts, labels, label_inputs, label_style=label_style, reserve=reserve)
        self.engine = Engine(base, precision, max_passages=max_passages, max_tokens=max_tokens)

    def collate(self, passages: Sequence[Passage]) -> Batch:
        """The passages as one batch."""
        return self.engine.lay_out(self.source, passages)

    def batches(self, passages: Sequence[Passage]) -> Iterator[list[int]]:
        """Which passages the engine reads together."""
        task = ReadTask(self.source.profile, torch.ones(len(self.labels)).numpy(), nested=False)
        task.take(passages)
        for inputs in self.engine.batches(inputs_of([task])):
            yield [each.number for each in inputs]

    @torch.inference_mode()
    def encode(self, batch: Batch) -> Encoded:
        """What the text encoder makes of a batch."""
        from gliner_adapters.model import encode_text

        with autocast(self.base.device, self.engine.precision):
            return encode_text(self.parts.text_encoder, batch, self.base.config.subtoken_pooling)

    @torch.inference_mode()
    def logits(self, batch: Batch | Encoded) -> Tensor:
        """By the pass that training takes, whose numbers reading has to meet."""
        with autocast(self.base.device, self.engine.precision):
            pooling = self.base.config.subtoken_pooling
            return forward(self.parts, batch, self.label_inputs, self.base.max_width, pooling)

    def spans(
        self, passages: Sequence[Passage], threshold: Threshold = 0.5, *, nested: bool = False
    ) -> list[list[Span]]:
        """What is found in each passage."""
        return self.engine.spans(self.source, passages, threshold, nested=nested)

    def annotate(
        self,
        documents: Sequence[Document],
        threshold: Threshold = 0.5,
        *,
        nested: bool = False,
        segment: Segment = "sentence",
    ) -> tuple[list[Document], Segmenter]:
        """Documents with what is found in them, and the segmenter, which counts what did not fit."""
        segmenter = Segmenter(self.base, self.labels, segment, self.label_style, reserve=self.reserve)
        passages = segmenter.passages(documents)
        spans = self.spans(passages, threshold, nested=nested)
        entities = entities_of(documents, passages, spans, self.labels)
        return [d.with_entities(e) for d, e in zip(documents, entities, strict=True)], segmenter
