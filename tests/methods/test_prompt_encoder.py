"""The prompt encoder: how tokens become prompts, and that padding has no say in it."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from torch import Tensor

from comparing import assert_near
from gliner_adapters.methods.prompt_encoder import Pooling, PromptEncoder, stretch_means

WIDTH = 8
every_pooling = pytest.mark.parametrize("pooling", get_args(Pooling))


def made(pooling: Pooling, length: int = 3, scale: float = 1.0) -> PromptEncoder:
    torch.manual_seed(1)
    return PromptEncoder(WIDTH, length, 16, pooling, scale=scale)


def texts(*sizes: int) -> tuple[Tensor, Tensor]:
    """Random tokens of texts of these sizes; what lies beyond a text is not zero."""
    mask = (torch.arange(max(sizes)) < torch.tensor(sizes)[:, None]).long()
    return torch.randn(*mask.shape, WIDTH, generator=torch.Generator().manual_seed(2)), mask


def test_stretches() -> None:
    tokens = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).reshape(1, 6, 1)

    def means(size: int, stretches: int) -> list[float]:
        mask = (torch.arange(6) < size).long()[None]
        return stretch_means(tokens, mask, stretches).flatten().tolist()

    assert means(6, 3) == [1.5, 3.5, 5.5]
    assert means(6, 1) == [3.5]
    assert means(5, 2) == [2.0, 4.0], "stretches of uneven length share their border"
    assert means(2, 4) == [1.0, 1.0, 2.0, 2.0], "a short text gives its tokens to several"
    assert means(0, 2) == [0.0, 0.0]


@every_pooling
@torch.no_grad()
def test_padding_does_not_matter(pooling: Pooling) -> None:
    encoder = made(pooling)
    tokens, mask = texts(7, 2, 5)
    together = encoder(tokens, mask)
    assert together.shape == (3, 3, WIDTH)
    for row, size in enumerate((7, 2, 5)):
        alone = encoder(tokens[row : row + 1, :size], mask[row : row + 1, :size])
        assert_near(together[row : row + 1], alone)


@every_pooling
def test_everything_in_it_learns_from_the_first_step(pooling: Pooling) -> None:
    encoder = made(pooling)
    encoder(*texts(7, 2)).square().sum().backward()
    without = [name for name, p in encoder.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert not without


@every_pooling
@torch.no_grad()
def test_first_prompts_are_the_texts_own_words(pooling: Pooling) -> None:
    """Normalised, at the scale that was asked for, and pooled."""
    tokens, mask = texts(1, 1)
    expected = torch.nn.functional.layer_norm(tokens, (WIDTH,)) * 0.05
    prompts = made(pooling, scale=0.05)(tokens, mask)
    torch.testing.assert_close(prompts, expected.expand(-1, 3, -1), atol=2e-3, rtol=0)


@torch.no_grad()
def test_poolings_differ_once_trained() -> None:
    tokens, mask = texts(7)
    mean, convolution, attention = (made(pooling) for pooling in ("mean", "convolution", "attention"))
    assert_near(convolution(tokens, mask), mean(tokens, mask))
    assert convolution.convolution is not None
    convolution.convolution.weight.fill_(0.3)
    assert not torch.allclose(convolution(tokens, mask), mean(tokens, mask), atol=0.1)
    # A query that is much like one token chooses that token.
    assert attention.queries is not None
    attention.queries[0] = 100 * tokens[0, 4]
    assert_near(attention(tokens, mask)[0, 0], made("mean", 7)(tokens, mask)[0, 4])


@every_pooling
@torch.no_grad()
def test_a_text_without_tokens_gives_zeros(pooling: Pooling) -> None:
    tokens, _ = texts(4)
    prompts = made(pooling)(tokens, torch.zeros(1, 4, dtype=torch.long))
    assert torch.equal(prompts, torch.zeros(1, 3, WIDTH))
