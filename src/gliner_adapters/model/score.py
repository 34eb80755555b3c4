r"""Stage 3 of a pass: every span against every label, exactly and cheaply.

GLiNER's `markerV0` head runs an MLP on every span. Its first layer is linear in the concatenation of start and
end, and its second layer is followed by a dot product with the label's vector, so both leave the span:

    score(i, j, l) = p_l · (W₂ relu(W₁ [s_i; e_j] + b₁) + b₂)
                   = (W₂ᵀ p_l) · relu(W₁ˢ s_i + b₁  +  W₁ᵉ e_j) + p_l · b₂
                     └─ a label ─┘       └── a word ──┘  └─ a word ┘

A span costs an addition, a ReLU and a dot product. Words of all passages lie packed, (N, D); span k of word i
covers words i .. i + k. The span's hidden layer is never held in full: it is made, used and dropped in blocks
that stay in the processor's cache, and made again in the backward pass.

Dropout inside the head falls on that hidden layer. Its noise is drawn once a word and shared by the spans that
start there, which costs K times less than noise for each span.

In training on a processor the blocks are one compiled loop where `numba` is installed: :mod:`.span_kernel`.
"""

from __future__ import annotations

import logging
from functools import lru_cache

import torch
import torch.nn.functional as F
from gliner.modeling.context_encoders import IdentityContextEncoder
from gliner.modeling.span_rep import SpanMarkerV0
from torch import Tensor, nn

from gliner_adapters.model import span_kernel
from gliner_adapters.model.dropout import dropout

logger = logging.getLogger(__name__)

#: Words in a block: block x K x 4D numbers are alive at once. On a processor they should stay in its cache (about a
#: megabyte at D = 384 in float32); elsewhere few large steps are faster than many small ones.
BLOCK, BLOCK_ELSEWHERE = 16, 1024


def score_spans(head: nn.Module, words: Tensor, lengths: list[int], labels: Tensor, max_width: int) -> Tensor:
    """Score all spans of all passages.

    Args:
        head: GLiNER's `span_rep_layer`.
        words: ``(N, D)`` packed word vectors.
        lengths: words in each passage, summing to N.
        labels: ``(C, D)`` label vectors, or ``(B, C, D)`` with a set for each passage.
        max_width: K.

    Returns:
        ``(N, K, C)`` float32 logits. Entries of spans that would leave their passage are meaningless;
        :func:`valid_spans` tells them.
    """
    if is_factorisable(head):
        return _factorised(head.span_rep_layer, words, lengths, labels, max_width)
    _say_once(type(head.span_rep_layer).__name__)
    return _own_forward(head, words, lengths, labels, max_width)


def is_factorisable(head: nn.Module) -> bool:
    """Whether the exact factorisation applies: a `markerV0` head without a context encoder before it."""
    return isinstance(head.span_rep_layer, SpanMarkerV0) and isinstance(head.context_encoder, IdentityContextEncoder)


def valid_spans(lengths: list[int], max_width: int, device: torch.device | str = "cpu") -> Tensor:
    """``(N, K)``: which spans lie within their passage.

    Args:
        lengths: words of each passage, N in all.
        max_width: K, the widest span in words.
        device: where the result lies.
    """
    left = torch.cat([torch.arange(n, 0, -1) for n in lengths]).to(device)
    return torch.arange(max_width, device=device)[None, :] < left[:, None]


@lru_cache
def _say_once(mode: str) -> None:
    """Tell that a head cannot be factorised."""
    logger.warning("span head %s has no exact factorisation; using GLiNER's own, slower pass", mode)


def _own_forward(head: nn.Module, words: Tensor, lengths: list[int], labels: Tensor, max_width: int) -> Tensor:
    """Any other span head through GLiNER's own forward pass.

    Passages of one length at a time, so that there is no padding: `markerV1` averages over it and context encoders
    attend to it, which would make a passage's scores depend on its neighbours in the batch.
    """
    logits: list[Tensor | None] = [None] * len(lengths)
    of_passage = words.split(lengths)
    for size in set(lengths):
        rows = [i for i, length in enumerate(lengths) if length == size]
        starts = torch.arange(size, device=words.device).repeat_interleave(max_width)
        ends = starts + torch.arange(max_width, device=words.device).repeat(size)
        span_idx = torch.stack([starts, ends], -1) * (ends < size).unsqueeze(-1)
        spans = head(torch.stack([of_passage[i] for i in rows]), span_idx.expand(len(rows), -1, -1))  # (B, W, K, D)
        if labels.dim() == 2:
            scores = torch.einsum("BWKD,CD->BWKC", spans, labels.to(spans.dtype))
        else:
            scores = torch.einsum("BWKD,BCD->BWKC", spans, labels[rows].to(spans.dtype))
        for i, of_row in zip(rows, scores, strict=True):
            logits[i] = of_row
    return torch.cat([rows for rows in logits if rows is not None]).float()


def _factorised(head: SpanMarkerV0, words: Tensor, lengths: list[int], labels: Tensor, max_width: int) -> Tensor:
    """The `markerV0` head, factorised; see the module's docstring."""
    starts, ends, readers, bias = factors(head, words, labels)
    hidden = head.out_project[2]
    if span_kernel.usable(starts, readers):
        silent = hidden.p if head.training else 0.0
        scores = span_kernel.read_spans(starts, ends, readers, lengths, max_width, silent)
        return scores + _of_words(bias.float(), lengths)
    noise = F.dropout(torch.ones_like(starts), hidden.p) if head.training and hidden.p > 0 else None
    # Outside of autocast's rules: make the types agree.
    readers = readers.to(starts.dtype)
    if labels.dim() == 2:
        return _SpanReader.apply(starts, ends, readers, noise, max_width).float() + bias.float()
    # Labels of each passage's own: one reader a passage.
    logits = [
        _SpanReader.apply(s, e, r, n, max_width).float() + b.float()
        for s, e, r, b, n in zip(
            starts.split(lengths),
            ends.split(lengths),
            readers,
            bias,
            noise.split(lengths) if noise is not None else [None] * len(lengths),
            strict=True,
        )
    ]
    return torch.cat(logits)


def _of_words(bias: Tensor, lengths: list[int]) -> Tensor:
    """A bias ``(C,)`` as it is; ``(B, C)`` of passages as ``(N, 1, C)`` of their words."""
    if bias.dim() == 1:
        return bias
    return bias.repeat_interleave(torch.tensor(lengths, device=bias.device), 0).unsqueeze(1)


def factors(head: SpanMarkerV0, words: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """What the score is made of: starts and ends ``(N, 4D)``, readers ``(..., C, 4D)`` and their bias ``(..., C)``."""
    first, second = head.out_project[0], head.out_project[3]
    width = words.shape[-1]
    starts = F.linear(_project(head.project_start, words).relu(), first.weight[:, :width], first.bias)
    ends = F.linear(_project(head.project_end, words).relu(), first.weight[:, width:])
    readers = F.linear(labels, second.weight.t())  # W₂ᵀ p
    bias = F.linear(labels, second.bias.unsqueeze(0)).squeeze(-1)  # p · b₂
    return starts, ends, readers, bias


def _project(layers: nn.Module, words: Tensor) -> Tensor:
    """A projection of the head, layer by layer, with cheaper noise where it has dropout."""
    for layer in layers.children():
        words = dropout(words, layer.p) if isinstance(layer, nn.Dropout) and layer.training else layer(words)
    return words


class _SpanReader(torch.autograd.Function):
    """``out[i, k, c] = relu(starts[i] + ends[i + k]) * noise[i] · readers[c]``.

    Shapes: starts and ends ``(N, H)``, readers ``(C, H)``, noise ``(N, H)`` or ``None``, out ``(N, K, C)``.
    The hidden layer ``(N, K, H)`` exists only in blocks of words, in both directions.
    """

    @staticmethod
    def forward(ctx, starts, ends, readers, noise, max_width):  # type: ignore[no-untyped-def]
        """Score block by block."""
        ctx.save_for_backward(starts, ends, readers, noise)
        ctx.max_width = max_width
        size, classes = starts.shape[0], readers.shape[0]
        out = starts.new_empty(size, max_width, classes)
        windows = span_windows(ends, max_width)
        room = hidden_room(starts, max_width)
        block = len(room)
        for i in range(0, size, block):
            hidden = hidden_block(starts, windows, noise, i, room)
            torch.mm(hidden.view(-1, hidden.shape[-1]), readers.t(), out=out[i : i + block].view(-1, classes))
        return out

    @staticmethod
    def backward(ctx, grad):  # type: ignore[no-untyped-def]
        """Make each block's hidden layer again and push the gradient through it."""
        starts, ends, readers, noise = ctx.saved_tensors
        max_width = ctx.max_width
        size, width = starts.shape
        grad = grad.to(starts.dtype).contiguous()
        windows = span_windows(ends, max_width)
        grad_starts = torch.empty_like(starts)
        grad_ends = ends.new_zeros(size + max_width - 1, width)
        grad_readers = torch.zeros_like(readers, dtype=torch.float32)
        room = hidden_room(starts, max_width)
        block = len(room)
        for i in range(0, size, block):
            hidden = hidden_block(starts, windows, noise, i, room)
            out = grad[i : i + block].view(-1, readers.shape[0])
            grad_readers += (out.t() @ hidden.view(-1, width)).float()
            inner = (out @ readers).view_as(hidden)
            # The derivative of ReLU: the gradient where the hidden layer is positive, in one pass over memory.
            torch.ops.aten.threshold_backward.grad_input(inner, hidden, 0, grad_input=inner)
            if noise is not None:
                inner *= noise[i : i + block, None]
            torch.sum(inner, 1, out=grad_starts[i : i + block])
            rows = inner.shape[0]
            for k in range(max_width):
                grad_ends[i + k : i + k + rows] += inner[:, k]
        return grad_starts, grad_ends[:size], grad_readers.to(readers.dtype), None, None


def span_windows(ends: Tensor, max_width: int) -> Tensor:
    """``(N, K, H)`` view of the ends that each start can be paired with; zeros beyond the last word."""
    padded = F.pad(ends, (0, 0, 0, max_width - 1))
    return padded.as_strided((ends.shape[0], max_width, ends.shape[1]), (ends.shape[1], ends.shape[1], 1))


def hidden_block(starts: Tensor, windows: Tensor, noise: Tensor | None, i: int, room: Tensor) -> Tensor:
    """The hidden layer of the spans that start in one block of words, ``(block, K, H)``, made in ``room``."""
    end = i + len(room)
    block = starts[i:end, None]
    hidden = torch.add(block, windows[i:end], out=room[: block.shape[0]]).relu_()
    return hidden if noise is None else hidden.mul_(noise[i:end, None])


def hidden_room(starts: Tensor, max_width: int) -> Tensor:
    """Room for the hidden layer of one block of words, ``(block, K, H)``; on a GPU for no more than there are."""
    words = BLOCK if starts.device.type == "cpu" else min(BLOCK_ELSEWHERE, max(1, starts.shape[0]))
    return starts.new_empty(words, max_width, starts.shape[1])
