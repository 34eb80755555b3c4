"""Label descriptions: the label side learns, the text side is the base's."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import load_file

from bases import LABELS, TinyBase
from gliner_adapters.adapters import describe, save_adapter
from gliner_adapters.methods import attach
from methods.helpers import learns, on, renamed, unlike, vectors


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
