"""Losses over all spans and labels of a batch.

In a corpus every type of its schema is annotated, so every span that is no entity is a negative for every label.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from gliner_adapters.model import Passage, valid_spans
from gliner_adapters.training.config import TrainingConfig

#: Class-balanced weighting (Cui et al., CVPR 2019): how fast further examples of a label stop to count.
BALANCE_BETA = 0.999


def span_targets(passages: Sequence[Passage], max_width: int, labels: int) -> Tensor:
    """``(N, K, C)`` with 1 where a span has a label, over the packed words of the passages."""
    targets = torch.zeros(sum(p.words for p in passages), max_width, labels)
    offset = 0
    for passage in passages:
        for first, last, label in passage.spans:
            targets[offset + first, last - first, label] = 1.0
        offset += passage.words
    return targets


def label_weights(passages: Sequence[Passage], labels: int) -> Tensor:
    """``(C,)`` class-balanced weights ``(1 - beta) / (1 - beta^n)``, scaled to a mean of one."""
    counts = torch.zeros(labels, dtype=torch.float64)
    for passage in passages:
        for _, _, label in passage.spans:
            counts[label] += 1
    weights = (1 - BALANCE_BETA) / (1 - BALANCE_BETA ** counts.clamp(min=1))
    return (weights / weights.mean()).float()


def span_loss(
    logits: Tensor,
    targets: Tensor,
    lengths: list[int],
    config: TrainingConfig,
    weights: Tensor | None = None,
    valid: Tensor | None = None,
) -> Tensor:
    """Sum over the spans and labels of a batch, divided by its passages.

    Args:
        logits: ``(N, K, C)``.
        targets: ``(N, K, C)`` of 0 and 1.
        lengths: words of each passage.
        config: which loss.
        weights: ``(C,)`` for the class-balanced loss, or of any shape that multiplies ``(N, K, C)``.
        valid: ``(N, K)``, what :func:`~gliner_adapters.model.score.valid_spans` gives, where it is known already.
    """
    losses = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    if config.loss != "bce":
        # 1 - p of the truth; kept off zero, where a power below one has no gradient.
        surprise = -torch.expm1(-losses).clamp(max=-1e-12)
        alpha = config.focal_alpha * targets + (1 - config.focal_alpha) * (1 - targets)
        losses = alpha * surprise**config.focal_gamma * losses
    if weights is not None:
        losses = losses * weights
    if valid is None:
        valid = valid_spans(lengths, logits.shape[1], logits.device)
    return (losses * valid.unsqueeze(-1)).sum() / len(lengths)
