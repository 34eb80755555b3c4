"""Token buckets: how often each caller may ask."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

#: Callers that are remembered; of more, those seen least lately are forgotten.
CALLERS = 10_000


class Rates:
    """A bucket a caller: it holds ``burst`` requests and fills by ``rate`` a second.

    Args:
        rate: requests a second; 0 for no limit.
        burst: requests that a caller may send at once.
        clock: seconds that never go back.
    """

    def __init__(self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate = rate
        self.burst = burst
        self._clock = clock
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def wait(self, caller: Hashable) -> int:
        """Take one request out of a caller's bucket; the whole seconds until there is one, 0 if it was there."""
        if not self.rate:
            return 0
        now = self._clock()
        held, at = self._buckets.pop(caller, (float(self.burst), now))
        held = min(float(self.burst), held + (now - at) * self.rate)
        seconds = 0 if held >= 1 else max(1, math.ceil((1 - held) / self.rate))
        self._buckets[caller] = (held if seconds else held - 1, now)
        if len(self._buckets) > CALLERS:
            self._buckets.popitem(last=False)
        return seconds
