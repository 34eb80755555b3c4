"""Losses over spans and labels."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from gliner.modeling.loss_functions import focal_loss_with_logits
from torch import Tensor

from comparing import assert_near
from gliner_adapters.documents import Window
from gliner_adapters.model import Passage, valid_spans
from gliner_adapters.training.losses import BALANCE_BETA, label_weights, span_loss, span_targets
from training.toy import quick

LENGTHS, WIDTH, CLASSES = [3, 1, 5], 3, 2


def passage(words: int, *spans: tuple[int, int, int]) -> Passage:
    import numpy as np

    starts = np.arange(words + 1, dtype=np.int32)
    return Passage(0, Window(0, words), np.zeros(words, dtype=np.int64), starts, list(spans))


PASSAGES = [passage(3, (0, 2, 0), (1, 1, 1)), passage(1), passage(5, (3, 4, 1), (3, 4, 0))]


@pytest.fixture
def logits() -> Tensor:
    torch.manual_seed(4)
    return (3 * torch.randn(sum(LENGTHS), WIDTH, CLASSES)).requires_grad_()


@pytest.fixture
def targets() -> Tensor:
    return span_targets(PASSAGES, WIDTH, CLASSES)


def test_targets() -> None:
    targets = span_targets(PASSAGES, WIDTH, CLASSES)
    assert targets.shape == (9, WIDTH, CLASSES)
    assert targets.nonzero().tolist() == [[0, 2, 0], [1, 0, 1], [7, 1, 0], [7, 1, 1]]
    assert set(targets.unique().tolist()) == {0.0, 1.0}


def test_bce_is_a_sum_over_valid_spans_for_each_passage(logits: Tensor, targets: Tensor) -> None:
    valid = valid_spans(LENGTHS, WIDTH)
    expected = F.binary_cross_entropy_with_logits(logits[valid], targets[valid], reduction="sum") / 3
    assert_near(span_loss(logits, targets, LENGTHS, quick()), expected)


def test_spans_beyond_their_passage_have_no_say(logits: Tensor, targets: Tensor) -> None:
    loss = span_loss(logits, targets, LENGTHS, quick())
    loss.backward()
    outside = ~valid_spans(LENGTHS, WIDTH)
    assert (logits.grad[outside] == 0).all()
    assert (logits.grad[~outside] != 0).all()
    changed = logits.detach().clone()
    changed[outside] = 1e4
    assert_near(span_loss(changed, targets, LENGTHS, quick()), loss.detach())


def test_focal_without_focus_is_half_of_bce(logits: Tensor, targets: Tensor) -> None:
    flat = span_loss(logits, targets, LENGTHS, quick(loss="focal", focal_gamma=0.0, focal_alpha=0.5))
    assert_near(flat, span_loss(logits, targets, LENGTHS, quick()) / 2)


@pytest.mark.parametrize(("alpha", "gamma"), [(0.75, 2.0), (0.2, 1.0), (0.6, 0.5), (0.5, 3.0)])
def test_focal_equals_gliners(logits: Tensor, targets: Tensor, alpha: float, gamma: float) -> None:
    valid = valid_spans(LENGTHS, WIDTH)
    expected = focal_loss_with_logits(logits[valid], targets[valid], alpha=alpha, gamma=gamma, reduction="sum") / 3
    config = quick(loss="focal", focal_alpha=alpha, focal_gamma=gamma)
    assert_near(span_loss(logits, targets, LENGTHS, config), expected)


@pytest.mark.parametrize("gamma", [0.0, 0.1, 0.5, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("size", [1.0, 17.0, 40.0, 120.0, 1e4])
def test_gradients_stay_finite(gamma: float, size: float) -> None:
    """Also where the model is so sure that the loss vanishes in float32."""
    logits = torch.tensor([[[size, -size]], [[-size, size]]], requires_grad=True)
    targets = torch.tensor([[[1.0, 0.0]], [[1.0, 0.0]]])
    loss = span_loss(logits, targets, [1, 1], quick(loss="focal", focal_gamma=gamma))
    loss.backward()
    assert loss.isfinite()
    assert logits.grad.isfinite().all()
    assert (logits.grad[1] * torch.tensor([-1.0, 1.0]) > 0).all(), "what is wrong is still pulled back"


def test_label_weights() -> None:
    rare, common = 2, 50
    passages = [passage(1, (0, 0, 0))] * rare + [passage(1, (0, 0, 1))] * common
    weights = label_weights(passages, 3)  # the third label never occurs
    effective = torch.tensor([1 - BALANCE_BETA**n for n in (rare, common, 1)], dtype=torch.float64)
    raw = (1 - BALANCE_BETA) / effective
    assert_near(weights, (raw / raw.mean()).float())
    assert weights.mean().item() == pytest.approx(1)
    assert weights[2] > weights[0] > weights[1]


def test_weights_are_of_labels(logits: Tensor, targets: Tensor) -> None:
    weights = torch.tensor([3.0, 0.5])
    by_label = [
        span_loss(logits[..., c : c + 1], targets[..., c : c + 1], LENGTHS, quick(loss="focal")) for c in range(2)
    ]
    weighted = span_loss(logits, targets, LENGTHS, quick(loss="balanced-focal"), weights)
    assert_near(weighted, 3.0 * by_label[0] + 0.5 * by_label[1])
