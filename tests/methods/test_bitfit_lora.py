"""BitFit and LoRA: small changes to encoders whose weights are shared with the base."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any, get_args

import peft
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from bases import LABELS, TinyBase
from comparing import assert_near
from gliner_adapters.adapters import describe, load_adapter, save_adapter
from gliner_adapters.errors import ConfigError
from gliner_adapters.methods import Adapter, attach
from gliner_adapters.methods.lora import LoraOptions, Tuner
from gliner_adapters.model import Base, load_base
from gliner_adapters.model.export import export_gliner
from gliner_adapters.model.fingerprint import fingerprint
from methods.helpers import learns, logits_of, on, quiet, unlike, vectors

ENCODERS = (
    "uni-bert",
    "uni-deberta",
    "uni-modernbert",
    "bi-bert",
    "bi-deberta",
    "bi-modernbert",
    "uni-mpnet",
    "bi-mpnet",
)


def shares_all_but(adapter: Adapter, base: Base) -> bool:
    """Whether everything that the adapter holds and does not train is the base's very own memory."""
    own = {p.data_ptr() for p in base.network.parameters()}
    trained = adapter.trained()
    return all((p.data_ptr() in own) != (name in trained) for name, p in adapter.named_parameters())


# BitFit


@on(*ENCODERS)
def test_bitfit_trains_the_biases_and_shares_the_rest(tiny_base: TinyBase) -> None:
    base = tiny_base.base
    adapter = attach("bitfit", base, LABELS)
    trained = adapter.trained()
    assert trained
    assert all(name.rsplit(".", 1)[-1].startswith("bias") for name in trained)
    assert shares_all_but(adapter, base)
    every = [n for n, _ in base.network.named_parameters() if n.rsplit(".", 1)[-1].startswith("bias")]
    # GLiNER builds an LSTM into each network, which only uni-encoders with `num_rnn_layers` run.
    reached = [n for n in every if ".pooler." not in n and not n.startswith("rnn.")]
    assert len(trained) == len(reached)


@on("uni-bert-lstm")
def test_bitfit_reaches_the_lstm(tiny_base: TinyBase) -> None:
    assert any(name.startswith("text_encoder.rnn.") for name in attach("bitfit", tiny_base.base, LABELS).trained())


@on("bi-bert")
def test_bitfit_leaves_room_for_heads(tiny_base: TinyBase) -> None:
    base = tiny_base.base
    assert set(attach("bitfit", base, LABELS, {"heads": False}).ingredients()) == {"text_encoder", "label_encoder"}
    both = attach("bitfit+heads", base, LABELS, {"bitfit.heads": False})
    assert set(both.ingredients()) == {"text_encoder", "label_encoder", "span_head", "label_head"}
    with pytest.raises(ConfigError, match="'bitfit' and 'heads' both put their own label_head in place"):
        attach("bitfit+heads", base, LABELS)


@on("uni-modernbert")
def test_an_encoder_without_biases(tiny_base: TinyBase) -> None:
    base = tiny_base.base
    adapter = attach("bitfit", base, LABELS)
    assert set(adapter.ingredients()) == {"span_head", "label_head"}
    assert adapter.leaves_text_alone(base)
    with pytest.raises(ConfigError, match="no bias vectors"):
        attach("bitfit", base, LABELS, {"heads": False})


@on("uni-bert")
def test_bitfit_learns(tiny_base: TinyBase, tmp_path: Path) -> None:
    learns(tiny_base, attach("bitfit", tiny_base.base, LABELS), tmp_path)


# LoRA


def encoder_output(model: nn.Module) -> Tensor:
    """What a Transformer makes of a few inputs."""
    ids = torch.arange(5, 33).view(2, 14)
    with torch.inference_mode():
        return model.eval()(ids, attention_mask=torch.ones_like(ids))[0]


@on(*ENCODERS)
def test_lora_shares_the_encoder_and_keeps_the_base_its_layers(tiny_base: TinyBase) -> None:
    base = tiny_base.base
    before = [(name, type(module)) for name, module in base.network.named_modules()]
    adapter = attach("lora", base, LABELS)
    assert [(name, type(module)) for name, module in base.network.named_modules()] == before
    assert shares_all_but(adapter, base)
    assert set(adapter.ingredients()) == {"text_deltas"}
    assert all(".lora_A." in name or ".lora_B." in name for name in adapter.trained())
    model = base.parts.text_encoder.transformer.model
    linear = [n for n, module in model.named_modules() if isinstance(module, nn.Linear) and "pooler" not in n]
    assert len(adapter.trained()) == 2 * len(linear), "all linear layers, but not the pooler that no pass reaches"


@pytest.mark.parametrize("tuner", get_args(Tuner))
@on("uni-bert", "bi-deberta", "uni-modernbert", "bi-mpnet")
def test_tuners(tuner: str, tiny_base: TinyBase, tmp_path: Path) -> None:
    """Each starts as the base, loads as it was saved, and is read alike by peft."""
    base = tiny_base.base
    options = {"tuner": tuner} | ({"rank": 4} if LoraOptions(tuner=tuner).rank else {})
    adapter = attach("lora", base, LABELS, options)
    assert torch.equal(quiet(base, adapter), quiet(base, attach("zero-shot", base, LABELS)))
    trained = describe(unlike(adapter), base, threshold=0.5)
    expected = quiet(base, adapter)
    save_adapter(trained, tmp_path)
    assert torch.equal(quiet(base, load_adapter(tmp_path, base).adapter), expected)
    bare = copy.deepcopy(base.parts.text_encoder.transformer.model)
    assert not torch.allclose(encoder_output(bare), encoder_output(adapter.text_deltas.transformer.model), atol=1e-3)
    theirs = peft.PeftModel.from_pretrained(bare, tmp_path / "peft" / "text_encoder")
    assert torch.equal(encoder_output(theirs), encoder_output(adapter.text_deltas.transformer.model))


@pytest.mark.parametrize("tuner", [tuner for tuner in get_args(Tuner) if tuner != "lora"])
@on("bi-bert")
def test_tuners_train_all_of_what_they_add(tuner: str, tiny_base: TinyBase) -> None:
    base = copy.deepcopy(tiny_base.base)
    adapter = unlike(attach("lora", base, LABELS, {"tuner": tuner, "sides": "both"})).eval()
    parts = adapter.parts(base.parts)
    ids, mask = base.label_inputs(LABELS)
    for encoder in (parts.text_encoder, parts.label_encoder):
        encoder(ids, mask).square().sum().backward()
    assert not [name for name, p in adapter.trained().items() if p.grad is None or not p.grad.abs().sum() > 0]
    assert not [name for name, p in base.network.named_parameters() if p.requires_grad or p.grad is not None]


@on("bi-modernbert")
def test_sides(tiny_base: TinyBase, tmp_path: Path) -> None:
    base = tiny_base.base
    for sides, ingredients in (
        ("text", {"text_deltas"}),
        ("label", {"label_deltas"}),
        ("both", {"text_deltas", "label_deltas"}),
    ):
        adapter = attach("lora", base, LABELS, {"sides": sides})
        assert set(adapter.ingredients()) == ingredients
        assert adapter.leaves_text_alone(base) == (sides == "label")
        parts = {name.replace("deltas", "encoder") for name in ingredients}
        trained = describe(unlike(adapter), base, threshold=0.5)
        save_adapter(trained, tmp_path / sides)
        assert {path.name for path in (tmp_path / sides).glob("peft/*")} == parts
        save_adapter(trained, tmp_path / f"{sides}-deployable", deployable=True)
        deployable = {path.name for path in (tmp_path / f"{sides}-deployable").glob("peft/*")}
        assert deployable == parts - {"label_encoder"}
        loaded = load_adapter(tmp_path / f"{sides}-deployable", base).adapter
        assert set(loaded.ingredients()) == ingredients - {"label_deltas"}
        assert torch.equal(quiet(base, loaded), quiet(base, adapter))
    theirs = peft.PeftModel.from_pretrained(
        copy.deepcopy(base.parts.label_encoder.transformer.model), tmp_path / "both" / "peft" / "label_encoder"
    )
    assert torch.equal(encoder_output(theirs), encoder_output(adapter.label_deltas.transformer.model))
    # An adapter without deltas in the same folder leaves none of the old ones behind.
    save_adapter(describe(attach("heads", base, LABELS), base, threshold=0.5), tmp_path / "both")
    assert not (tmp_path / "both" / "peft").exists()


@pytest.mark.parametrize("tuner", get_args(Tuner))
@on("bi-bert", "bi-modernbert")
def test_merged_deltas_are_plain_weights(tuner: str, tiny_base: TinyBase, tmp_path: Path) -> None:
    """Alone and with heads; the base, whose weights the deltas share, is not merged into."""
    base = tiny_base.base
    weights = fingerprint(base.network.state_dict())
    for method in ("lora", "lora+heads"):
        adapter = unlike(attach(method, base, LABELS, {"tuner": tuner, "sides": "both"}))
        expected = quiet(base, adapter)
        exported = load_base(str(export_gliner(base, adapter.merged_parts(base.parts), tmp_path / method)))
        with torch.no_grad():
            found = logits_of(exported, exported.parts, "name")
        assert_near(found, expected, 1e-3)
        assert not torch.allclose(found, quiet(base, attach("zero-shot", base, LABELS)), atol=0.1)
        assert torch.equal(quiet(base, adapter), expected), "the adapter itself stays as it is"
    assert fingerprint(base.network.state_dict()) == weights


@on("bi-bert")
def test_only_the_deltas_are_saved(tiny_base: TinyBase, tmp_path: Path) -> None:
    base = tiny_base.base
    adapter = attach("lora", base, LABELS, {"rank": 2})
    save_adapter(describe(adapter, base, threshold=0.5), tmp_path)
    tensors = load_file(tmp_path / "adapter_model.safetensors")
    assert set(tensors) == set(adapter.trained()) | {"label_vectors"}
    theirs = load_file(tmp_path / "peft" / "text_encoder" / "adapter_model.safetensors")
    assert {key.removeprefix("base_model.model.") for key in theirs} == {
        name.removeprefix("text_deltas.transformer.model.").replace(".default", "") for name in adapter.trained()
    }
    config = json.loads((tmp_path / "peft" / "text_encoder" / "adapter_config.json").read_text())
    assert (config["peft_type"], config["r"], config["lora_alpha"]) == ("LORA", 2, 32)


@on("bi-bert")
def test_targets(tiny_base: TinyBase) -> None:
    base = tiny_base.base

    def layers(targets: Any) -> set[str]:
        names = attach("lora", base, LABELS, {"targets": targets}).trained()
        return {name.split(".layer.")[1].split(".", 1)[1].split(".lora_")[0] for name in names}

    assert layers(["query", "value"]) == {"attention.self.query", "attention.self.value"}
    assert layers(["attention.output.dense"]) == {"attention.output.dense"}
    assert layers(["output.dense"]) == {"attention.output.dense", "output.dense"}
    known = "names end in dense, key, query, value"
    with pytest.raises(ConfigError, match=f"no linear layer is called q_proj, word_embeddings; {known}"):
        attach("lora", base, LABELS, {"targets": ["query", "q_proj", "word_embeddings"]})
    with pytest.raises(ConfigError, match=r"no linear layer is called \(nothing given\)"):
        attach("lora", base, LABELS, {"targets": []})
    with pytest.raises(ConfigError, match="targets"):
        attach("lora", base, LABELS, {"targets": "query"})


@on("bi-bert")
def test_the_seed_decides_where_lora_starts(tiny_base: TinyBase) -> None:
    """And not what was drawn since it was set; nor does attaching draw from what comes after."""

    def start(seed: int, drawn: int) -> tuple[dict[str, Tensor], Tensor]:
        torch.manual_seed(seed)
        torch.rand(drawn)
        trained = attach("lora", tiny_base.base, LABELS).trained()
        return trained, torch.rand(1)

    (one, after), (same, _), (other, _) = start(1, 0), start(1, 5), start(2, 0)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)
    torch.manual_seed(1)
    assert torch.equal(after, torch.rand(1))


def test_defaults_are_those_of_the_tuner() -> None:
    def shown(**given: Any) -> tuple[Any, ...]:
        options = LoraOptions(**given)
        assert LoraOptions(**options.model_dump()) == options, "what a file says is accepted"
        return options.rank, options.alpha, options.dropout

    assert shown() == (16, 32.0, 0.05)
    assert shown(tuner="dora", rank=4, dropout=0.0) == (4, 32.0, 0.0)
    assert shown(tuner="ia3") == (None, None, None)
    assert shown(tuner="miss") == (16, None, 0.05)


@on("uni-bert")
def test_what_lora_cannot_do(tiny_base: TinyBase) -> None:
    def attempt(**options: Any) -> Adapter:
        return attach("lora", tiny_base.base, LABELS, options)

    with pytest.raises(ConfigError, match=r"tuner: Input should be 'lora', 'rslora', .* or 'miss'"):
        attempt(tuner="adalora")
    with pytest.raises(ConfigError, match="tuner 'ia3' has no rank and no dropout"):
        attempt(tuner="ia3", rank=4, dropout=0.1)
    with pytest.raises(ConfigError, match="rank: Input should be greater than or equal to 1"):
        attempt(rank=0)
    attempt(rank=32)
    with pytest.raises(ConfigError, match="rank 33 is no low rank where a layer has 32 dimensions"):
        attempt(rank=33)
    for sides in ("label", "both"):
        with pytest.raises(ConfigError, match=f"sides={sides}, but .* is a uni-encoder"):
            attempt(sides=sides)


@pytest.mark.parametrize("sides", ["text", "both"])
@on("bi-bert")
def test_lora_learns(sides: str, tiny_base: TinyBase, tmp_path: Path) -> None:
    base = tiny_base.base
    adapter = attach("lora", base, LABELS, {"sides": sides})
    before = vectors(base, adapter)
    learns(tiny_base, adapter, tmp_path)
    assert torch.equal(vectors(base, adapter), before) == (sides == "text")
