"""The artifact: an adapter on disk."""

import gliner_adapters._imports  # noqa: F401 - first, for what it imports faster
from gliner_adapters.adapters.artifact import (
    TrainedAdapter,
    describe,
    load_adapter,
    save_adapter,
)
from gliner_adapters.adapters.config import AdapterConfig
from gliner_adapters.adapters.hub import Push, push_adapter
from gliner_adapters.adapters.upload import Upload, prepare_upload
from gliner_adapters.adapters.verify import verify_adapter

__all__ = [
    "AdapterConfig",
    "Push",
    "TrainedAdapter",
    "Upload",
    "describe",
    "load_adapter",
    "prepare_upload",
    "push_adapter",
    "save_adapter",
    "verify_adapter",
]
