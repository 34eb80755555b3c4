"""The other programs that run a GLiNER, each as a function that reads texts.

The `gliner` library in torch, in ONNX Runtime and in OpenVINO (graphs of its own export), and `fast-gliner`, where they
are installed and can load the weights; one that cannot is named with the reason that it gives.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
from gliner import GLiNER

from benchmark.harness.weights import Weights
from gliner_adapters.documents import Entity
from gliner_adapters.errors import ConfigError

#: What all ratios are taken against.
REFERENCE = "gliner, torch"
#: GLiNER's own default.
BATCH = 8

#: Reads texts; a list of entities for each.
Reader = Callable[[Sequence[str]], list[list[Entity]]]


def other_readers(weights: Weights) -> tuple[dict[str, Reader], dict[str, str]]:
    """The others by name, and why some are left out."""
    readers: dict[str, Reader] = {
        REFERENCE: _gliner_reader(weights.gliner, weights, BATCH),
        "gliner, torch, batch 32": _gliner_reader(weights.gliner, weights, 32),
    }
    missing = {}
    threads = torch.get_num_threads()
    for name, load in {
        "gliner, onnxruntime": lambda: _gliner_on_onnx(weights, threads),
        "gliner, openvino": lambda: _gliner_on_openvino(weights, threads),
        "fast-gliner": lambda: _fast_gliner(weights),
    }.items():
        try:
            with warnings.catch_warnings():  # of constants in the traces of their exporters
                warnings.simplefilter("ignore")
                reader = load()
            reader(["Aspirin cures asthma.", "Naloxone."])
        except Exception as error:  # whatever another program's loader raises is the reason
            missing[name] = f"{type(error).__name__}: {str(error).strip() or 'no message'}".splitlines()[0][:400]
        else:
            readers[name] = reader
    return readers, missing


def _gliner_reader(gliner: Any, weights: Weights, batch_size: int) -> Reader:
    def read(texts: Sequence[str]) -> list[list[Entity]]:
        with warnings.catch_warnings():  # that long texts are cut off, which the entities show
            warnings.simplefilter("ignore", UserWarning)
            found = gliner.inference(list(texts), weights.names, threshold=weights.threshold, batch_size=batch_size)
        return [[Entity(e["start"], e["end"], e["label"], e["score"]) for e in each] for each in found]

    return read


def _gliner_on_onnx(weights: Weights, threads: int) -> Reader:
    """GLiNER's own export in its own ONNX Runtime loader."""
    onnxruntime: Any = importlib.import_module("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    weights.gliner.export_to_onnx(weights.folder)
    gliner = GLiNER.from_pretrained(
        str(weights.folder), local_files_only=True, runtime="onnxruntime", session_options=options
    )
    return _gliner_reader(gliner, weights, BATCH)


def _gliner_on_openvino(weights: Weights, threads: int) -> Reader:
    """GLiNER's own export in its own OpenVINO loader; float32, which OpenVINO does not take by itself everywhere."""
    importlib.import_module("openvino")
    weights.gliner.export_to_openvino(weights.folder)
    config = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"}
    gliner = GLiNER.from_pretrained(
        str(weights.folder),
        local_files_only=True,
        runtime="openvino",
        runtime_model_file="model.xml",
        runtime_options={"config": config},
    )
    return _gliner_reader(gliner, weights, BATCH)


def _fast_gliner(weights: Weights) -> Reader:
    """`fast-gliner` on GLiNER's own export, with all threads there are; its threshold is 0.5 and cannot be set."""
    if weights.threshold != 0.5:
        raise ConfigError("fast-gliner has no threshold other than 0.5")
    fast: Any = importlib.import_module("fast_gliner")
    if not (weights.folder / "model.onnx").is_file():
        weights.gliner.export_to_onnx(weights.folder)
    model = fast.FastGLiNER(str(weights.folder), "model.onnx", "cpu")

    def read(texts: Sequence[str]) -> list[list[Entity]]:
        found: list[list[Entity]] = []
        for start in range(0, len(texts), BATCH):
            batch = model.predict_entities(list(texts[start : start + BATCH]), weights.names)
            found += [[Entity(e["start"], e["end"], e["label"], e["score"]) for e in each] for each in batch]
        return found

    return read
