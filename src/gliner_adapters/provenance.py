"""Where a result comes from: command, version, commit, machine. Part of every result file."""

from __future__ import annotations

import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch


def provenance(device: torch.device, packages: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The command that runs, the library's version and commit, the device and what else decides a figure.

    Args:
        device: that computes.
        packages: versions of packages that brought the method or the corpus.
    """
    return {
        "command": command(),
        "version": version("gliner-adapters"),
        "commit": commit(),
        "device": device_name(device),
        "versions": {name: version(name) for name in ("gliner", "torch", "transformers")} | dict(packages or {}),
    }


def command() -> str:
    """The command line of this process; of another program than ours, only its name."""
    program = Path(sys.argv[0])
    if program.name == "gliner-adapters" or program.parts[-2:] == ("gliner_adapters", "__main__.py"):
        return shlex.join(["gliner-adapters", *sys.argv[1:]])
    return program.name


def commit(*others: Path) -> str | None:
    """The commit of the source tree that runs; ``None`` for an installed package. ``+`` marks local changes.

    Args:
        others: files and folders of the tree that decide a figure beside the package.
    """
    source = Path(__file__).resolve().parent
    git = ["git", "-C", str(source)]
    looked_at = map(str, (source, *others))
    try:
        revision = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
        changes = subprocess.run(
            [*git, "status", "--porcelain", "--", *looked_at], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return revision.stdout.strip() + ("+" if changes.stdout.strip() else "")


def device_name(device: torch.device) -> str:
    """What the figures were measured on."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    # Processors of one name differ in what they calculate with, and with it in what is fast.
    return f"{_processor()} ({torch.backends.cpu.get_cpu_capability()}), {torch.get_num_threads()} threads"


def _processor() -> str:
    """The processor's name, as far as the system tells."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
