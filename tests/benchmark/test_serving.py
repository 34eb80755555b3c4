"""The measurement of serving: what it says is there, and what it cannot measure is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from adapters.helpers import Tiny
from benchmark.harness.adapters import LABELS, write_adapters
from benchmark.serving import compare_serving, serving_table
from gliner_adapters.annotate import AdapterLibrary
from gliner_adapters.errors import ConfigError


def test_all_is_measured(tiny: Tiny) -> None:
    base = tiny("bi-bert")
    result = compare_serving(str(base.folder), "sample", documents=8, counts=(1, 3), rounds=2)
    assert result["documents"] == 8
    assert set(result["throughput"]["documents_per_second"]) == {"base", "1", "3"}
    for share in result["throughput"]["share_of_base"].values():
        assert 0 < share["lowest"] <= share["median"] <= share["highest"]
    assert result["loading"]["adapters"] == 3
    assert result["loading"]["tensor_bytes_per_adapter"] == len(LABELS) * base.base.hidden_size * 4
    shares = result["stages"]["shares"]
    assert sum(shares.values()) == pytest.approx(1, abs=0.05)
    assert result["stages"]["outside_the_encoder"] == pytest.approx(1 - shares["encoder"])
    assert {"command", "commit", "device", "versions"} <= set(result)
    console = Console(width=120, record=True)
    console.print(serving_table(result))
    assert "3 adapters" in console.export_text()


def test_adapters_are_different_and_small(tiny: Tiny, tmp_path: Path) -> None:
    base = tiny("bi-bert").base
    write_adapters(base, tmp_path, 3)
    library = AdapterLibrary.of_folder(tmp_path, base)
    infos = [library.info(name) for name in library.names()]
    assert len({info.revision for info in infos}) == 3
    assert len({info.labels for info in infos}) == 3
    assert all(library.get(info.name).config.deployable for info in infos)


def test_what_cannot_be_measured(tiny: Tiny) -> None:
    with pytest.raises(ConfigError, match="is a uni-encoder"):
        compare_serving(str(tiny("uni-bert").folder), "sample", documents=8, counts=(1,))
    with pytest.raises(ConfigError, match="8 documents cannot be spread over 9 adapters"):
        compare_serving(str(tiny("bi-bert").folder), "sample", documents=8, counts=(9,))
