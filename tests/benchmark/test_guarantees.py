"""The script that shows the promises of an adapter's bytes."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from running import RunScript

from adapters.helpers import Tiny
from benchmark.guarantees import Training, broken_promises, check_guarantees
from gliner_adapters.documents import write_documents
from gliner_adapters.errors import ConfigError
from training.toy import toy_corpus

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


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a corpus that is quickly trained on."""
    folder = tmp_path_factory.mktemp("corpus")
    documents = toy_corpus(20)
    for split, part in {"train": documents, "devel": documents[:8], "test": documents[4:10]}.items():
        write_documents(part, folder / f"{split}.jsonl")
    return folder


@pytest.mark.slow
def test_guarantees(tiny: Tiny, corpus: Path, tmp_path: Path, run_script: RunScript) -> None:
    target = tmp_path / "results" / "guarantees.json"
    result = run_script(
        "guarantees", "--base", tiny("bi-modernbert").folder, "--corpus", corpus,
        "--method", "full", "--method", "label-embeddings", "--epochs", 6, "--batch-size", 4, "--limit", 20,
        "-o", target,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    record = json.loads(target.read_text())
    assert record["command"].startswith("python -m benchmark.guarantees --base ")
    assert record["passed"] is True
    assert list(record["methods"]) == ["full", "label-embeddings"]
    assert {"command", "version", "commit", "device"} <= set(record)
    for found in record["methods"].values():
        first, second = found["killed_after_steps"]
        assert 0 < first < second < found["steps"] == 30
        assert len(set(found["logits_sha256"].values())) == 1
        assert found["files_sha256"]["uninterrupted"] == found["files_sha256"]["killed and resumed"]
        assert found["deployable_bytes"] < found["saved_bytes"]
        assert "bit-identical" in result.stdout
        assert "byte-identical" in result.stdout
    sizes = {method: found["saved_bytes"] for method, found in record["methods"].items()}
    assert sizes["label-embeddings"] < sizes["full"]
    digests = {found["logits_sha256"]["in memory"] for found in record["methods"].values()}
    assert len(digests) == 2, "the digests tell adapters apart"


@pytest.mark.slow
def test_a_run_that_cannot_be_killed_or_cannot_run(tiny: Tiny, corpus: Path) -> None:
    training = Training(str(tiny("bi-modernbert").folder), str(corpus))
    with pytest.raises(ConfigError, match="ended before it could be killed"):
        check_guarantees(training, ["zero-shot"])  # it has no steps
    with pytest.raises(ConfigError, match="a training run ended with 2: error: unknown method 'telepathy'"):
        check_guarantees(training, ["telepathy"])
