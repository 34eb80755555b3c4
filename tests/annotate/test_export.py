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
@pytest.mark.parametrize("method", ["zero-shot", "heads", "full"])
def test_gliner_finds_the_same(method: str, name: str, tiny: Tiny, tmp_path: Path) -> None:
    base = tiny(name).base
    trained = trained_adapter(base, method)
    export_gliner(base, trained.adapter.parts(base.parts), tmp_path)
    theirs = GLiNER.from_pretrained(str(tmp_path), local_files_only=True).eval()
    with torch.inference_mode():
        found = theirs.inference(list(TEXTS), NAMES, threshold=0.4)
    ours = Annotator(trained, segment="window").annotate(TEXTS)
    assert sum(map(len, found)) > 3
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


def test_the_base_is_left_alone(tiny: Tiny, tmp_path: Path) -> None:
    base = tiny("uni-bert").base
    before = {name: tensor.clone() for name, tensor in base.network.state_dict().items()}
    export_gliner(base, trained_adapter(base, "full").adapter.parts(base.parts), tmp_path)
    after = base.network.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


def test_what_no_gliner_can_hold(tiny: Tiny, tmp_path: Path) -> None:
    base = tiny("bi-bert").base
    free_vectors = trained_adapter(base, "label-embeddings").adapter
    baked = trained_adapter(base, "heads").adapter.bake(base)
    for parts in (free_vectors.parts(base.parts), baked.plug(base)):
        with pytest.raises(ConfigError, match="label vectors without a label encoder"):
            export_gliner(base, parts, tmp_path / "out")
    assert not (tmp_path / "out").exists()
