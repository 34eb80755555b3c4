"""Training: one loop for all techniques."""

from gliner_adapters.training.config import TrainingConfig
from gliner_adapters.training.cost import Cost, Meter
from gliner_adapters.training.loop import TrainingResult, train
from gliner_adapters.training.progress import Reporter

__all__ = ["Cost", "Meter", "Reporter", "TrainingConfig", "TrainingResult", "train"]
