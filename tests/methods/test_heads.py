"""Heads: both, or one of them, alone or beside techniques of the label side."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from bases import LABELS, TinyBase
from gliner_adapters.adapters import describe, load_adapter, save_adapter
from gliner_adapters.errors import ConfigError
from gliner_adapters.methods import attach
from methods.helpers import learns, on, quiet, unlike

WHICH = {"both": {"span_head", "label_head"}, "span": {"span_head"}, "label": {"label_head"}}


@pytest.mark.parametrize("which", WHICH)
@on("uni-bert", "bi-bert")
def test_one_head_without_the_other(which: str, tiny_base: TinyBase, tmp_path: Path) -> None:
    base = tiny_base.base
    adapter = attach("heads", base, LABELS, {"which": which})
    assert set(adapter.ingredients()) == WHICH[which]
    assert torch.equal(quiet(base, adapter), quiet(base, attach("zero-shot", base, LABELS)))
    learns(tiny_base, adapter, tmp_path / "run")
    parts = adapter.parts(base.parts)
    assert (parts.span_head is base.parts.span_head) == (which == "label")
    assert (parts.label_head is base.parts.label_head) == (which == "span")
    trained = describe(adapter, base, threshold=0.5)
    expected = quiet(base, adapter)
    forms = (False, True) if base.architecture == "bi" else (False,)
    for deployable in forms:
        folder = save_adapter(trained, tmp_path / str(deployable), deployable=deployable)
        kept = {name.split(".", 1)[0] for name in load_file(folder / "adapter_model.safetensors")} - {"label_vectors"}
        assert kept == WHICH[which] - ({"label_head"} if deployable else set())
        assert torch.equal(quiet(base, load_adapter(folder, base).adapter), expected)


@pytest.mark.parametrize(
    ("method", "options", "own"),
    [
        ("injection-bi+heads", {"heads.which": "label"}, "label_prompts"),
        ("extension+heads", {"extension.heads": False, "heads.which": "label"}, "label_transform"),
    ],
)
@on("bi-bert")
def test_the_label_head_beside_what_the_label_encoder_reads(
    method: str, options: dict[str, object], own: str, tiny_base: TinyBase, tmp_path: Path
) -> None:
    base = tiny_base.base
    adapter = attach(method, base, LABELS, options)
    assert set(adapter.ingredients()) == {own, "label_head"}
    assert adapter.starts_as_base
    assert adapter.parts(base.parts).span_head is base.parts.span_head
    folder = save_adapter(describe(unlike(adapter), base, threshold=0.5), tmp_path, deployable=True)
    assert set(load_file(folder / "adapter_model.safetensors")) == {"label_vectors"}


@on("bi-bert")
def test_heads_that_others_bring(tiny_base: TinyBase) -> None:
    attach("label-embeddings+heads", tiny_base.base, LABELS, {"heads.which": "span"})
    with pytest.raises(ConfigError, match="both put their own label_head in place"):
        attach("label-embeddings+heads", tiny_base.base, LABELS, {"heads.which": "label"})
