"""Label descriptions: the label side learns, the text side is the base's."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file

from bases import LABELS, TinyBase
from comparing import is_near
from gliner_adapters.adapters import describe, save_adapter
from gliner_adapters.documents import Label
from gliner_adapters.methods import attach
from gliner_adapters.methods.base import own_copy
from gliner_adapters.methods.carry import carry_over
from gliner_adapters.methods.rows import RowsInUse
from gliner_adapters.model import load_base
from gliner_adapters.model.export import export_gliner
from methods.helpers import learns, logits_of, on, renamed, scores, unlike, vectors


@on("bi-bert")
def test_descriptions_are_read_by_default(tiny_base: TinyBase) -> None:
    base = tiny_base.base
    adapter = attach("label-descriptions", base, LABELS)
    assert adapter.options.label_style == "description"
    other = attach("label-descriptions", base, renamed(disease="what drugs are for"))
    differ = (vectors(base, adapter) != vectors(base, other)).any(1).tolist()
    assert differ == [False, True, False]


@on("bi-bert", "bi-deberta", "bi-modernbert")
def test_only_the_label_side_is_trained(tiny_base: TinyBase) -> None:
    base = tiny_base.base
    adapter = attach("label-descriptions", base, LABELS)
    assert set(adapter.ingredients()) == {"label_encoder", "label_head"}
    parts = adapter.parts(base.parts)
    assert (parts.text_encoder, parts.span_head) == (base.parts.text_encoder, base.parts.span_head)
    assert adapter.leaves_text_alone(base)


@on("bi-bert")
def test_what_is_shipped_is_the_vectors(tiny_base: TinyBase, tmp_path: Path) -> None:
    base = tiny_base.base
    trained = describe(unlike(attach("label-descriptions", base, LABELS)), base, threshold=0.5)
    save_adapter(trained, tmp_path, deployable=True)
    assert set(load_file(tmp_path / "adapter_model.safetensors")) == {"label_vectors"}
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 100_000


@on("bi-modernbert")
def test_learns(tiny_base: TinyBase, tmp_path: Path) -> None:
    learns(tiny_base, attach("label-descriptions", tiny_base.base, LABELS), tmp_path)


@on("bi-bert", "bi-deberta", "bi-modernbert")
def test_the_rows_in_use_are_trained_as_the_whole_vocabulary_would_be(tiny_base: TinyBase) -> None:
    base = tiny_base.base
    adapter = attach("label-descriptions", base, LABELS).eval()
    inputs = adapter.label_inputs(base)
    assert inputs is not None
    whole = own_copy(base.parts.label_encoder).eval()
    for encoder in (adapter.label_encoder, whole):
        encoder(*inputs).square().sum().backward()
    rows = adapter.label_encoder.word_embeddings
    used = inputs[0].unique()
    table = whole.word_embeddings
    assert 0 < len(used) < table.num_embeddings
    assert torch.equal(rows.rows, table.weight[used])
    # A table's own gradient leaves out the padding, which is masked, and so has none to speak of here.
    assert is_near(rows.rows.grad, table.weight.grad[used])
    others = torch.ones(table.num_embeddings, dtype=torch.bool)
    others[used] = False
    assert not table.weight.grad[others].any()


@on("bi-bert", "bi-modernbert")
def test_a_trained_vocabulary_is_exported_whole(tiny_base: TinyBase, tmp_path: Path) -> None:
    base = tiny_base.base
    adapter = unlike(attach("label-descriptions", base, LABELS, {"label_style": "name"})).eval()
    exported = load_base(str(export_gliner(base, adapter.merged_parts(base.parts), tmp_path)))
    with torch.no_grad():
        assert is_near(logits_of(exported, exported.parts), scores(base, adapter, adapter.plug(base)))


@on("bi-bert")
def test_words_that_were_trained_keep_what_they_learnt_under_other_labels(tiny_base: TinyBase) -> None:
    base = tiny_base.base
    options = {"label_style": "name"}
    adapter = unlike(attach("label-descriptions", base, LABELS, options)).eval()
    carried = carry_over(adapter, base, [LABELS[1], Label("kidney")])
    again = carry_over(carried, base, LABELS)
    fresh = attach("label-descriptions", base, [Label("kidney")], options)
    assert is_near(vectors(base, carried)[0], vectors(base, adapter)[1])
    assert not torch.allclose(vectors(base, carried)[1], vectors(base, fresh)[0], atol=1e-3)
    assert is_near(vectors(base, again), vectors(base, adapter))


def test_rows_in_use_follow_others() -> None:
    table = torch.nn.Embedding(6, 2).requires_grad_(False)
    own = RowsInUse(table, torch.tensor([[4, 1, 1]]))
    with torch.no_grad():
        own.rows.add_(1.0)
    expected = table.weight.clone()
    expected[[1, 4]] += 1.0
    assert torch.equal(own.weight, expected)
    assert torch.equal(own(torch.arange(6)), expected)
    assert set(own.state_dict()) == {"rows"}
    other = RowsInUse(table, torch.tensor([0, 4]))
    other.follow(own)
    assert torch.equal(other(torch.arange(6)), expected)
    assert torch.equal(other.rows, expected[[0, 4]])
