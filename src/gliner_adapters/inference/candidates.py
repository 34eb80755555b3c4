"""From logits to candidate spans: the few numbers of a batch that exceed their thresholds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

#: Logits are compared first, with so much room for rounding, and probabilities only where that leaves something.
MARGIN = 0.25


@dataclass(frozen=True, slots=True)
class Candidates:
    """Spans above their thresholds, in the order of their first words.

    Attributes:
        passages: ``(M,)`` the passage of each, in the batch.
        first: ``(M,)`` first word, counted in the passage.
        last: ``(M,)`` last word, inclusive.
        columns: ``(M,)`` the label's column.
        scores: ``(M,)`` probabilities.
    """

    passages: np.ndarray
    first: np.ndarray
    last: np.ndarray
    columns: np.ndarray
    scores: np.ndarray


def candidates(logits: Tensor, lengths: list[int], limits: np.ndarray) -> Candidates:
    """Pick what exceeds its threshold strictly.

    Args:
        logits: ``(N, K, C)`` over packed words.
        lengths: words in each of the B passages.
        limits: ``(B, C)`` float32 probabilities.
    """
    with np.errstate(divide="ignore"):
        bounds = np.log(limits.astype(np.float64)) - np.log1p(-limits.astype(np.float64))
    bounds -= MARGIN
    sizes = np.asarray(lengths)
    of_word = torch.from_numpy(bounds.astype(np.float32)).to(logits.device)
    if (limits == limits[:1]).all():
        above = logits > of_word[0]
    else:
        above = logits > of_word.repeat_interleave(torch.from_numpy(sizes).to(logits.device), 0).unsqueeze(1)
    places = above.view(-1).nonzero().squeeze(1)
    scores = logits.reshape(-1)[places].sigmoid().cpu().numpy()
    words, widths, columns = np.unravel_index(places.cpu().numpy(), tuple(logits.shape))
    ends = sizes.cumsum()
    passages = np.searchsorted(ends, words, side="right")
    inside = (words + widths < ends[passages]) & (scores > limits[passages, columns])
    words, widths, passages = words[inside], widths[inside], passages[inside]
    first = words - (ends - sizes)[passages]
    return Candidates(passages, first, first + widths, columns[inside], scores[inside])
