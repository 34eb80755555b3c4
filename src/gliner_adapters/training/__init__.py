"""Training: one loop for all techniques."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gliner_adapters._lazy import lazy_attributes

if TYPE_CHECKING:
    from gliner_adapters.training.config import TrainingConfig
    from gliner_adapters.training.cost import Cost, Meter
    from gliner_adapters.training.devel import Hook
    from gliner_adapters.training.feature_store import FeatureStore
    from gliner_adapters.training.loop import train
    from gliner_adapters.training.progress import Reporter
    from gliner_adapters.training.result import TrainingResult

__all__ = ["Cost", "FeatureStore", "Hook", "Meter", "Reporter", "TrainingConfig", "TrainingResult", "train"]

# The command line reads the configuration for its options without loading torch.
__getattr__ = lazy_attributes(
    __name__,
    {
        "Cost": "cost",
        "FeatureStore": "feature_store",
        "Hook": "devel",
        "Meter": "cost",
        "Reporter": "progress",
        "TrainingConfig": "config",
        "TrainingResult": "result",
        "train": "loop",
    },
)
