"""Places for labels, so that none lies on another. Boxes and distances in any one unit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Box:
    """A rectangle with its sides along the axes."""

    left: float
    bottom: float
    right: float
    top: float

    def meets(self, other: Box) -> bool:
        """Whether they share an area."""
        across = self.left < other.right and other.left < self.right
        return across and self.bottom < other.top and other.bottom < self.top

    def inside(self, other: Box) -> bool:
        """Whether nothing of it lies outside the other."""
        across = other.left <= self.left and self.right <= other.right
        return across and other.bottom <= self.bottom and self.top <= other.top


def place_labels(
    anchors: Sequence[tuple[float, float]],
    sizes: Sequence[tuple[float, float]],
    bounds: Box,
    obstacles: Sequence[Box] = (),
    avoided: Sequence[Box] = (),
    gap: float = 8.0,
) -> list[Box]:
    """A box for each label near its anchor: within bounds, off the obstacles and off every other label.

    Labels are put one after the other on widening rings round their anchors. What should be avoided gives way where
    there is no room, then the bounds, and never the labels: the rings widen until they are free of each other.

    Args:
        anchors: what the labels belong to.
        sizes: width and height of each label.
        bounds: where they may lie.
        obstacles: what they must not cover, such as markers.
        avoided: what they had better not cover, such as lines.
        gap: from an anchor to the nearest ring.
    """
    placed: list[Box] = []
    limit = math.hypot(bounds.right - bounds.left, bounds.top - bounds.bottom)
    for anchor, size in zip(anchors, sizes, strict=True):
        candidates = _rings(anchor, size, gap, limit)
        wishes = ((bounds, (*placed, *obstacles, *avoided)), (bounds, (*placed, *obstacles)), (None, tuple(placed)))
        for within, off in wishes:
            found = next((box for box in candidates if _free(box, within, off)), None)
            if found is not None:
                break
        placed.append(found if found is not None else _above(placed, size))
    return placed


def spread_out(values: Sequence[float], gap: float, low: float = -math.inf, high: float = math.inf) -> list[float]:
    """Values moved as little as needed until neighbours are a gap apart; their order stays.

    Neighbours that are too close become a block about the mean of where they would be, and blocks merge. Blocks stay
    between the bounds; one that is larger than they are apart begins at the lower one.
    """
    blocks: list[tuple[float, list[int]]] = []

    def start(block: tuple[float, list[int]]) -> float:
        length = gap * (len(block[1]) - 1)
        return max(low, min(high - length, block[0] - length / 2))

    for index in sorted(range(len(values)), key=values.__getitem__):
        blocks.append((values[index], [index]))
        while len(blocks) > 1 and start(blocks[-2]) + gap * len(blocks[-2][1]) > start(blocks[-1]) + 1e-9:
            (first, members), (second, others) = blocks[-2:]
            total = len(members) + len(others)
            blocks[-2:] = [((first * len(members) + second * len(others)) / total, members + others)]
    moved = [0.0] * len(values)
    for block in blocks:
        for rank, index in enumerate(block[1]):
            moved[index] = start(block) + rank * gap
    return moved


def _rings(anchor: tuple[float, float], size: tuple[float, float], gap: float, limit: float) -> list[Box]:
    """Boxes whose nearest side is farther and farther from the anchor; right and left come first."""
    (x, y), (width, height) = anchor, size
    boxes = []
    distance = gap
    while distance < limit:
        for angle in (0, 180, 90, 270, 45, 135, 315, 225, 22, 158, 338, 202, 68, 112, 292, 248):
            across, up = math.cos(math.radians(angle)), math.sin(math.radians(angle))
            middle = x + across * (distance + width / 2), y + up * (distance + height / 2)
            boxes.append(
                Box(middle[0] - width / 2, middle[1] - height / 2, middle[0] + width / 2, middle[1] + height / 2)
            )
        distance *= 1.3
    return boxes


def _free(box: Box, within: Box | None, off: Sequence[Box]) -> bool:
    return (within is None or box.inside(within)) and not any(box.meets(other) for other in off)


def _above(placed: Sequence[Box], size: tuple[float, float]) -> Box:
    """Beyond all others: where no ring is free."""
    top = max(box.top for box in placed)
    left = min(box.left for box in placed)
    return Box(left, top, left + size[0], top + size[1])
