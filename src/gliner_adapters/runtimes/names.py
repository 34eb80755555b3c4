"""What the runtimes are called."""

from __future__ import annotations

from typing import Literal, get_args

#: What runs the text encoder when text is read; docs/runtimes.md compares them.
Runtime = Literal["torch", "int8", "onnx", "openvino"]
#: All of them.
RUNTIMES: tuple[Runtime, ...] = get_args(Runtime)
