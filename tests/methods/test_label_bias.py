"""A bias for each label: trained, saved within the label vectors, read in one pass with others, and exported."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from annotate.helpers import OTHERS, assert_same
from bases import LABELS, TEXTS, TinyBase, free
from comparing import assert_near
from gliner_adapters.adapters import describe, load_adapter, save_adapter, verify_adapter
from gliner_adapters.annotate import Annotator, Request
from gliner_adapters.documents import Label
from gliner_adapters.errors import ConfigError
from gliner_adapters.methods import Adapter, attach
from gliner_adapters.methods.carry import carry_over
from gliner_adapters.model import load_base
from gliner_adapters.model.export import export_gliner
from methods.helpers import learns, on, quiet, scores, unlike

METHODS = ("label-embeddings", "injection-bi", "label-descriptions", "extension")
BIASES = (1.5, -2.0, 0.25)
every_method = pytest.mark.parametrize("method", METHODS)


def biased(tiny_base: TinyBase, method: str) -> Adapter:
    """Trained in all but its biases, which are told."""
    adapter = unlike(attach(method, tiny_base.base, LABELS, {"label_bias": True}), 0.02)
    with torch.no_grad():
        adapter.label_bias.copy_(torch.tensor(BIASES))
    return adapter


@torch.no_grad()
def without(tiny_base: TinyBase, adapter: Adapter) -> Tensor:
    """Logits of the same adapter with biases of zero."""
    kept = adapter.label_bias.clone()
    adapter.label_bias.zero_()
    found = quiet(tiny_base.base, adapter)
    adapter.label_bias.copy_(kept)
    return found


@every_method
@on("bi-bert", "bi-deberta-conv")
def test_it_is_added_to_the_logits(method: str, tiny_base: TinyBase) -> None:
    base = tiny_base.base
    adapter = biased(tiny_base, method)
    plain = without(tiny_base, adapter)
    assert_near(quiet(base, adapter), plain + torch.tensor(BIASES), 1e-5)
    expected = quiet(base, adapter)
    assert torch.equal(quiet(base, adapter.bake(base)), expected)
    assert adapter.baked is not None
    assert adapter.baked.shape == (3, base.hidden_size + 1)
    assert torch.equal(quiet(base, adapter.drop_producers()), expected)


@every_method
@on("bi-bert")
def test_it_is_saved_and_loaded(method: str, tiny_base: TinyBase, tmp_path: Path) -> None:
    base = tiny_base.base
    trained = describe(biased(tiny_base, method), base, threshold=0.5)
    expected = quiet(base, trained.adapter)
    for deployable in (False, True):
        folder = save_adapter(trained, tmp_path / str(deployable), deployable=deployable)
        assert ("label_bias" in load_file(folder / "adapter_model.safetensors")) != deployable
        assert torch.equal(quiet(base, load_adapter(folder, base).adapter), expected)
        verify_adapter(folder, base)


@every_method
@on("bi-bert")
def test_without_it_nothing_changes(method: str, tiny_base: TinyBase) -> None:
    base = tiny_base.base
    plain, fresh = attach(method, base, LABELS), attach(method, base, LABELS, {"label_bias": True})
    assert set(fresh.trained()) - set(plain.trained()) == {"label_bias"}
    assert torch.equal(quiet(base, fresh), quiet(base, plain))
    assert plain.bake(base).baked.shape == (3, base.hidden_size)  # type: ignore[union-attr]


@every_method
@on("bi-bert")
def test_it_learns(method: str, tiny_base: TinyBase, tmp_path: Path) -> None:
    adapter = attach(method, tiny_base.base, LABELS, {"label_bias": True})
    learns(tiny_base, adapter, tmp_path, label_bias=0.05)
    assert adapter.label_bias.abs().min() > 0


@on("bi-bert")
def test_other_labels_start_without(tiny_base: TinyBase) -> None:
    base = tiny_base.base
    adapter = biased(tiny_base, "injection-bi")
    other = carry_over(adapter, base, [Label("virus"), *LABELS[1:]])
    assert other.label_bias.tolist() == [0, 0, 0]
    assert torch.equal(other.label_prompts.encoder.norm.weight, adapter.label_prompts.encoder.norm.weight)


@on("bi-bert")
def test_many_adapters_in_one_pass(tiny_base: TinyBase) -> None:
    """With and without biases, with heads of their own, beside plain labels: each as if it were alone."""
    base = tiny_base.base
    adapters = {}
    for name, method, options in (
        ("biased", "label-embeddings", {"label_bias": True}),
        ("other", "injection-bi", {"label_bias": True}),
        ("plain", "label-embeddings", {}),
        ("heads", "extension", {"label_bias": True}),
    ):
        adapter = unlike(attach(method, base, LABELS, options), 0.2)
        adapters[name] = describe(adapter, base, threshold=0.5)
    documents = free(TEXTS)
    alone = {name: Annotator(trained).annotate(documents) for name, trained in adapters.items()}
    plain = Annotator(base, OTHERS).annotate(documents)
    assert sum(len(document.entities) for document in alone["biased"]) > 3
    readings = Annotator(base, adapters=adapters).read([Request(d, tuple(adapters), OTHERS) for d in documents])
    for number, reading in enumerate(readings):
        found = {each.adapter: list(each.entities) for each in reading.found}
        for name in adapters:
            assert_same(documents[number].with_entities(found[name]), alone[name][number])
        assert_same(documents[number].with_entities(found[None]), plain[number])


@on("bi-bert")
def test_it_is_exported_in_the_span_head(tiny_base: TinyBase, tmp_path: Path) -> None:
    base = tiny_base.base
    adapter = biased(tiny_base, "label-descriptions")
    parts = adapter.merged_parts(base.parts)
    exported = load_base(str(export_gliner(base, parts, tmp_path, adapter.label_inputs(base))))
    found = scores(exported, adapter, exported.parts)
    assert_near(found.detach(), quiet(base, adapter), 1e-3)
    assert not torch.allclose(found, without(tiny_base, adapter), atol=0.1)


@on("bi-bert")
def test_two_labels_with_one_vector_cannot_be_exported(tiny_base: TinyBase, tmp_path: Path) -> None:
    base = tiny_base.base
    same = [Label("chemical", "a compound"), Label("drug", "a compound")]
    adapter = attach("label-descriptions", base, same, {"label_bias": True})
    with torch.no_grad():
        adapter.label_bias.copy_(torch.tensor([1.0, -1.0]))
    with pytest.raises(ConfigError, match="two labels have the same vector and different biases"):
        export_gliner(base, adapter.merged_parts(base.parts), tmp_path / "out", adapter.label_inputs(base))
    assert not (tmp_path / "out").exists()
