"""The arithmetic of a pass."""

from __future__ import annotations

import contextlib
import warnings
from typing import Literal

import torch

Precision = Literal["fp32", "bf16"]


class SlowPrecisionWarning(UserWarning):
    """A precision was asked for that the processor has to work out in software."""


def has_bf16(device: torch.device) -> bool:
    """Whether a device multiplies bfloat16 matrices itself: most GPUs, processors with AVX512-BF16, AMX or Arm's."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if not (torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()):
        return False
    # oneDNN's answer is yes for every AVX512, but of these only some have the instructions. Not every torch can tell.
    asked = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    if asked is None or not torch.backends.cpu.get_cpu_capability().startswith("AVX"):
        return True
    return bool(asked())


def precision_on(device: torch.device, precision: Literal["auto", "fp32", "bf16"]) -> Precision:
    """The precision that is meant on a device: ``"auto"`` is bfloat16 where the device has it, else float32."""
    if precision == "auto":
        return "bf16" if has_bf16(device) else "fp32"
    return precision


def warn_if_slow(device: torch.device, precision: Precision) -> None:
    """Say, once in a process, that a precision is worked out in software.

    Warns:
        SlowPrecisionWarning: bfloat16 on a device that does not have it.
    """
    if precision == "bf16" and not has_bf16(device):
        warnings.warn(
            "this processor has no bfloat16 instructions (AVX512-BF16, AMX), so bf16 is much slower than fp32 here",
            SlowPrecisionWarning,
            stacklevel=1,  # one place, however many ask: a warning is shown once for each
        )


def autocast(device: torch.device, precision: Precision) -> contextlib.AbstractContextManager[object]:
    """The arithmetic of a pass: float32, or bfloat16 matrix products."""
    if precision == "fp32":
        return contextlib.nullcontext()
    return torch.autocast(device.type, torch.bfloat16)
