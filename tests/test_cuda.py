"""On a GPU: every technique trains there, what it learned reads the same on the processor. Skipped where none is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from annotate.helpers import KINDS, OTHERS, family
from bases import LABELS, RECIPES, TinyBase, build_encoder, free
from gliner_adapters.adapters import describe, load_adapter, save_adapter
from gliner_adapters.annotate import Annotator, Request
from gliner_adapters.cli import app
from gliner_adapters.methods import attach
from gliner_adapters.model import load_base
from gliner_adapters.pretraining import Recipe, pretrain
from gliner_adapters.training import Reporter, TrainingConfig, train
from gliner_adapters.training.checkpoints import tensors_of
from training.toy import Stopper, quick, tensors_equal, toy_corpus

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")

Tiny = Callable[[str], TinyBase]
RUNS = [
    pytest.param(recipe, method, options, id=f"{recipe}-{name}")
    for recipe in (
        "bi-bert",
        "uni-bert",
        "bi-deberta",
        "uni-deberta",
        "bi-modernbert",
        "uni-modernbert",
        "bi-mpnet",
        "uni-mpnet",
    )
    for name, method, options in KINDS[RECIPES[recipe].architecture]
    if method != "zero-shot"
]


@pytest.mark.parametrize(("recipe", "method", "options"), RUNS)
def test_what_is_trained_there_reads_the_same_here(
    recipe: str, method: str, options: dict[str, Any], tiny: Tiny, tmp_path: Path
) -> None:
    folder = str(tiny(recipe).folder)
    base = load_base(folder, device="cuda")
    adapter = attach(method, base, LABELS, options)
    assert {p.device.type for p in adapter.parameters()} <= {"cuda"}
    before = {name: tensor.clone() for name, tensor in tensors_of(adapter).items()}
    result = train(base, adapter, toy_corpus(), toy_corpus(8), quick(), folder=tmp_path / "run")
    assert result.cost.peak_gpu_memory_mb > 0
    assert not tensors_equal(before, tensors_of(adapter))
    trained = describe(adapter, base, threshold=0.3)
    save_adapter(trained, tmp_path / "adapter")
    here = load_adapter(tmp_path / "adapter", load_base(folder))
    for on_gpu, on_cpu in zip(Annotator(trained).annotate(free()), Annotator(here).annotate(free()), strict=True):
        assert_close(on_gpu, on_cpu, 0.3)


def assert_close(on_gpu: Any, on_cpu: Any, threshold: float) -> None:
    """The same entities, but for those whose score is at the threshold to within rounding."""
    one, other = ({e.key: e.score for e in document.entities} for document in (on_gpu, on_cpu))
    for key in one.keys() | other.keys():
        assert one.get(key, threshold) == pytest.approx(other.get(key, threshold), abs=1e-3)


@pytest.mark.parametrize("recipe", ["bi-bert", "uni-bert"])
def test_adapters_are_mixed_there(recipe: str, tiny: Tiny) -> None:
    base = load_base(str(tiny(recipe).folder), device="cuda")
    adapters = family(base)
    alone = {name: Annotator(adapter).annotate(free()) for name, adapter in adapters.items()}
    together = Annotator(base, adapters=adapters, max_passages=5)
    for index, reading in enumerate(together.read([Request(d, tuple(adapters), OTHERS) for d in free()])):
        for found, name in zip(reading.found, adapters, strict=False):
            document = reading.document.with_entities(found.entities)
            assert found.adapter == name
            assert_close(document, alone[name][index], adapters[name].config.threshold)


@pytest.mark.parametrize("method", ["full", "heads", "label-embeddings", "lora+heads"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_resumed_run_learns_the_same(method: str, precision: str, tiny: Tiny, tmp_path: Path) -> None:
    config = quick(precision=precision, checkpoint_steps=2)
    learned = []
    for stops in ((), (5,), (3, 7)):
        folder = tmp_path / f"run{len(learned)}"
        for stop in stops:
            with pytest.raises(KeyboardInterrupt):
                run(tiny, method, config, folder, Stopper(stop))
        learned.append(run(tiny, method, config, folder, None))
    assert tensors_equal(learned[0], learned[1])
    assert tensors_equal(learned[0], learned[2])


def run(tiny: Tiny, method: str, config: TrainingConfig, folder: Path, reporter: Reporter | None) -> Any:
    base = load_base(str(tiny("bi-bert").folder), device="cuda")
    torch.manual_seed(config.seed)
    adapter = attach(method, base, LABELS)
    train(base, adapter, toy_corpus(), toy_corpus(8), config, folder=folder, resume=True, reporter=reporter)
    return tensors_of(adapter)


def test_a_base_is_pretrained_there(tmp_path: Path) -> None:
    """Through all stages: groups that share a pass, projection and the low-rank form on the GPU; it reads here."""
    recipe = Recipe.model_validate(
        {
            "name": "tiny-gpu",
            "architecture": "bi",
            "encoder": f"encoder:{build_encoder('mpnet', tmp_path / 'text')}",
            "label_encoder": f"encoder:{build_encoder('bert', tmp_path / 'labels', 40)}",
            "hidden_size": 24,
            "corpora": ["sample"],
            "held_out": [],
            "labels": {"sample": {tag: {"names": [tag]} for tag in ("Chemical", "Disease", "Gene", "CellLine")}},
            "group_size": 4,
            "sampling": {"sentences": 48, "most_tokens": 100, "window_share": 0.5},
            "stages": [{"sentences": 16}],
            "shipping": {"text_rank": 4, "label_rank": 2, "embedding_rank": 1, "stages": [{"sentences": 24}]},
            "training": {"batch_size": 8, "checkpoint_steps": 2},
        }
    )
    made = pretrain(recipe, tmp_path / "base", device="cuda")
    assert made.record.trained_on["full"]["cost"]["peak_gpu_memory_mb"] > 0
    on_gpu, on_cpu = (load_base(str(tmp_path / "base"), device=device) for device in ("cuda", "cpu"))
    assert on_gpu.fingerprint == on_cpu.fingerprint
    for one, other in zip(
        *(Annotator(b, LABELS, threshold=0.1).annotate(free()) for b in (on_gpu, on_cpu)), strict=True
    ):
        assert_close(one, other, 0.1)


def test_the_comparison_runs_there(tiny: Tiny, tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    base = json.dumps(str(tiny("bi-bert").folder))
    plan.write_text(
        'methods = ["heads", "full"]\ncorpora = ["sample"]\nseeds = [1]\nlimits = [4]\nmeasures = ["latency"]\n'
        f'training = {{ epochs = 1 }}\n[[bases]]\nname = "tiny"\nload = {base}\narchitecture = "bi"\n'
    )
    call = ["comparison", "run", str(plan), "-o", str(tmp_path / "runs"), "--device", "cuda", "--jobs", "2"]
    done = CliRunner().invoke(app, call)
    assert done.exit_code == 0, done.output
    for method in ("heads", "full"):
        folder = tmp_path / "runs" / f"tiny_{method}_sample_4_seed1"
        assert json.loads((folder / "metrics.json").read_text())["device"] == torch.cuda.get_device_name()
        assert load_file(folder / "adapter" / "adapter_model.safetensors")
