"""The prompt encoder: a few prompt vectors made from the sub-token embeddings of a label's text.

    token embeddings (C, T, D) ──► + MLP ──► LayerNorm ──► pooler ──► prompts (C, P, D)
                               └────────────┘ residual

It starts as good as transparent: the MLP's output is tiny and the LayerNorm keeps the embeddings' own scale, so the
first prompts are the label's own words, pooled. Training moves them away from there.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

#: How T token vectors become P prompt vectors.
Pooling = Literal["mean", "attention", "convolution"]


class PromptEncoder(nn.Module):
    """Token embeddings of label texts to prompt vectors.

    Args:
        width: D, of the embeddings and of the prompts.
        prompt_length: P.
        hidden: width of the MLP's hidden layer.
        pooling: ``mean`` cuts a text into P stretches of (almost) equal length and averages each; ``convolution``
            does the same after a convolution over three neighbouring tokens, each dimension by itself;
            ``attention`` lets P trained queries choose among the tokens.
        scale: standard deviation of the prompts' entries at the start; that of the embeddings which the prompts
            will stand beside.
    """

    def __init__(
        self, width: int, prompt_length: int, hidden: int, pooling: Pooling = "mean", *, scale: float = 1.0
    ) -> None:
        super().__init__()
        self.prompt_length = prompt_length
        outward = nn.Linear(hidden, width)
        # Not zero: the first layer would then get no gradient at the first step.
        nn.init.normal_(outward.weight, std=1e-3)
        nn.init.zeros_(outward.bias)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), outward)
        self.norm = nn.LayerNorm(width)
        nn.init.constant_(self.norm.weight, scale)
        self.convolution: nn.Conv1d | None = None
        self.queries: nn.Parameter | None = None
        if pooling == "convolution":
            self.convolution = nn.Conv1d(width, width, kernel_size=3, padding=1, groups=width)
            nn.init.dirac_(self.convolution.weight, groups=width)  # starts as the mean does
            nn.init.zeros_(self.convolution.bias)  # type: ignore[arg-type]
        elif pooling == "attention":
            self.queries = nn.Parameter(torch.randn(prompt_length, width))

    def forward(self, embeddings: Tensor, mask: Tensor) -> Tensor:
        """Make prompts.

        Args:
            embeddings: ``(C, T, D)`` token embeddings of C texts.
            mask: ``(C, T)`` ones for a text's tokens, then zeros for padding.

        Returns:
            ``(C, P, D)``; zeros for a text without tokens.
        """
        tokens = self.norm(embeddings + self.mlp(embeddings))
        if self.queries is not None:
            return _choose(self.queries, tokens, mask)
        if self.convolution is not None:
            inside = tokens * mask.unsqueeze(-1)  # padding must not leak into a text's last token
            tokens = self.convolution(inside.transpose(1, 2)).transpose(1, 2)
        return stretch_means(tokens, mask, self.prompt_length)


def _choose(queries: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
    """Attention pooling: queries ``(P, D)`` on tokens ``(C, T, D)``; keys are free of the embeddings' scale."""
    keys = nn.functional.layer_norm(tokens, tokens.shape[-1:])
    scores = queries @ keys.transpose(1, 2) / tokens.shape[-1] ** 0.5
    inside = mask.unsqueeze(1).bool()
    weights = scores.masked_fill(~inside, torch.finfo(scores.dtype).min).softmax(-1) * inside
    return weights.to(tokens.dtype) @ tokens


def stretch_means(tokens: Tensor, mask: Tensor, stretches: int) -> Tensor:
    """Cut each text into stretches of (almost) equal length and average each.

    A text of fewer tokens than stretches gives some tokens to several of them.

    Args:
        tokens: ``(C, T, D)``.
        mask: ``(C, T)`` ones, then zeros.
        stretches: P.

    Returns:
        ``(C, P, D)``; zeros for a text without tokens.
    """
    sizes = mask.sum(1).long()[:, None, None]
    stretch = torch.arange(stretches, device=tokens.device)[None, :, None]
    token = torch.arange(tokens.shape[1], device=tokens.device)[None, None, :]
    first = stretch * sizes // stretches
    end = ((stretch + 1) * sizes + stretches - 1) // stretches
    weights = ((first <= token) & (token < end)).to(tokens.dtype)
    return weights @ tokens / weights.sum(-1, keepdim=True).clamp(min=1)
