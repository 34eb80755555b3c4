from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gliner_adapters.documents import Window, WordSpan, merge_windows, plan_windows
from gliner_adapters.errors import ConfigError


@st.composite
def plans(draw: st.DrawFn) -> tuple[list[int], int, int, int, list[int]]:
    """Lengths, budget, max_words, overlap, breaks."""
    lengths = draw(st.lists(st.integers(0, 7), max_size=60))
    max_words = draw(st.integers(1, 20))
    overlap = draw(st.integers(0, max_words - 1))
    breaks = draw(st.lists(st.integers(0, 60), max_size=8))
    return lengths, draw(st.integers(1, 25)), max_words, overlap, breaks


def planned(plan: tuple[list[int], int, int, int, list[int]]) -> list[Window]:
    lengths, budget, max_words, overlap, breaks = plan
    return plan_windows(lengths, budget, max_words=max_words, overlap=overlap, breaks=breaks)


@given(plans())
def test_windows_cover_all_words_in_order(plan: tuple[list[int], int, int, int, list[int]]) -> None:
    windows = planned(plan)
    assert {word for window in windows for word in range(window.start, window.end)} == set(range(len(plan[0])))
    for before, after in pairwise(windows):
        assert before.start < after.start <= before.end < after.end


@given(plans())
def test_windows_fit(plan: tuple[list[int], int, int, int, list[int]]) -> None:
    lengths, budget, max_words, _, _ = plan
    for window in planned(plan):
        held = lengths[window.start : window.end]
        assert 1 <= len(held) <= max_words
        assert window.oversized == (sum(held) > budget)
        assert not window.oversized or len(held) == 1


@given(plans())
def test_a_stretch_no_wider_than_the_overlap_is_whole_in_a_window(
    plan: tuple[list[int], int, int, int, list[int]],
) -> None:
    lengths, budget, _, overlap, breaks = plan
    windows = planned(plan)
    for start in range(len(lengths)):
        for end in range(start + 1, min(start + overlap, len(lengths)) + 1):
            if sum(lengths[start:end]) <= budget and not any(start < each < end for each in breaks):
                assert any(window.start <= start and end <= window.end for window in windows)


def test_a_text_that_fits_is_one_window() -> None:
    assert plan_windows([2, 2, 2], 6, max_words=3, overlap=2, breaks=[1]) == [Window(0, 3)]
    assert plan_windows([], 6, max_words=3, overlap=2) == []


def test_windows_end_at_sentences_without_overlap() -> None:
    windows = plan_windows([1] * 12, 6, max_words=6, overlap=2, breaks=[2, 4, 8])
    assert windows == [Window(0, 4), Window(4, 8), Window(8, 12)]


def test_windows_overlap_within_a_long_sentence() -> None:
    windows = plan_windows([1] * 12, 6, max_words=6, overlap=2, breaks=[3])
    assert windows == [Window(0, 3), Window(3, 9), Window(7, 12)]


def test_a_word_beyond_the_budget_is_reported_alone() -> None:
    windows = plan_windows([1, 1, 9, 1], 4, max_words=4, overlap=2)
    assert windows == [Window(0, 2), Window(2, 3, oversized=True), Window(3, 4)]


@pytest.mark.parametrize(("budget", "max_words", "overlap"), [(0, 5, 1), (5, 0, 0), (5, 5, 5), (5, 5, -1)])
def test_impossible_plans_are_refused(budget: int, max_words: int, overlap: int) -> None:
    with pytest.raises(ConfigError, match=f"budget={budget}, max_words={max_words}, overlap={overlap}"):
        plan_windows([1], budget, max_words=max_words, overlap=overlap)


@st.composite
def spans_of(draw: st.DrawFn, window: Window) -> list[WordSpan]:
    size = window.end - window.start
    spans = []
    for _ in range(draw(st.integers(0, 4))):
        first = draw(st.integers(0, size - 1))
        last = draw(st.integers(first, size - 1))
        spans.append(WordSpan(first, last, draw(st.sampled_from("ab")), draw(st.floats(0, 1))))
    return spans


@given(plans(), st.data())
def test_merging_invents_and_repeats_nothing(
    plan: tuple[list[int], int, int, int, list[int]], data: st.DataObject
) -> None:
    windows = planned(plan)
    predictions = [data.draw(spans_of(window)) for window in windows]
    merged = merge_windows(windows, predictions)
    if len(windows) == 1:
        assert merged == predictions[0]
        return
    assert len({(span.first, span.last, span.label) for span in merged}) == len(merged)
    assert merged == sorted(merged, key=lambda span: (span.first, span.last))
    moved = {
        (span.first + window.start, span.last + window.start, span.label, span.score)
        for window, spans in zip(windows, predictions, strict=True)
        for span in spans
    }
    assert {tuple(span) for span in merged} <= moved


@given(plans(), st.data())
def test_what_every_window_sees_alike_comes_back_whole(
    plan: tuple[list[int], int, int, int, list[int]], data: st.DataObject
) -> None:
    """A model that finds the same flat entities in every window that holds them whole."""
    windows = planned(plan)
    size, overlap = len(plan[0]), plan[3]
    edges = sorted(data.draw(st.sets(st.integers(0, size), max_size=10)))
    entities = [(first, end - 1) for first, end in zip(edges[::2], edges[1::2], strict=False)]
    predictions = [
        [
            WordSpan(first - window.start, last - window.start, "a", 0.9)
            for first, last in entities
            if window.start <= first and last < window.end
        ]
        for window in windows
    ]
    found = [(span.first, span.last) for span in merge_windows(windows, predictions)]
    whole = [
        (first, last)
        for first, last in entities
        if any(window.start <= first and last < window.end for window in windows)
    ]
    assert found == whole
    inside = [
        (first, last)
        for first, last in entities
        if last - first < overlap
        and sum(plan[0][first : last + 1]) <= plan[1]
        and not any(first < each <= last for each in plan[4])
    ]
    assert set(inside) <= set(found)


WINDOWS = [Window(0, 10), Window(6, 16)]


def merged(first: list[WordSpan], second: list[WordSpan]) -> list[WordSpan]:
    return merge_windows(WINDOWS, [first, second])


def test_found_twice_is_kept_once_with_the_higher_score() -> None:
    assert merged([WordSpan(7, 8, "a", 0.6)], [WordSpan(1, 2, "a", 0.8)]) == [WordSpan(7, 8, "a", 0.8)]


def test_an_entity_cut_at_an_inner_edge_loses_to_the_whole_one() -> None:
    cut, whole = WordSpan(8, 9, "a", 0.99), WordSpan(2, 5, "a", 0.6)
    assert merged([cut], [whole]) == [WordSpan(8, 11, "a", 0.6)]
    assert merged([WordSpan(4, 7, "a", 0.6)], [WordSpan(0, 1, "a", 0.99)]) == [WordSpan(4, 7, "a", 0.6)]


def test_an_entity_cut_at_an_inner_edge_without_rival_stays() -> None:
    assert merged([WordSpan(8, 9, "a", 0.7)], []) == [WordSpan(8, 9, "a", 0.7)]


def test_the_ends_of_the_text_are_no_inner_edges() -> None:
    at_start = WordSpan(0, 6, "a", 0.5)  # 3 words from the cut at 10; the rival touches the cut at 6
    assert merged([at_start], [WordSpan(0, 1, "b", 0.9)]) == [at_start]


def test_nested_spans_of_one_window_stay() -> None:
    nested = [WordSpan(1, 4, "a", 0.9), WordSpan(2, 3, "b", 0.8)]
    assert merged(nested, []) == nested


def test_labels_compete_across_windows_by_context_then_score() -> None:
    assert merged([WordSpan(7, 8, "a", 0.6)], [WordSpan(1, 2, "b", 0.8)]) == [WordSpan(7, 8, "b", 0.8)]


def test_spans_outside_of_their_window_are_refused() -> None:
    with pytest.raises(ValueError, match=r"span 9\.\.10 is outside of its window"):
        merged([WordSpan(9, 10, "a", 0.5)], [])
    with pytest.raises(ValueError, match="2 windows but predictions for 1"):
        merge_windows(WINDOWS, [[]])
