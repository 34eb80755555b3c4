from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from rich.console import Console

from gliner_adapters.documents import Document, Entity
from gliner_adapters.evaluation import (
    EvaluationReport,
    evaluate_predictions,
    mention_strings,
    render,
    score_documents,
    score_unseen,
    to_markdown,
)
from gliner_adapters.evaluation.bootstrap import bootstrap_intervals
from gliner_adapters.evaluation.matching import count_documents
from gliner_adapters.evaluation.metrics import METRICS

from .helpers import LABELS, doc, document_pairs
from .real import REAL, corrupted, read_real

GOLD = [doc("a", (0, 3, "DNA"), (5, 9, "protein")), doc("b", (0, 4, "DNA"), (0, 4, "DNA")), doc("c")]
PREDICTED = [doc("c"), doc("a", (0, 3, "DNA"), (5, 9, "DNA")), doc("b", (0, 6, "DNA"), (10, 12, "protein"))]


@given(document_pairs())
def test_the_report_is_made_of_its_parts_and_survives_json(pair):
    gold, predicted = pair
    seen = mention_strings(gold[:1])
    report = evaluate_predictions(gold, predicted, LABELS, training_mentions=seen, bootstrap=20, seed=3)
    assert report.strict == score_documents(gold, predicted, LABELS)
    for match, scores in report.variants.items():
        assert scores == score_documents(gold, predicted, LABELS, match=match)  # type: ignore[arg-type]
    assert report.unseen == score_unseen(gold, predicted, LABELS, seen)
    table = count_documents(gold, predicted, LABELS).table
    intervals = bootstrap_intervals(table, METRICS, resamples=20, seed=3)
    assert report.intervals is not None
    assert report.intervals.micro_f1 == intervals["micro_f1"]
    assert report.intervals.macro_f1 == intervals["macro_f1"]
    assert EvaluationReport.from_json(report.to_json()) == report


def test_what_was_not_asked_for_is_empty():
    report = evaluate_predictions(GOLD, PREDICTED, LABELS, bootstrap=0)
    assert report.unseen is None
    assert report.intervals is None
    assert EvaluationReport.from_json(report.to_json()) == report


def test_json_has_what_results_files_need():
    data = json.loads(evaluate_predictions(GOLD, PREDICTED, LABELS, bootstrap=10).to_json())
    assert data["documents"] == 3
    assert data["duplicates"] == {"gold": 1, "predicted": 0}
    assert data["micro_f1"] == pytest.approx(2 / 7)
    assert data["macro_f1"] == pytest.approx(0.4 / 3)
    row = data["strict"]["per_type"]["DNA"]
    assert row == {"tp": 1, "fp": 2, "fn": 1, "precision": 1 / 3, "recall": 0.5, "f1": 0.4, "support": 2}
    assert data["errors"]["total"]["wrong_type"] == 1
    assert data["errors"]["confusion"] == {"DNA": {"DNA": 1}, "protein": {"DNA": 1}}


def test_groups_are_the_units():
    report = evaluate_predictions(GOLD, PREDICTED, LABELS, groups=["x", "x", "y"], bootstrap=10)
    assert report.intervals is not None
    assert report.intervals.units == 2


def test_markdown_in_full():
    report = evaluate_predictions(
        GOLD, PREDICTED, ["DNA", "protein", "cell|line"], training_mentions=["ABC"], bootstrap=0
    )
    assert (
        to_markdown(report)
        == """\
**Exact spans**

| type | precision | recall | F1 | gold |
| --- | ---: | ---: | ---: | ---: |
| DNA | 0.3333 | 0.5000 | 0.4000 | 2 |
| protein | 0.0000 | 0.0000 | 0.0000 | 1 |
| cell\\|line | 0.0000 | 0.0000 | 0.0000 | 0 |
| micro | 0.2500 | 0.3333 | 0.2857 | 3 |
| macro | 0.1111 | 0.1667 | 0.1333 | 3 |

**Other matches**

| what counts as right | precision | recall | micro F1 | macro F1 |
| --- | ---: | ---: | ---: | ---: |
| exact span and type | 0.2500 | 0.3333 | 0.2857 | 0.1333 |
| left boundary and type | 0.5000 | 0.6667 | 0.5714 | 0.2667 |
| right boundary and type | 0.2500 | 0.3333 | 0.2857 | 0.1333 |
| overlap and type | 0.5000 | 0.6667 | 0.5714 | 0.2667 |
| exact span, any type | 0.5000 | 0.6667 | 0.5714 |  |

**Mentions unseen in training**

| type | precision | recall | F1 | gold |
| --- | ---: | ---: | ---: | ---: |
| DNA | 0.0000 | 0.0000 | 0.0000 | 1 |
| protein | 0.0000 | 0.0000 | 0.0000 | 1 |
| cell\\|line | 0.0000 | 0.0000 | 0.0000 | 0 |
| micro | 0.0000 | 0.0000 | 0.0000 | 2 |
| macro | 0.0000 | 0.0000 | 0.0000 | 2 |

**Errors**

| type | correct | wrong type | boundary | boundary and type | spurious | missed |
| --- | ---: | ---: | ---: | ---: | ---: | ---: |
| DNA | 1 | 0 | 1 | 0 | 0 | 0 |
| protein | 0 | 1 | 0 | 0 | 1 | 0 |
| cell\\|line | 0 | 0 | 0 | 0 | 0 | 0 |
| all | 1 | 1 | 1 | 0 | 1 | 0 |

**Types of exact spans: gold in rows, predicted in columns**

| gold | DNA | protein | cell\\|line |
| --- | ---: | ---: | ---: |
| DNA | 1 | 0 | 0 |
| protein | 1 | 0 | 0 |
| cell\\|line | 0 | 0 | 0 |

No gold mention of cell|line: it enters the macro mean as 0.

Exact copies counted once (gold): 1.
"""
    )


def test_the_terminal_shows_the_same_numbers_and_labels_as_they_are():
    gold = [doc("a", (0, 3, "[bold]x"))]
    report = evaluate_predictions(gold, gold, ["[bold]x"], training_mentions=[], bootstrap=10)
    console = Console(width=120)
    with console.capture() as capture:
        console.print(render(report))
    shown = capture.get()
    assert "[bold]x" in shown
    assert "1.0000 to 1.0000" in shown
    assert "95% interval of F1" in shown
    assert "Mentions unseen in training" in shown
    assert "10 bootstrap resamples of 1 units, seed 0" in shown


@pytest.mark.corpora
@pytest.mark.parametrize(("folder", "labels"), REAL)
def test_the_unseen_share_of_the_test_sets(data_dir: Path, folder: str, labels: tuple[str, ...]):
    gold = read_real(data_dir, folder)
    predicted = corrupted(gold, labels, seed=3)
    training = mention_strings(read_real(data_dir, folder, "train"))
    report = evaluate_predictions(gold, predicted, labels, training_mentions=training, bootstrap=0)
    assert report.unseen is not None
    seen = 1 - report.unseen.micro.support / report.strict.micro.support
    assert seen == pytest.approx({"JNLPBA": 0.57, "BC5CDR-IOB": 0.62}[folder], abs=0.02)


def test_the_room_imports_no_torch():
    code = "import sys, gliner_adapters.evaluation; print({'torch', 'gliner', 'rich'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_brief_rendering_is_the_first_table_alone() -> None:
    gold = [Document("aspirin", [Entity(0, 7, "drug")], id="a")]
    report = evaluate_predictions(gold, [gold[0].with_entities([Entity(0, 7, "drug", 0.9)])], ["drug"], bootstrap=0)
    console = Console(width=120)
    with console.capture() as brief:
        console.print(render(report, brief=True))
    with console.capture() as whole:
        console.print(render(report))
    assert whole.get().startswith(brief.get().rstrip("\n"))
    assert "Exact spans" in brief.get()
    assert "Errors" in whole.get()
    assert "Errors" not in brief.get()
