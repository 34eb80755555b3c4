"""Which device is meant, and whether this machine has it."""

from __future__ import annotations

import os

import torch

from gliner_adapters.errors import ConfigError

#: What `accelerate launch` and `torchrun` tell each process: its number on this machine, and how many there are in all.
LOCAL_RANK, WORLD_SIZE = "LOCAL_RANK", "WORLD_SIZE"


def find_device(name: str | torch.device) -> torch.device:
    """A device that can be computed on.

    A plain ``cuda`` is the process's own GPU where several processes were started together, else the first one.

    Args:
        name: ``cpu``, ``cuda``, ``cuda:1``, ``mps``.

    Raises:
        ConfigError: there is no device of that name, or not on this machine, or one GPU is given to several processes.
    """
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ConfigError(f"no device {str(name)!r}; use {', '.join(available_devices())}") from None
    if device.type == "cuda" and device.index is None:
        device = torch.device("cuda", int(os.environ.get(LOCAL_RANK, "0")))
    elif device.type == "cuda" and int(os.environ.get(WORLD_SIZE, "1")) > 1 and not isinstance(name, torch.device):
        raise ConfigError(f"device {name!r} would be that of all processes; give `cuda`, and each takes one of its own")
    known = available_devices()
    if str(device) not in known and device.type not in known:
        blind = device.type == "cuda" and not torch.cuda.is_available()
        reason = f": torch {torch.__version__} sees no GPU" if blind else ""
        raise ConfigError(f"device {str(name)!r} is not usable here{reason}; use {', '.join(known)}")
    return device


def available_devices() -> list[str]:
    """Names of the devices of this machine that bases can compute on."""
    gpus = [f"cuda:{i}" for i in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    return ["cpu", *gpus, *(["mps"] if torch.backends.mps.is_available() else [])]
