"""How a set of parts gets a runtime."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from gliner_adapters.errors import ConfigError
from gliner_adapters.runtimes.names import RUNTIMES, Runtime

if TYPE_CHECKING:
    from gliner_adapters.model.parts import Parts
    from gliner_adapters.model.precision import Precision

#: Those that have bfloat16 arithmetic; the others are float32, or int8 in their linear layers.
WITH_BF16: tuple[Runtime, ...] = ("torch", "openvino")


def check_runtime(runtime: str, precision: str = "fp32") -> None:
    """Raise a :class:`ConfigError` for a runtime that does not exist, or not in this precision."""
    if runtime not in RUNTIMES:
        raise ConfigError(f"unknown runtime {runtime!r}; known: {', '.join(RUNTIMES)}")
    if precision != "fp32" and runtime not in WITH_BF16:
        raise ConfigError(
            f"runtime {runtime!r} has no {precision}: it is for fp32; {precision} runs in {', '.join(WITH_BF16)}"
        )


def prepare(
    parts: Parts, runtime: Runtime = "torch", precision: Precision = "fp32", cache: Path | None = None
) -> Parts:
    """The parts with a text encoder that runs in a runtime; for reading only, nothing in it can be trained.

    The given parts stay as they are. Threads are torch's (`torch.get_num_threads()`) at the time of the call.

    Args:
        parts: a base's, or an adapter's (`Adapter.plug`).
        runtime: one of `RUNTIMES`.
        precision: of the text encoder; the pass around it takes the same as ever.
        cache: where exported graphs are kept; by default the user's cache folder.

    Raises:
        ConfigError: unknown runtime, a package is missing, or a text encoder that the runtime cannot run.
    """
    check_runtime(runtime, precision)
    encoder = parts.text_encoder
    if runtime == "torch":
        if precision == "fp32":
            return parts
        from gliner_adapters.runtimes.native import with_bf16_weights

        return replace(parts, text_encoder=with_bf16_weights(encoder))
    if runtime == "int8":
        from gliner_adapters.runtimes.native import with_int8_layers

        return replace(parts, text_encoder=with_int8_layers(encoder))
    from gliner_adapters.runtimes.sessions import graph_encoder

    return replace(parts, text_encoder=graph_encoder(encoder, runtime, precision, cache))
