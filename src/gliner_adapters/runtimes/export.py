"""A base, or an adapter on its base, as one graph for programs that have no torch: ONNX, or OpenVINO's own format.

graph.json                      what the graph takes and gives, labels, threshold, digests of the files beside it
model.onnx                      or `openvino_model.xml` and `.bin`
label_vectors.safetensors       of an adapter on a bi-encoder: what to feed as `label_vectors`
tokenizer.json ...              the text tokenizer, as transformers saves it
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field
from torch import Tensor

from gliner_adapters.documents import Label
from gliner_adapters.errors import BaseModelError, ConfigError, GlinerAdaptersError
from gliner_adapters.model.base import Base, Segment
from gliner_adapters.model.fingerprint import file_sha256
from gliner_adapters.model.parts import Parts
from gliner_adapters.runtimes.graphs import JointPassGraph, PassGraph, check_graph, write_onnx, write_openvino
from gliner_adapters.runtimes.sessions import ONNX_FILE, OPENVINO_FILE, onnx_run, openvino_run, require_runtime
from gliner_adapters.settings import Record
from gliner_adapters.storage import write_tensors

Format = Literal["onnx", "openvino"]

FORMAT_VERSION = 1
VECTORS_FILE = "label_vectors.safetensors"


class GraphRecord(Record):
    """The content of `graph.json`.

    Attributes:
        format: ``onnx`` or ``openvino``.
        graph: the file to load.
        architecture: ``bi`` (label vectors are an input) or ``uni`` (labels stand in the text).
        inputs: names of the inputs and of their axes; all are int64 but ``label_vectors``, which is float32.
        output: name and axes of the output; a span of k + 1 words that begins with word n has its logits at (n, k), and
            those of a span that leaves its passage mean nothing.
        max_width: the axis ``widths``.
        subtoken_pooling: which sub-token stands for a word: the ``first`` or the ``last``.
        base: what was exported, and the fingerprint of the base.
        labels: the label axis of an adapter; empty for a base, which has none.
        threshold: least probability (exceeded strictly) of an adapter.
        segment: how texts are to be cut: as the adapter was trained, or the base pretrained; ``None`` if not known.
        context: sub-tokens of neighbouring text that were read on either side of a passage in training, at most; they
            stand in ``input_ids``, and no word is theirs.
        prompt_ids: of an adapter on a uni-encoder: what stands before the text in ``input_ids``.
        label_positions: where in it the labels are read; in row b of L sub-tokens, ``label_rows`` are b * L + these.
        sha256: digests of the files.
        versions: what it was made with.
    """

    file: ClassVar[str] = "graph.json"
    noun: ClassVar[str] = "exported graph"
    newest: ClassVar[int] = FORMAT_VERSION
    error: ClassVar[type[GlinerAdaptersError]] = BaseModelError

    format_version: int = Field(FORMAT_VERSION, ge=1, le=FORMAT_VERSION)
    format: Format
    graph: str
    architecture: Literal["bi", "uni"]
    inputs: dict[str, list[str]]
    output: tuple[str, list[str]]
    max_width: int
    subtoken_pooling: str
    base: dict[str, str]
    labels: list[str] = Field(default_factory=list)
    threshold: float | None = None
    segment: Literal["sentence", "window"] | None = None
    context: int = 0
    prompt_ids: list[int] = Field(default_factory=list)
    label_positions: list[int] = Field(default_factory=list)
    sha256: dict[str, str]
    versions: dict[str, str]


def export_graph(
    base: Base,
    parts: Parts,
    folder: str | Path,
    kind: Format,
    *,
    labels: Sequence[Label] = (),
    label_style: str = "name",
    label_vectors: Tensor | None = None,
    threshold: float | None = None,
    segment: Segment | None = None,
    context: int = 0,
) -> Path:
    """Write a pass as a graph, and check it against torch on inputs of several shapes.

    Args:
        base: tokenizer and limits.
        parts: whose encoder and heads to write; ``base.parts``, or an adapter's `merged_parts` of them.
        folder: where to; made if missing.
        kind: the format.
        labels: of an adapter.
        label_style: how an adapter on a uni-encoder reads them.
        label_vectors: ``(C, D)`` of an adapter on a bi-encoder, baked.
        threshold: of an adapter.
        segment: how texts are to be cut; by default as the base was pretrained.
        context: sub-tokens of neighbouring text that an adapter was trained with, at most.

    Raises:
        ConfigError: a package is missing, or the pass has something that no such graph can hold.
    """
    require_runtime(kind)
    pooling = base.config.subtoken_pooling
    if pooling not in ("first", "last"):
        raise ConfigError(f"a base with sub-token pooling {pooling!r} cannot be exported: only first and last can")
    graph = (PassGraph if base.architecture == "bi" else JointPassGraph)(parts, base.max_width)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    file = _write(graph, folder, kind)
    check_graph(graph, onnx_run(file) if kind == "onnx" else openvino_run(file))
    if label_vectors is not None:
        write_tensors(folder / VECTORS_FILE, {"label_vectors": label_vectors.detach().cpu().float().contiguous()})
    base.text_tokens.tokenizer.save_pretrained(folder)
    prompt = base.prompt(labels, label_style) if labels and base.architecture == "uni" else None
    GraphRecord(
        format_version=FORMAT_VERSION,
        format=kind,
        graph=file.name,
        architecture=base.architecture,
        inputs={name: list(axes) + _fixed(name, base) for name, axes in graph.axes.items()},
        output=("logits", ["words", f"widths={base.max_width}", "labels"]),
        max_width=base.max_width,
        subtoken_pooling=pooling,
        base={"id": base.id, "fingerprint": base.fingerprint},
        labels=[label.name for label in labels],
        threshold=threshold,
        segment=segment or base.segment,
        context=context,
        prompt_ids=[] if prompt is None else prompt.ids.tolist(),
        label_positions=[] if prompt is None else prompt.positions.tolist(),
        sha256={path.name: file_sha256(path) for path in sorted(folder.iterdir()) if path.is_file()},
        versions={name: version(name) for name in ("gliner-adapters", "gliner", "torch", "transformers")},
    ).write(folder)
    return folder


def _write(graph: PassGraph, folder: Path, kind: Format) -> Path:
    """The graph's files; the one to load."""
    if kind == "onnx":
        write_onnx(graph, folder / ONNX_FILE)
        return folder / ONNX_FILE
    write_openvino(graph, folder / OPENVINO_FILE)
    return folder / OPENVINO_FILE


def _fixed(name: str, base: Base) -> list[str]:
    """The axis of an input that always has the same size."""
    return [f"hidden={base.hidden_size}"] if name == "label_vectors" else []
