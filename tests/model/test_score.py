"""Spans against labels: the factorised head, its gradients, and every head that has no factorisation."""

from __future__ import annotations

import logging

import pytest
import torch
from gliner.modeling.span_rep import SpanRepLayer
from torch import Tensor

from comparing import assert_near
from gliner_adapters.model import score as scoring
from gliner_adapters.model.parts import unused_parameters
from gliner_adapters.model.score import BLOCK, is_factorisable, score_spans, valid_spans

WIDTH, HIDDEN = 4, 8
#: Every span head that GLiNER 0.2 can build, token-level ones left out.
MODES = [
    "marker",
    "markerV0",
    "markerV1",
    "markerV2",
    "query",
    "mlp",
    "cat",
    "conv_conv",
    "conv_max",
    "conv_mean",
    "conv_sum",
    "conv_share",
]
#: Counts of words that lie within a block, fill it, and cross it; shorter than a span and longer.
LENGTHS = ([1], [2, 1], [BLOCK], [3, BLOCK + 1, 1, 3], [2 * BLOCK + 3])


def head_of(mode: str, dropout: float = 0.0, context: dict[str, object] | None = None) -> SpanRepLayer:
    torch.manual_seed(3)
    return SpanRepLayer(HIDDEN, WIDTH, mode, context_encoder_config=context, dropout=dropout).eval()


def own_scores(head: SpanRepLayer, words: Tensor, lengths: list[int], labels: Tensor) -> Tensor:
    """GLiNER's way, one passage at a time: span vectors, then dot products."""
    rows = []
    for b, passage in enumerate(words.split(lengths)):
        size = len(passage)
        starts = torch.arange(size).repeat_interleave(WIDTH)
        ends = starts + torch.arange(WIDTH).repeat(size)
        spans = torch.stack([starts, ends], -1) * (ends < size).unsqueeze(-1)
        vectors = head(passage[None], spans[None])[0]
        rows.append(vectors @ (labels if labels.dim() == 2 else labels[b]).T)
    return torch.cat(rows)


@pytest.mark.parametrize("lengths", LENGTHS, ids=str)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("own_labels", [False, True], ids=["shared", "each-its-own"])
def test_scores_equal_the_heads_own(mode: str, lengths: list[int], own_labels: bool) -> None:
    torch.manual_seed(1)
    head, words = head_of(mode), torch.randn(sum(lengths), HIDDEN)
    labels = torch.randn(len(lengths), 3, HIDDEN) if own_labels else torch.randn(3, HIDDEN)
    with torch.no_grad():
        ours = score_spans(head, words, lengths, labels, WIDTH)
        theirs = own_scores(head, words, lengths, labels)
    valid = valid_spans(lengths, WIDTH)
    assert ours.shape == (sum(lengths), WIDTH, 3)
    assert ours.dtype == torch.float32
    assert_near(ours[valid], theirs[valid])


@pytest.mark.parametrize("model_type", ["rnn", "deberta-v2"])
def test_scores_with_a_context_encoder(model_type: str) -> None:
    head = head_of("markerV0", context={"model_type": model_type, "hidden_size": HIDDEN})
    assert not is_factorisable(head)
    words, labels, lengths = torch.randn(7, HIDDEN), torch.randn(2, HIDDEN), [4, 1, 2]
    with torch.no_grad():
        ours, theirs = score_spans(head, words, lengths, labels, WIDTH), own_scores(head, words, lengths, labels)
    valid = valid_spans(lengths, WIDTH)
    assert_near(ours[valid], theirs[valid])


def test_an_unfactorised_head_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    scoring._say_once.cache_clear()
    words, labels = torch.randn(2, HIDDEN), torch.randn(1, HIDDEN)
    with caplog.at_level(logging.WARNING):
        for mode in ("mlp", "mlp", "markerV0", "query"):
            score_spans(head_of(mode), words, [2], labels, WIDTH)
    assert [record.getMessage().split()[2] for record in caplog.records] == ["SpanMLP", "SpanQuery"]


@pytest.mark.parametrize("mode", MODES)
def test_unused_parameters_are_those_without_a_gradient(mode: str) -> None:
    head, lengths = head_of(mode), [9, 4]
    logits = score_spans(head, torch.randn(13, HIDDEN), lengths, torch.randn(3, HIDDEN), WIDTH)
    logits[valid_spans(lengths, WIDTH)].square().sum().backward()
    without = {name for name, p in head.named_parameters() if p.grad is None}
    assert without == unused_parameters(head)


@pytest.mark.parametrize("classes", [1, 2, 3])
@pytest.mark.parametrize("size", [1, WIDTH - 2, BLOCK, BLOCK + 3])
@pytest.mark.parametrize("noisy", [False, True], ids=["quiet", "noise"])
def test_span_reader_gradients(size: int, classes: int, noisy: bool) -> None:
    torch.manual_seed(size + classes)
    width = 3
    starts, ends, readers = (
        torch.randn(n, width, dtype=torch.float64, requires_grad=True) for n in (size, size, classes)
    )
    noise = (torch.rand(size, width, dtype=torch.float64) > 0.4) / 0.6 if noisy else None
    spans = valid_spans([size], WIDTH).unsqueeze(-1)  # beyond the text nothing is promised

    def read(starts: Tensor, ends: Tensor, readers: Tensor) -> Tensor:
        return scoring._SpanReader.apply(starts, ends, readers, noise, WIDTH) * spans

    def plain(starts: Tensor, ends: Tensor, readers: Tensor) -> Tensor:
        later = torch.stack([torch.cat([ends[k:], ends.new_zeros(min(k, size), width)]) for k in range(WIDTH)], 1)
        hidden = (starts[:, None] + later).relu()
        return (hidden if noise is None else hidden * noise[:, None]) @ readers.T * spans

    assert_near(read(starts, ends, readers), plain(starts, ends, readers))
    weight = torch.randn(size, WIDTH, classes, dtype=torch.float64)
    # The gradient of the readers is summed in float32.
    ours = torch.autograd.grad((read(starts, ends, readers) * weight).sum(), (starts, ends, readers))
    theirs = torch.autograd.grad((plain(starts, ends, readers) * weight).sum(), (starts, ends, readers))
    for one, other in zip(ours, theirs, strict=True):
        assert_near(one, other)
    for tensor in (readers,):
        tensor.requires_grad_(False)
    assert torch.autograd.gradcheck(lambda s, e: read(s, e, readers), (starts, ends), atol=1e-6)


def test_dropout_falls_on_spans_in_training_only() -> None:
    head, words, labels = head_of("markerV0", dropout=0.5), torch.randn(40, HIDDEN), torch.randn(2, HIDDEN)
    with torch.no_grad():
        still = score_spans(head, words, [40], labels, WIDTH)
        assert torch.equal(still, score_spans(head, words, [40], labels, WIDTH))
        for module in (head.span_rep_layer.project_start, head.span_rep_layer.project_end):
            module.eval()
        head.span_rep_layer.training = head.training = True
        torch.manual_seed(0)
        noisy = torch.stack([score_spans(head, words, [40], labels, WIDTH) for _ in range(800)])
    assert not torch.equal(noisy[0], noisy[1])
    valid = valid_spans([40], WIDTH)
    spread = noisy.std(0)[valid] / 800**0.5
    assert ((noisy.mean(0) - still)[valid].abs() < 6 * spread + 1e-4).all(), "the expectation is the quiet score"


def test_bfloat16_is_near_and_float32_outside() -> None:
    head, words, labels = head_of("markerV0"), torch.randn(20, HIDDEN), torch.randn(2, HIDDEN)
    with torch.no_grad():
        exact = score_spans(head, words, [20], labels, WIDTH)
        with torch.autocast("cpu", torch.bfloat16):
            near = score_spans(head, words, [20], labels, WIDTH)
    assert near.dtype == torch.float32
    valid = valid_spans([20], WIDTH)
    assert not torch.equal(near, exact)
    torch.testing.assert_close(near[valid], exact[valid], atol=0.05, rtol=0.05)


def test_valid_spans() -> None:
    assert valid_spans([2, 1], 3).tolist() == [[True, True, False], [True, False, False], [True, False, False]]
