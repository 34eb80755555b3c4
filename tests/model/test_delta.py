"""The difference that ships: closest products of a rank, strictly applied."""

from __future__ import annotations

import pytest
import torch

from gliner_adapters.errors import BaseModelError
from gliner_adapters.model.delta import DOWN, TAIL, UP, apply_delta, factorise, residue


@pytest.mark.parametrize("shape", [(40, 12), (12, 40), (9, 9)])
def test_the_product_is_the_closest_of_its_rank(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    delta = torch.randn(shape)
    left, values, right = torch.linalg.svd(delta, full_matrices=False)
    for rank in (1, 4, min(shape)):
        up, down = factorise(delta, rank)
        assert (up.shape, down.shape) == ((shape[0], rank), (rank, shape[1]))
        closest = left[:, :rank] * values[:rank] @ right[:rank]
        assert torch.allclose(up @ down, closest, atol=1e-4)
        assert residue(delta, up, down) == pytest.approx(float(values[rank:].square().sum()), abs=1e-3)


def test_both_factors_have_the_same_scale() -> None:
    torch.manual_seed(0)
    up, down = factorise(torch.randn(30, 8) * 1e-3, 3)
    assert torch.allclose(up.norm(dim=0), down.norm(dim=1), rtol=1e-4)


def test_a_matrix_of_low_rank_comes_back_whole() -> None:
    torch.manual_seed(0)
    delta = torch.randn(50, 3) @ torch.randn(3, 20)
    up, down = factorise(delta, 3)
    assert torch.allclose(up @ down, delta, atol=1e-4)
    assert residue(delta, up, down) < 1e-6


def test_each_kind_of_tensor() -> None:
    start = {"matrix": torch.ones(4, 3), "table": torch.zeros(5, 2), "vector": torch.zeros(3), "left": torch.ones(2)}
    delta = {
        "matrix" + UP: torch.full((4, 1), 2.0).half(),
        "matrix" + DOWN: torch.tensor([[1.0, 0.0, -1.0]]).half(),
        "table" + UP: torch.ones(3, 1).half(),  # the two rows that were added have no start
        "table" + DOWN: torch.ones(1, 2).half(),
        "table" + TAIL: torch.full((2, 2), 7.0).half(),
        "vector": torch.tensor([1.0, 2.0, 3.0]).half(),
    }
    weights = apply_delta(start, delta, "here")
    assert torch.equal(weights["matrix"], torch.tensor([[3.0, 1.0, -1.0]]).expand(4, 3))
    assert weights["table"].tolist() == [[1, 1], [1, 1], [1, 1], [7, 7], [7, 7]]
    assert weights["vector"].tolist() == [1, 2, 3]
    assert torch.equal(weights["left"], start["left"])
    assert all(tensor.dtype == torch.float32 for tensor in weights.values())
    assert torch.equal(start["matrix"], torch.ones(4, 3)), "the start is left alone"


@pytest.mark.parametrize(
    ("delta", "message"),
    [
        ({"other": torch.ones(2)}, "unknown 1 tensors: other"),
        ({"m|sideways": torch.ones(2, 2)}, "unknown 1 tensors: m|sideways"),
        ({"m" + UP: torch.ones(2, 1)}, "unclear 1 tensors: m"),
        ({"m": torch.ones(2, 2), "m" + UP: torch.ones(2, 1), "m" + DOWN: torch.ones(1, 2)}, "unclear 1 tensors: m"),
        ({"m": torch.ones(3, 2)}, "m does not fit"),
        ({"m" + UP: torch.ones(3, 1), "m" + DOWN: torch.ones(1, 2)}, "m does not fit"),
        ({"m" + UP: torch.ones(2, 1), "m" + DOWN: torch.ones(2, 2)}, "m does not fit"),
        ({"m" + TAIL: torch.ones(1, 5)}, "m does not fit"),
    ],
)
def test_what_does_not_fit_is_refused(delta: dict[str, torch.Tensor], message: str) -> None:
    with pytest.raises(BaseModelError, match=message.replace("|", r"\|")):
        apply_delta({"m": torch.zeros(2, 2)}, delta, "here")
