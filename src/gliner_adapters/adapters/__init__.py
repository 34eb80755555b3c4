"""The artifact: an adapter on disk."""

from gliner_adapters.adapters.artifact import (
    TrainedAdapter,
    describe,
    load_adapter,
    save_adapter,
    verify_adapter,
)
from gliner_adapters.adapters.config import AdapterConfig

__all__ = ["AdapterConfig", "TrainedAdapter", "describe", "load_adapter", "save_adapter", "verify_adapter"]
