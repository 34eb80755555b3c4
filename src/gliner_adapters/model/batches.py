"""Passages to batches: similar lengths together, bounded by a token budget."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gliner_adapters.model.passages import Passage
from gliner_adapters.model.tokens import LabelPrompt, WordTokenizer

#: Passages in a batch at most, and padded sub-tokens.
MAX_PASSAGES = 32
MAX_TOKENS = 8192


@dataclass
class Batch:
    """Passages laid out for the encoder.

    Words of all passages lie one after the other, without padding: N words in all.

    Attributes:
        input_ids: ``(B, L)``.
        attention_mask: ``(B, L)``.
        token_rows: ``(T,)`` rows of the flattened ``(B * L, D)`` encoder output that belong to words.
        token_words: ``(T,)`` the word, in [0, N), that each of these rows belongs to.
        label_rows: rows at which a uni-encoder's label vectors are read, or ``None``. ``(B, C)`` where all passages
            have one prompt; where each has its own, those of one passage after the other.
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
    passages: Sequence[Passage],
    tokens: WordTokenizer,
    prompt: LabelPrompt | Sequence[LabelPrompt] | None = None,
    pooling: str = "first",
) -> Batch:
    """Lay passages out for the encoder.

    Args:
        passages: at least one.
        tokens: the text tokenizer, for its special tokens.
        prompt: the label prompt before each text (uni-encoders), or one for each passage.
        pooling: GLiNER's `subtoken_pooling`; ``first`` and ``last`` pick one sub-token a word, ``mean`` and
            ``max`` need them all.
    """
    if prompt is None or isinstance(prompt, LabelPrompt):
        befores = [np.asarray(tokens.prefix, dtype=np.int64) if prompt is None else prompt.ids] * len(passages)
    else:
        befores = [each.ids for each in prompt]
    after = np.asarray(tokens.suffix, dtype=np.int64)
    sizes = [before.size + passage.size + after.size for before, passage in zip(befores, passages, strict=True)]
    longest = max(sizes)
    ids = np.full((len(passages), longest), tokens.pad_id, dtype=np.int64)
    mask = np.zeros((len(passages), longest), dtype=np.int64)
    rows, words, first_word = [], [], 0
    for b, (before, passage, size) in enumerate(zip(befores, passages, sizes, strict=True)):
        ids[b, :size] = np.concatenate([before, passage.left, passage.ids, passage.right, after])
        mask[b, :size] = 1
        picked, owners = _pick(passage.starts, pooling)
        rows.append(picked + (b * longest + before.size + passage.left.size))
        words.append(owners + first_word)
        first_word += passage.words
    return Batch(
        torch.from_numpy(ids),
        torch.from_numpy(mask),
        torch.from_numpy(np.concatenate(rows)),
        torch.from_numpy(np.concatenate(words)),
        _label_rows(prompt, len(passages), longest),
        [passage.words for passage in passages],
        list(passages),
    )


def _label_rows(prompt: LabelPrompt | Sequence[LabelPrompt] | None, passages: int, longest: int) -> Tensor | None:
    """Where label vectors are read in the flattened output of the encoder."""
    if prompt is None:
        return None
    if isinstance(prompt, LabelPrompt):
        offsets = np.arange(passages, dtype=np.int64)[:, None] * longest
        return torch.from_numpy(offsets + prompt.positions[None, :])
    return torch.from_numpy(np.concatenate([each.positions + b * longest for b, each in enumerate(prompt)]))


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
    # Two more for the special tokens around a text.
    return by_size([passage.size + overhead + 2 for passage in passages], max_passages, max_tokens)


def by_size(sizes: Sequence[int], most: int, max_tokens: int) -> Iterator[list[int]]:
    """Indices of inputs in batches of similar size, largest first.

    Args:
        sizes: sub-tokens of each input.
        most: inputs in a batch at most.
        max_tokens: padded sub-tokens in a batch at most; a single larger input is a batch of its own.
    """
    batch: list[int] = []
    for index in sorted(range(len(sizes)), key=lambda i: (-sizes[i], i)):
        if batch and (len(batch) >= most or (len(batch) + 1) * sizes[batch[0]] > max_tokens):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
