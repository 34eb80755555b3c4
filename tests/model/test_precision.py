"""Which arithmetic is meant on a device, and what is said where it is slow."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import pytest
import torch

from adapters.helpers import Tiny
from gliner_adapters import api, load_corpus
from gliner_adapters.annotate import Annotator
from gliner_adapters.model import precision
from gliner_adapters.model.precision import SlowPrecisionWarning, has_bf16, precision_on
from gliner_adapters.training import TrainingConfig

CPU = torch.device("cpu")


@pytest.fixture(params=[True, False], ids=["with bf16", "without bf16"])
def bf16(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """A processor with bfloat16 instructions, and one without."""
    monkeypatch.setattr(precision, "has_bf16", lambda device: request.param)
    found: bool = request.param
    return found


def test_the_processor_is_asked() -> None:
    if torch.backends.cpu.get_cpu_capability() != "AVX2":
        pytest.skip("only of processors with AVX2 and no more is the answer known beforehand")
    assert not has_bf16(CPU)


def test_what_is_named_is_taken(bf16: bool) -> None:
    assert precision_on(CPU, "auto") == ("bf16" if bf16 else "fp32")
    assert precision_on(CPU, "fp32") == "fp32"
    assert precision_on(CPU, "bf16") == "bf16"


def test_a_run_records_what_it_ran_in(bf16: bool, tiny: Tiny, tmp_path: Path) -> None:
    config = TrainingConfig(epochs=1)
    assert config.precision == "auto"
    trained = api.adapt(tiny("bi-bert").base, load_corpus("sample"), "label-embeddings", output=tmp_path, config=config)
    expected = "bf16" if bf16 else "fp32"
    assert trained.config.trained_on["config"]["precision"] == expected
    assert json.loads((tmp_path / "run" / "run.json").read_text())["config"]["precision"] == expected


def test_slow_arithmetic_is_told_where_it_was_asked_for(bf16: bool, tiny: Tiny) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for each in ("fp32", "bf16"):
            Annotator(tiny("bi-bert").base, ["a"], precision=each).annotate("x")
    told = [each for each in caught if each.category is SlowPrecisionWarning]
    assert len(told) == (0 if bf16 else 1)
