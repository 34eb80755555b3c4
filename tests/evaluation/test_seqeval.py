"""The scorer agrees with seqeval, strict mode, IOB2."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from seqeval.metrics import classification_report
from seqeval.scheme import IOB2

from gliner_adapters.documents.types import Document
from gliner_adapters.evaluation.counts import Scores
from gliner_adapters.evaluation.matching import score_documents

from .helpers import LABELS, document_of_words, document_tags, tagged_pairs
from .real import REAL, corrupted, read_real


def seqeval_report(gold: list[Document], predicted: list[Document]) -> dict[str, dict[str, float]]:
    return classification_report(
        [document_tags(document) for document in gold],
        [document_tags(document) for document in predicted],
        mode="strict",
        scheme=IOB2,
        output_dict=True,
        zero_division=0,
    )


def assert_agree(scores: Scores, report: dict[str, dict[str, float]]) -> None:
    def row(precision: float, recall: float, f1: float) -> dict[str, float]:
        return pytest.approx({"precision": precision, "recall": recall, "f1-score": f1}, abs=1e-12)

    averages = {"micro avg", "macro avg", "weighted avg"}
    assert set(report) - averages == set(scores.labels)
    for label in scores.labels:
        counts = scores[label]
        assert report[label].pop("support") == counts.support
        assert report[label] == row(counts.precision, counts.recall, counts.f1)
    for average in ("micro avg", "macro avg"):
        assert report[average].pop("support") == scores.micro.support
    assert report["micro avg"] == row(scores.micro.precision, scores.micro.recall, scores.micro_f1)
    assert report["macro avg"] == row(scores.macro_precision, scores.macro_recall, scores.macro_f1)


@given(tagged_pairs())
def test_agrees_on_random_sequences(sentences):
    occurring = {label for _, gold, predicted in sentences for _, _, label in gold + predicted}
    words = [[f"w{index}" for index in range(length)] for length, _, _ in sentences]
    gold = [document_of_words(str(i), words[i], spans) for i, (_, spans, _) in enumerate(sentences)]
    predicted = [document_of_words(str(i), words[i], spans) for i, (_, _, spans) in enumerate(sentences)]
    if not occurring:  # seqeval has no types to report then
        assert score_documents(gold, predicted, LABELS).micro_f1 == 0.0
        return
    schema = [label for label in LABELS if label in occurring]
    assert_agree(score_documents(gold, predicted, schema), seqeval_report(gold, predicted))


@pytest.mark.corpora
@pytest.mark.parametrize(("folder", "labels"), REAL)
def test_agrees_on_a_whole_test_set(data_dir: Path, folder: str, labels: tuple[str, ...]):
    gold = read_real(data_dir, folder)
    predicted = corrupted(gold, labels, seed=0)
    scores = score_documents(gold, predicted, labels)
    assert 0.5 < scores.micro_f1 < 0.9  # the corruption left something to find and something to miss
    assert_agree(scores, seqeval_report(gold, predicted))
