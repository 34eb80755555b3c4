"""Names of devices."""

from __future__ import annotations

import pytest
import torch

from gliner_adapters.errors import ConfigError
from gliner_adapters.model import load_base
from gliner_adapters.model.devices import available_devices, find_device


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


def test_a_device_that_is_not_there_is_refused_with_those_that_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match=r"device 'cuda' is not usable here: torch .* sees no GPU; use cpu"):
        find_device("cuda")
    with pytest.raises(ConfigError, match=r"no device 'gpu'; use cpu"):
        find_device("gpu")
    with pytest.raises(ConfigError, match=r"no device 'gpu'"):
        load_base("no/such/base", device="gpu")


@pytest.mark.usefixtures("two_gpus")
def test_gpus_by_number() -> None:
    assert {"cpu", "cuda:0", "cuda:1"} <= set(available_devices())
    assert find_device("cuda:1") == torch.device("cuda", 1)
    with pytest.raises(ConfigError, match=r"device 'cuda:2' is not usable here; use cpu, cuda:0, cuda:1"):
        find_device("cuda:2")


@pytest.mark.usefixtures("two_gpus")
def test_each_process_of_a_launch_has_its_own_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    assert find_device("cuda") == torch.device("cuda", 0)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert find_device("cuda") == torch.device("cuda", 1)
    assert find_device("cuda:0") == torch.device("cuda", 0)
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert find_device("cuda") == torch.device("cuda", 1)
    with pytest.raises(ConfigError, match="device 'cuda:0' would be that of all processes; give `cuda`"):
        find_device("cuda:0")


def test_the_processor_is_always_there() -> None:
    assert find_device("cpu") == find_device(torch.device("cpu")) == torch.device("cpu")
