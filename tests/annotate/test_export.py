"""An exported GLiNER is what the `gliner` library itself loads, and it finds the same."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from gliner import GLiNER

from adapters.helpers import BASES, Tiny, trained_adapter
from bases import LABELS, TEXTS
from gliner_adapters.annotate import Annotator
from gliner_adapters.errors import ConfigError
from gliner_adapters.model import load_base
from gliner_adapters.model.export import export_gliner

NAMES = [label.name for label in LABELS]


@pytest.mark.parametrize("name", BASES)
@pytest.mark.filterwarnings("ignore:Resizing embeddings:UserWarning")
@pytest.mark.parametrize("method", ["zero-shot", "heads", "full", "bitfit", "lora+heads", "lora+head-deltas"])
def test_gliner_finds_the_same(method: str, name: str, tiny: Tiny, tmp_path: Path) -> None:
    base = tiny(name).base
    trained = trained_adapter(base, method)
    export_gliner(base, trained.adapter.merged_parts(base.parts), tmp_path)
    theirs = GLiNER.from_pretrained(str(tmp_path), local_files_only=True).eval()
    with torch.inference_mode():
        found = theirs.inference(list(TEXTS), NAMES, threshold=0.4)
    ours = Annotator(trained, segment="window").annotate(TEXTS)
    assert sum(map(len, found)) >= 3
    for theirs_here, document in zip(found, ours, strict=True):
        expected = sorted((e["start"], e["end"], e["label"]) for e in theirs_here)
        assert sorted(e.key for e in document.entities) == expected
        scores = {(e["start"], e["end"], e["label"]): e["score"] for e in theirs_here}
        for entity in document.entities:
            assert entity.score == pytest.approx(scores[entity.key], abs=1e-4)
    # And it is a base again, of other weights than the one it was made from unless nothing was trained.
    again = load_base(str(tmp_path))
    assert (again.fingerprint == base.fingerprint) == (method == "zero-shot")
    assert again.architecture == base.architecture


@pytest.mark.filterwarnings("ignore:Resizing embeddings:UserWarning")
def test_a_gliner_of_label_descriptions_is_asked_by_descriptions(tiny: Tiny, tmp_path: Path) -> None:
    base = tiny("bi-bert").base
    trained = trained_adapter(base, "label-descriptions")
    export_gliner(base, trained.adapter.merged_parts(base.parts), tmp_path)
    descriptions = {label.description or "": label.name for label in LABELS}
    theirs = GLiNER.from_pretrained(str(tmp_path), local_files_only=True).eval()
    with torch.inference_mode():
        found = theirs.inference(list(TEXTS), list(descriptions), threshold=0.4)
    ours = Annotator(trained, segment="window").annotate(TEXTS)
    assert any(found)
    for theirs_here, document in zip(found, ours, strict=True):
        expected = sorted((e["start"], e["end"], descriptions[e["label"]]) for e in theirs_here)
        assert sorted(e.key for e in document.entities) == expected


def test_the_base_is_left_alone(tiny: Tiny, tmp_path: Path) -> None:
    base = tiny("uni-bert").base
    before = {name: tensor.clone() for name, tensor in base.network.state_dict().items()}
    export_gliner(base, trained_adapter(base, "full").adapter.parts(base.parts), tmp_path)
    after = base.network.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("label-embeddings", "free label vectors, .* no place for a LabelTable"),
        ("injection-bi", "prompts .* before the label encoder, .* no place for a PromptedLabelEncoder"),
        ("extension", "a transform before the label encoder, .* no place for a RewritingLabelEncoder"),
        ("injection-deep", "prompts in the text encoder cannot be written as a GLiNER"),
        ("lora", r"this text_encoder has other tensors than a GLiNER's; deltas have to be merged first"),
    ],
)
def test_what_no_gliner_can_hold(method: str, message: str, tiny: Tiny, tmp_path: Path) -> None:
    base = tiny("bi-bert").base
    with pytest.raises(ConfigError, match=message):
        export_gliner(base, trained_adapter(base, method).adapter.parts(base.parts), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_baked_and_deployable_adapters_are_no_gliner(tiny: Tiny, tmp_path: Path) -> None:
    base = tiny("bi-bert").base
    adapter = trained_adapter(base, "heads").adapter
    with pytest.raises(ConfigError, match="baked label vectors cannot be written as a GLiNER"):
        export_gliner(base, adapter.plug(base), tmp_path / "out")
    adapter.drop_producers()
    with pytest.raises(ConfigError, match="this label_head has other tensors"):
        export_gliner(base, adapter.merged_parts(base.parts), tmp_path / "out")
    assert not (tmp_path / "out").exists()
