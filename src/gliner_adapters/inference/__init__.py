"""The one way in which text is read: inputs in batches are encoded, scored and decoded, for one source or for many."""

import gliner_adapters._imports  # noqa: F401 - first, for what it imports faster
from gliner_adapters.inference.engine import Engine, Scored
from gliner_adapters.inference.schedule import Input, ReadTask, Schedule
from gliner_adapters.inference.sources import Profile, Source, single_source

__all__ = ["Engine", "Input", "Profile", "ReadTask", "Schedule", "Scored", "Source", "single_source"]
