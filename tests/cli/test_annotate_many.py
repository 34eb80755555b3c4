"""`annotate` with several adapters at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from adapters.helpers import Tiny
from annotate.helpers import OTHERS, moved
from bases import LABELS, TEXTS
from cli.conftest import Cli
from gliner_adapters.adapters import load_adapter, save_adapter
from gliner_adapters.annotate import Annotator


@pytest.fixture(scope="module")
def folders(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two adapters of one base."""
    root = tmp_path_factory.mktemp("many")
    base = tiny("bi-bert").base
    save_adapter(moved(base, "heads", LABELS, {}, 1), root / "first")
    save_adapter(moved(base, "label-embeddings", OTHERS, {}, 2), root / "second")
    return [root / "first", root / "second"]


def test_each_entity_says_whose_it_is(cli: Cli, folders: list[Path]) -> None:
    asked = [argument for folder in folders for argument in ("-a", folder)]
    done = cli("annotate", *asked, "--to", "jsonl", "--threshold", "0.3", stdin="\n".join(TEXTS))
    assert done.code == 0, done.err
    records = [json.loads(line) for line in done.out.splitlines()]
    assert [record["text"] for record in records] == list(TEXTS)
    for folder in folders:
        expected = Annotator(load_adapter(folder), threshold=0.3).annotate(TEXTS)
        assert sum(len(document.entities) for document in expected) > 3
        for record, document in zip(records, expected, strict=True):
            own = [e for e in record["entities"] if e["meta"] == {"adapter": folder.name}]
            assert [(e["start"], e["end"], e["label"]) for e in own] == [e.key for e in document.entities]
            assert [e["score"] for e in own] == pytest.approx([e.score for e in document.entities], abs=1e-4)
    shown = cli("annotate", *asked, TEXTS[0])
    assert shown.code == 0
    assert " by first]" in shown.out
    assert " by second]" in shown.out


def test_adapters_that_do_not_go_together(cli: Cli, folders: list[Path], tiny: Tiny, tmp_path: Path) -> None:
    first, second = folders
    save_adapter(moved(tiny("bi-modernbert").base, "heads", LABELS, {}, 1), tmp_path / "third")
    other = cli("annotate", "-a", first, "-a", tmp_path / "third", "x")
    assert other.code == 4
    assert "was trained on" in other.err
    twice = cli("annotate", "-a", first, "-a", first, "x")
    assert twice.code == 2
    assert "two adapters are called 'first'" in twice.err
    pinned = cli("annotate", "-a", first, "-a", second, "--revision", "main", "x")
    assert pinned.code == 2
    assert "--revision" in pinned.err
