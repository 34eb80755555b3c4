"""Extension: which tokens are rewritten, where it starts, and what it trains."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file

from bases import LABELS, TinyBase
from gliner_adapters.adapters import describe, save_adapter
from gliner_adapters.documents import Label
from gliner_adapters.methods import attach
from methods.helpers import in_company_as_alone, learns, on, unlike, vectors


@on("bi-bert", "bi-modernbert")
def test_special_tokens_are_left_alone(tiny_base: TinyBase) -> None:
    """Those that open, close and pad; an unknown piece (here: a sign that no label knows) is the label's own."""
    base = tiny_base.base
    tokenizer = base.label_tokenizer
    labels = [*LABELS, Label("雪 cells")]
    transform = unlike(attach("extension", base, labels)).label_transform
    ids, mask = base.label_inputs(labels)
    assert tokenizer.unk_token_id in ids
    assert (mask == 0).any()
    words = base.parts.label_encoder.word_embeddings(ids)
    rewritten = (transform(words, ids) != words).any(-1)
    special = torch.isin(ids, torch.tensor([tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.pad_token_id]))
    assert torch.equal(rewritten, ~special)


@on("bi-bert")
def test_the_transform_alone_moves_the_labels(tiny_base: TinyBase) -> None:
    base = tiny_base.base
    adapter = attach("extension", base, LABELS)
    expected = vectors(base, adapter)
    assert torch.equal(expected, vectors(base, attach("zero-shot", base, LABELS)))
    with torch.no_grad():
        adapter.label_transform.norm.weight.fill_(0.1)
    assert (vectors(base, adapter) != expected).any(1).all()


@on("bi-bert", "bi-deberta")
def test_a_label_is_read_alike_in_any_company(tiny_base: TinyBase) -> None:
    assert in_company_as_alone(tiny_base.base, "extension", {})


@on("bi-bert")
def test_the_first_step_reaches_the_transform(tiny_base: TinyBase) -> None:
    """All of it but the matrix, which stands behind the zero gain until that has moved."""
    base = tiny_base.base
    adapter = attach("extension", base, LABELS).eval()
    adapter.parts(base.parts).label_encoder(*adapter.label_inputs(base)).square().sum().backward()
    reached = {name: bool(p.grad.abs().sum() > 0) for name, p in adapter.label_transform.named_parameters()}
    assert reached == {"linear.weight": False, "norm.weight": True, "norm.bias": True}


@on("bi-bert")
def test_three_ingredients_with_rates_of_their_own(tiny_base: TinyBase) -> None:
    adapter = attach("extension", tiny_base.base, LABELS)
    assert (
        set(adapter.ingredients())
        == set(adapter.learning_rates) - {"label_bias"}
        == {"label_transform", "span_head", "label_head"}
    )
    assert adapter.leaves_text_alone(tiny_base.base)


@on("bi-bert")
def test_what_is_shipped_is_the_span_head_and_the_vectors(tiny_base: TinyBase, tmp_path: Path) -> None:
    base = tiny_base.base
    trained = describe(unlike(attach("extension", base, LABELS)), base, threshold=0.5)
    save_adapter(trained, tmp_path, deployable=True)
    tensors = load_file(tmp_path / "adapter_model.safetensors")
    assert {name.split(".")[0] for name in tensors} == {"span_head", "label_vectors"}


@on("bi-bert")
def test_learns(tiny_base: TinyBase, tmp_path: Path) -> None:
    """By the transform as well: its gain leaves zero."""
    adapter = attach("extension", tiny_base.base, LABELS)
    learns(tiny_base, adapter, tmp_path)
    assert (adapter.label_transform.norm.weight != 0).all()


@on("bi-bert")
def test_without_heads_the_transform_is_all_that_is_trained(tiny_base: TinyBase, tmp_path: Path) -> None:
    base = tiny_base.base
    adapter = attach("extension", base, LABELS, {"heads": False})
    assert set(adapter.ingredients()) == {"label_transform"}
    plugged = adapter.parts(base.parts)
    assert (plugged.span_head, plugged.label_head) == (base.parts.span_head, base.parts.label_head)
    save_adapter(describe(unlike(adapter), base, threshold=0.5), tmp_path / "deployable", deployable=True)
    assert set(load_file(tmp_path / "deployable" / "adapter_model.safetensors")) == {"label_vectors"}


@on("bi-bert")
def test_others_may_train_the_heads_instead(tiny_base: TinyBase) -> None:
    adapter = attach("extension+heads", tiny_base.base, LABELS, {"extension.heads": False})
    assert set(adapter.ingredients()) == {"label_transform", "span_head", "label_head"}
