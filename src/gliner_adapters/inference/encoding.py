"""The second stage of a reading, first half: a batch of inputs through the text encoder of their source."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from gliner_adapters.inference.schedule import Input
from gliner_adapters.inference.sources import Source
from gliner_adapters.model import Base
from gliner_adapters.model.batches import Batch, collate
from gliner_adapters.model.encode import Encoded, encode_text
from gliner_adapters.model.parts import TextEncoder
from gliner_adapters.model.prompts import choose_prompts, encode_with_prompts


def lay_out(base: Base, inputs: Sequence[Input]) -> Batch:
    """Inputs as a batch, each behind its own label prompt (uni-encoders)."""
    passages = [each.passage for each in inputs]
    prompts = [each.profile.prompt for each in inputs if each.profile.prompt is not None]
    return collate(passages, base.text_tokens, prompts or None, base.config.subtoken_pooling).to(base.device)


def encode(base: Base, batch: Batch, sources: Sequence[Source | None], shared: Callable[[], TextEncoder]) -> Encoded:
    """Encode a batch.

    Args:
        base: the base.
        batch: inputs of one batch key.
        sources: for each input its first task's source; ``None`` for plain labels, and for an adapter that is not
            in memory because the base's own words are all it needs for now.
        shared: gives the base's text encoder in the runtime that reads inputs without prompts.
    """
    first = sources[0]
    if first is not None and first.profile.has_encoder:
        return encode_text(first.parts.text_encoder, batch, base.config.subtoken_pooling)
    if any(source is not None and (source.layers or source.inputs is not None) for source in sources):
        own = base.parts.text_encoder
        mixed = _Mixed(own.transformer, sources, len(base.text_tokens.prefix))
        encoder = TextEncoder(mixed, own.projection, own.rnn)
    else:
        encoder = shared()
    return encode_text(encoder, batch, base.config.subtoken_pooling)


class _Mixed(nn.Module):
    """GLiNER's `Transformer` with other prompts in each row; it has that one's signature.

    Args:
        transformer: the base's.
        sources: for each row whose prompts it has.
        at: after how many sub-tokens prompt vectors stand in the input.
    """

    def __init__(self, transformer: Any, sources: Sequence[Source | None], at: int) -> None:
        super().__init__()
        self.transformer: Any = transformer
        self.sources = sources
        self.at = at

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """``(B, L)`` ids and mask to ``(B, L, D)``."""
        embedded = self._with_inputs(input_ids)
        ids = input_ids if embedded is None else None
        distinct = list(dict.fromkeys(self.sources))
        layers = [source.layers for source in distinct if source is not None and source.layers is not None]
        if not layers:
            return self.transformer(ids, attention_mask=attention_mask, inputs_embeds=embedded)
        # All inputs of such a batch key have prompts.
        rows = torch.tensor([distinct.index(source) for source in self.sources], device=input_ids.device)
        prompts = choose_prompts(layers, rows)
        return encode_with_prompts(self.transformer.model, ids, attention_mask, prompts, inputs_embeds=embedded)

    def _with_inputs(self, input_ids: Tensor) -> Tensor | None:
        """Word embeddings with prompt vectors where there is padding for them; ``None`` without any."""
        vectors = [None if source is None else source.inputs for source in self.sources]
        if all(each is None for each in vectors):
            return None
        embedded = self.transformer.model.get_input_embeddings()(input_ids)
        for row, each in enumerate(vectors):
            if each is not None:
                embedded[row, self.at : self.at + len(each)] = each
        return embedded
