"""Stages 1 and 2 of a pass: words and labels to vectors."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

from gliner_adapters.model.batches import Batch
from gliner_adapters.model.parts import Parts, TextEncoder


@dataclass
class Encoded:
    """What the text encoder makes of a batch.

    Attributes:
        words: ``(N, D)`` word vectors of all passages, one after the other.
        labels: ``(B, C, D)`` label vectors read from the text before the label head (uni-encoders), or ``None``.
        lengths: words in each passage.
    """

    words: Tensor
    labels: Tensor | None
    lengths: list[int]


def encode_text(encoder: TextEncoder, batch: Batch, pooling: str = "first") -> Encoded:
    """Run the text encoder on a batch and read word vectors (and, in a uni-encoder, label vectors) off it.

    ``pooling`` says how a word's sub-tokens give its vector: ``first``, ``last``, ``mean``, ``max`` or ``sum``.

    A word without sub-tokens (a control character) has a zero vector. GLiNER loses count there: it gives each word
    after it the vector of its neighbour to the right.
    """
    tokens = encoder(batch.input_ids, batch.attention_mask)
    flat = tokens.reshape(-1, tokens.shape[-1])
    rows = flat.index_select(0, batch.token_rows)
    if pooling in ("first", "last") and rows.shape[0] == batch.words:
        words = rows
    else:
        words = rows.new_zeros(batch.words, flat.shape[-1])
        owners = batch.token_words.unsqueeze(-1).expand_as(rows)
        reduce = {"mean": "mean", "max": "amax"}.get(pooling, "sum")
        words = words.scatter_reduce(0, owners, rows, reduce=reduce, include_self=reduce == "sum")
    labels = None if batch.label_rows is None else flat[batch.label_rows]
    if encoder.rnn is not None:
        words = _through_rnn(encoder, words, batch.lengths)
    return Encoded(words, labels, batch.lengths)


def _through_rnn(encoder: TextEncoder, words: Tensor, lengths: list[int]) -> Tensor:
    """GLiNER's LSTM over the words of each passage; it wants them padded."""
    assert encoder.rnn is not None
    padded = torch.nn.utils.rnn.pad_sequence(list(words.split(lengths)), batch_first=True)
    sizes = torch.tensor(lengths, device=words.device)
    mask = torch.arange(padded.shape[1], device=words.device)[None, :] < sizes[:, None]
    # cuDNN refuses to run backwards through an RNN in eval mode, which a frozen one always is.
    frozen = padded.requires_grad and not encoder.rnn.training
    with torch.backends.cudnn.flags(enabled=False) if frozen else nullcontext():
        return encoder.rnn(padded, mask)[mask]


def label_vectors(parts: Parts, inputs: tuple[Tensor, Tensor] | None, in_text: Tensor | None) -> Tensor:
    """The vectors that spans are scored against.

    Args:
        parts: where from: constants, or a label encoder and label head.
        inputs: ids and mask ``(C, T)`` of the labels (bi-encoders without constants).
        in_text: ``(B, C, D)`` as read off the text (uni-encoders).

    Returns:
        ``(C, D)``, or ``(B, C, D)`` where labels stand in the text.
    """
    if parts.label_vectors is not None:
        return parts.label_vectors
    assert parts.label_head is not None
    if parts.label_encoder is None:
        assert in_text is not None
        return parts.label_head(in_text)
    assert inputs is not None
    return parts.label_head(parts.label_encoder(*inputs))
