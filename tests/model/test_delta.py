"""The difference that ships: closest products of a rank, strictly applied."""

from __future__ import annotations

import pytest
import torch

from comparing import assert_near, is_near
from gliner_adapters.errors import BaseModelError
from gliner_adapters.model.delta import DOWN, SCALE, TAIL, UP, apply_delta, factorise, pack, residue, unpack


@pytest.mark.parametrize("shape", [(40, 12), (12, 40), (9, 9)])
def test_the_product_is_the_closest_of_its_rank(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    delta = torch.randn(shape)
    left, values, right = torch.linalg.svd(delta, full_matrices=False)
    for rank in (1, 4, min(shape)):
        up, down = factorise(delta, rank)
        assert (up.shape, down.shape) == ((shape[0], rank), (rank, shape[1]))
        closest = left[:, :rank] * values[:rank] @ right[:rank]
        assert is_near(up @ down, closest)
        assert residue(delta, up, down) == pytest.approx(float(values[rank:].square().sum()), abs=1e-3)


def test_both_factors_have_the_same_scale() -> None:
    torch.manual_seed(0)
    up, down = factorise(torch.randn(30, 8) * 1e-3, 3)
    assert_near(up.norm(dim=0), down.norm(dim=1))


def test_a_matrix_of_low_rank_comes_back_whole() -> None:
    torch.manual_seed(0)
    delta = torch.randn(50, 3) @ torch.randn(3, 20)
    up, down = factorise(delta, 3)
    assert is_near(up @ down, delta)
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


@pytest.mark.parametrize("rows", [3, 64])
def test_bytes_hold_a_matrix_to_half_a_step_of_each_row(rows: int) -> None:
    torch.manual_seed(0)
    matrix = torch.randn(rows, 100) * torch.logspace(-1, 1, rows).unsqueeze(1)
    packed = pack({"matrix": matrix, "vector": torch.ones(5000)}, "int8")
    assert packed["vector"].dtype == torch.float16
    if rows * 100 < 4096:
        assert packed["matrix"].dtype == torch.float16
        return
    assert packed["matrix"].dtype == torch.int8
    size = sum(tensor.numel() * tensor.element_size() for name, tensor in packed.items() if name != "vector")
    assert size == matrix.numel() + 2 * rows
    step = matrix.abs().amax(1, keepdim=True) / 127
    assert bool(((unpack(packed, "here")["matrix"] - matrix).abs() <= 0.6 * step).all())


def test_bytes_are_applied_like_other_numbers() -> None:
    torch.manual_seed(0)
    start = {"matrix": torch.randn(80, 90)}
    up, down = torch.randn(80, 60), torch.randn(60, 90)
    exact = apply_delta(start, {"matrix" + UP: up, "matrix" + DOWN: down}, "here")["matrix"]
    packed = pack({"matrix" + UP: up, "matrix" + DOWN: down}, "int8")
    assert {name for name in packed if name.endswith(SCALE)} == {"matrix|up|scale", "matrix|down|scale"}
    restored = apply_delta(start, packed, "here")["matrix"]
    assert float((restored - exact).norm() / (exact - start["matrix"]).norm()) < 0.02
    zero = unpack(pack({"matrix": torch.zeros(80, 90)}, "int8"), "here")["matrix"]
    assert torch.equal(zero, torch.zeros(80, 90))


@pytest.mark.parametrize("wrong", ["matrix|scale", "matrix"])
def test_bytes_and_scales_belong_together(wrong: str) -> None:
    packed = pack({"matrix": torch.randn(80, 90)}, "int8")
    del packed[wrong]
    with pytest.raises(BaseModelError, match="bytes and scales that do not belong together: matrix"):
        apply_delta({"matrix": torch.zeros(80, 90)}, packed, "here")
    packed = pack({"matrix": torch.randn(80, 90)}, "int8")
    packed["matrix|scale"] = packed["matrix|scale"][:5]
    with pytest.raises(BaseModelError, match="belong together"):
        apply_delta({"matrix": torch.zeros(80, 90)}, packed, "here")
