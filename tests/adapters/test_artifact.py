"""An adapter on disk scores as it did in memory, over every technique and every kind of base."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest
import torch

from adapters.helpers import (
    COMBINATIONS,
    Tiny,
    every_bi_combination,
    every_combination,
    logits,
    logits_digest,
    trained_adapter,
)
from bases import LABELS, free
from gliner_adapters.adapters import AdapterConfig, load_adapter, save_adapter, verify_adapter
from gliner_adapters.errors import ConfigError
from gliner_adapters.testing import MethodCase
from gliner_adapters.testing.lives import check_deployable, check_saving, contents
from gliner_adapters.training import TrainingConfig, train
from warm import run_warm

FILES = {"adapter_config.json", "adapter_model.safetensors", "README.md"}
#: What an adapter with deltas on the text encoder carries for `peft` to read.
PEFT_FILES = {"peft/text_encoder/adapter_config.json", "peft/text_encoder/adapter_model.safetensors"}


@every_combination
@pytest.mark.parametrize("check", [check_saving, check_deployable])
def test_adapters_are_saved_as_all_are(check: Callable[[MethodCase], None], method: str, name: str, tiny: Tiny) -> None:
    check(MethodCase(tiny(name).base, method, where=name))


@pytest.mark.parametrize(("method", "name"), [("heads", "bi-bert"), ("lora", "uni-bert")])
def test_what_is_in_a_folder(method: str, name: str, tiny: Tiny, tmp_path: Path) -> None:
    base = tiny(name).base
    trained = trained_adapter(base, method, trained_on={"corpus": "toy", "seed": 3}, metrics={"devel_macro_f1": 0.5})
    assert save_adapter(trained, tmp_path) == tmp_path == trained.folder
    assert set(contents(tmp_path)) == FILES | (PEFT_FILES if method == "lora" else set())
    loaded = load_adapter(tmp_path, base)
    assert loaded.labels == tuple(label.name for label in LABELS)
    assert loaded.adapter.labels == LABELS
    save_adapter(trained_adapter(base, method, threshold=0.7), tmp_path)
    assert load_adapter(tmp_path, base).config.threshold == 0.7


def test_scores_are_the_same_in_another_process(tiny: Tiny, tmp_path: Path) -> None:
    """Every combination, in one fresh process that loads the bases itself."""
    expected = {}
    for method, name in (combination.values for combination in COMBINATIONS):
        folder = tmp_path / f"{method}-{name}"
        trained = trained_adapter(tiny(str(name)).base, str(method))
        expected[str(folder)] = logits_digest(trained)
        save_adapter(trained, folder)
        if trained.base.architecture == "bi":
            save_adapter(trained, tmp_path / f"{folder.name}-deployable", deployable=True)
            expected[f"{folder}-deployable"] = expected[str(folder)]
    program = Path(__file__).with_name("read_again.py")
    done = run_warm([sys.executable, program, *expected])
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == expected


@every_bi_combination
def test_the_deployable_form(method: str, name: str, tiny: Tiny, tmp_path: Path) -> None:
    base = tiny(name).base
    trained = trained_adapter(base, method)
    expected = logits(trained)
    save_adapter(trained, tmp_path / "full")
    save_adapter(trained, tmp_path / "small", deployable=True)
    assert trained.folder == tmp_path / "full"
    assert not trained.config.deployable, "what is in memory can still be trained"
    loaded = load_adapter(tmp_path / "small", base)
    assert "cannot be trained further" in (tmp_path / "small" / "README.md").read_text()
    # And it cannot.
    for attempt in (
        lambda: train(base, loaded.adapter, free(), config=TrainingConfig(epochs=1), folder=tmp_path / "run"),
        lambda: loaded.adapter.bake(base),
        lambda: loaded.adapter.unbake(),
    ):
        with pytest.raises(ConfigError, match=r"deployable form.*use the adapter that it was made from"):
            attempt()
    assert torch.equal(logits(loaded), expected)


@pytest.mark.parametrize("deployable", [False, True])
def test_loaded_label_vectors_are_aligned_as_in_memory(deployable: bool, tiny: Tiny, tmp_path: Path) -> None:
    """Else matrix products of real sizes take another path, and saved and deployable forms differ in last bits."""
    base = tiny("bi-bert").base
    save_adapter(trained_adapter(base, "heads"), tmp_path, deployable=deployable)
    baked = load_adapter(tmp_path, base).adapter.baked
    assert baked is not None
    assert baked.data_ptr() % 64 == 0


@pytest.mark.parametrize("name", ["uni-bert", "bi-bert"])
def test_a_loaded_adapter_can_be_trained_further(name: str, tiny: Tiny, tmp_path: Path) -> None:
    from training.toy import quick, toy_corpus

    base = tiny(name).base
    save_adapter(trained_adapter(base, "heads"), tmp_path)
    loaded = load_adapter(tmp_path, base)
    before = logits(loaded)
    train(base, loaded.adapter, toy_corpus(6), config=quick(epochs=1), folder=tmp_path / "run")
    loaded.adapter.eval().bake(base)
    assert not torch.equal(logits(loaded), before)


@every_combination
def test_verify(method: str, name: str, tiny: Tiny, tmp_path: Path) -> None:
    base = tiny(name).base
    save_adapter(trained_adapter(base, method), tmp_path)
    lines = verify_adapter(tmp_path, base)
    assert len(lines) == (4 if base.architecture == "bi" else 3)
    assert f"method '{method}'" in lines[1]
    assert base.fingerprint[:12] in lines[2]


def test_verify_of_the_deployable_form_leaves_out_the_producer(tiny: Tiny, tmp_path: Path) -> None:
    base = tiny("bi-bert").base
    save_adapter(trained_adapter(base, "heads"), tmp_path, deployable=True)
    assert len(verify_adapter(tmp_path, base)) == 3


def test_the_base_is_loaded_when_none_is_given(tiny: Tiny, tmp_path: Path) -> None:
    trained = trained_adapter(tiny("bi-bert").base, "heads")
    save_adapter(trained, tmp_path)
    loaded = load_adapter(str(tmp_path))
    assert loaded.base is not trained.base
    assert loaded.base.fingerprint == trained.base.fingerprint
    assert torch.equal(logits(loaded), logits(trained))


def test_no_test_score_and_no_weights_stand_in_the_configuration(tiny: Tiny, tmp_path: Path) -> None:
    save_adapter(trained_adapter(tiny("bi-bert").base, "heads"), tmp_path)
    written = json.loads((tmp_path / "adapter_config.json").read_text())
    assert set(written) == set(AdapterConfig.model_fields)
    assert written["base"]["parameters"] == tiny("bi-bert").base.parameters
    assert set(written["versions"]) == {"gliner-adapters", "gliner", "torch", "transformers"}


def test_what_is_there_for_peft(tiny: Tiny, tmp_path: Path) -> None:
    """The version, a line in the card, and nothing of it once another adapter takes the place."""
    base = tiny("bi-bert").base
    (tmp_path / "peft").mkdir()
    (tmp_path / "peft" / "notes.txt").write_text("somebody's own")
    save_adapter(trained_adapter(base, "lora+heads"), tmp_path)
    assert set(contents(tmp_path)) == FILES | PEFT_FILES | {"peft/notes.txt"}
    assert json.loads((tmp_path / "adapter_config.json").read_text())["versions"]["peft"] == version("peft")
    line = (
        "The low-rank deltas alone also lie in `peft/text_encoder/`, for `peft` to load onto that encoder of the base."
    )
    assert f"\n{line}\n" in (tmp_path / "README.md").read_text()
    save_adapter(trained_adapter(base, "heads"), tmp_path)
    assert set(contents(tmp_path)) == FILES | {"peft/notes.txt"}
    assert "low-rank" not in (tmp_path / "README.md").read_text()
