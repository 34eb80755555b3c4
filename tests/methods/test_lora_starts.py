"""LoRA's other starts and rates: PiSSA's singular values, and LoRA+'s faster B."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
from safetensors.torch import load_file

from bases import LABELS, TinyBase
from comparing import assert_near
from gliner_adapters.adapters import describe, load_adapter, save_adapter
from gliner_adapters.errors import ConfigError
from gliner_adapters.methods import attach
from gliner_adapters.methods.carry import carry_over
from gliner_adapters.model import load_base
from gliner_adapters.model.export import export_gliner
from gliner_adapters.model.fingerprint import fingerprint
from gliner_adapters.training.optimiser import build_optimiser
from methods.helpers import learns, logits_of, on, quiet, unlike
from methods.test_bitfit_lora import encoder_output
from training.toy import quick

PISSA = {"initialisation": "pissa", "rank": 4, "alpha": 8, "dropout": 0.0}


def layer_of(adapter: Any) -> Any:
    return adapter.text_deltas.transformer.model.get_submodule("encoder.layer.0.attention.self.query")


@on("bi-bert")
def test_pissa_starts_at_the_largest_singular_values(tiny_base: TinyBase) -> None:
    base = tiny_base.base
    adapter = attach("lora", base, LABELS, PISSA)
    layer = layer_of(adapter)
    weight = layer.get_base_layer().weight
    left, sizes, right = torch.linalg.svd(weight.detach())
    best = (left[:, :4] * sizes[:4]) @ right[:4]
    product = layer.scaling["default"] * (layer.lora_B["default"].weight @ layer.lora_A["default"].weight).detach()
    # The search is a randomised one, so its rank-4 matrix is near the best one; it is never better.
    assert torch.dist(weight, best) <= torch.dist(weight, product) * (1 + 1e-5)
    assert torch.dist(weight, product) < 1.01 * torch.dist(weight, best)
    assert (
        weight.data_ptr()
        == base.parts.text_encoder.transformer.model.encoder.layer[0].attention.self.query.weight.data_ptr()
    ), "the weight itself stays shared"


@pytest.mark.parametrize("tuner", ["lora", "rslora"])
@on("uni-bert", "bi-modernbert", "bi-mpnet")
def test_pissa_starts_near_the_base_and_is_saved_whole(tuner: str, tiny_base: TinyBase, tmp_path: Path) -> None:
    base = tiny_base.base
    weights = fingerprint(base.network.state_dict())
    adapter = attach("lora+heads", base, LABELS, {**PISSA, "tuner": tuner})
    assert not adapter.starts_as_base, "what is added is taken off again, which rounds"
    assert_near(quiet(base, adapter), quiet(base, attach("zero-shot", base, LABELS)), 1e-4)
    assert not set(adapter.fixed()) & set(adapter.trained())
    trained = describe(unlike(adapter, 0.02), base, threshold=0.5)
    expected = quiet(base, adapter)
    save_adapter(trained, tmp_path)
    assert set(adapter.fixed()) < set(load_file(tmp_path / "adapter_model.safetensors"))
    torch.manual_seed(77)  # another search would find other vectors: they come from the file
    loaded = load_adapter(tmp_path, base).adapter
    assert torch.equal(quiet(base, loaded), expected)
    if base.architecture == "bi":
        carried = carry_over(adapter.unbake(), base, LABELS)
        assert all(torch.equal(tensor, adapter.fixed()[name]) for name, tensor in carried.fixed().items())
    bare = copy.deepcopy(base.parts.text_encoder.transformer.model)
    theirs = peft.PeftModel.from_pretrained(bare, tmp_path / "peft" / "text_encoder")
    own = next(member for member in adapter.members if member.name == "lora")
    assert_near(encoder_output(theirs), encoder_output(own.text_deltas.transformer.model), 1e-4)
    assert fingerprint(base.network.state_dict()) == weights


@on("bi-bert")
def test_pissa_merges(tiny_base: TinyBase, tmp_path: Path) -> None:
    base = tiny_base.base
    adapter = unlike(attach("lora", base, LABELS, {**PISSA, "sides": "both"}), 0.05)
    exported = load_base(str(export_gliner(base, adapter.merged_parts(base.parts), tmp_path)))
    with torch.no_grad():
        assert_near(logits_of(exported, exported.parts), quiet(base, adapter), 1e-3)


@on("bi-bert")
def test_pissa_learns_with_dropout(tiny_base: TinyBase, tmp_path: Path) -> None:
    adapter = attach("lora", tiny_base.base, LABELS, {**PISSA, "dropout": 0.1})
    before = {name: tensor.clone() for name, tensor in adapter.fixed().items()}
    learns(tiny_base, adapter, tmp_path, text_deltas=2e-4)
    assert all(torch.equal(tensor, before[name]) for name, tensor in adapter.fixed().items())


@on("bi-bert")
def test_the_seed_decides_where_pissa_starts(tiny_base: TinyBase) -> None:
    def start(seed: int) -> str:
        torch.manual_seed(seed)
        return fingerprint(attach("lora", tiny_base.base, LABELS, PISSA).trained())

    assert start(1) == start(1)


@pytest.mark.parametrize("method", ["lora", "lora+heads"])
@on("bi-bert")
def test_b_learns_faster_by_a_ratio(method: str, tiny_base: TinyBase) -> None:
    adapter = attach(method, tiny_base.base, LABELS, {"rate_ratio": 16})
    groups = build_optimiser(adapter, quick(learning_rates={"text_deltas": 1e-3})).param_groups
    rates = {id(p): group["peak_lr"] for group in groups for p in group["params"]}
    assert len(rates) == len(adapter.trained())
    for name, parameter in adapter.trained().items():
        if name.startswith("text_deltas."):
            assert rates[id(parameter)] == pytest.approx(16e-3 if ".lora_B." in name else 1e-3), name
        else:
            assert rates[id(parameter)] == adapter.learning_rates[name.split(".", 1)[0]]


@on("bi-bert")
def test_the_ratio_stands_beside_depth(tiny_base: TinyBase) -> None:
    adapter = attach("lora", tiny_base.base, LABELS, {"rate_ratio": 4})
    config = quick(learning_rates={"text_deltas": 1e-3}, layer_decay=0.5)
    assert {round(group["peak_lr"], 9) for group in build_optimiser(adapter, config).param_groups} == {
        1e-3,
        0.5e-3,
        4e-3,
        2e-3,
    }


@on("bi-bert")
def test_what_a_tuner_cannot_do(tiny_base: TinyBase) -> None:
    with pytest.raises(ConfigError, match="initialisation=pissa needs tuner lora or rslora, not dora"):
        attach("lora", tiny_base.base, LABELS, {"tuner": "dora", "initialisation": "pissa"})
    with pytest.raises(ConfigError, match="rate_ratio needs tuner lora or rslora or dora, not loha"):
        attach("lora", tiny_base.base, LABELS, {"tuner": "loha", "rate_ratio": 4})
