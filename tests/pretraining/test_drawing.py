"""Which sentences a step sees, and which labels they are scored against."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from gliner_adapters.pretraining.counts import draw_counts, draw_window_counts
from gliner_adapters.pretraining.data import Source
from gliner_adapters.pretraining.drawing import Group, draw_labels, plan_steps, word_label
from gliner_adapters.pretraining.recipe import LabelDrawing, TypeTexts
from pretraining.helpers import passage, recipe, source, types


def mentioned(name: str, size: int, seed: int = 0) -> Source:
    """Sentences of 5 to 60 words with one mention each, all of one type."""
    lengths = np.random.default_rng(seed).integers(5, 61, size)
    return source(name, [passage(int(n), (0, 1, 0)) for n in lengths], types("gene"))


def sampled(**changes: Any) -> Any:
    """A recipe with groups of 4, two to a step, and these settings of the sampling."""
    return recipe(sampling=changes, group_size=4, training={"batch_size": 8})


def with_windows(singles: int, windows: int, size: int) -> Source:
    """Sentences of ten words, and windows of so many sentences each."""
    own = source("documents", [passage(10, (0, 1, 0))] * singles, types("gene"))
    own.windows = source("documents", [passage(10 * size, (0, 1, 0))] * windows, types("gene"))
    own.windows.sizes = [size] * windows
    return own


# Plans


def test_a_plan_is_a_function_of_its_arguments() -> None:
    sources = [mentioned("one", 300), mentioned("two", 60, seed=1)]
    settings = sampled(sentences=400)
    plan = plan_steps(sources, settings, 7)
    np.random.default_rng(99).random(5)  # whatever else draws
    assert plan_steps(sources, settings, 7) == plan
    assert plan_steps(sources, settings, 8) != plan


def test_steps_and_groups_hold_what_they_should() -> None:
    sources = [mentioned("one", 300), mentioned("two", 60, seed=1)]
    plan = plan_steps(sources, sampled(sentences=400), 7)
    assert [len(step) for step in plan[:-1]] == [2] * (len(plan) - 1)
    assert 1 <= len(plan[-1]) <= 2
    groups = [group for step in plan for group in step]
    assert {group.source for group in groups} == {0, 1}
    for group in groups:
        assert 1 <= len(group.passages) <= 4
        assert all(0 <= index < len(sources[group.source].passages) for index in group.passages)
    small = [group for group in groups if len(group.passages) < 4]
    assert len(small) <= len(sources)  # what is left of each corpus


def test_as_many_sentences_as_asked_for() -> None:
    sources = [mentioned("one", 900), mentioned("two", 300, seed=1)]
    settings = sampled(sentences=1000)
    assert sum(counts.sum() for counts in draw_counts(sources, settings)) == pytest.approx(1000)
    drawn = sum(len(group.passages) for step in plan_steps(sources, settings, 1) for group in step)
    assert drawn == pytest.approx(1000, rel=0.06)  # four standard deviations of the rounding


def test_a_sentence_is_drawn_about_as_often_as_expected() -> None:
    sources = [mentioned("one", 40)]
    settings = sampled(sentences=100)
    (expected,) = draw_counts(sources, settings)
    assert expected == pytest.approx(np.full(40, 2.5))
    seen = Counter(i for step in plan_steps(sources, settings, 3) for group in step for i in group.passages)
    assert set(seen.values()) == {2, 3}


def test_groups_hold_sentences_of_similar_length() -> None:
    """At most as many words apart as chance would allow neighbours of a sorted pool to be."""
    own = mentioned("one", 400)
    groups = [group for step in plan_steps([own], sampled(sentences=400), 1) for group in step]
    lengths = [[own.passages[i].words for i in group.passages] for group in groups]
    spread = np.mean([max(each) - min(each) for each in lengths])
    assert spread < 3  # of 55; at random it is 33


def test_steps_mix_corpora_and_lengths() -> None:
    """The plan is no sorted list: neighbouring steps are of different lengths and corpora."""
    sources = [mentioned("one", 400), mentioned("two", 400, seed=1)]
    groups = [group for step in plan_steps(sources, sampled(sentences=800), 1) for group in step]
    first = [sources[group.source].passages[group.passages[0]].words for group in groups]
    rises = np.mean([b > a for a, b in pairwise(first)])
    changes = np.mean([a.source != b.source for a, b in pairwise(groups)])
    assert 0.35 < rises < 0.65
    assert 0.35 < changes < 0.65


@pytest.mark.parametrize(("power", "share"), [(0.0, 1 / 2), (0.5, 2 / 3), (1.0, 4 / 5)])
def test_shares_of_corpora(power: float, share: float) -> None:
    """One corpus has four times the sentences of the other."""
    sources = [mentioned("large", 800), mentioned("small", 200, seed=1)]
    settings = sampled(sentences=200, corpus_power=power)
    large, small = (counts.sum() for counts in draw_counts(sources, settings))
    assert (large / 200, small / 200) == (pytest.approx(share), pytest.approx(1 - share))
    drawn = Counter[int]()
    for group in (group for step in plan_steps(sources, settings, 5) for group in step):
        drawn[group.source] += len(group.passages)
    assert drawn[0] / drawn.total() == pytest.approx(share, abs=0.12)


def with_rare_type(common: int, rare: int) -> Source:
    """So many sentences that mention one type, and so many that mention both."""
    passages = [passage(9, (0, 0, 0))] * common + [passage(9, (0, 0, 0), (2, 2, 1))] * rare
    return source("rare", passages, types("gene", "variant"))


@pytest.mark.parametrize(
    ("type_power", "type_boost", "ratio"),
    [(0.5, 4.0, 3.0), (1.0, 4.0, 4.0), (1.0, 20.0, 9.0), (0.5, 2.0, 2.0), (0.0, 4.0, 1.0), (0.5, 1.0, 1.0)],
)
def test_sentences_of_rarer_types_are_preferred(type_power: float, type_boost: float, ratio: float) -> None:
    """The rare type has a ninth of the mentions: its sentences count 9 to the power, up to the boost."""
    own = with_rare_type(80, 10)
    settings = sampled(sentences=50, type_power=type_power, type_boost=type_boost)
    (counts,) = draw_counts([own], settings)
    assert counts[:80] == pytest.approx(np.full(80, counts[0]))
    assert counts[80:] / counts[0] == pytest.approx(np.full(10, ratio))
    assert counts.sum() == pytest.approx(50)


@pytest.mark.parametrize("most", [1.0, 2.0, 2.5])
def test_no_sentence_is_repeated_too_often(most: float) -> None:
    sources = [mentioned("small", 20), mentioned("large", 2000, seed=1)]
    settings = sampled(sentences=500, corpus_power=0, most_repeats=most)
    small, large = draw_counts(sources, settings)
    assert small == pytest.approx(np.full(20, most))
    assert large.max() < 1
    seen = Counter(
        i for step in plan_steps(sources, settings, 1) for group in step if group.source == 0 for i in group.passages
    )
    assert max(seen.values()) <= np.ceil(most)


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_sentences_without_a_mention_are_drawn_less(weight: float) -> None:
    passages = [passage(9, (0, 0, 0))] * 30 + [passage(9)] * 60
    own = source("half", passages, types("gene"))
    settings = sampled(sentences=30, empty_weight=weight)
    (counts,) = draw_counts([own], settings)
    assert counts[30:] / counts[0] == pytest.approx(np.full(60, weight))
    drawn = {i for step in plan_steps([own], settings, 2) for group in step for i in group.passages}
    assert bool(drawn & set(range(30, 90))) == (weight > 0)


# Labels

FOUR = [
    TypeTexts(names=("gene", "gene name"), descriptions=("a stretch of DNA",)),
    TypeTexts(names=("disease",), descriptions=("an illness", "a disorder")),
    TypeTexts(names=("cell line",)),
    TypeTexts(names=("species",)),
]
#: All labels, by their names as they stand.
PLAIN = {"description": 0.0, "both": 0.0, "other_case": 0.0, "drop_from": 0.0}


def drawn(own: Source, group: Group, times: int = 200, **settings: Any) -> list[Any]:
    generator = np.random.default_rng(5)
    drawing = LabelDrawing(**{**PLAIN, **settings})
    return [draw_labels(own, group, drawing, generator) for _ in range(times)]


def test_all_known_types_are_drawn_in_any_order() -> None:
    own = source("four", [passage(9)] * 2, FOUR)
    labels = drawn(own, Group(0, (0, 1)), times=500)
    assert all(sorted(each.types) == [0, 1, 2, 3] for each in labels)
    orders = Counter(each.types for each in labels)
    assert len(orders) == 24
    assert max(orders.values()) < 50  # of 500; 21 on average


def test_only_known_types_are_drawn() -> None:
    """Known in one of the group's sentences is enough; known elsewhere in the corpus is not."""
    own = source("partial", [passage(9)] * 3, FOUR, known=[(1,), (0, 3), (2,)])
    assert {tuple(sorted(each.types)) for each in drawn(own, Group(0, (0, 1)), drop_from=0.0)} == {(0, 1, 3)}
    assert {t for each in drawn(own, Group(0, (0, 1)), drop_from=1.0, drop=0.5) for t in each.types} == {0, 1, 3}
    assert {each.types for each in drawn(own, Group(0, (2, 2)), drop_from=1.0, drop=0.9)} == {(2,)}


def test_labels_are_dropped_as_often_as_asked_for() -> None:
    own = source("four", [passage(9)], FOUR)
    whole = drawn(own, Group(0, (0,)), times=2000, drop_from=0.5, drop=0.3)
    full = np.mean([len(each.types) == 4 for each in whole])
    assert full == pytest.approx(0.5 + 0.5 * 0.7**4, abs=0.05)
    always = drawn(own, Group(0, (0,)), times=2000, drop_from=1.0, drop=0.3)
    assert np.mean([len(each.types) for each in always]) == pytest.approx(4 * 0.7, abs=0.1)
    counts = Counter(label for each in always for label in each.types)
    assert min(counts.values()) / 2000 == pytest.approx(0.7, abs=0.05)
    assert max(counts.values()) / 2000 == pytest.approx(0.7, abs=0.05)


def test_a_label_is_left_where_all_are_dropped() -> None:
    own = source("four", [passage(9)], FOUR)
    labels = drawn(own, Group(0, (0,)), times=400, drop_from=1.0, drop=0.99)
    assert min(len(each.types) for each in labels) == 1
    counts = Counter(each.types for each in labels if len(each.types) == 1)
    assert min(counts[t,] for t in range(4)) > 50  # of 100 on average: any of them


@pytest.mark.parametrize("most", [1, 3])
def test_no_more_labels_than_asked_for(most: int) -> None:
    own = source("four", [passage(9)], FOUR)
    labels = drawn(own, Group(0, (0,)), times=300, most=most)
    assert {len(each.types) for each in labels} == {most}
    assert {label for each in labels for label in each.types} == {0, 1, 2, 3}
    assert all(len(set(each.types)) == most for each in labels)


def test_texts_are_those_of_the_types_beside_them() -> None:
    own = source("four", [passage(9)], FOUR)
    for each in drawn(own, Group(0, (0,)), description=0.3, both=0.3):
        for label, text in zip(each.types, each.texts, strict=True):
            of_type = FOUR[label]
            both = {f"{name}: {description}" for name in of_type.names for description in of_type.descriptions}
            assert text in {*of_type.names, *of_type.descriptions, *both}


def test_labels_are_a_function_of_the_generator() -> None:
    own = source("four", [passage(9)], FOUR)
    drawing = LabelDrawing()
    first, again, other = (
        [draw_labels(own, Group(0, (0,)), drawing, generator) for _ in range(20)]
        for generator in (np.random.default_rng(1), np.random.default_rng(1), np.random.default_rng(2))
    )
    assert first == again
    assert first != other


# Wordings

GENE = TypeTexts(names=("gene", "gene product", "locus"), descriptions=("a stretch of DNA", "what is inherited"))


def wordings(texts: TypeTexts, times: int = 4000, **settings: Any) -> Counter[str]:
    generator = np.random.default_rng(3)
    drawing = LabelDrawing(**{**PLAIN, **settings})
    return Counter(word_label(texts, drawing, generator) for _ in range(times))


@pytest.mark.parametrize(("description", "both"), [(0.15, 0.1), (0.5, 0.5), (0.0, 0.4), (1.0, 0.0), (0.0, 0.0)])
def test_shares_of_names_and_descriptions(description: float, both: float) -> None:
    words = wordings(GENE, description=description, both=both)
    pairs = {f"{name}: {text}" for name in GENE.names for text in GENE.descriptions}
    shares = [sum(words[text] for text in texts) / 4000 for texts in (GENE.names, GENE.descriptions, pairs)]
    assert sum(shares) == 1  # and nothing else
    assert shares == pytest.approx([1 - description - both, description, both], abs=0.03)


def test_every_paraphrase_is_drawn_as_often_as_another() -> None:
    names = wordings(GENE)
    assert set(names) == set(GENE.names)
    assert [names[name] / 4000 for name in GENE.names] == pytest.approx([1 / 3] * 3, abs=0.03)
    descriptions = wordings(GENE, description=1.0)
    assert set(descriptions) == set(GENE.descriptions)
    assert [descriptions[text] / 4000 for text in GENE.descriptions] == pytest.approx([1 / 2] * 2, abs=0.03)


def test_a_type_without_descriptions_is_always_named() -> None:
    assert set(wordings(TypeTexts(names=("gene",)), times=200, description=0.5, both=0.5)) == {"gene"}


@pytest.mark.parametrize("share", [0.0, 0.2, 1.0])
def test_names_change_case_as_often_as_asked_for(share: float) -> None:
    """Of the five changes one, to lower case, leaves this name as it is."""
    words = wordings(TypeTexts(names=("cell line",)), other_case=share)
    changed = {"CELL LINE", "Cell Line", "Cell line", "cell_line"}
    assert set(words) == ({"cell line", *changed} if share else {"cell line"})
    for text in changed:
        assert words[text] / 4000 == pytest.approx(share / 5, abs=0.025)


def test_names_that_are_no_lower_case_can_become_it() -> None:
    assert set(wordings(TypeTexts(names=("DNA",)), times=300, other_case=1.0)) == {"DNA", "Dna", "dna"}


def test_descriptions_keep_their_case() -> None:
    texts = TypeTexts(names=("gene",), descriptions=("a stretch of DNA",))
    words = wordings(texts, times=300, other_case=1.0, description=0.5, both=0.5)
    assert {text.split(": ")[-1] for text in words} == {"a stretch of DNA"}
    assert "GENE: a stretch of DNA" in words


# Windows


def test_windows_take_their_share_counted_in_sentences() -> None:
    sources = [with_windows(1000, 100, 5), mentioned("plain", 1000)]
    settings = sampled(sentences=600, window_share=0.4, corpus_power=0.0)
    singles, windows = draw_counts(sources, settings), draw_window_counts(sources, settings)
    assert [counts.sum() for counts in singles] == [pytest.approx(0.6 * 300), pytest.approx(300)]
    assert windows[0] == pytest.approx(np.full(100, 0.4 * 300 / 500))
    assert not len(windows[1]), "a corpus of single sentences has no windows to draw"
    plan = plan_steps(sources, settings, 3)
    assert sum(group.sentences(sources) for step in plan for group in step) == pytest.approx(600, rel=0.1)
    of_windows = [group for step in plan for group in step if group.windows]
    assert sum(group.sentences(sources) for group in of_windows) == pytest.approx(0.4 * 300, rel=0.3)
    assert {group.source for group in of_windows} == {0}


@pytest.mark.parametrize(("size", "together"), [(1, 4), (2, 2), (3, 1), (9, 1)])
def test_a_group_holds_so_many_sentences_as_windows_too(size: int, together: int) -> None:
    """Four sentences: two windows of two, one of three; a larger one than that stands alone."""
    sources = [with_windows(10, 40, size)]
    settings = sampled(sentences=40 * size, window_share=1.0)
    groups = [group for step in plan_steps(sources, settings, 1) for group in step]
    assert all(group.windows for group in groups)
    assert max(len(group.passages) for group in groups) == together


def test_without_a_share_the_plan_is_that_of_sentences_alone() -> None:
    own = with_windows(300, 50, 4)
    plain = with_windows(300, 0, 4)
    assert plan_steps([own], sampled(sentences=200), 5) == plan_steps([plain], sampled(sentences=200), 5)
    with_share = sampled(sentences=200, window_share=0.5)
    assert plan_steps([plain], with_share, 5) == plan_steps([plain], sampled(sentences=200), 5)
