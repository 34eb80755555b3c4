"""The compiled span reader does what the one in torch does, in both directions."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch
from torch import Tensor

from bases import LABELS, TinyBase
from comparing import assert_near
from gliner_adapters.methods import attach
from gliner_adapters.model import score, span_kernel, valid_spans
from gliner_adapters.model.score import _SpanReader

pytest.importorskip("numba")
LENGTHS, WIDTH, HIDDEN = [7, 1, 12, 3], 5, 200


def numbers(classes: int, seed: int = 0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    size = sum(LENGTHS)
    shapes = ((size, HIDDEN), (size, HIDDEN), (classes, HIDDEN), (size, WIDTH, classes))
    return [torch.randn(*shape, generator=generator) for shape in shapes]


def gradients(run: object, tensors: list[Tensor], weights: Tensor) -> tuple[Tensor, list[Tensor]]:
    leaves = [tensor.clone().requires_grad_() for tensor in tensors]
    out = run(*leaves)  # type: ignore[operator]
    (out * weights).sum().backward()
    return out.detach(), [leaf.grad for leaf in leaves if leaf.grad is not None]


@pytest.mark.parametrize("classes", [1, 3, 16])
def test_scores_and_gradients_are_those_of_torch(classes: int) -> None:
    *tensors, weights = numbers(classes)
    valid = valid_spans(LENGTHS, WIDTH).unsqueeze(-1)
    mine = gradients(lambda s, e, r: span_kernel.read_spans(s, e, r, LENGTHS, WIDTH), tensors, weights * valid)
    reference = gradients(lambda s, e, r: _SpanReader.apply(s, e, r, None, WIDTH), tensors, weights * valid)
    assert_near(mine[0], reference[0] * valid)
    for own, expected in zip(mine[1], reference[1], strict=True):
        assert_near(own, expected)


def test_a_frozen_span_head_costs_no_gradient() -> None:
    starts, ends, readers, weights = numbers(3)
    valid = valid_spans(LENGTHS, WIDTH).unsqueeze(-1)
    whole = gradients(
        lambda s, e, r: span_kernel.read_spans(s, e, r, LENGTHS, WIDTH), [starts, ends, readers], weights * valid
    )
    alone = gradients(lambda r: span_kernel.read_spans(starts, ends, r, LENGTHS, WIDTH), [readers], weights * valid)
    assert_near(alone[1][0], whole[1][2])


def test_dropout_is_the_same_in_both_directions_and_right_on_average() -> None:
    starts, ends, readers, weights = numbers(2)
    torch.manual_seed(5)
    state = torch.get_rng_state()

    def total(s: Tensor) -> Tensor:
        torch.set_rng_state(state)
        return (span_kernel.read_spans(s, ends, readers, LENGTHS, WIDTH, 0.4) * weights).sum()

    leaf = starts.clone().requires_grad_()
    total(leaf).backward()
    assert leaf.grad is not None
    # The hidden layer is piecewise linear: along a short way that no number changes its sign, the slope is exact.
    way = torch.zeros_like(starts)
    way[4] = torch.randn(HIDDEN) * 1e-3
    with torch.no_grad():
        slope = (total(starts + way) - total(starts - way)) / 2
    assert float(slope) == pytest.approx(float((leaf.grad * way).sum()), rel=2e-2)
    torch.manual_seed(6)
    with torch.no_grad():
        one, other, plain = (
            torch.stack([span_kernel.read_spans(starts, ends, readers, LENGTHS, WIDTH, p) for _ in range(n)])
            for p, n in ((0.4, 400), (0.4, 400), (0.0, 1))
        )
    assert not torch.equal(one[0], one[1])
    spread = (one.mean(0) - other.mean(0)).std()
    assert (one.mean(0) - plain[0]).std() < 2 * spread


@pytest.mark.parametrize("tiny_base", ["bi-bert"], indirect=True)
def test_it_serves_training_only(tiny_base: TinyBase) -> None:
    base = tiny_base.base
    adapter = attach("heads", base, LABELS)
    starts, readers = torch.zeros(3, 8), torch.zeros(2, 8, requires_grad=True)
    assert span_kernel.usable(starts, readers)
    assert not span_kernel.usable(starts, readers.detach())
    assert not span_kernel.usable(starts, torch.zeros(span_kernel.MOST_LABELS + 1, 8, requires_grad=True))
    with torch.no_grad():
        assert not span_kernel.usable(starts, readers)
    head = adapter.parts(base.parts).span_head
    words, labels = torch.randn(6, base.hidden_size), torch.randn(2, base.hidden_size)
    trained = score.score_spans(head, words, [4, 2], labels, base.max_width)
    with torch.no_grad():
        read = score.score_spans(head, words, [4, 2], labels, base.max_width)
    valid = valid_spans([4, 2], base.max_width)
    assert_near(trained[valid], read[valid])


def test_each_passage_may_have_labels_of_its_own() -> None:
    starts, ends, _, weights = numbers(2)
    readers = torch.randn(len(LENGTHS), 2, HIDDEN, generator=torch.Generator().manual_seed(3))
    valid = valid_spans(LENGTHS, WIDTH).unsqueeze(-1)
    own = gradients(
        lambda s, e, r: span_kernel.read_spans(s, e, r, LENGTHS, WIDTH), [starts, ends, readers], weights * valid
    )

    def one_by_one(s: Tensor, e: Tensor, r: Tensor) -> Tensor:
        passages = zip(s.split(LENGTHS), e.split(LENGTHS), r, LENGTHS, strict=True)
        return torch.cat([span_kernel.read_spans(*each[:3], [each[3]], WIDTH) for each in passages])

    expected = gradients(one_by_one, [starts, ends, readers], weights * valid)
    assert_near(own[0], expected[0])
    for mine, other in zip(own[1], expected[1], strict=True):
        assert_near(mine, other)


def test_torch_keeps_its_number_of_threads() -> None:
    """In a fresh process: numba's threads start once, and start by setting OpenMP's number."""
    script = (
        "import torch\n"
        "from gliner_adapters.model import span_kernel\n"
        "torch.set_num_threads(1)\n"
        "span_kernel._compiled()\n"
        "assert torch.get_num_threads() == 1, torch.get_num_threads()\n"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "2", "NUMBA_NUM_THREADS": "2"}
    subprocess.run([sys.executable, "-c", script], check=True, env=environment)
