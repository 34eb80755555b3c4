"""The scorer agrees with the conventions of the two benchmarks, written down here from their definitions.

JNLPBA (Kim et al., Introduction to the Bio-Entity Recognition Task at JNLPBA, 2004) reports complete, left
boundary and right boundary matches: of the objects in the answer, those whose class and whose span, first
word or last word is that of an object in the reference. BC5CDR (Wei et al., Assessing the state of the art in
biomedical relation extraction, Database, 2016) compares the sets of (document, start, end, type).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given

from gliner_adapters.documents.formats import read_documents
from gliner_adapters.documents.types import Document, Entity
from gliner_adapters.evaluation.counts import Counts
from gliner_adapters.evaluation.matching import Match, score_documents

from .helpers import LABELS, document_of_words, document_pairs, document_tags, tagged_pairs
from .real import REAL, corrupted, read_real

JNLPBA_MATCHES: dict[str, Match] = {"complete": "strict", "left": "left", "right": "right"}


def jnlpba_objects(sentences: Sequence[Sequence[str]], label: str) -> dict[str, set]:
    """Objects of a class by what is compared: whole, first word, last word. Read from tags, word by word."""
    found: dict[str, set] = {"complete": set(), "left": set(), "right": set()}
    for number, tags in enumerate(sentences):
        begin = None
        for position, tag in enumerate(tags):
            if tag == f"B-{label}":
                begin = position
                found["left"].add((number, position))
            elif tag != f"I-{label}":
                begin = None
            following = tags[position + 1] if position + 1 < len(tags) else "O"
            if begin is not None and not following.startswith("I-"):
                found["right"].add((number, position))
                found["complete"].add((number, begin, position))
    return found


def assert_agrees_with_jnlpba(gold: list[Document], predicted: list[Document], labels: Sequence[str]) -> None:
    for label in labels:
        reference = jnlpba_objects([document_tags(document) for document in gold], label)
        answer = jnlpba_objects([document_tags(document) for document in predicted], label)
        for name, match in JNLPBA_MATCHES.items():
            correct = len(reference[name] & answer[name])
            counts = score_documents(gold, predicted, labels, match=match)[label]
            assert counts == Counts(correct, len(answer[name]) - correct, len(reference[name]) - correct)


@given(tagged_pairs())
def test_jnlpba_matches_on_random_sequences(sentences):
    words = [[f"w{index}" for index in range(length)] for length, _, _ in sentences]
    gold = [document_of_words(str(i), words[i], spans) for i, (_, spans, _) in enumerate(sentences)]
    predicted = [document_of_words(str(i), words[i], spans) for i, (_, _, spans) in enumerate(sentences)]
    assert_agrees_with_jnlpba(gold, predicted, LABELS)


@pytest.mark.corpora
def test_jnlpba_matches_on_its_test_set(data_dir: Path):
    folder, labels = REAL[0]
    gold = read_real(data_dir, folder)
    predicted = corrupted(gold, labels, seed=1)
    assert_agrees_with_jnlpba(gold, predicted, labels)
    support = score_documents(gold, predicted, labels).per_type
    published = {"protein": 5067, "DNA": 1056, "RNA": 118, "cell_line": 500, "cell_type": 1921}
    assert {label: counts.support for label, counts in support.items()} == published


def test_left_and_right_boundary_example():
    # "glucocorticoid receptors" against "receptors": the right boundary is right, the left is not.
    words = ["the", "glucocorticoid", "receptors", "fell"]
    gold = [document_of_words("a", words, [(1, 3, "protein")])]
    predicted = [document_of_words("a", words, [(2, 3, "protein")])]
    found = {match: score_documents(gold, predicted, LABELS, match=match).micro.tp for match in ("left", "right")}
    assert found == {"left": 0, "right": 1}


def bc5cdr_counts(gold: Sequence[Document], predicted: Sequence[Document], label: str) -> Counts:
    def mentions(documents: Sequence[Document]) -> set:
        return {(d.id, e.start, e.end) for d in documents for e in d.entities if e.label == label}

    reference, answer = mentions(gold), mentions(predicted)
    correct = len(reference & answer)
    return Counts(correct, len(answer) - correct, len(reference) - correct)


@given(document_pairs())
def test_bc5cdr_sets_on_random_documents_with_nested_and_repeated_mentions(pair):
    scores = score_documents(*pair, LABELS)
    for label in LABELS:
        assert scores[label] == bc5cdr_counts(*pair, label)


@pytest.mark.corpora
def test_bc5cdr_sets_on_its_test_abstracts(data_dir: Path):
    rng = random.Random(2)
    gold = list(read_documents(data_dir / "BC5CDR-PubTator" / "CDR_TestSet.PubTator.txt.gz", "pubtator"))
    labels = ("Chemical", "Disease")
    predicted = []
    for document in gold:
        answer: list[Entity] = []
        for entity in document.entities:
            fate = rng.random()
            label = rng.choice(labels) if fate < 0.1 else entity.label
            end = min(entity.end + rng.randint(1, 3), len(document.text)) if 0.1 < fate < 0.2 else entity.end
            if fate < 0.9:
                answer += [Entity(entity.start, end, label)] * rng.choice([1, 1, 1, 2])
        predicted.append(document.with_entities(answer))
    scores = score_documents(gold, predicted, labels)
    assert {label: scores[label] for label in labels} == {
        label: bc5cdr_counts(gold, predicted, label) for label in labels
    }
    assert (scores["Chemical"].support, scores["Disease"].support) == (5385, 4424)
