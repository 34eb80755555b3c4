"""The comparison of runtimes on a tiny base: everyone reads the same, and what is left out is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.helpers import trained_adapter
from bases import LABELS, TEXTS, TinyBase
from benchmark.harness.programs import REFERENCE
from benchmark.inference import EXACT, compare_inference, inference_tables
from gliner_adapters.adapters import save_adapter
from gliner_adapters.documents import Document, Entity, write_documents

Tiny = Callable[[str], TinyBase]

pytest.importorskip("onnxruntime")


def short_texts(folder: Path) -> Path:
    """A corpus whose texts fit into a tiny base's input, which GLiNER cuts off where we read windows."""
    first = [Entity(0, 7, LABELS[0].name), Entity(16, 22, LABELS[1].name), Entity(54, 56, LABELS[2].name)]
    documents = [Document(text, first if number == 0 else [], str(number)) for number, text in enumerate(TEXTS)]
    folder.mkdir()
    for split in ("train", "test"):
        write_documents(documents, folder / f"{split}.jsonl")
    return folder


@pytest.mark.filterwarnings("ignore:Resizing embeddings:UserWarning")
@pytest.mark.parametrize("name", ["uni-bert", pytest.param("bi-bert", marks=pytest.mark.slow)])
def test_exact_runtimes_find_what_gliner_finds(
    name: str, tiny: Tiny, tmp_path: Path, one_thread: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    base = tiny(name).base
    adapter = save_adapter(trained_adapter(base, "heads"), tmp_path / "adapter")
    corpus = short_texts(tmp_path / "corpus")
    result = compare_inference(
        str(tiny(name).folder),
        str(adapter),
        corpus_name=str(corpus),
        abstracts_name=str(corpus),
        sentences=6,
        abstracts=2,
        rounds=1,
    )
    assert json.loads(json.dumps(result)) == result
    assert result["labels"] == [label.name for label in LABELS]
    assert result["threshold"] == 0.4
    assert result["optional_packages"]["onnxruntime"]
    for kind, documents in (("sentences", 6), ("abstracts", 2)):
        measured = result[kind]
        assert measured["documents"] == documents
        contenders = measured["contenders"]
        assert {*contenders, *result["left_out"]} >= {REFERENCE, EXACT, "gliner-adapters, int8", "fast-gliner"}
        assert measured["best_other"] in contenders
        for contender, row in contenders.items():
            assert row["documents_per_second"] > 0
            assert (row["times_faster"] is None) == (contender == REFERENCE)
            assert ("outside_encoder" in row) == contender.startswith(EXACT)
            assert 0 < row.get("outside_encoder", 0.5) < 1
        found = contenders[EXACT]["entities"]
        assert found["same"] > 3
        for exact in (REFERENCE, "gliner-adapters, onnx"):
            assert contenders[exact]["entities"] == found
    assert [table.title for table in inference_tables(result)] == ["6 sentences", "2 abstracts"]
