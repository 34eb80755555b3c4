"""Text encoders that run as graphs, in ONNX Runtime or OpenVINO."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gliner_adapters.errors import ConfigError
from gliner_adapters.extras import require
from gliner_adapters.model.fingerprint import fingerprint
from gliner_adapters.model.parts import TextEncoder
from gliner_adapters.model.precision import Precision
from gliner_adapters.runtimes.cache import cached
from gliner_adapters.runtimes.graphs import OPSET, EncoderGraph, Run, check_graph, write_onnx, write_openvino
from gliner_adapters.runtimes.names import Runtime

ONNX_FILE = "model.onnx"
OPENVINO_FILE = "openvino_model.xml"
#: The packages that a runtime needs.
NEEDS: dict[Runtime, tuple[str, ...]] = {
    "onnx": ("onnxruntime", "onnx"),
    "openvino": ("openvino",),
}


class GraphTransformer:
    """Stands where a :class:`TextEncoder` has its Transformer; the projection is inside the graph."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def __call__(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Encode: ``(B, L)`` ids and mask to ``(B, L, D)``."""
        return torch.from_numpy(self.run({"input_ids": input_ids.numpy(), "attention_mask": attention_mask.numpy()}))


def graph_encoder(encoder: TextEncoder, runtime: Runtime, precision: Precision, cache: Path | None) -> TextEncoder:
    """A text encoder that runs as a graph.

    Args:
        encoder: what is exported; its LSTM over words, if it has one, stays in torch.
        runtime: ``"onnx"`` or ``"openvino"``.
        precision: ``"bf16"`` in OpenVINO only.
        cache: where graphs are kept; by default the user's cache.

    Raises:
        ConfigError: a package is missing, or the encoder cannot be exported.
    """
    require_runtime(runtime)
    graph = EncoderGraph(encoder)
    path = exported(graph, runtime, cache)
    run = openvino_run(path, precision) if runtime == "openvino" else onnx_run(path)
    if precision == "fp32":
        check_graph(graph, run)
    return TextEncoder(GraphTransformer(run), None, encoder.rnn)


def require_runtime(runtime: Runtime) -> None:
    """Raise a :class:`ConfigError` if a package is missing that a runtime needs to run or to write its graphs."""
    for package in NEEDS[runtime]:
        require(package, runtime)


def exported(graph: EncoderGraph, runtime: Runtime, cache: Path | None = None) -> Path:
    """The graph of a text encoder as a file in the cache."""
    config = graph.encoder.transformer.model.config.to_json_string(use_diff=False)
    made_by = [f"{name} {version(name)}" for name in ("gliner-adapters", "gliner", "torch", "transformers")]
    key = ["encoder", fingerprint(graph.encoder.state_dict()), config, *made_by]
    if runtime == "openvino":
        key += [f"openvino {version('openvino')}"]
        return cached(key, lambda to: write_openvino(graph, to / OPENVINO_FILE), cache) / OPENVINO_FILE
    key += [f"opset {OPSET}"]
    return cached(key, lambda to: write_onnx(graph, to / ONNX_FILE), cache) / ONNX_FILE


def onnx_run(path: Path) -> Run:
    """A graph in ONNX Runtime, on the CPU, with torch's number of threads."""
    onnxruntime: Any = require("onnxruntime", "onnx")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda feed: session.run(None, feed)[0]


def openvino_run(path: Path, precision: Precision = "fp32") -> Run:
    """A graph in OpenVINO, on the CPU, with torch's number of threads."""
    openvino: Any = require("openvino", "openvino")
    settings = {
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "INFERENCE_PRECISION_HINT": {"fp32": "f32", "bf16": "bf16"}[precision],
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
    }
    try:
        request = openvino.Core().compile_model(str(path), "CPU", settings).create_infer_request()
    except RuntimeError as error:
        told = str(error).strip().splitlines()[-1]
        raise ConfigError(
            f"OpenVINO cannot run the text encoder in {precision} on this processor ({told}); "
            + ("use fp32, or the runtime torch" if precision == "bf16" else "use the runtime torch")
        ) from error
    one_at_a_time = Lock()  # a request holds the buffers of one call

    def run(feed: dict[str, np.ndarray]) -> np.ndarray:
        with one_at_a_time:
            return request.infer(feed, share_inputs=True)[0]

    return run
