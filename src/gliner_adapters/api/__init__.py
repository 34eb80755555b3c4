"""The main jobs, as functions: adapt a base to a corpus, evaluate on a split."""

from __future__ import annotations

import gliner_adapters._imports  # noqa: F401 - first, for what it imports faster

# isort: split
from gliner_adapters.api.adapting import FEWEST_TO_PART, HOLD_OUT, adapt, draw, unfinished
from gliner_adapters.api.evaluating import Evaluation, evaluate
from gliner_adapters.api.files import RUN_FOLDER, packages_of, shipped_bytes

__all__ = [
    "FEWEST_TO_PART",
    "HOLD_OUT",
    "RUN_FOLDER",
    "Evaluation",
    "adapt",
    "draw",
    "evaluate",
    "packages_of",
    "shipped_bytes",
    "unfinished",
]
