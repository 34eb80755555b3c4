"""Stage 3 of a pass where each passage is scored against labels of its own.

One batch may hold passages of many adapters, each with a few labels. Their words are encoded and projected together;
what differs is which label vectors a passage's spans are multiplied with. So the vectors of all labels lie in one
table, and a passage names its columns of it.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from gliner_adapters.model.score import (
    factors,
    hidden_block,
    hidden_room,
    is_factorisable,
    score_spans,
    span_windows,
)


@torch.inference_mode()
def score_columns(
    head: nn.Module, words: Tensor, lengths: list[int], vectors: Tensor, columns: Tensor, max_width: int
) -> Tensor:
    """Score each passage against labels of its own, for reading: no gradient, no dropout.

    Passages that follow each other and have the same labels are scored together.

    Args:
        head: GLiNER's `span_rep_layer`.
        words: ``(N, D)`` packed word vectors.
        lengths: words in each passage, summing to N.
        vectors: ``(T, D)`` all label vectors of the batch; one column more holds biases.
        columns: ``(B, C)`` which of them each passage is scored against, on the CPU; -1 where it has fewer than C.
        max_width: K.

    Returns:
        ``(N, K, C)`` float32 logits, minus infinity in columns of -1. Entries of spans that would leave their passage
        are meaningless.
    """
    on_device = columns.to(words.device)
    absent = on_device < 0
    if not is_factorisable(head):
        own = vectors[on_device.clamp(min=0)]  # (B, C, D)
        logits = score_spans(head, words, lengths, own, max_width)
        sizes = torch.tensor(lengths, device=words.device)
        return logits.masked_fill_(absent.repeat_interleave(sizes, 0).unsqueeze(1), -torch.inf)
    starts, ends, readers, bias = factors(head.span_rep_layer, words, vectors)
    readers = readers.to(starts.dtype)
    out = starts.new_zeros(words.shape[0], max_width, columns.shape[1])
    windows = span_windows(ends, max_width)
    room = hidden_room(starts, max_width)
    for first, end, chosen in _runs(lengths, columns):
        own = readers[chosen].t()
        for i in range(first, end, len(room)):
            hidden = hidden_block(starts[:end], windows[:end], None, i, room)
            rows = out[i : min(i + len(room), end)].view(-1, out.shape[2])
            torch.mm(hidden.view(-1, hidden.shape[-1]), own, out=rows[:, : own.shape[1]])
    offsets = bias.float()[on_device.clamp(min=0)].masked_fill_(absent, -torch.inf)
    sizes = torch.tensor(lengths, device=words.device)
    return out.float().add_(offsets.repeat_interleave(sizes, 0).unsqueeze(1))


def _runs(lengths: list[int], columns: Tensor) -> Iterator[tuple[int, int, Tensor | slice]]:
    """First word, end and labels of each run of passages that have the same labels."""
    rows = columns.numpy()
    counts = (rows >= 0).sum(1).tolist()
    same = [False, *(rows[1:] == rows[:-1]).all(1).tolist()]
    first = end = 0
    for b, length in enumerate(lengths):
        end += length
        if b + 1 < len(lengths) and same[b + 1]:
            continue
        chosen = rows[b, : counts[b]]
        if chosen.size:
            low, high = int(chosen[0]), int(chosen[-1])
            in_turn = high - low + 1 == chosen.size and bool((chosen[1:] - chosen[:-1] == 1).all())
            yield first, end, slice(low, high + 1) if in_turn else columns[b, : counts[b]].to(torch.long)
        first = end
