"""Keeping the memory of a process that reads for days where it is."""

from __future__ import annotations

import ctypes
import os
from functools import cache
from typing import Any

#: Kernels that oneDNN keeps, one for each shape that it has seen; its own default is 1024. A reader sees a new shape
#: with nearly every batch, so more of them are memory and not speed. Whoever sets the variable decides.
KERNELS = "128"


def bound_kernel_cache() -> None:
    """Bound what oneDNN keeps; to be called before torch computes anything."""
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", KERNELS)


@cache
def _trim() -> Any:
    """The C library's `malloc_trim` where there is one (glibc)."""
    try:
        return ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return None


def return_free_memory() -> bool:
    """Give free memory back to the system; whether that can be done here."""
    trim = _trim()
    if trim is None:
        return False
    trim(0)
    return True
