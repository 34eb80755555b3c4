"""The artifact: an adapter on disk."""

import gliner_adapters._imports  # noqa: F401 - first, for what it imports faster
from gliner_adapters.adapters.artifact import (
    TrainedAdapter,
    describe,
    load_adapter,
    save_adapter,
    verify_adapter,
)
from gliner_adapters.adapters.config import AdapterConfig

__all__ = ["AdapterConfig", "TrainedAdapter", "describe", "load_adapter", "save_adapter", "verify_adapter"]
