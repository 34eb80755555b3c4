"""The command that shows the promises of an adapter's bytes."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from gliner_adapters.benchmark.guarantees import Run, broken_promises, check_guarantees
from gliner_adapters.errors import ConfigError

from .conftest import Cli, World

KEPT: dict[str, dict[str, Any]] = {
    "heads": {
        "logits_sha256": {"in memory": "a", "saved": "a", "deployable": "a"},
        "files_sha256": {
            "uninterrupted": {"adapter_model.safetensors": "b", "adapter_config.json": "c"},
            "killed and resumed": {"adapter_model.safetensors": "b", "adapter_config.json": "c"},
        },
    }
}


def test_promises_are_judged_by_the_digests() -> None:
    assert broken_promises(KEPT) == []
    for keys, complaint in (
        (("logits_sha256", "saved"), "heads: saved scores otherwise"),
        (("logits_sha256", "deployable"), "heads: deployable scores otherwise"),
        (
            ("files_sha256", "killed and resumed", "adapter_model.safetensors"),
            "heads: adapter_model.safetensors differs after kill and resume",
        ),
        (
            ("files_sha256", "killed and resumed", "adapter_config.json"),
            "heads: adapter_config.json differs after kill and resume",
        ),
    ):
        broken = copy.deepcopy(KEPT)
        place: Any = broken["heads"]
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = "x"
        assert broken_promises(broken) == [complaint]
        del place[keys[-1]]
        if keys[0] == "files_sha256":
            assert broken_promises(broken) == [complaint], "a missing file is a broken promise"


@pytest.mark.slow
def test_guarantees(world: World, cli: Cli, tmp_path: Path) -> None:
    target = tmp_path / "results" / "guarantees.json"
    result = cli(
        "benchmark", "guarantees", "--base", world.base, "--corpus", world.corpus,
        "--method", "full", "--method", "label-embeddings", "--epochs", 6, "--batch-size", 4, "--limit", 20,
        "-o", target,
    )  # fmt: skip
    assert result.code == 0, result.err
    record = json.loads(target.read_text())
    assert record["passed"] is True
    assert list(record["methods"]) == ["full", "label-embeddings"]
    assert {"command", "version", "commit", "device"} <= set(record)
    for found in record["methods"].values():
        first, second = found["killed_after_steps"]
        assert 0 < first < second < found["steps"] == 30
        assert len(set(found["logits_sha256"].values())) == 1
        assert found["files_sha256"]["uninterrupted"] == found["files_sha256"]["killed and resumed"]
        assert found["deployable_bytes"] < found["saved_bytes"]
        assert "bit-identical" in result.out
        assert "byte-identical" in result.out
    sizes = {method: found["saved_bytes"] for method, found in record["methods"].items()}
    assert sizes["label-embeddings"] < sizes["full"]
    digests = {found["logits_sha256"]["in memory"] for found in record["methods"].values()}
    assert len(digests) == 2, "the digests tell adapters apart"


@pytest.mark.slow
def test_a_run_that_cannot_be_killed_or_cannot_run(world: World) -> None:
    base, corpus = str(world.base), str(world.corpus)
    with pytest.raises(ConfigError, match="ended before it could be killed"):
        check_guarantees(Run(base, corpus), ["zero-shot"])  # it has no steps
    with pytest.raises(ConfigError, match="a training run ended with 2: error: unknown method 'telepathy'"):
        check_guarantees(Run(base, corpus), ["telepathy"])
