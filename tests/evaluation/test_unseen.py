from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gliner_adapters.documents.types import Document, Entity
from gliner_adapters.evaluation.counts import Counts
from gliner_adapters.evaluation.matching import score_documents
from gliner_adapters.evaluation.unseen import mention_strings, normalise_mention, score_unseen

from .helpers import LABELS, document_pairs


@pytest.mark.parametrize(
    ("text", "normalised"),
    [("IL-2", "il-2"), ("  Tumor \n necrosis\tfactor ", "tumor necrosis factor"), ("Straße", "strasse")],
)
def test_normalisation_folds_case_and_whitespace_only(text, normalised):
    assert normalise_mention(text) == normalised
    assert normalise_mention(normalised) == normalised


def test_recall_over_unseen_gold_and_precision_over_unseen_predictions():
    text = "IL-2 binds p53 and CD4 in HeLa"
    training = [Document("il-2 here", [Entity(0, 4, "DNA")], id="t")]
    gold = Document(text, [Entity(0, 4, "protein"), Entity(11, 14, "protein"), Entity(26, 30, "cell_line")], id="a")
    predicted = gold.with_entities(
        [
            Entity(0, 4, "DNA"),  # a seen string, whatever its label: not looked at
            Entity(11, 14, "protein"),  # unseen and right
            Entity(19, 22, "protein"),  # unseen and wrong
        ]
    )
    scores = score_unseen([gold], [predicted], LABELS, mention_strings(training))
    assert scores["protein"] == Counts(tp=1, fp=1)
    assert scores["cell_line"] == Counts(fn=1)
    assert scores["DNA"] == Counts()


@given(document_pairs())
def test_the_ends_of_the_scale(pair):
    gold, predicted = pair
    assert score_unseen(gold, predicted, LABELS, []) == score_documents(gold, predicted, LABELS)
    everything = mention_strings(gold) | mention_strings(predicted)
    assert score_unseen(gold, predicted, LABELS, everything).micro == Counts()


@given(document_pairs(), st.sets(st.text("abcdefghijklm", min_size=1, max_size=3)))
def test_equals_a_plain_count(pair, training):
    gold, predicted = pair
    seen = training | {gold[0].mention(entity).upper() for entity in gold[0].entities[:2]}
    folded = {string.lower() for string in seen}

    def keys(documents: list[Document]) -> set:
        return {
            (document.id, entity.key)
            for document in documents
            for entity in document.entities
            if document.mention(entity) not in folded
        }

    both = keys(gold) & keys(predicted)
    expected = Counts(len(both), len(keys(predicted)) - len(both), len(keys(gold)) - len(both))
    assert score_unseen(gold, predicted, LABELS, seen).micro == expected
