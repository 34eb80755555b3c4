"""The span reader of the factorised head as one compiled loop, for training on a processor.

    out[i, k, c] = relu(starts[i] + ends[i + k]) * noise[i] · readers[c]

In torch the hidden layer of each span passes through memory half a dozen times. Here each number of it is made in a
register and used there, in both directions, and spans that leave their passage are not touched at all. Compiled by
`numba`, an optional package (``pip install "gliner-adapters[fast]"``); without it, and where there are many labels,
:mod:`gliner_adapters.model.score` does the same in torch.

Dropout's noise is a hash of the seed, the word and the column, so it need not be kept for the backward pass.
"""

from __future__ import annotations

from functools import lru_cache
from types import ModuleType

import numpy as np
import torch
from torch import Tensor

#: Beyond so many labels a matrix product over blocks of spans is faster.
MOST_LABELS = 16


@lru_cache
def available() -> bool:
    """Whether `numba` is installed."""
    from importlib.util import find_spec

    return find_spec("numba") is not None


def usable(starts: Tensor, readers: Tensor) -> bool:
    """Whether the kernel is to be used: on a processor, with few labels, where a gradient is wanted.

    Reading keeps to torch, so that what is found does not depend on what is installed.
    """
    grad = torch.is_grad_enabled() and (starts.requires_grad or readers.requires_grad)
    return grad and starts.device.type == "cpu" and readers.shape[-2] <= MOST_LABELS and available()


def read_spans(
    starts: Tensor, ends: Tensor, readers: Tensor, lengths: list[int], max_width: int, dropout: float = 0.0
) -> Tensor:
    """``(N, K, C)`` float32 scores of spans; zeros for those that leave their passage.

    Args:
        starts: ``(N, H)``, float32 or bfloat16.
        ends: ``(N, H)``.
        readers: ``(C, H)``, or ``(B, C, H)`` with a set for each passage.
        lengths: words in each passage, summing to N.
        max_width: K.
        dropout: share of the hidden layer that is silent, drawn for each word and column; below 1, 0 for none.
    """
    seed = int(torch.randint(2**31, ()).item()) if dropout > 0 else 0
    return _Kernel.apply(starts, ends, readers, lengths, max_width, dropout, seed)


class _Kernel(torch.autograd.Function):
    @staticmethod
    def forward(ctx, starts, ends, readers, lengths, max_width, dropout, seed):  # type: ignore[no-untyped-def]
        arrays = [
            tensor.detach().float().contiguous() for tensor in (starts, ends, readers.view(-1, *readers.shape[-2:]))
        ]
        rows = np.repeat(np.arange(len(lengths)) if readers.dim() == 3 else np.zeros(len(lengths), np.int64), lengths)
        left = np.concatenate([np.arange(n, 0, -1, dtype=np.int64) for n in lengths]).clip(max=max_width)
        ctx.save_for_backward(*arrays)
        ctx.rest = rows, left, np.uint32(seed), np.uint32(dropout * 2**32), np.float32(1 / (1 - dropout))
        ctx.dtypes = [tensor.dtype for tensor in (starts, ends, readers)]
        ctx.shape = readers.shape
        out = torch.zeros(starts.shape[0], max_width, readers.shape[-2])
        _compiled().forward(*(a.numpy() for a in arrays), *ctx.rest, out.numpy())
        return out

    @staticmethod
    def backward(ctx, grad):  # type: ignore[no-untyped-def]
        arrays = ctx.saved_tensors
        grads = [torch.zeros_like(array) for array in arrays]
        numbers = (*(a.numpy() for a in arrays), grad.float().contiguous().numpy(), *ctx.rest)
        of_words = any(ctx.needs_input_grad[:2])
        _compiled().backward(*numbers, of_words, *(g.numpy() for g in grads))
        grads[2] = grads[2].view(ctx.shape)
        return (*(g.to(dtype) for g, dtype in zip(grads, ctx.dtypes, strict=True)), None, None, None, None)


@lru_cache
def _compiled() -> ModuleType:
    """The compiled loops, with as many threads as torch has."""
    import numba

    from gliner_adapters.model import _span_loops

    threads = torch.get_num_threads()
    numba.set_num_threads(max(1, min(threads, numba.config.NUMBA_NUM_THREADS)))
    if torch.get_num_threads() != threads:  # numba starts its threads by setting those of OpenMP, which are torch's too
        torch.set_num_threads(threads)
    return _span_loops
