"""Which passages a step sees: shuffled anew each epoch, of similar length within a step, fixed by the seed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gliner_adapters.model import Passage

#: Batches are formed from so many shuffled batches' worth of passages at a time, sorted by length.
POOL = 50


def epoch_batches(
    passages: Sequence[Passage], batch_size: int, max_tokens: int, seed: int, epoch: int, overhead: int = 0
) -> list[list[int]]:
    """The batches of one epoch, as indices of passages.

    A function of its arguments alone, so that a resumed run sees what the killed one would have seen.

    Args:
        passages: the training data.
        batch_size: passages in a batch at most.
        max_tokens: padded sub-tokens in a batch at most; a single longer passage is a batch of its own.
        seed: of the run.
        epoch: counted from 0.
        overhead: sub-tokens that each input carries beside the text (a label prompt).
    """
    generator = np.random.default_rng([seed, epoch])
    order = generator.permutation(len(passages))
    batches: list[list[int]] = []
    for start in range(0, len(order), POOL * batch_size):
        pool = sorted(order[start : start + POOL * batch_size].tolist(), key=lambda i: passages[i].size)
        batch: list[int] = []
        for index in pool:  # ascending, so the newest is the longest
            padded = (len(batch) + 1) * (passages[index].size + overhead + 2)
            if batch and (len(batch) == batch_size or padded > max_tokens):
                batches.append(batch)
                batch = []
            batch.append(index)
        batches.append(batch)
    return [batches[i] for i in generator.permutation(len(batches))]


def share(batches: list[list[int]], process: int, processes: int) -> list[list[int]]:
    """One process's part of each batch; a part that would be empty borrows the batch's first passage."""
    return [batch[process::processes] or batch[:1] for batch in batches]
