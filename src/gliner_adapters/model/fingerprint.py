"""The fingerprint of a base: which weights an adapter was trained on, whatever they are called."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import torch


def fingerprint(tensors: Mapping[str, torch.Tensor]) -> str:
    """sha256 over names, types, shapes and values, in the order of names.

    The same weights give the same fingerprint in whatever file they lie.
    """
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name}|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
        if tensor.numel():
            digest.update(tensor.view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def file_sha256(path: Path) -> str:
    """sha256 of a file; one that has not changed since is not read again."""
    found = path.stat()
    return _digest(path, found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=64)
def _digest(path: Path, size: int, modified: int) -> str:
    """Read in pieces (`hashlib.file_digest` is younger than Python 3.10); size and time only tell files apart."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 22):
            digest.update(chunk)
    return digest.hexdigest()
