"""A whole pass as one graph: its numbers are torch's, whatever the shapes, and any adapter's label vectors fit."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from adapters.helpers import BASES, trained_adapter
from bases import LABELS, TEXTS, TinyBase, free
from cli.conftest import Cli, cli  # noqa: F401 - a fixture
from comparing import assert_near
from gliner_adapters.adapters import save_adapter
from gliner_adapters.errors import BaseModelError, ConfigError
from gliner_adapters.model import Base
from gliner_adapters.model.batches import Batch
from gliner_adapters.model.fingerprint import file_sha256
from gliner_adapters.model.parts import Parts
from gliner_adapters.model.passages import Segmenter
from gliner_adapters.model.score import valid_spans
from gliner_adapters.runtimes.export import GraphRecord, export_graph
from gliner_adapters.runtimes.graphs import Run
from gliner_adapters.runtimes.sessions import onnx_run, openvino_run
from parts_reader import PartsReader

Tiny = Callable[[str], TinyBase]

pytest.importorskip("onnxruntime")


def running(folder: Path) -> tuple[GraphRecord, Run]:
    record = GraphRecord.read(folder)
    return record, (onnx_run if record.format == "onnx" else openvino_run)(folder / record.graph)


def laid_out(base: Base, parts: Parts, texts: tuple[str, ...], labels: int) -> tuple[Batch, Tensor]:
    """A batch, and torch's logits for it."""
    chosen = LABELS[:labels]
    own = base.architecture == "bi" and parts.label_vectors is None
    predictor = PartsReader(base, parts, chosen, base.label_inputs(chosen) if own else None)
    batch = predictor.collate(Segmenter(base, chosen, "window").passages(free(texts)))
    return batch, predictor.logits(batch)


def feed(batch: Batch, vectors: Tensor | None) -> dict[str, np.ndarray]:
    """A batch as the documented inputs, put together without the exporter's help."""
    rows = np.full(batch.words, -1, dtype=np.int64)
    rows[batch.token_words.numpy()] = batch.token_rows.numpy()
    inputs = {
        "input_ids": batch.input_ids.numpy(),
        "attention_mask": batch.attention_mask.numpy(),
        "word_rows": rows,
    }
    if vectors is not None:
        return inputs | {"label_vectors": vectors.numpy()}
    assert batch.label_rows is not None
    passages = np.repeat(np.arange(len(batch.lengths)), batch.lengths)
    return inputs | {"word_passages": passages, "label_rows": batch.label_rows.numpy()}


@torch.no_grad()
def vectors_of(base: Base, labels: int) -> Tensor | None:
    if base.architecture == "uni":
        return None
    assert base.parts.label_encoder is not None
    assert base.parts.label_head is not None
    return base.parts.label_head(base.parts.label_encoder(*base.label_inputs(LABELS[:labels])))


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        *(("onnx", name) for name in (*BASES, "bi-modernbert-last")),
        ("onnx", "uni-mpnet"),
        ("openvino", "bi-mpnet"),
        *(pytest.param("openvino", n, marks=pytest.mark.slow) for n in ("uni-bert", "bi-deberta", "uni-modernbert")),
    ],
)
def test_the_whole_pass_gives_torchs_numbers(kind: str, name: str, tiny: Tiny, tmp_path: Path) -> None:
    """One passage and several, several lengths and numbers of labels, and words without sub-tokens."""
    pytest.importorskip("openvino" if kind == "openvino" else "onnxruntime")
    base = tiny(name).base
    _, run = running(export_graph(base, base.parts, tmp_path, kind))  # type: ignore[arg-type]
    for texts in (TEXTS[:1], TEXTS, ("Aspirin \x07 cures asthma", "\x07", "Asthma")):
        for labels in (1, 3):
            batch, expected = laid_out(base, base.parts, texts, labels)
            found = torch.from_numpy(run(feed(batch, vectors_of(base, labels))))
            assert found.shape == (batch.words, base.max_width, labels)
            inside = valid_spans(batch.lengths, base.max_width)
            assert_near(found[inside], expected[inside])


def test_one_graph_serves_adapters_that_share_its_heads(tiny: Tiny, tmp_path: Path) -> None:
    base = tiny("bi-bert").base
    _, run = running(export_graph(base, base.parts, tmp_path, "onnx"))
    seen = []
    for method in ("label-embeddings", "injection-bi", "label-descriptions"):
        parts = trained_adapter(base, method).adapter.plug(base)
        batch, expected = laid_out(base, parts, TEXTS, 3)
        assert parts.label_vectors is not None
        found = torch.from_numpy(run(feed(batch, parts.label_vectors)))
        inside = valid_spans(batch.lengths, base.max_width)
        assert_near(found[inside], expected[inside])
        seen.append(found)
    assert not torch.allclose(seen[0], seen[1])


@pytest.mark.parametrize("name", ["bi-bert", "uni-bert"])
def test_the_command_writes_an_adapter_with_all_that_is_needed(
    name: str,
    tiny: Tiny,
    cli: Cli,  # noqa: F811
    tmp_path: Path,
) -> None:
    base = tiny(name).base
    trained = trained_adapter(base, "lora+heads")
    folder = save_adapter(trained, tmp_path / "adapter")
    result = cli("export", "--adapter", folder, "--format", "onnx", "--output", tmp_path / "out")
    assert result.code == 0, result.err
    assert "graph.json says what model.onnx takes: input_ids, attention_mask, word_rows" in " ".join(result.err.split())
    record, run = running(tmp_path / "out")
    assert record.labels == [label.name for label in LABELS]
    assert record.threshold == 0.4
    assert record.base["fingerprint"] == base.fingerprint
    assert all(file_sha256(tmp_path / "out" / file) == digest for file, digest in record.sha256.items())
    assert (tmp_path / "out" / "tokenizer.json").is_file()
    batch, expected = laid_out(base, trained.adapter.plug(base), TEXTS, 3)
    vectors = None
    if name == "bi-bert":
        vectors = load_file(tmp_path / "out" / "label_vectors.safetensors")["label_vectors"]
    else:
        assert batch.label_rows is not None
        size = len(record.prompt_ids)
        assert batch.input_ids[:, :size].tolist() == [record.prompt_ids] * len(batch.input_ids)
        assert batch.label_rows[0].tolist() == record.label_positions
    inside = valid_spans(batch.lengths, base.max_width)
    found = torch.from_numpy(run(feed(batch, vectors)))
    assert_near(found[inside], expected[inside])


def test_a_base_alone_and_the_deployable_form(tiny: Tiny, cli: Cli, tmp_path: Path) -> None:  # noqa: F811
    tiny_base = tiny("bi-bert")
    result = cli("export", "--base", tiny_base.folder, "--format", "onnx", "--output", tmp_path / "base")
    assert result.code == 0, result.err
    record = GraphRecord.read(tmp_path / "base")
    assert (record.labels, record.threshold) == ([], None)
    assert not (tmp_path / "base" / "label_vectors.safetensors").exists()
    adapter = save_adapter(trained_adapter(tiny_base.base, "extension"), tmp_path / "adapter", deployable=True)
    result = cli("export", "--adapter", adapter, "--format", "onnx", "--output", tmp_path / "adapted")
    assert result.code == 0, result.err
    assert GraphRecord.read(tmp_path / "adapted").labels == [label.name for label in LABELS]


@pytest.mark.parametrize(
    ("name", "method", "message"),
    [
        ("uni-bert-lstm", "zero-shot", "an LSTM over its words"),
        ("uni-bert-markerV1", "zero-shot", "span head SpanMarkerV1 .* only markerV0"),
        ("bi-bert-mean", "zero-shot", "sub-token pooling 'mean'"),
        ("uni-bert", "injection-cross", "prompts in the text encoder"),
        ("bi-bert", "injection-deep", "prompts in the text encoder"),
    ],
)
def test_what_no_graph_can_hold(name: str, method: str, message: str, tiny: Tiny, tmp_path: Path) -> None:
    base = tiny(name).base
    parts = trained_adapter(base, method).adapter.merged_parts(base.parts)
    with pytest.raises(ConfigError, match=message):
        export_graph(base, parts, tmp_path / "out", "onnx")
    assert not (tmp_path / "out").exists()


def test_a_newer_record_is_refused(tiny: Tiny, tmp_path: Path) -> None:
    base = tiny("bi-bert").base
    export_graph(base, base.parts, tmp_path, "onnx")
    path = tmp_path / GraphRecord.file
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format_version": 99}))
    with pytest.raises(BaseModelError, match=re.escape("format version 99")):
        GraphRecord.read(tmp_path)
