"""The difference between a trained network and the one that it started from, small enough to ship.

    matrix of an encoder    start + up @ down          `NAME|up` (rows, r), `NAME|down` (r, columns)
    rows that were added    as they are                `NAME|tail` (the label markers of a uni-encoder)
    vector, head, the rest  as it is                   `NAME`
    not in the file         start

A truncated singular value decomposition gives the closest matrix of a rank. Numbers are float16; large matrices may be
bytes, each row with a scale of its own in ``KEY|scale``, which halves the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import torch
from torch import Tensor

from gliner_adapters.errors import BaseModelError

UP, DOWN, TAIL, SCALE = "|up", "|down", "|tail", "|scale"

#: How a delta's numbers are stored.
Numbers = Literal["float16", "int8"]
#: Matrices of fewer numbers are float16 always: they weigh nothing.
LEAST_BYTES = 4096


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


def pack(delta: Mapping[str, Tensor], numbers: Numbers) -> dict[str, Tensor]:
    """A delta as it is stored: float16, and with ``"int8"`` large matrices as bytes.

    A byte is the nearest of 255 steps between a row's largest number and its negative.
    """
    packed: dict[str, Tensor] = {}
    for key, tensor in delta.items():
        given = tensor.detach().cpu().float()
        if numbers == "int8" and given.ndim == 2 and given.numel() >= LEAST_BYTES:
            scale = (given.abs().amax(1) / 127).clamp(min=2.0**-24).half()  # no smaller number is a float16
            packed[key] = (given / scale.float().unsqueeze(1)).round().clamp(-127, 127).to(torch.int8)
            packed[key + SCALE] = scale
        else:
            packed[key] = given.half().contiguous()
    return packed


def unpack(packed: Mapping[str, Tensor], where: str) -> dict[str, Tensor]:
    """The numbers of a stored delta, float32.

    Raises:
        BaseModelError: bytes without a scale for each row, or a scale without bytes.
    """
    bytes_of = {key for key, tensor in packed.items() if tensor.dtype == torch.int8}
    scales = {key.removesuffix(SCALE) for key in packed if key.endswith(SCALE)}
    odd = sorted(bytes_of ^ scales) or sorted(
        key for key in scales if packed[key + SCALE].shape != packed[key].shape[:1]
    )
    if odd:
        raise BaseModelError(f"{where} has bytes and scales that do not belong together: {', '.join(odd[:5])}")
    return {
        key: tensor.float() * packed[key + SCALE].float().unsqueeze(1) if key in bytes_of else tensor.float()
        for key, tensor in packed.items()
        if not key.endswith(SCALE)
    }


def names_in(tensors: Iterable[str]) -> set[str]:
    """The network's tensors that a delta speaks of."""
    return {name.partition("|")[0] for name in tensors}


def apply_delta(start: Mapping[str, Tensor], delta: Mapping[str, Tensor], where: str) -> dict[str, Tensor]:
    """The weights that a delta stands for, in the types of ``start``.

    Args:
        start: the weights that the delta is the difference to, with added rows in place.
        delta: tensors by name, as stored; see the module's docstring.
        where: for messages.

    Raises:
        BaseModelError: a tensor that the network does not have, half a product, bytes without scales, or a shape
            that does not fit.
    """
    delta = unpack(delta, where)
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
        return delta[name]
    restored = start.to(torch.float32, copy=True)
    if name + UP in delta:
        product = delta[name + UP] @ delta[name + DOWN]
        restored[: product.shape[0]] += product
    if name + TAIL in delta:
        tail = delta[name + TAIL]
        restored[-tail.shape[0] :] = tail
    return restored
