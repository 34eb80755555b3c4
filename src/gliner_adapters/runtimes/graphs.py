"""Passes as graphs that programs without torch can run, written for ONNX Runtime or OpenVINO.

Two graphs: the text encoder alone (what the runtimes of this package run), and a whole pass from sub-tokens to logits
with the exact factorised scoring of :mod:`gliner_adapters.model.score` (what `export` writes).

For ONNX, torch's exporter by tracing is used, not the newer one by `torch.export`: it writes the same numbers in a
twentieth of the time, and needs no further package. What is written is compared with torch on inputs of other shapes.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from gliner.modeling.encoder import Transformer
from torch import Tensor, nn

from gliner_adapters.errors import ConfigError
from gliner_adapters.extras import require
from gliner_adapters.model.parts import Parts, TextEncoder, device_of, position_limit
from gliner_adapters.model.score import factors, is_factorisable

#: Newer ones bring nothing that these graphs use.
OPSET = 18
#: Shapes (inputs, sub-tokens) of the example that is traced, and of those that a graph is checked on. The last is
#: longer than what encoders see that attend to neighbours only.
TRACED = (2, 12)
CHECKED = ((1, 7), (3, 24), (2, 300))
#: What a graph's numbers may differ by from torch's, in parts of the largest.
TOLERANCE = 1e-4

#: Feeds a graph by the names of its inputs, and returns its one output.
Run = Callable[[dict[str, np.ndarray]], np.ndarray]


class EncoderGraph(nn.Module):
    """The text encoder: ``input_ids`` and ``attention_mask`` ``(B, L)`` to ``tokens`` ``(B, L, D)``."""

    axes: dict[str, tuple[str, ...]] = {  # noqa: RUF012
        "input_ids": ("batch", "length"),
        "attention_mask": ("batch", "length"),
    }
    output = ("tokens", ("batch", "length"))

    def __init__(self, encoder: TextEncoder) -> None:
        super().__init__()
        check_encoder(encoder)
        self.encoder = encoder
        self.eval()

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Encode."""
        return self.encoder(input_ids, attention_mask)


class PassGraph(nn.Module):
    """A pass of a bi-encoder: any label vectors, so one graph serves all adapters that share its heads.

    ``input_ids``, ``attention_mask`` ``(B, L)``; ``word_rows`` ``(N,)``: for each word of the batch the row of its
    sub-token among the B * L, or -1 for a word without any; ``label_vectors`` ``(C, D)``, with biases of labels
    ``(C, D + 1)``. To ``logits`` ``(N, K, C)``.
    """

    axes: dict[str, tuple[str, ...]] = {  # noqa: RUF012
        **EncoderGraph.axes,
        "word_rows": ("words",),
        "label_vectors": ("labels",),
    }
    output = ("logits", ("words", "", "labels"))

    def __init__(self, parts: Parts, max_width: int, label_width: int | None = None) -> None:
        super().__init__()
        check_encoder(parts.text_encoder)
        if parts.text_encoder.rnn is not None:
            raise ConfigError("a base with an LSTM over its words cannot be exported as one graph")
        if not is_factorisable(parts.span_head):
            kind = type(parts.span_head.span_rep_layer).__name__
            raise ConfigError(f"the span head {kind} cannot be exported: only markerV0 heads have factorised scores")
        self.encoder = parts.text_encoder
        head: Any = parts.span_head.span_rep_layer
        self.head = head
        self.max_width = max_width
        # What the head's last layer writes, and a bias where labels have one.
        self.label_width = label_width or int(head.out_project[-1].out_features)
        self.eval()

    def forward(self, input_ids: Tensor, attention_mask: Tensor, word_rows: Tensor, label_vectors: Tensor) -> Tensor:
        """Score all spans."""
        words = self.words(self.encoder(input_ids, attention_mask).flatten(0, 1), word_rows)
        starts, ends, readers, bias = factors(self.head, words, label_vectors)
        return torch.stack([hidden @ readers.t() + bias for hidden in self.hidden(starts, ends)], 1)

    def words(self, tokens: Tensor, rows: Tensor) -> Tensor:
        """``(N, D)`` word vectors; zero for a word without sub-tokens."""
        return tokens[rows.clamp(min=0)] * (rows >= 0).unsqueeze(-1).to(tokens.dtype)

    def hidden(self, starts: Tensor, ends: Tensor) -> list[Tensor]:
        """The spans' hidden layer ``(N, 4D)``, one width after the other, so that it is never held in full."""
        size = starts.shape[0]
        ends = F.pad(ends, (0, 0, 0, self.max_width - 1))
        return [torch.relu(starts + ends[k : k + size]) for k in range(self.max_width)]


class JointPassGraph(PassGraph):
    """A pass of a uni-encoder, whose labels stand in the input before the text.

    As :class:`PassGraph`, but instead of label vectors: ``label_rows`` ``(B, C)``, the rows of the labels' markers
    among the B * L, and ``word_passages`` ``(N,)``, which of the B inputs each word is in.
    """

    axes: dict[str, tuple[str, ...]] = {  # noqa: RUF012
        **EncoderGraph.axes,
        "word_rows": ("words",),
        "word_passages": ("words",),
        "label_rows": ("batch", "labels"),
    }

    def __init__(self, parts: Parts, max_width: int) -> None:
        super().__init__(parts, max_width)
        assert parts.label_head is not None
        self.label_head = parts.label_head.eval()

    def forward(  # type: ignore[override]
        self, input_ids: Tensor, attention_mask: Tensor, word_rows: Tensor, word_passages: Tensor, label_rows: Tensor
    ) -> Tensor:
        """Score all spans."""
        tokens = self.encoder(input_ids, attention_mask).flatten(0, 1)
        labels = self.label_head(tokens[label_rows])
        starts, ends, readers, bias = factors(self.head, self.words(tokens, word_rows), labels)
        readers, bias = readers[word_passages], bias[word_passages]
        return torch.stack(
            [torch.matmul(readers, hidden.unsqueeze(-1)).squeeze(-1) + bias for hidden in self.hidden(starts, ends)], 1
        )


def check_encoder(encoder: TextEncoder) -> None:
    """Raise a :class:`ConfigError` for a text encoder that no graph can hold."""
    if not isinstance(encoder.transformer, Transformer):
        raise ConfigError(
            "prompts in the text encoder change with each input and have no place in an exported graph "
            f"({type(encoder.transformer).__name__}); use runtime 'torch'"
        )
    if device_of(encoder).type != "cpu":
        raise ConfigError(f"graphs are exported and run on the CPU; the base lies on {device_of(encoder)}")


@torch.no_grad()
def write_onnx(graph: EncoderGraph | PassGraph, path: Path) -> None:
    """Write a graph as ONNX; weights beyond 2 GB go into files beside it.

    Raises:
        ConfigError: torch cannot export this encoder.
    """
    name, axes = graph.output
    dynamic = {key: _numbered(each) for key, each in {**graph.axes, name: axes}.items()}
    try:
        with warnings.catch_warnings():  # of constants in the trace, which the check on other shapes answers
            warnings.simplefilter("ignore")
            torch.onnx.export(
                graph,
                tuple(example(graph, *TRACED).values()),
                str(path),
                input_names=list(graph.axes),
                output_names=[name],
                dynamic_axes=dynamic,
                opset_version=OPSET,
                dynamo=False,
            )
    except (RuntimeError, NotImplementedError, torch.onnx.errors.OnnxExporterError) as error:
        raise ConfigError(_no_graph(graph, "torch cannot write as ONNX a", error)) from None


@torch.no_grad()
def write_openvino(graph: EncoderGraph | PassGraph, path: Path) -> None:
    """Write a graph in OpenVINO's own format, an `.xml` file and a `.bin` file beside it.

    From torch, not from ONNX: torch's exporter leaves branches in a DeBERTa that OpenVINO cannot run.

    Raises:
        ConfigError: OpenVINO is not installed, or cannot convert this encoder.
    """
    openvino: Any = require("openvino", "openvino")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = openvino.convert_model(graph, example_input=example(graph, *TRACED))
    except RuntimeError as error:
        raise ConfigError(_no_graph(graph, "OpenVINO cannot convert a", error)) from None
    model.outputs[0].get_tensor().set_names({graph.output[0]})
    openvino.save_model(model, str(path), compress_to_fp16=False)


def _no_graph(graph: EncoderGraph | PassGraph, what: str, error: Exception) -> str:
    kind = type(graph.encoder.transformer.model).__name__
    reason = next(iter(str(error).splitlines()), type(error).__name__)
    return f"{what} {kind} ({reason}); use runtime 'torch'"


@torch.no_grad()
def check_graph(graph: EncoderGraph | PassGraph, run: Run) -> float:
    """Compare a graph with torch on several shapes; the largest difference, in parts of the largest number.

    Raises:
        ConfigError: it is larger than rounding explains: the exporter does not write this encoder rightly.
    """
    worst = 0.0
    limit = _longest(graph.encoder)
    for inputs, length in CHECKED:
        feed = example(graph, inputs, min(length, limit))
        expected = graph(**feed)
        found = torch.from_numpy(run({key: tensor.numpy() for key, tensor in feed.items()}))
        if graph.output[0] == "tokens":  # what stands at padding is nobody's
            inside = feed["attention_mask"].bool()
            expected, found = expected[inside], found[inside]
        worst = max(worst, float((found - expected).abs().max() / expected.abs().max()))
    if not worst <= TOLERANCE:
        kind = type(graph.encoder.transformer.model).__name__
        raise ConfigError(f"the exported {kind} differs from torch's by {worst:.2g}; use runtime 'torch'")
    return worst


def example(graph: EncoderGraph | PassGraph, inputs: int, length: int) -> dict[str, Tensor]:
    """Made-up inputs of a shape by name: each passage shorter than the one before, two labels and odd words."""
    rows = torch.arange(inputs * length).reshape(inputs, length)
    vocabulary = graph.encoder.transformer.model.get_input_embeddings().num_embeddings
    mask = torch.arange(length)[None, :] < (length - 2 * torch.arange(inputs))[:, None].clamp(min=2)
    owners = torch.arange(inputs)[:, None].expand(inputs, length)
    made = {
        "input_ids": (rows * 7 + 3) % vocabulary,
        "attention_mask": mask.long(),
        "word_rows": torch.where(rows[mask] % 5 == 3, -1, rows[mask]),
        "word_passages": owners[mask],
        "label_rows": rows[:, :2],
    }
    if isinstance(graph, PassGraph):
        made["label_vectors"] = torch.linspace(-1, 1, 2 * graph.label_width).reshape(2, -1).sin()
    return {name: made[name] for name in graph.axes}


def _longest(encoder: TextEncoder) -> int:
    """How many sub-tokens an encoder with absolute positions reads."""
    return position_limit(encoder.transformer.model.config) or 512


def _numbered(axes: Sequence[str]) -> dict[int, str]:
    return {number: name for number, name in enumerate(axes) if name}
