"""An adapter with deltas that reads alone is merged: the same entities, and nobody else's weights change."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from adapters.helpers import Tiny, logits
from annotate.helpers import OTHERS, moved
from bases import LABELS, TEXTS
from gliner_adapters.adapters import TrainedAdapter, load_adapter, save_adapter
from gliner_adapters.annotate import Annotator, Request
from gliner_adapters.documents import Document
from gliner_adapters.model import Base

CASES: list[tuple[str, str, dict[str, Any]]] = [
    ("bi-bert", "lora", {}),
    ("bi-bert", "lora", {"sides": "both"}),
    ("bi-bert", "lora", {"tuner": "dora"}),
    ("bi-bert", "lora", {"initialisation": "pissa"}),
    ("bi-bert", "lora+heads", {}),
    ("bi-mpnet", "lora+head-deltas", {}),
    ("bi-modernbert", "head-deltas", {}),
    ("uni-bert", "lora+head-deltas", {}),
    ("uni-deberta", "lora", {}),
    ("uni-bert", "lora+injection-cross", {}),
]
each_case = pytest.mark.parametrize(
    ("name", "method", "options"), CASES, ids=[f"{a}-{b}-{'-'.join(map(str, c.values()))}" for a, b, c in CASES]
)
DOCUMENTS = [Document(text) for text in TEXTS]


def state(base: Base) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in base.network.state_dict().items()}


def keys(documents: list[Document]) -> list[list[tuple[int, int, str]]]:
    return [[entity.key for entity in document.entities] for document in documents]


def scores(documents: list[Document]) -> list[float]:
    return [entity.score or 0.0 for document in documents for entity in document.entities]


def shared(base: Base, trained: TrainedAdapter) -> list[Document]:
    """Read beside another adapter, where nothing is merged."""
    other = "label-embeddings" if base.architecture == "bi" else "heads"
    library = {"one": trained, "other": moved(base, other, OTHERS, {}, 9, threshold=0.3)}
    readings = Annotator(base, adapters=library).read([Request(each, ("one",)) for each in DOCUMENTS])
    return [reading.document for reading in readings]


@each_case
def test_merged_reads_as_unmerged(name: str, method: str, options: dict[str, Any], tiny: Tiny) -> None:
    base = tiny(name).base
    trained = moved(base, method, LABELS, options, 4, threshold=0.3)
    before, own = state(base), logits(trained)
    alone = Annotator(trained).annotate(DOCUMENTS)
    in_library = Annotator(base, adapters={"one": trained}).read([Request(each, ("one",)) for each in DOCUMENTS])
    expected = shared(base, trained)
    assert sum(map(len, keys(expected))) > 3
    for found in (alone, [reading.document for reading in in_library]):
        assert keys(found) == keys(expected)
        assert scores(found) == pytest.approx(scores(expected), abs=1e-4)
    after = state(base)
    assert all(torch.equal(before[each], after[each]) for each in before), "the base's weights"
    assert torch.equal(logits(trained), own), "the adapter's own"


def layers_with_deltas(module: nn.Module) -> int:
    return sum("peft" in type(each).__module__ for each in module.modules())


def test_no_layer_with_deltas_is_left_where_an_adapter_reads_alone(tiny: Tiny) -> None:
    base = tiny("bi-bert").base
    trained = moved(base, "lora", LABELS, {}, 4, threshold=0.3)
    library = Annotator(base, adapters={"one": trained}).library
    assert layers_with_deltas(library.source("one").parts.text_encoder) == 0
    both = {"one": trained, "two": moved(base, "lora", OTHERS, {}, 5, threshold=0.3)}
    library = Annotator(base, adapters=both).library
    assert layers_with_deltas(library.source("one").parts.text_encoder) > 0, "hundreds would take hundreds of encoders"


@pytest.mark.parametrize(("runtime", "precision"), [("int8", "fp32"), ("onnx", "fp32"), ("torch", "bf16")])
def test_every_runtime_reads_merged(runtime: Any, precision: Any, tiny: Tiny, tmp_path: Any, monkeypatch: Any) -> None:
    if runtime == "onnx":
        pytest.importorskip("onnxruntime")
        pytest.importorskip("onnx")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    base = tiny("bi-bert").base
    trained = moved(base, "lora", LABELS, {}, 4, threshold=0.3)
    found = Annotator(trained, runtime=runtime, precision=precision).annotate(DOCUMENTS)
    expected = Annotator(trained).annotate(DOCUMENTS)
    if runtime == "onnx":
        assert keys(found) == keys(expected)
    same = sum(key in mine for mine, theirs in zip(keys(found), keys(expected), strict=True) for key in theirs)
    assert same > 0.8 * len(scores(expected))


def test_the_deployable_form_is_merged_too(tiny: Tiny, tmp_path: Any) -> None:
    base = tiny("bi-bert").base
    trained = moved(base, "lora", LABELS, {"sides": "both"}, 4, threshold=0.3)
    folder = save_adapter(trained, tmp_path / "deployable", deployable=True)
    found = Annotator(load_adapter(folder, base)).annotate(DOCUMENTS)
    assert keys(found) == keys(Annotator(trained).annotate(DOCUMENTS))
