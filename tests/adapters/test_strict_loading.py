"""What is not exactly an adapter for this base is refused, with what to do about it."""

from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from adapters.helpers import Tiny, trained_adapter
from gliner_adapters.adapters import load_adapter, save_adapter, verify_adapter
from gliner_adapters.errors import AdapterError, BaseModelError

SOME = "span_head.span_rep_layer.out_project.0.weight"


@pytest.fixture
def folder(tiny: Tiny, tmp_path: Path) -> Path:
    """A good adapter: `heads` on a bi-encoder."""
    return save_adapter(trained_adapter(tiny("bi-bert").base, "heads"), tmp_path / "adapter")


def change_config(folder: Path, **fields: Any) -> None:
    path = folder / "adapter_config.json"
    content = json.loads(path.read_text())
    for name, value in fields.items():
        if value is None:
            del content[name]
        else:
            content[name] = value
    path.write_text(json.dumps(content))


def change_tensors(folder: Path, change: Callable[[dict[str, Tensor]], Any]) -> None:
    """Rewrite the weights as somebody would who also mends the digest."""
    path = folder / "adapter_model.safetensors"
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)
    mend_digest(folder)


def mend_digest(folder: Path) -> None:
    digest = hashlib.sha256((folder / "adapter_model.safetensors").read_bytes()).hexdigest()
    change_config(folder, weights_sha256=digest)


def test_the_good_one_loads(folder: Path, tiny: Tiny) -> None:
    change_tensors(folder, lambda tensors: None)
    load_adapter(folder, tiny("bi-bert").base)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda t: t.pop(SOME), rf"does not fit method 'heads': misses {SOME}"),
        (lambda t: t.pop("label_vectors"), "misses label_vectors"),
        (lambda t: t.update({"lora_A.weight": torch.ones(2)}), r"has unknown lora_A\.weight"),
        (lambda t: t.update({SOME: torch.ones(3, 4)}), rf"{SOME} has shape \(3, 4\) instead of \(\d+, \d+\)"),
        (
            lambda t: t.update(label_vectors=torch.ones(2, 32)),
            r"label_vectors has shape \(2, 32\) instead of \(3, 32\)",
        ),
        (lambda t: t.update({SOME: t[SOME].half()}), rf"{SOME} is torch.float16 instead of torch.float32"),
        (lambda t: t.clear(), r"misses .*; and \d+ more"),
    ],
)
def test_other_tensors(folder: Path, tiny: Tiny, change: Callable[[dict[str, Tensor]], Any], complaint: str) -> None:
    change_tensors(folder, change)
    with pytest.raises(AdapterError, match=complaint):
        load_adapter(folder, tiny("bi-bert").base)


def test_another_number_of_labels(folder: Path, tiny: Tiny) -> None:
    change_config(folder, labels=[{"name": "chemical"}])
    with pytest.raises(AdapterError, match=r"label_vectors has shape \(3, 32\) instead of \(1, 32\)"):
        load_adapter(folder, tiny("bi-bert").base)


def test_a_file_that_was_changed(folder: Path, tiny: Tiny) -> None:
    path = folder / "adapter_model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(AdapterError, match=r"not the file that adapter_config\.json describes .*fetch or save"):
        load_adapter(folder, tiny("bi-bert").base)


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"\xff" * 64])
def test_a_damaged_file_with_a_mended_digest(folder: Path, tiny: Tiny, damage: Callable[[bytes], bytes]) -> None:
    path = folder / "adapter_model.safetensors"
    path.write_bytes(damage(path.read_bytes()))
    mend_digest(folder)
    with pytest.raises(AdapterError, match=r"adapter_model\.safetensors is damaged"):
        load_adapter(folder, tiny("bi-bert").base)


class Bomb:
    """Unpickling it leaves a trace."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.trace,))


def test_no_pickle_is_accepted(folder: Path, tiny: Tiny, tmp_path: Path) -> None:
    bomb = pickle.dumps(Bomb(tmp_path / "trace"))
    weights = folder / "adapter_model.safetensors"
    (folder / "adapter_model.bin").write_bytes(bomb)
    load_adapter(folder, tiny("bi-bert").base)  # a pickle beside the weights is not looked at
    weights.write_bytes(bomb)
    mend_digest(folder)
    with pytest.raises(AdapterError, match="damaged"):
        load_adapter(folder, tiny("bi-bert").base)
    weights.unlink()
    with pytest.raises(AdapterError, match=r"misses adapter_model\.safetensors"):
        load_adapter(folder, tiny("bi-bert").base)
    assert not (tmp_path / "trace").exists()


def test_another_base(folder: Path, tiny: Tiny) -> None:
    theirs, ours = tiny("bi-bert").base, tiny("bi-deberta").base
    with pytest.raises(AdapterError) as caught:
        load_adapter(folder, ours)
    for part in (theirs.id, theirs.fingerprint[:12], ours.id, ours.fingerprint[:12], "train the adapter anew"):
        assert part in str(caught.value)


def test_a_base_that_is_gone(folder: Path) -> None:
    content = json.loads((folder / "adapter_config.json").read_text())
    change_config(folder, base={**content["base"], "id": str(folder / "nowhere")})
    with pytest.raises(BaseModelError, match="nowhere"):
        load_adapter(folder)


def test_a_newer_format(folder: Path, tiny: Tiny) -> None:
    change_config(folder, format_version=2, something_new=True)
    with pytest.raises(AdapterError, match="format version 2, this gliner-adapters reads up to 1; upgrade it"):
        load_adapter(folder, tiny("bi-bert").base)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"treshold": 0.3}, "treshold: Extra inputs"),
        ({"threshold": 1.5}, "threshold: "),
        ({"threshold": None}, "threshold: Field required"),
        ({"base": {"id": "x"}}, r"base\.fingerprint: Field required"),
        ({"format_version": "2"}, "format_version: "),
        ({"segment": "page"}, "segment: "),
        ({"method": "telepathy"}, r"adapter_config\.json: unknown method 'telepathy'; known: "),
        ({"options": {"rank": 4}}, "options of method 'heads': rank: Extra inputs"),
        ({"labels": [{"name": "a"}, {"name": "a"}, {"name": "b"}]}, "labels given twice: a"),
        ({"labels": []}, "at least one"),
    ],
)
def test_other_configurations(folder: Path, tiny: Tiny, fields: dict[str, Any], complaint: str) -> None:
    change_config(folder, **fields)
    with pytest.raises(AdapterError, match=complaint):
        load_adapter(folder, tiny("bi-bert").base)


@pytest.mark.parametrize("text", ["{", "[]", "null", "\xff"])
def test_a_configuration_that_is_none(folder: Path, tiny: Tiny, text: str) -> None:
    (folder / "adapter_config.json").write_text(text, encoding="latin-1")
    with pytest.raises(AdapterError, match=r"adapter_config\.json"):
        load_adapter(folder, tiny("bi-bert").base)


def test_a_deployable_uni_encoder_is_made_up(tiny: Tiny, tmp_path: Path) -> None:
    base = tiny("uni-bert").base
    folder = save_adapter(trained_adapter(base, "zero-shot"), tmp_path)
    change_config(folder, deployable=True)
    with pytest.raises(AdapterError, match="not baked"):
        load_adapter(folder, base)


def test_missing_files_and_folders(folder: Path, tiny: Tiny, tmp_path: Path) -> None:
    base = tiny("bi-bert").base
    (folder / "adapter_config.json").unlink()
    with pytest.raises(AdapterError, match=r"no adapter at .*: expected adapter_config\.json"):
        load_adapter(folder, base)
    for name in (str(tmp_path / "nowhere" / "at" / "all"), "a-name", "owner/name"):
        with pytest.raises(AdapterError, match=name):
            load_adapter(name, base)


def test_verify_notices_label_vectors_of_other_weights(folder: Path, tiny: Tiny) -> None:
    change_tensors(folder, lambda tensors: tensors["label_vectors"].add_(0.01))
    load_adapter(folder, tiny("bi-bert").base)
    with pytest.raises(AdapterError, match=r"baked label vectors differ from their producer's by 0\.01"):
        verify_adapter(folder, tiny("bi-bert").base)


def test_an_interrupted_save_is_noticed(folder: Path, tiny: Tiny) -> None:
    """New weights beside the old configuration: what a save leaves that is killed between the two."""
    other = trained_adapter(tiny("bi-bert").base, "heads")
    with torch.no_grad():
        next(iter(other.adapter.trained().values())).add_(1)
    save_adapter(other, folder.with_name("other"))
    (folder / "adapter_model.safetensors").write_bytes(
        (folder.with_name("other") / "adapter_model.safetensors").read_bytes()
    )
    with pytest.raises(AdapterError, match="its sha256 differs"):
        load_adapter(folder, tiny("bi-bert").base)
