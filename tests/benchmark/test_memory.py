"""The memory of a long reading."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bases import TinyBase
from benchmark import memory
from benchmark.tables.reading import memory_part
from gliner_adapters.errors import ConfigError

Tiny = Callable[[str], TinyBase]


@pytest.mark.parametrize(("documents", "every"), [(499, 1), (600, 400), (5000, 500)])
def test_too_few_looks(documents: int, every: int) -> None:
    with pytest.raises(ConfigError, match=r"too few documents: .* smaller --every"):
        memory.main("minilm-bi", "annotate", documents, every)


@pytest.mark.parametrize("way", ["annotate", "read_stream"])
def test_the_fewest_that_are_taken_make_a_table(way: memory.Way, tiny: Tiny) -> None:
    result = memory.measure_memory(str(tiny("bi-bert").folder), way, 550, 50, "fp32")
    assert [count for count, _ in result["curve_mb"]] == list(range(50, 551, 50))
    assert way in memory_part([{**result, "command": "x"}])
