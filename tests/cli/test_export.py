"""`export`: what the gliner library then loads, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from gliner import GLiNER

from adapters.helpers import Tiny, trained_adapter
from bases import LABELS, TEXTS
from gliner_adapters.adapters import load_adapter, save_adapter
from gliner_adapters.annotate import Annotator

from .conftest import Cli, World

NAMES = [label.name for label in LABELS]


def in_gliner(folder: Path, threshold: float) -> list[list[tuple[int, int, str]]]:
    """What the gliner library finds with an exported model."""
    model = GLiNER.from_pretrained(str(folder), local_files_only=True).eval()
    with torch.inference_mode():
        found = model.inference(list(TEXTS), NAMES, threshold=threshold)
    return [sorted((e["start"], e["end"], e["label"]) for e in of_text) for of_text in found]


def in_ours(annotator: Annotator) -> list[list[tuple[int, int, str]]]:
    return [sorted(e.key for e in document.entities) for document in annotator.annotate(TEXTS)]


@pytest.mark.filterwarnings("ignore:Resizing embeddings:UserWarning")
@pytest.mark.parametrize("name", ["uni-deberta", "bi-bert"])
def test_an_adapter_is_merged_into_its_base(name: str, tiny: Tiny, cli: Cli, tmp_path: Path) -> None:
    """Low-rank deltas too: gliner finds what the adapter finds, and not what the base alone does."""
    base = tiny(name).base
    adapter = save_adapter(trained_adapter(base, "lora"), tmp_path / "adapter")
    result = cli("export", "--adapter", adapter, "--output", tmp_path / "out")
    assert result.code == 0, result.err
    assert result.out == ""
    told = " ".join(result.err.split())
    assert f'load it with GLiNER.from_pretrained("{tmp_path}/out")' in told
    assert '; labels: ["chemical", "disease", "cell line"]; threshold: 0.4' in told
    found = in_gliner(tmp_path / "out", 0.4)
    assert sum(map(len, found)) > 3
    assert found == in_ours(Annotator(load_adapter(adapter, base), segment="window"))
    assert found != in_ours(Annotator(base, NAMES, threshold=0.4))


@pytest.mark.filterwarnings("ignore:Resizing embeddings:UserWarning")
def test_a_base_alone(tiny: Tiny, cli: Cli, tmp_path: Path) -> None:
    base = tiny("bi-bert")
    result = cli("export", "--base", base.folder, "--output", tmp_path / "out")
    assert result.code == 0, result.err
    assert "labels:" not in result.err
    found = in_gliner(tmp_path / "out", 0.5)
    assert any(found)
    assert found == in_ours(Annotator(base.base, NAMES, threshold=0.5))


@pytest.mark.parametrize(
    ("method", "name", "message"),
    [
        ("label-embeddings", "bi-bert", "free label vectors, .* cannot be written as a GLiNER"),
        ("injection-bi", "bi-bert", "prompts .* before the label encoder, cannot be written as a GLiNER"),
        ("injection-cross", "uni-bert", "prompts in the text encoder cannot be written as a GLiNER"),
        ("injection-deep", "bi-bert", "prompts in the text encoder cannot be written as a GLiNER"),
    ],
)
def test_what_no_gliner_can_hold(method: str, name: str, message: str, tiny: Tiny, cli: Cli, tmp_path: Path) -> None:
    adapter = save_adapter(trained_adapter(tiny(name).base, method), tmp_path / "adapter")
    result = cli("export", "--adapter", adapter, "--output", tmp_path / "out")
    assert result.code == 2
    assert re.search(message, " ".join(result.err.split()))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("method", ["heads", "injection-bi", "lora"])
def test_the_deployable_form_has_lost_its_label_side(method: str, tiny: Tiny, cli: Cli, tmp_path: Path) -> None:
    """Written as it is, it would be the adapter's other pieces with the base's label side: another model."""
    trained = trained_adapter(tiny("bi-bert").base, method)
    adapter = save_adapter(trained, tmp_path / "adapter", deployable=True)
    result = cli("export", "--adapter", adapter, "--output", tmp_path / "out")
    assert result.code == 2
    assert "deployable form" in result.err
    assert "use the adapter that it was made from" in " ".join(result.err.split())
    assert not (tmp_path / "out").exists()


def test_requests_that_make_no_sense(world: World, cli: Cli, tmp_path: Path) -> None:
    for which in ([], ["--base", world.base, "--adapter", world.adapter]):
        result = cli("export", *which, "--output", tmp_path / "out")
        assert result.code == 2
        assert "Give one of --base and --adapter" in result.err
    assert not (tmp_path / "out").exists()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "kept.txt").write_text("kept")
    (tmp_path / "a-file").write_text("kept")
    for output in ("full", "a-file"):
        result = cli("export", "--base", world.base, "--output", tmp_path / output)
        assert result.code == 2, result.err
        assert "choose another --output" in result.err
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["kept.txt"]
