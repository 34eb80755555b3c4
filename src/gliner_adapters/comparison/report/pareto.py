"""Which methods are worth their parameters."""

from __future__ import annotations

from collections.abc import Sequence


def pareto_front(points: Sequence[tuple[float, float]]) -> list[int]:
    """The points that no other beats in both: fewer costs for as much gain, or more gain for as little cost.

    Args:
        points: cost and gain.

    Returns:
        Their indices, from the cheapest; equal points are all in.
    """
    order = sorted(range(len(points)), key=lambda index: (points[index][0], -points[index][1]))
    front: list[int] = []
    for index in order:
        if not front or points[index][1] > points[front[-1]][1] or points[index] == points[front[-1]]:
            front.append(index)
    return front
