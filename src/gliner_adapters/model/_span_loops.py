"""Loops for `numba`; see :mod:`gliner_adapters.model.span_kernel`. Importing this needs `numba`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange

#: Columns of the hidden layer that one task of the backward pass owns, so that no two tasks write one number.
COLUMNS = 128
#: Words that one task of the forward pass owns.
WORDS = 32


@njit(inline="always")
def _draw(noise: Any, seed: Any, word: Any, first: Any, silent: Any, scale: Any) -> None:
    """Fill a row of noise with 0 or ``scale``, by a hash of 32 bits (MurmurHash3's finaliser after a mix)."""
    mixed = np.uint32(seed) ^ np.uint32(np.uint32(word) * np.uint32(0x9E3779B1))
    for h in range(len(noise)):
        x = np.uint32(mixed ^ np.uint32(np.uint32(first + h) * np.uint32(0x85EBCA77)))
        x = np.uint32(np.uint32(x ^ (x >> np.uint32(16))) * np.uint32(0x85EBCA6B))
        x = np.uint32(np.uint32(x ^ (x >> np.uint32(13))) * np.uint32(0xC2B2AE35))
        x = np.uint32(x ^ (x >> np.uint32(16)))
        noise[h] = scale if x >= silent else np.float32(0)


@njit(parallel=True, fastmath=True, cache=True, error_model="numpy")
def forward(
    starts: Any, ends: Any, readers: Any, rows: Any, left: Any, seed: Any, silent: Any, scale: Any, out: Any
) -> None:  # pragma: no cover - compiled
    """Fill ``out (N, K, C)``; word i has ``left[i]`` spans, and is read with ``readers[rows[i]]`` of ``(R, C, H)``."""
    size, width = starts.shape
    classes = readers.shape[1]
    for task in prange((size + WORDS - 1) // WORDS):
        hidden = np.empty(width, np.float32)
        noise = np.ones(width, np.float32)
        for i in range(task * WORDS, min(size, (task + 1) * WORDS)):
            if silent > 0:
                _draw(noise, seed, i, 0, silent, scale)
            start = starts[i]
            for k in range(left[i]):
                end = ends[i + k]
                for h in range(width):
                    hidden[h] = max(start[h] + end[h], np.float32(0)) * noise[h]
                for c in range(classes):
                    reader = readers[rows[i], c]
                    total = np.float32(0)
                    for h in range(width):
                        total += hidden[h] * reader[h]
                    out[i, k, c] = total


@njit(parallel=True, fastmath=True, cache=True, error_model="numpy")
def backward(
    starts: Any,
    ends: Any,
    readers: Any,
    grad: Any,
    rows: Any,
    left: Any,
    seed: Any,
    silent: Any,
    scale: Any,
    of_words: bool,
    grad_starts: Any,
    grad_ends: Any,
    grad_readers: Any,
) -> None:  # pragma: no cover - compiled
    """Add to the three gradients, which begin as zeros; ``grad`` is ``(N, K, C)``.

    Without ``of_words`` the gradients of starts and ends are left at zero: a frozen span head wants none.
    """
    size, width = starts.shape
    classes = readers.shape[1]
    for task in prange((width + COLUMNS - 1) // COLUMNS):
        low = task * COLUMNS
        high = min(width, low + COLUMNS)
        own = high - low
        noise = np.ones(own, np.float32)
        inner = np.empty(own, np.float32)
        hidden = np.empty(own, np.float32)
        of_start = np.empty(own, np.float32)
        for i in range(size):
            if silent > 0:
                _draw(noise, seed, i, low, silent, scale)
            start = starts[i, low:high]
            of_start[:] = 0
            reader = readers[rows[i], :, low:high]
            of_readers = grad_readers[rows[i], :, low:high]
            for k in range(left[i]):
                end = ends[i + k, low:high]
                of_end = grad_ends[i + k, low:high]
                if of_words:
                    inner[:] = 0
                    for c in range(classes):
                        g = grad[i, k, c]
                        row = reader[c]
                        for h in range(own):
                            inner[h] += g * row[h]
                    for h in range(own):
                        d = inner[h] * noise[h] if start[h] + end[h] > 0 else np.float32(0)
                        of_start[h] += d
                        of_end[h] += d
                for h in range(own):
                    hidden[h] = max(start[h] + end[h], np.float32(0)) * noise[h]
                for c in range(classes):
                    g = grad[i, k, c]
                    row = of_readers[c]
                    for h in range(own):
                        row[h] += g * hidden[h]
            grad_starts[i, low:high] = of_start
