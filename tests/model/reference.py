"""GLiNER's own passes, laid out like ours: what the tests compare with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from gliner_adapters.documents import Label, split_words
from gliner_adapters.model import Base, Passage, collate, forward, valid_spans
from gliner_adapters.model.passages import Segmenter

Ner = list[tuple[int, int, str]]


def words_of(text: str) -> list[str]:
    """GLiNER's words of free text."""
    return [text[start:end] for start, end in split_words(text)]


def gliner_batch(model: Any, sentences: Sequence[list[str]], labels: Sequence[str], ner: Sequence[Ner]) -> Any:
    """A batch with targets from GLiNER's own collator, the whole schema for each sentence."""
    collator = model.data_collator_class(model.config, data_processor=model.data_processor, prepare_labels=True)
    raw = [{"tokenized_text": words, "ner": spans} for words, spans in zip(sentences, ner, strict=True)]
    return collator(raw, entity_types=[list(labels)] * len(raw))


def gliner_logits(model: Any, sentences: Sequence[list[str]], labels: Sequence[str]) -> Tensor:
    """``(N, K, C)`` logits of GLiNER's own forward pass over packed words."""
    batch = gliner_batch(model, sentences, labels, [[] for _ in sentences])
    with torch.no_grad():
        logits = model.model(**batch).logits
    return torch.cat([rows[: len(words)] for rows, words in zip(logits, sentences, strict=True)])


def passages_of(base: Base, sentences: Sequence[list[str]], labels: Sequence[Label]) -> list[Passage]:
    """One passage for each sentence of words, whatever the words are."""
    from gliner_adapters.documents import Document, joined_spans

    documents = [Document(" ".join(words), words=joined_spans(words)) for words in sentences]
    passages = Segmenter(base, labels).passages(documents)
    assert [p.words for p in passages] == [len(words) for words in sentences]
    return passages


def our_logits(base: Base, sentences: Sequence[list[str]], labels: Sequence[Label]) -> Tensor:
    """``(N, K, C)`` logits of our pass."""
    bi = base.architecture == "bi"
    batch = collate(
        passages_of(base, sentences, labels),
        base.text_tokens,
        None if bi else base.prompt(labels),
        base.config.subtoken_pooling,
    )
    inputs = base.label_inputs(labels) if bi else None
    with torch.no_grad():
        return forward(base.parts, batch, inputs, base.max_width, base.config.subtoken_pooling)


def inside(logits: Tensor, sentences: Sequence[list[str]]) -> Tensor:
    """The logits of spans that lie within their sentence, ``(S, C)``."""
    return logits[valid_spans([len(words) for words in sentences], logits.shape[1])]
