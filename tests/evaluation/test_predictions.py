from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given

from gliner_adapters.documents.types import Document, Entity
from gliner_adapters.errors import DataError
from gliner_adapters.evaluation.pairing import abstract_groups
from gliner_adapters.evaluation.predictions import compare_predictions, read_predictions, write_predictions
from gliner_adapters.evaluation.report import evaluate_predictions

from .helpers import LABELS, doc, document_pairs
from .real import REAL, corrupted, read_real

SCORED = [doc("a", (0, 3, "DNA", 0.25), (5, 9, "protein", 1.0)), doc("b")]


@pytest.mark.parametrize("name", ["predictions.jsonl", "predictions.jsonl.gz", "predictions"])
def test_a_file_keeps_everything(tmp_path: Path, name: str):
    assert write_predictions(tmp_path / name, SCORED) == 2
    assert list(read_predictions(tmp_path / name)) == SCORED


def test_the_file_is_one_json_object_a_line(tmp_path: Path):
    write_predictions(tmp_path / "p.jsonl", SCORED)
    lines = [json.loads(line) for line in (tmp_path / "p.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["id"] for line in lines] == ["a", "b"]
    assert lines[0]["entities"][0] == {"start": 0, "end": 3, "label": "DNA", "score": 0.25}


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (doc("a", (0, 3, "DNA")), "'a' has an entity at 0-3 with score None"),
        (doc("a", (0, 3, "DNA", 2.0)), r"score 2\.0"),
        (Document("text"), "document 2 has no id"),
    ],
)
def test_what_is_no_prediction_is_not_written(tmp_path: Path, bad, message):
    with pytest.raises(DataError, match=message):
        write_predictions(tmp_path / "p.jsonl", [doc("b"), bad])
    assert not list(tmp_path.iterdir())


def test_what_is_no_prediction_is_not_read(tmp_path: Path):
    path = tmp_path / "gold.jsonl"
    path.write_text('{"id": "a", "text": "xyz", "entities": [{"start": 0, "end": 3, "label": "DNA"}]}\n')
    with pytest.raises(DataError, match=r"gold\.jsonl: predicted document 'a' has an entity at 0-3"):
        list(read_predictions(path))
    path.write_text('{"text": "xyz"}\n')
    with pytest.raises(DataError, match=r"gold\.jsonl: predicted document 1 has no id"):
        list(read_predictions(path))


@given(document_pairs())
def test_a_file_compared_with_itself_does_not_differ(pair):
    gold, predicted = pair
    for test in compare_predictions(gold, predicted, predicted, LABELS, resamples=50).values():
        assert test.p_value == 1.0
        assert test.difference.value == test.difference.low == test.difference.high == 0.0


def test_compares_in_the_order_of_gold_whatever_the_files_order():
    gold = [doc(str(index), (0, 3, "DNA"), (5, 9, "protein")) for index in range(30)]
    worse = [document.with_entities(document.entities[: index % 3]) for index, document in enumerate(gold)]
    forth = compare_predictions(gold, worse, gold, LABELS, resamples=500)
    assert forth == compare_predictions(iter(gold), reversed(worse), iter(gold), LABELS, resamples=500)
    assert forth["micro_f1"].b == 1.0
    assert forth["micro_f1"].difference.low > 0
    assert forth["micro_f1"].p_value < 0.01


@pytest.mark.corpora
@pytest.mark.parametrize(("folder", "labels"), REAL)
def test_a_whole_test_set_through_files(data_dir: Path, tmp_path: Path, folder: str, labels: tuple[str, ...]):
    gold = read_real(data_dir, folder)
    for seed in (1, 2):
        scored = [
            document.with_entities([Entity(e.start, e.end, e.label, 0.75) for e in document.entities])
            for document in corrupted(gold, labels, seed)
        ]
        write_predictions(tmp_path / f"{seed}.jsonl", scored)
    first, second = (list(read_predictions(tmp_path / f"{seed}.jsonl")) for seed in (1, 2))
    groups = abstract_groups(gold)
    assert len(set(groups)) == {"JNLPBA": 404, "BC5CDR-IOB": 4797}[folder]
    tests = compare_predictions(gold, first, second, labels, groups=groups, resamples=1000)
    # Two draws of the same corruption: a difference, but none that matters.
    assert 0 < abs(tests["micro_f1"].difference.value) < 0.02
    report = evaluate_predictions(gold, second, labels, groups=groups, bootstrap=200)
    assert report.micro_f1 == tests["micro_f1"].b
    assert report.intervals is not None
    assert report.intervals.micro_f1.low < report.micro_f1 < report.intervals.micro_f1.high
