"""What processes of the tests need not import: it is imported before they are forked; see :mod:`warm`."""

from __future__ import annotations

import gliner  # noqa: F401
import numba

import gliner_adapters.api
import gliner_adapters.cli
import gliner_adapters.jobs
import gliner_adapters.training  # noqa: F401

# Numba loads most of itself with the first function that it compiles.
numba.njit(lambda number: number)(1)
