"""Equal up to rounding, whichever processor rounds.

What a matrix product's rounding comes to grows with the numbers in it, and depends on the processor, its vector units
and the number of threads. So a difference is judged by the size of what is compared, never by itself.
"""

from __future__ import annotations

import torch
from torch import Tensor

#: Of the largest number: some thousand times the rounding of one float32.
PART = 1e-4


def is_near(found: Tensor, expected: Tensor, part: float = PART) -> bool:
    """Whether no difference is larger than a part of the largest number that is expected."""
    assert found.shape == expected.shape, f"{tuple(found.shape)} against {tuple(expected.shape)}"
    return bool(_difference(found, expected) <= part * _size(expected))


def assert_near(found: Tensor, expected: Tensor, part: float = PART) -> None:
    """Fail unless :func:`is_near`, and tell by how much."""
    assert is_near(found, expected, part), (
        f"the largest difference is {_difference(found, expected):.3g}, the largest number {_size(expected):.3g}; "
        f"allowed is {part:g} of it"
    )


def _difference(found: Tensor, expected: Tensor) -> float:
    if not expected.numel():
        return 0.0
    return float((found.detach().double() - expected.detach().double()).abs().max())


def _size(expected: Tensor) -> float:
    return float(expected.detach().double().abs().max()) if expected.numel() else 1.0


def test_near_is_judged_by_size() -> None:
    large = torch.tensor([1000.0, 1.0])
    assert_near(large + 0.05, large)
    assert not is_near(large + 0.2, large)
    assert not is_near(large * torch.nan, large)
    assert_near(torch.zeros(0), torch.zeros(0))
