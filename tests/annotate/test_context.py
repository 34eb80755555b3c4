"""An adapter that was trained with neighbouring text is read with it, alone and beside others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from annotate.helpers import KINDS, moved
from bases import LABELS, TinyBase
from gliner_adapters.adapters import AdapterConfig, load_adapter, save_adapter
from gliner_adapters.annotate import Annotator, Request
from gliner_adapters.api import adapt, evaluate
from gliner_adapters.corpora import Corpus
from gliner_adapters.corpora.neighbours import with_neighbours
from gliner_adapters.documents import Document
from training.toy import numbered, quick, toy_corpus

TEXT = "HeLa cells grew. Aspirin-induced asthma was treated. Patients received lithium. No tremor was seen in them."


def keys(document: Document) -> list[tuple[int, int, str, float]]:
    return [(*entity.key, round(entity.score or 0, 3)) for entity in document.entities]


@pytest.mark.parametrize("tiny_base", ["bi-bert", "uni-bert"], indirect=True)
def test_adapters_with_other_context_read_one_text_as_each_would_alone(tiny_base: TinyBase) -> None:
    base = tiny_base.base
    method = KINDS[base.architecture][0][1]
    adapters = {
        str(context): moved(base, method, LABELS, {}, 3, threshold=0.2, segment="sentence", context=context)
        for context in (0, 6, 40)
    }
    alone = {name: keys(Annotator(trained).annotate(TEXT)[0]) for name, trained in adapters.items()}
    assert len({tuple(found) for found in alone.values()}) > 1, "context makes a difference"
    together = Annotator(base, adapters=adapters)
    for name in adapters:
        assert keys(together.read([Request(Document(TEXT), (name,))])[0].document) == alone[name]
    readings = together.read([Request(Document(TEXT), (name,)) for name in adapters])
    assert [keys(reading.document) for reading in readings] == list(alone.values())


@pytest.mark.parametrize("tiny_base", ["bi-bert"], indirect=True)
def test_context_is_saved_and_loaded_and_exported(tiny_base: TinyBase, tmp_path: Path) -> None:
    base = tiny_base.base
    trained = moved(base, "label-embeddings", LABELS, {}, 3, threshold=0.2, segment="sentence", context=12)
    folder = save_adapter(trained, tmp_path / "adapter")
    assert AdapterConfig.read(folder).context == 12
    again = load_adapter(folder, base)
    assert keys(Annotator(again).annotate(TEXT)[0]) == keys(Annotator(trained).annotate(TEXT)[0])
    assert "12 sub-tokens of the text on either side" in (folder / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("tiny_base", ["bi-bert"], indirect=True)
def test_training_with_context_learns_what_evaluation_reads(tiny_base: TinyBase, tmp_path: Path) -> None:
    """The sentences of an abstract are each other's context in training, on devel and in evaluation."""
    documents = [
        replace(document, meta={"abstract": str(number // 4)}) for number, document in enumerate(numbered(toy_corpus()))
    ]
    corpus = Corpus("toy", {}, documents={"train": documents, "devel": documents[:8]})
    config = quick(epochs=1, context=16)
    trained = adapt(tiny_base.base, corpus, "heads", output=tmp_path / "adapter", config=config)
    assert trained.config.context == 16
    assert trained.config.trained_on["config"]["context"] == 16
    found = evaluate(trained, corpus, "devel", bootstrap=0)
    # The trainer chose its threshold on the same readings, so the scores are the same to rounding.
    assert found.report.macro_f1 == pytest.approx(trained.config.metrics["devel_macro_f1"], abs=0.02)
    around = with_neighbours(documents[:8], ["0"] * 4 + ["1"] * 4)
    expected = Annotator(trained).annotate(around)
    assert [keys(document) for document in found.predictions] == [keys(document) for document in expected]
    without = Annotator(trained, threshold=0.01).annotate(documents[:8])
    assert [keys(d) for d in without] != [keys(d) for d in Annotator(trained, threshold=0.01).annotate(around)]
