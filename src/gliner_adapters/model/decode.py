"""Stage 4 of a pass: scores to spans, greedily by score, as GLiNER does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gliner_adapters.model.score import valid_spans


@dataclass(frozen=True, slots=True)
class Span:
    """A labelled span of words: first and last word (inclusive), label index, score (a probability)."""

    first: int
    last: int
    label: int
    score: float


def decode(
    logits: Tensor, lengths: list[int], threshold: float | Sequence[float] = 0.5, *, nested: bool = False
) -> list[list[Span]]:
    """Choose spans.

    A span is a candidate for a label when its probability exceeds the threshold (strictly). Candidates are taken
    by falling score; one that overlaps an earlier one is dropped. With ``nested``, a candidate may lie wholly
    within another or around it, but not cross it; one label a span in either case.

    Args:
        logits: ``(N, K, C)`` over packed words.
        lengths: words in each passage.
        threshold: one probability, or one for each of the C labels.
        nested: keep nested spans.

    Returns:
        for each passage its spans in the order of their first words.
    """
    probabilities = logits.float().sigmoid()
    limits = torch.as_tensor(threshold, dtype=torch.float32, device=logits.device)
    chosen = (probabilities > limits) & valid_spans(lengths, logits.shape[1], logits.device).unsqueeze(-1)
    words, widths, labels = torch.where(chosen)
    scores = probabilities[words, widths, labels].tolist()
    candidates = list(zip(words.tolist(), widths.tolist(), labels.tolist(), scores, strict=True))
    results: list[list[Span]] = []
    position, first_word = 0, 0
    for length in lengths:
        end = first_word + length
        spans = []
        while position < len(candidates) and candidates[position][0] < end:
            word, width, label, score = candidates[position]
            spans.append(Span(word - first_word, word - first_word + width, label, score))
            position += 1
        results.append(greedy(spans, nested=nested) if len(spans) > 1 else spans)
        first_word = end
    return results


def greedy(spans: Sequence[Span], *, nested: bool = False) -> list[Span]:
    """Keep spans by falling score; ties keep the given order. ``nested`` keeps those within a kept one too."""
    kept: list[Span] = []
    for span in sorted(spans, key=lambda s: -s.score):
        if not any(_conflict(span, other, nested) for other in kept):
            kept.append(span)
    return sorted(kept, key=lambda s: s.first)


def _conflict(a: Span, b: Span, nested: bool) -> bool:
    """Whether two spans cannot stand together."""
    if a.first == b.first and a.last == b.last:
        return True
    if a.first > b.last or b.first > a.last:
        return False
    inside = (a.first <= b.first and b.last <= a.last) or (b.first <= a.first and a.last <= b.last)
    return not (nested and inside)
