"""Head deltas: heads that learn in few numbers and share the base's weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn.utils import parametrize

from bases import LABELS, RECIPES, TinyBase
from comparing import assert_near
from gliner_adapters.adapters import describe, save_adapter
from gliner_adapters.errors import ConfigError
from gliner_adapters.methods import attach
from gliner_adapters.model import load_base
from gliner_adapters.model.export import export_gliner
from methods.helpers import learns, logits_of, on, quiet, scores, unlike


@on("uni-bert", "bi-bert")
def test_few_numbers_are_trained_and_the_weights_are_the_bases(tiny_base: TinyBase) -> None:
    base = tiny_base.base
    adapter = attach("head-deltas", base, LABELS, {"rank": 2})
    assert set(adapter.ingredients()) == {"span_head", "label_head"}
    kinds = {name.rsplit(".", 1)[-1] for name in adapter.trained()}
    assert kinds == {"up", "down", "bias"}
    whole = sum(p.numel() for p in attach("heads", base, LABELS).trained().values())
    assert sum(p.numel() for p in adapter.trained().values()) < whole / 3
    own = {p.data_ptr() for p in base.network.parameters()}
    assert all(p.data_ptr() in own for name, p in adapter.named_parameters() if name not in adapter.trained())
    assert adapter.leaves_text_alone(base)


@on(*RECIPES)
def test_merged_heads_are_plain_and_score_the_same(tiny_base: TinyBase) -> None:
    base = tiny_base.base
    adapter = unlike(attach("head-deltas", base, LABELS, {"rank": 2})).eval()
    parts = adapter.merged_parts(base.parts)
    assert parts.label_head is not None
    assert not any(parametrize.is_parametrized(m) for h in (parts.span_head, parts.label_head) for m in h.modules())
    with torch.no_grad():
        merged = scores(base, adapter, parts)
    assert_near(merged, quiet(base, adapter))
    assert any(map(parametrize.is_parametrized, adapter.span_head.modules())), "the adapter keeps its own"
    with torch.no_grad():
        assert not torch.allclose(merged, scores(base, adapter, base.parts), atol=1e-3)


@on("uni-bert", "bi-deberta")
def test_exported_it_is_a_plain_gliner(tiny_base: TinyBase, tmp_path: Path) -> None:
    base = tiny_base.base
    adapter = unlike(attach("lora+head-deltas", base, LABELS, {"lora.rank": 2, "head-deltas.rank": 2})).eval()
    exported = load_base(str(export_gliner(base, adapter.merged_parts(base.parts), tmp_path)))
    with torch.no_grad():
        assert_near(logits_of(exported, exported.parts), quiet(base, adapter))


@on("bi-bert")
def test_the_deployable_form_keeps_the_span_heads_deltas_alone(tiny_base: TinyBase, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    base = tiny_base.base
    trained = describe(unlike(attach("head-deltas", base, LABELS, {"rank": 2})), base, threshold=0.5)
    save_adapter(trained, tmp_path, deployable=True)
    names = set(load_file(tmp_path / "adapter_model.safetensors"))
    assert "label_vectors" in names
    assert {name.split(".", 1)[0] for name in names} == {"label_vectors", "span_head"}
    assert not any(name.endswith("original") for name in names)


@on("bi-bert")
def test_two_kinds_of_heads_exclude_each_other(tiny_base: TinyBase) -> None:
    with pytest.raises(ConfigError, match="both put their own label_head in place"):
        attach("heads+head-deltas", tiny_base.base, LABELS)


@on("bi-bert")
def test_a_rank_that_is_none(tiny_base: TinyBase) -> None:
    with pytest.raises(ConfigError, match="rank 4096 is no low rank where a layer has"):
        attach("head-deltas", tiny_base.base, LABELS, {"rank": 4096})


@on("bi-modernbert")
def test_learns(tiny_base: TinyBase, tmp_path: Path) -> None:
    learns(tiny_base, attach("head-deltas", tiny_base.base, LABELS, {"rank": 4}), tmp_path)
