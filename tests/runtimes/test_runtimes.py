"""Every runtime finds what torch finds, and gives its numbers where it claims to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from adapters.helpers import BASES, trained_adapter
from bases import LABELS, TEXTS, TinyBase, free
from comparing import assert_near
from gliner_adapters.errors import ConfigError
from gliner_adapters.model import Base
from gliner_adapters.model.parts import Parts
from gliner_adapters.model.passages import Segmenter
from gliner_adapters.model.precision import Precision
from gliner_adapters.model.score import valid_spans
from gliner_adapters.runtimes import RUNTIMES, Runtime, check_runtime, int8, prepare
from gliner_adapters.runtimes.cache import DIGESTS
from parts_reader import PartsReader

Tiny = Callable[[str], TinyBase]

NEEDS = {"onnx": ("onnxruntime", "onnx"), "openvino": ("openvino",)}
#: Texts that are read together: one, several of different lengths, one of 60 words.
BATCHES = (TEXTS[:1], TEXTS, ("asthma " * 20 + "and aspirin " * 20,), TEXTS[:3])


def needed(runtime: str) -> None:
    for package in NEEDS.get(runtime, ()):
        pytest.importorskip(package)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all tests of this file, so that a graph is exported once."""
    return tmp_path_factory.mktemp("runtimes")


def predictor(base: Base, parts: Parts, labels: int = 3, precision: Precision = "fp32") -> PartsReader:
    """Reads with the base's own label encoder, or with the label vectors in the parts."""
    chosen = LABELS[:labels]
    own = base.architecture == "bi" and parts.label_vectors is None
    return PartsReader(base, parts, chosen, base.label_inputs(chosen) if own else None, precision=precision)


def logits(base: Base, parts: Parts, texts: tuple[str, ...], labels: int = 3, precision: Precision = "fp32") -> Tensor:
    """``(S, C)`` of the spans within their passage."""
    reader = predictor(base, parts, labels, precision)
    batch = reader.collate(Segmenter(base, LABELS[:labels], "window").passages(free(texts)))
    return reader.logits(batch)[valid_spans(batch.lengths, base.max_width)]


def entities(base: Base, parts: Parts) -> list[list[tuple[int, int, str]]]:
    documents, _ = predictor(base, parts).annotate(free(), 0.4, segment="window")
    return [[entity.key for entity in document.entities] for document in documents]


@pytest.mark.parametrize(
    ("runtime", "name"),
    [
        *(("onnx", name) for name in (*BASES, "uni-bert-lstm", "uni-bert-projected", "bi-bert-mean")),
        ("openvino", "bi-bert"),
        ("openvino", "uni-deberta"),
        ("onnx", "bi-mpnet"),
        *(pytest.param("openvino", name, marks=pytest.mark.slow) for name in ("bi-modernbert", "uni-mpnet")),
    ],
)
def test_graphs_give_torchs_numbers(runtime: Runtime, name: str, tiny: Tiny, cache: Path) -> None:
    """For one passage and several, short and long, and for several numbers of labels."""
    needed(runtime)
    base = tiny(name).base
    prepared = prepare(base.parts, runtime, cache=cache)
    assert prepared.text_encoder is not base.parts.text_encoder
    for texts in BATCHES:
        for labels in (1, 3):
            expected = logits(base, base.parts, texts, labels)
            assert len(expected) == 1 or expected.std() > 0.3
            assert_near(logits(base, prepared, texts, labels), expected)
    found = entities(base, prepared)
    assert found == entities(base, base.parts)
    assert sum(map(len, found)) > 3


@pytest.mark.parametrize("name", BASES)
def test_int8_is_close_and_not_the_same(name: str, tiny: Tiny) -> None:
    base = tiny(name).base
    expected = logits(base, base.parts, TEXTS)
    found = logits(base, prepare(base.parts, "int8"), TEXTS)
    difference = (found - expected).abs()
    assert difference.max() > 1e-4, "then nothing was quantised"
    assert difference.mean() < 0.3 * expected.std()


@pytest.mark.parametrize("most", ["AVX2", "AVX512_CORE", "ALL"])
def test_int8_products_are_exact_on_every_processor(most: str) -> None:
    """Without dot products of bytes, pairs of products overflow 16 bits; fewer steps of the weights fit."""
    code = f"""
import runpy
import torch
int8 = runpy.run_path({int8.__file__!r})  # without the package, whose import takes seconds
Int8Linear, weight_steps = int8["Int8Linear"], int8["weight_steps"]
torch.manual_seed(0)
layer = torch.nn.Linear(96, 64)
inputs = torch.randn(40, 96)
quantised = Int8Linear(layer)
scale = inputs.abs().amax(1, keepdim=True) / 127
rows = (inputs / scale).round().double()
expected = rows @ quantised.weight.double().t() * scale * quantised.scales + layer.bias
torch.testing.assert_close(quantised(inputs).double(), expected, rtol=1e-4, atol=1e-4)
print(weight_steps(), int8["int8_is_slow"]())
"""
    environment = {**os.environ, "ONEDNN_MAX_CPU_ISA": most}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() in (["64", "False"], ["127", "False"], ["127", "True"])


def test_int8_is_the_same_where_it_has_no_instructions(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs, layer = torch.randn(40, 96), torch.nn.Linear(96, 64)
    found = []
    for slow in (False, True):
        monkeypatch.setattr(int8, "int8_is_slow", lambda slow=slow: slow)
        monkeypatch.setattr(int8, "weight_steps", lambda: 64)  # those of either kind of processor
        found.append(int8.Int8Linear(layer)(inputs))
    assert_near(found[1], found[0])
    assert not torch.equal(found[0], layer(inputs))
    monkeypatch.undo()
    int8.weight_steps.cache_clear()
    monkeypatch.setattr(int8, "int8_is_slow", lambda: True)
    try:
        assert int8.weight_steps() == 127, "sums of float32 do not overflow"
    finally:
        int8.weight_steps.cache_clear()


def test_int8_takes_no_slow_products(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(rows: Tensor, weights: Tensor) -> Tensor:
        time.sleep(0.2)
        return rows.int() @ weights.int()

    int8.int8_is_slow.cache_clear()
    monkeypatch.setattr(torch, "_int_mm", slow)
    try:
        assert int8.int8_is_slow()
    finally:
        int8.int8_is_slow.cache_clear()


@pytest.mark.parametrize("name", BASES)
def test_bf16_weights_give_autocasts_own_bits(name: str, tiny: Tiny) -> None:
    base = tiny(name).base
    prepared = prepare(base.parts, "torch", "bf16")
    kinds = {parameter.dtype for parameter in prepared.text_encoder.parameters()}
    assert kinds == {torch.float32, torch.bfloat16}
    expected = logits(base, base.parts, TEXTS, precision="bf16")
    assert torch.equal(logits(base, prepared, TEXTS, precision="bf16"), expected)
    assert not torch.equal(expected, logits(base, base.parts, TEXTS))


def test_openvino_reads_in_bf16(tiny: Tiny, cache: Path, openvino_bf16: None) -> None:
    needed("openvino")
    base = tiny("bi-bert").base
    expected = logits(base, base.parts, TEXTS)
    found = logits(base, prepare(base.parts, "openvino", "bf16", cache), TEXTS)
    assert (found - expected).abs().mean() < 0.1 * expected.std()


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_base_stays_as_it_is(runtime: Runtime, tiny: Tiny, cache: Path) -> None:
    needed(runtime)
    base = tiny("bi-bert").base
    before = {name: tensor.clone() for name, tensor in base.network.state_dict().items()}
    prepare(base.parts, runtime, cache=cache)
    if runtime == "torch":
        prepare(base.parts, "torch", "bf16")
    after = base.network.state_dict()
    assert after.keys() == before.keys()
    assert all(tensor.dtype == after[key].dtype and torch.equal(tensor, after[key]) for key, tensor in before.items())
    assert not any(module.training for module in base.network.modules())


@pytest.mark.parametrize("method", ["heads", "full", "lora", "lora+head-deltas", "label-embeddings"])
def test_adapters_run_in_a_runtime(method: str, tiny: Tiny, cache: Path) -> None:
    """Each with its own text encoder, if it has one."""
    needed("onnx")
    base = tiny("bi-bert").base
    trained = trained_adapter(base, method)
    parts = trained.adapter.plug(base)
    expected = logits(base, parts, TEXTS)
    assert_near(logits(base, prepare(parts, "onnx", cache=cache), TEXTS), expected)
    if method in ("full", "lora"):
        own = replace(parts, text_encoder=base.parts.text_encoder)
        assert not torch.allclose(logits(base, own, TEXTS), expected, atol=1e-3)


def test_prompts_in_the_text_have_no_graph(tiny: Tiny, cache: Path) -> None:
    needed("onnx")
    base = tiny("bi-bert").base
    parts = trained_adapter(base, "injection-deep").adapter.plug(base)
    with pytest.raises(ConfigError, match=r"prompts in the text encoder .* use runtime 'torch'"):
        prepare(parts, "onnx", cache=cache)


def test_what_does_not_exist() -> None:
    with pytest.raises(ConfigError, match="unknown runtime 'tensorrt'; known: torch, int8, onnx"):
        check_runtime("tensorrt")
    for runtime in ("int8", "onnx"):
        with pytest.raises(ConfigError, match=f"runtime '{runtime}' has no bf16"):
            check_runtime(runtime, "bf16")
    for runtime in ("torch", "openvino"):
        check_runtime(runtime, "bf16")


@pytest.mark.parametrize(
    ("runtime", "package", "extra"),
    [("onnx", "onnxruntime", "onnx"), ("onnx", "onnx", "onnx"), ("openvino", "openvino", "openvino")],
)
def test_a_missing_package_names_its_extra(
    runtime: Runtime, package: str, extra: str, tiny: Tiny, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed(runtime)
    monkeypatch.setitem(__import__("sys").modules, package, None)  # how Python marks what cannot be imported
    with pytest.raises(ConfigError, match=rf"needs the package {package} .*pip install 'gliner-adapters\[{extra}\]'"):
        prepare(tiny("bi-bert").base.parts, runtime, cache=cache)


# The cache


def test_a_graph_is_exported_once(tiny: Tiny, tmp_path: Path) -> None:
    needed("onnx")
    base = tiny("bi-bert").base
    prepare(base.parts, "onnx", cache=tmp_path)
    (file,) = tmp_path.glob("*/model.onnx")
    written = file.stat()
    prepare(base.parts, "onnx", cache=tmp_path)
    assert [path.stat() for path in tmp_path.glob("*/model.onnx")] == [written]
    prepare(tiny("uni-bert").base.parts, "onnx", cache=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2, "another base has a graph of its own, and nothing else is left behind"


@pytest.mark.parametrize("damage", ["weights", "cut", "digest", "no digests", "gone"])
def test_a_damaged_graph_is_noticed_and_made_again(
    damage: str, tiny: Tiny, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    needed("onnx")
    base = tiny("bi-bert").base
    prepare(base.parts, "onnx", cache=tmp_path)
    (file,) = tmp_path.glob("*/model.onnx")
    digests = file.with_name(DIGESTS)
    whole = file.read_bytes()
    if damage == "weights":
        middle = len(whole) // 2
        file.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    elif damage == "cut":
        file.write_bytes(whole[:-100])
    elif damage == "digest":
        digests.write_text(json.dumps({"model.onnx": "0" * 64}))
    elif damage == "no digests":
        digests.write_text("{}")
    else:
        file.unlink()
    found = logits(base, prepare(base.parts, "onnx", cache=tmp_path), TEXTS)
    assert f"{file.parent} is damaged; its graph is exported again" in caplog.text
    assert_near(found, logits(base, base.parts, TEXTS))
    assert file.read_bytes() == whole
