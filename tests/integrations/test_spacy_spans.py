"""Entities in characters on spaCy's tokens, and what stands in a ``Doc`` afterwards."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("spacy", reason="needs the extra [spacy]")

import numpy as np
import spacy
from spacy.tokens import Doc, DocBin, Span

from gliner_adapters.documents import Entity
from gliner_adapters.errors import ConfigError
from gliner_adapters.integrations.spacy_spans import (
    AlignmentCounts,
    Placed,
    place,
    register_score,
    span_score,
    write_ents,
    write_group,
)

NLP = spacy.blank("en")
WORDS = ["anti-IL-2", "and", "IL-4/IL-5", "in", "mice"]


def doc_of(words: list[str] = WORDS) -> Doc:
    return Doc(NLP.vocab, words=words)


def shown(placed: list[Placed]) -> list[tuple[str, str, float]]:
    return [(each.span.text, each.span.label_, each.score) for each in placed]


IL2, IL4, IL5, MICE = Entity(5, 9, "gene", 0.9), Entity(14, 18, "gene", 0.5), Entity(19, 23, "gene", 0.8), (27, 31)


@pytest.mark.parametrize(
    ("alignment", "spans", "counts"),
    [
        ("strict", [("mice", "species", 0.7)], AlignmentCounts(1, 4, 0, 3, 0, 0)),
        ("contract", [("mice", "species", 0.7)], AlignmentCounts(1, 4, 0, 3, 0, 0)),
        (
            "expand",
            [("anti-IL-2", "gene", 0.9), ("IL-4/IL-5", "gene", 0.8), ("mice", "species", 0.7)],
            AlignmentCounts(1, 4, 3, 0, 1, 0),
        ),
    ],
)
def test_entities_within_tokens(alignment: str, spans: list[tuple[str, str, float]], counts: AlignmentCounts) -> None:
    own = AlignmentCounts()
    placed = place(doc_of(), [IL2, IL4, IL5, Entity(*MICE, "species", 0.7)], alignment, own)  # type: ignore[arg-type]
    assert shown(placed) == spans
    assert own == counts


def test_contract_takes_the_whole_tokens_within() -> None:
    counts = AlignmentCounts()
    # From within the first token to within the third.
    (one,) = place(doc_of(), [Entity(5, 18, "phrase", 0.9)], "contract", counts)
    assert one.span.text == "and"
    assert counts == AlignmentCounts(1, 1, 1)


def test_the_group_has_scores_and_where_entities_lay() -> None:
    doc = doc_of()
    write_group(doc, "found", place(doc, [IL2, IL4, IL5], "expand", AlignmentCounts()))
    copies = [doc, Doc(NLP.vocab).from_bytes(doc.to_bytes()), *DocBin(docs=[doc]).get_docs(NLP.vocab)]
    for each in copies:
        group = each.spans["found"]
        assert [span.text for span in group] == ["anti-IL-2", "IL-4/IL-5"]
        assert group.attrs["scores"].dtype == np.float32
        assert group.attrs["scores"].tolist() == pytest.approx([0.9, 0.8])
        assert group.attrs["offsets"].tolist() == [[5, 9], [19, 23]]
        assert [span_score(span) for span in group] == pytest.approx([0.9, 0.8])
    write_group(doc, "found", [])
    assert len(doc.spans["found"]) == 0
    assert doc.spans["found"].attrs["offsets"].shape == (0, 2)


def test_of_overlapping_spans_the_best_are_entities() -> None:
    doc, counts = doc_of(["a", "b", "c", "d"]), AlignmentCounts()
    entities = [Entity(0, 3, "x", 0.6), Entity(2, 5, "y", 0.9), Entity(4, 7, "z", 0.7), Entity(6, 7, "w", 0.5)]
    write_ents(doc, place(doc, entities, "strict", counts), counts, overwrite=False)
    assert [(ent.text, ent.label_) for ent in doc.ents] == [("b c", "y"), ("d", "w")]
    assert counts.not_in_ents == 2
    assert [token.ent_iob_ for token in doc] == ["O", "B", "I", "B"]


@pytest.mark.parametrize(
    ("overwrite", "entities", "missed"),
    [(False, [("a", "old"), ("b c", "old"), ("e", "new")], 1), (True, [("a", "old"), ("c d", "new"), ("e", "new")], 0)],
)
def test_entities_that_are_there(overwrite: bool, entities: list[tuple[str, str]], missed: int) -> None:
    doc, counts = doc_of(["a", "b", "c", "d", "e"]), AlignmentCounts()
    doc.ents = [Span(doc, 0, 1, "old", kb_id="K1", span_id="S1"), Span(doc, 1, 3, "old")]
    found = [Entity(4, 7, "new", 0.9), Entity(8, 9, "new", 0.8)]
    write_ents(doc, place(doc, found, "strict", counts), counts, overwrite=overwrite)
    assert [(ent.text, ent.label_) for ent in doc.ents] == entities
    assert (doc.ents[0].kb_id_, doc.ents[0].id_) == ("K1", "S1")
    assert counts.not_in_ents == missed


def test_an_entity_that_is_there_already_is_not_missed() -> None:
    doc, counts = doc_of(), AlignmentCounts()
    doc.ents = [Span(doc, 4, 5, "species")]
    write_ents(doc, place(doc, [Entity(*MICE, "species", 0.7)], "strict", counts), counts, overwrite=False)
    assert [ent.text for ent in doc.ents] == ["mice"]
    assert counts.not_in_ents == 0


@pytest.mark.parametrize("overwrite", [False, True])
def test_blocked_tokens(overwrite: bool) -> None:
    doc, counts = doc_of(["a", "b", "c"]), AlignmentCounts()
    doc.set_ents([], blocked=[doc[0:1], doc[2:3]])
    write_ents(doc, place(doc, [Entity(0, 3, "x", 0.9)], "strict", counts), counts, overwrite=overwrite)
    assert [ent.text for ent in doc.ents] == (["a b"] if overwrite else [])
    assert counts.not_in_ents == (not overwrite)
    assert (doc[2].ent_iob_, doc[2].ent_type) == ("B", 0)


@st.composite
def spans(draw: st.DrawFn, size: int) -> tuple[int, int]:
    first = draw(st.integers(0, size - 1))
    return first, draw(st.integers(first + 1, size))


@given(
    found=st.lists(st.tuples(spans(8), st.sampled_from("xyz"), st.floats(0.1, 1))),
    there=st.lists(spans(8), max_size=3),
    overwrite=st.booleans(),
)
def test_no_entity_is_lost_without_one_in_its_place(
    found: list[tuple[tuple[int, int], str, float]], there: list[tuple[int, int]], overwrite: bool
) -> None:
    doc, counts = doc_of(list("abcdefgh")), AlignmentCounts()
    doc.ents = spacy.util.filter_spans([Span(doc, *span, label="old") for span in there])
    before = {(ent.start, ent.end, ent.label_) for ent in doc.ents}
    # A token is a character and the space behind it.
    entities = [Entity(2 * first, 2 * last - 1, label, score) for (first, last), label, score in found]
    placed = place(doc, entities, "strict", counts)
    write_ents(doc, placed, counts, overwrite=overwrite)
    after = {(ent.start, ent.end, ent.label_) for ent in doc.ents}
    new = {(each.span.start, each.span.end, each.span.label_): each.score for each in placed}
    assert after <= before | set(new)
    assert overwrite or before <= after
    assert counts.merged == len(entities) - len(placed)
    assert counts.not_in_ents == len(set(new) - after)
    for start, end, label in (before | set(new)) - after:
        over = [each for each in after if each[0] < end and start < each[1]]
        own = new.get((start, end, label))
        assert over
        if own is not None:  # by one that is better, or was there before
            assert any(new.get(each, 0) >= own or each in before for each in over)


def test_a_score_that_is_nowhere() -> None:
    doc = doc_of()
    doc.spans["plain"] = [Span(doc, 0, 1, "gene")]
    assert span_score(doc.spans["plain"][0]) is None


def test_the_extension_is_registered_once() -> None:
    register_score("gliner_score")
    register_score("gliner_score")
    doc = doc_of()
    write_group(doc, "found", place(doc, [IL2], "expand", AlignmentCounts()))
    assert doc[0:1]._.get("gliner_score") is None  # without the label
    assert doc.spans["found"][0]._.gliner_score == pytest.approx(0.9)
    Span.set_extension("taken", default=1)
    with pytest.raises(ConfigError, match=r"span\._\.taken is registered already"):
        register_score("taken")
