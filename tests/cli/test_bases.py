"""The verbs that make and measure bases."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from bases import TinyBase, build_encoder
from cli.conftest import Cli
from gliner_adapters.model import load_base
from gliner_adapters.model.embedded import BaseRecord
from pretraining.helpers import content


@pytest.fixture
def recipe_file(tmp_path: Path) -> Path:
    """A recipe that takes a second."""
    recipe = content(
        encoder=f"encoder:{build_encoder('bert', tmp_path / 'encoder')}",
        group_size=4,
        sampling={"sentences": 16},
        shipping={"text_rank": 2, "label_rank": 2, "embedding_rank": 1, "stages": [{"sentences": 8}]},
        training={"batch_size": 8, "precision": "fp32"},
    )
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    return path


def test_a_base_from_recipe_to_card(cli: Cli, recipe_file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "base"
    result = cli("pretrain", recipe_file, "--output", folder)
    assert result.code == 0, result.err
    assert f"load it with `--base {folder}`" in " ".join(result.err.split())
    assert load_base(str(folder)).architecture == "bi"
    again = cli("pretrain", recipe_file, "--output", folder)
    assert (again.code, "--resume, --overwrite or another --output" in again.err) == (2, True)
    scored = cli(
        "comparison", "zero-shot", folder, "--corpus", "sample", "--beside", f"trained={folder}/run/trained",
        "--bootstrap", 0, "--limit", 3, "--output", tmp_path / "scores" / "zero.json", "--card",
    )  # fmt: skip
    assert scored.code == 0, scored.err
    written = json.loads((tmp_path / "scores" / "zero.json").read_text())
    assert [(s["weights"], s["documents"]) for s in written["scores"]] == [("shipped", 3), ("trained", 3)]
    assert [s["weights"] for s in BaseRecord.read(folder).scores] == ["shipped", "trained"]
    assert "## Zero-shot scores" in (folder / "README.md").read_text()
    found = cli("annotate", "--base", folder, "-l", "drug", "--threshold", 0.0, "Aspirin works.")
    assert found.code == 0, found.err


def test_recipes_that_are_not_there(cli: Cli, tmp_path: Path) -> None:
    result = cli("pretrain", "minilm-tri", "--output", tmp_path / "base")
    assert result.code == 2
    assert "one of minilm-bi, minilm-uni" in " ".join(result.err.split())
    assert not (tmp_path / "base").exists()


def test_only_pretrained_bases_have_cards(cli: Cli, tiny: Callable[[str], TinyBase]) -> None:
    folder = tiny("bi-bert").folder
    result = cli("comparison", "zero-shot", folder, "--corpus", "sample", "--bootstrap", 0, "--limit", 1, "--card")
    assert result.code == 2
    assert "has no card of its own" in result.err
