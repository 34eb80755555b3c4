"""The main jobs, as functions: adapt a base to a corpus, evaluate on a split."""

from __future__ import annotations

import gliner_adapters._imports  # noqa: F401 - first, for what it imports faster

# isort: split
from gliner_adapters.api.adapting import FEWEST_TO_PART, HOLD_OUT, adapt
from gliner_adapters.api.evaluating import Evaluation, evaluate

__all__ = ["FEWEST_TO_PART", "HOLD_OUT", "Evaluation", "adapt", "evaluate"]
