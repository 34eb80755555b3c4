"""The difference between a trained network and the one that it started from, small enough to ship.

    matrix of an encoder    start + up @ down          `NAME|up` (rows, r), `NAME|down` (r, columns)
    rows that were added    as they are                `NAME|tail` (the label markers of a uni-encoder)
    vector, head, the rest  as it is                   `NAME`
    not in the file         start

A truncated singular value decomposition gives the closest matrix of a rank. Everything is float16.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from gliner_adapters.errors import BaseModelError

UP, DOWN, TAIL = "|up", "|down", "|tail"


def factorise(delta: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """The closest product of rank ``rank``: ``(rows, r)`` and ``(r, columns)``, both of the same scale.

    Through the eigenvectors of the smaller Gram matrix, so that a vocabulary of rows costs little.
    """
    if delta.shape[0] < delta.shape[1]:
        up, down = factorise(delta.t(), rank)
        return down.t().contiguous(), up.t().contiguous()
    wide = delta.double()
    _, vectors = torch.linalg.eigh(wide.t() @ wide)  # eigenvalues ascend
    basis = vectors[:, -rank:].flip(1)
    up = wide @ basis
    scale = up.norm(dim=0).clamp(min=1e-12).sqrt()
    return (up / scale).float(), (basis * scale).t().float().contiguous()


def residue(delta: Tensor, up: Tensor, down: Tensor) -> float:
    """The squared norm of what a product leaves out of a matrix."""
    return float((delta - up @ down).square().sum())


def names_in(tensors: Iterable[str]) -> set[str]:
    """The network's tensors that a delta speaks of."""
    return {name.partition("|")[0] for name in tensors}


def apply_delta(start: Mapping[str, Tensor], delta: Mapping[str, Tensor], where: str) -> dict[str, Tensor]:
    """The weights that a delta stands for, in the types of ``start``.

    Args:
        start: the weights that the delta is the difference to, with added rows in place.
        delta: tensors by name; see the module's docstring.
        where: for messages.

    Raises:
        BaseModelError: a tensor that the network does not have, half a product, or a shape that does not fit.
    """
    unknown = sorted(names_in(delta) - set(start)) + sorted(
        name for name in delta if "|" in name and not name.endswith((UP, DOWN, TAIL))
    )
    halves = sorted(
        name
        for name in names_in(delta)
        if (name + UP in delta) != (name + DOWN in delta) or (name in delta and name + UP in delta)
    )
    for what, found in (("has unknown", unknown), ("has unclear", halves)):
        if found:
            raise BaseModelError(f"{where} {what} {len(found)} tensors: {', '.join(found[:5])}")
    weights = dict(start)
    for name in sorted(names_in(delta)):
        try:
            weights[name] = _restored(start[name], delta, name).to(start[name].dtype)
        except (RuntimeError, IndexError) as error:
            raise BaseModelError(f"{where}: {name} does not fit {tuple(start[name].shape)}: {error}") from None
    return weights


def _restored(start: Tensor, delta: Mapping[str, Tensor], name: str) -> Tensor:
    """One tensor."""
    if name in delta:
        if delta[name].shape != start.shape:
            raise RuntimeError(f"its shape is {tuple(delta[name].shape)}")
        return delta[name].float()
    restored = start.float().clone()
    if name + UP in delta:
        product = delta[name + UP].float() @ delta[name + DOWN].float()
        restored[: product.shape[0]] += product
    if name + TAIL in delta:
        tail = delta[name + TAIL].float()
        restored[-tail.shape[0] :] = tail
    return restored
