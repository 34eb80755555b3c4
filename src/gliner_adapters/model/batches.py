"""Passages to batches: similar lengths together, bounded by a token budget."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gliner_adapters.model.passages import Passage
from gliner_adapters.model.tokens import LabelPrompt, WordTokenizer


@dataclass
class Batch:
    """Passages laid out for the encoder.

    Words of all passages lie one after the other, without padding: N words in all.

    Attributes:
        input_ids: ``(B, L)``.
        attention_mask: ``(B, L)``.
        token_rows: ``(T,)`` rows of the flattened ``(B * L, D)`` encoder output that belong to words.
        token_words: ``(T,)`` the word, in [0, N), that each of these rows belongs to.
        label_rows: ``(B, C)`` rows at which a uni-encoder's label vectors are read, or ``None``.
        lengths: words in each passage; they sum to N.
        passages: what the batch was made of, in its order.
    """

    input_ids: Tensor
    attention_mask: Tensor
    token_rows: Tensor
    token_words: Tensor
    label_rows: Tensor | None
    lengths: list[int]
    passages: list[Passage]

    @property
    def words(self) -> int:
        """N, the words of all passages."""
        return sum(self.lengths)

    def to(self, device: torch.device) -> Batch:
        """The batch on a device."""
        if device == self.input_ids.device:
            return self
        return Batch(
            self.input_ids.to(device),
            self.attention_mask.to(device),
            self.token_rows.to(device),
            self.token_words.to(device),
            None if self.label_rows is None else self.label_rows.to(device),
            self.lengths,
            self.passages,
        )


def collate(
    passages: Sequence[Passage], tokens: WordTokenizer, prompt: LabelPrompt | None = None, pooling: str = "first"
) -> Batch:
    """Lay passages out for the encoder.

    Args:
        passages: at least one.
        tokens: the text tokenizer, for its special tokens.
        prompt: the label prompt before each text (uni-encoders).
        pooling: GLiNER's `subtoken_pooling`; ``first`` and ``last`` pick one sub-token a word, ``mean`` and
            ``max`` need them all.
    """
    before = prompt.ids if prompt is not None else np.asarray(tokens.prefix, dtype=np.int64)
    after = np.asarray(tokens.suffix, dtype=np.int64)
    sizes = [before.size + passage.ids.size + after.size for passage in passages]
    longest = max(sizes)
    ids = np.full((len(passages), longest), tokens.pad_id, dtype=np.int64)
    mask = np.zeros((len(passages), longest), dtype=np.int64)
    rows, words, first_word = [], [], 0
    for b, (passage, size) in enumerate(zip(passages, sizes, strict=True)):
        ids[b, :size] = np.concatenate([before, passage.ids, after])
        mask[b, :size] = 1
        picked, owners = _pick(passage.starts, pooling)
        rows.append(picked + (b * longest + before.size))
        words.append(owners + first_word)
        first_word += passage.words
    label_rows = None
    if prompt is not None:
        offsets = np.arange(len(passages), dtype=np.int64)[:, None] * longest
        label_rows = torch.from_numpy(offsets + prompt.positions[None, :])
    return Batch(
        torch.from_numpy(ids),
        torch.from_numpy(mask),
        torch.from_numpy(np.concatenate(rows)),
        torch.from_numpy(np.concatenate(words)),
        label_rows,
        [passage.words for passage in passages],
        list(passages),
    )


def _pick(starts: np.ndarray, pooling: str) -> tuple[np.ndarray, np.ndarray]:
    """Which sub-tokens of a passage stand for its words, and for which. A word may have none."""
    counts = np.diff(starts)
    if pooling in ("mean", "max"):
        return np.arange(starts[-1], dtype=np.int64), np.repeat(np.arange(counts.size, dtype=np.int64), counts)
    owners = np.flatnonzero(counts)
    picked = starts[:-1][owners] if pooling == "first" else starts[1:][owners] - 1
    return picked.astype(np.int64), owners


def by_length(
    passages: Sequence[Passage], max_passages: int, max_tokens: int, overhead: int = 0
) -> Iterator[list[int]]:
    """Indices of passages in batches of similar length, longest first.

    Args:
        passages: what to batch.
        max_passages: passages in a batch at most.
        max_tokens: padded sub-tokens in a batch at most; a single longer passage is a batch of its own.
        overhead: sub-tokens that each input carries beside the text (a label prompt).
    """
    order = sorted(range(len(passages)), key=lambda i: (-passages[i].ids.size, i))
    batch: list[int] = []
    for index in order:
        longest = passages[batch[0]].ids.size if batch else passages[index].ids.size
        if batch and (len(batch) >= max_passages or (len(batch) + 1) * (longest + overhead + 2) > max_tokens):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
