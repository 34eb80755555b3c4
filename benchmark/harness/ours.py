"""Our own ways of reading, for scripts that time them."""

from __future__ import annotations

from collections.abc import Sequence

from gliner_adapters.annotate import Annotator
from gliner_adapters.documents import Entity, Label
from gliner_adapters.errors import ConfigError
from gliner_adapters.model import Base
from gliner_adapters.model.precision import Precision, has_bf16
from gliner_adapters.runtimes import Runtime

#: By name: runtime and precision.
RUNS: dict[str, tuple[Runtime, Precision]] = {
    "torch": ("torch", "fp32"),
    "torch bf16": ("torch", "bf16"),
    "int8": ("int8", "fp32"),
    "onnx": ("onnx", "fp32"),
    "openvino": ("openvino", "fp32"),
    "openvino bf16": ("openvino", "bf16"),
}


def our_readers(base: Base, labels: Sequence[Label], threshold: float) -> tuple[dict[str, Annotator], dict[str, str]]:
    """Each of our runtimes by name, and why some are left out."""
    readers, missing = {}, {}
    for name, (runtime, precision) in RUNS.items():
        if precision == "bf16" and not has_bf16(base.device):
            missing[name] = "this processor has no bfloat16"
            continue
        try:
            readers[name] = Annotator(base, labels, threshold=threshold, precision=precision, runtime=runtime)
        except ConfigError as error:
            missing[name] = str(error)
    return readers, missing


def read_anew(annotator: Annotator, texts: Sequence[str]) -> list[list[Entity]]:
    """Read texts without a memory of their words."""
    annotator.model.base.text_tokens.forget()
    return [list(document.entities) for document in annotator.annotate(texts)]
