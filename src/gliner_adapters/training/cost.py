"""What a run costs: wall and processor time, peak memory."""

from __future__ import annotations

import os
import resource
import time
from dataclasses import asdict, dataclass

import torch


@dataclass
class Cost:
    """What a run took, its resumptions included.

    Attributes:
        seconds: by the clock.
        cpu_seconds: of all threads together.
        peak_memory_mb: the process's largest memory, in megabytes.
        peak_gpu_memory_mb: the GPU's; 0 without one.
    """

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory_mb: float = 0.0
    peak_gpu_memory_mb: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        """Times add up, of memory the larger peak stays."""
        return Cost(
            self.seconds + other.seconds,
            self.cpu_seconds + other.cpu_seconds,
            max(self.peak_memory_mb, other.peak_memory_mb),
            max(self.peak_gpu_memory_mb, other.peak_gpu_memory_mb),
        )

    def to_dict(self) -> dict[str, float]:
        """Rounded, for JSON."""
        return {key: round(value, 1) for key, value in asdict(self).items()}


class Meter:
    """Measures from its creation on.

    Args:
        before: what earlier parts of the same run have cost.
    """

    def __init__(self, before: Cost | None = None) -> None:
        self.before = before or Cost()
        self.start, self.cpu_start = time.perf_counter(), _cpu_seconds()

    def add(self, spent: Cost) -> None:
        """Count what was spent elsewhere for this run, too."""
        self.before += spent

    def read(self) -> Cost:
        """The cost so far. Peak memory is the process's own maximum resident set."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if os.uname().sysname != "Darwin" else 2**20)
        gpu = torch.cuda.max_memory_allocated() / 2**20 if torch.cuda.is_available() else 0.0
        return self.before + Cost(time.perf_counter() - self.start, _cpu_seconds() - self.cpu_start, peak, gpu)


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
