"""Zero-shot scores of bases are those of an evaluation, at 0.5 and at the threshold that devel prefers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bases import TinyBase
from gliner_adapters.annotate import Annotator
from gliner_adapters.api import evaluate
from gliner_adapters.comparison.zero_shot import record_scores, score_bases, zero_shot, zero_shot_table
from gliner_adapters.corpora import load_corpus
from gliner_adapters.errors import ConfigError
from gliner_adapters.evaluation import above, best_threshold, score_documents

Tiny = Callable[[str], TinyBase]


@pytest.mark.parametrize("name", ["bi-bert", "uni-bert"])
def test_scores_are_those_of_an_evaluation_at_each_threshold(name: str, tiny: Tiny) -> None:
    base, corpus = tiny(name).base, load_corpus("sample")
    record = zero_shot(base, corpus, segment="sentence", bootstrap=20)
    assert record["segment"] == "sentence"
    for part in ("at_0.5", "tuned"):
        threshold = record[part]["threshold"]
        report = evaluate(base, corpus, threshold=threshold, segment="sentence", bootstrap=0).report
        assert record[part]["macro_f1"] == pytest.approx(report.macro_f1)
        assert record[part]["micro_f1"] == pytest.approx(report.micro_f1)
        assert set(record[part]["per_type"]) == {label.name for label in corpus.labels}
        assert record[part]["intervals"]["macro_f1"]["low"] <= record[part]["macro_f1"]
    # The threshold is devel's, and no other does better there.
    labels = [label.name for label in corpus.labels]
    devel = corpus.documents("devel")
    found = Annotator(base, corpus.labels, threshold=0.02, segment="sentence").annotate(devel)
    assert record["tuned"]["threshold"] == best_threshold(devel, found, labels, decoded_at=0.02).threshold
    for threshold in (0.1, 0.3, 0.5, 0.7):
        assert score_documents(devel, above(found, threshold), labels).macro_f1 <= record["tuned"]["devel_macro_f1"]


def test_a_limit_reads_less(tiny: Tiny) -> None:
    record = zero_shot(tiny("bi-bert").base, "sample", bootstrap=0, limit=2)
    assert (record["documents"], record["segment"]) == (2, tiny("bi-bert").base.segment)


def test_weights_side_by_side(tiny: Tiny) -> None:
    one, other = (str(tiny(name).folder) for name in ("bi-bert", "uni-bert"))
    result = score_bases({"shipped": one, "trained": other}, ["sample"], bootstrap=0)
    assert (result["base"], result["architecture"]) == (one, "bi")
    assert result["base_fingerprint"] == tiny("bi-bert").base.fingerprint
    assert [score["weights"] for score in result["scores"]] == ["shipped", "trained"]
    assert {"command", "commit", "device"} <= set(result)
    assert zero_shot_table(result).row_count == 2
    with pytest.raises(ConfigError, match="has no card of its own"):
        record_scores(one, result)
