"""What the runtimes are called."""

from __future__ import annotations

from typing import Literal, get_args

Runtime = Literal["torch", "int8", "onnx", "openvino"]
RUNTIMES: tuple[Runtime, ...] = get_args(Runtime)
