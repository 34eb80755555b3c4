"""Long texts as windows of words, and the windows' predictions as one document again.

An encoder reads a bounded number of sub-tokens. A longer text is covered by windows, none of it left out:

    words     0 1 2 3 4 5 6 7 8 9 ...
    sentence  |-----|  |---------------- too long for one window
    windows   [0 1 2][3 4 5 6 7]
                            [6 7 8 9 ...       <- `overlap` words seen twice

A window ends at the end of a sentence where one fits, and the next begins there. Where a sentence itself does
not fit, neighbours overlap, so that whatever is at most `overlap` words wide is whole in one of them.
Pure functions over word indices: no tokenizer, no tensors.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import NamedTuple

from gliner_adapters.errors import ConfigError


class Window(NamedTuple):
    """Words ``start`` to ``end`` (exclusive) of a text.

    ``oversized`` marks a window of one word that alone has more sub-tokens than the budget: the model cannot
    read all of it, and whoever runs the model must say so.
    """

    start: int
    end: int
    oversized: bool = False


class WordSpan(NamedTuple):
    """A prediction over the words ``first`` to ``last``, both inclusive: its label and its score, a probability."""

    first: int
    last: int
    label: str
    score: float


def plan_windows(
    lengths: Sequence[int], budget: int, *, max_words: int, overlap: int, breaks: Iterable[int] = ()
) -> list[Window]:
    """Cover the words of a text with windows that fit.

    A window holds at most ``max_words`` words of at most ``budget`` sub-tokens together. Windows are in text
    order, cover every word, and none lies within another. Every stretch of at most ``overlap`` words that
    crosses no sentence break, holds no oversized word and fits into a window at all is whole in some window.

    Args:
        lengths: number of sub-tokens of each word.
        budget: sub-tokens that fit into a window.
        max_words: words that fit into a window.
        overlap: words shared by neighbours where a sentence does not fit; below ``max_words``.
        breaks: indices of the words that begin a sentence.

    Raises:
        ConfigError: if ``budget`` or ``max_words`` is not positive, or ``overlap`` not in ``[0, max_words)``.
    """
    if budget < 1 or max_words < 1 or not 0 <= overlap < max_words:
        raise ConfigError(
            "windows need budget >= 1, max_words >= 1 and 0 <= overlap < max_words, "
            f"got budget={budget}, max_words={max_words}, overlap={overlap}"
        )
    size = len(lengths)
    totals = [0, *accumulate(lengths)]
    starts = sorted(index for index in set(breaks) if 0 < index < size)

    def reach(start: int) -> int:
        """End of the longest window from ``start``; ``start`` itself if its first word does not fit."""
        return min(bisect_right(totals, totals[start] + budget) - 1, start + max_words)

    windows: list[Window] = []
    start = covered = 0
    while covered < size:
        limit = reach(start)
        while start < covered and limit <= covered:  # would lie within the window before it
            start += 1
            limit = reach(start)
        if limit == start:
            windows.append(Window(start, start + 1, oversized=True))
            start = covered = start + 1
            continue
        end = limit
        at_sentence = limit == size
        if not at_sentence:
            index = bisect_right(starts, limit) - 1
            if index >= 0 and starts[index] > covered:
                end, at_sentence = starts[index], True
        windows.append(Window(start, end))
        covered = end
        start = end if at_sentence else max(start + 1, end - overlap)
    return windows


def merge_windows(windows: Sequence[Window], predictions: Sequence[Sequence[WordSpan]]) -> list[WordSpan]:
    """Merge what was predicted in each window into predictions for the whole text.

    The same span with the same label from two windows is kept once, with its highest score. Of two different
    spans that share a word and come from different windows, the one with more context stays: context is the
    number of words between the span and the nearest edge at which its window was cut. At equal context the
    higher score stays, then the longer span. Spans of one window are never set against each other (nested
    decoding may mean them to overlap). A text of one window comes back unchanged.

    Args:
        windows: the plan, as :func:`plan_windows` gives it.
        predictions: for each window its spans, in word indices relative to the window's start.

    Returns:
        Spans in word indices of the text, in text order.

    Raises:
        ValueError: if the two sequences differ in length or a span lies outside of its window.
    """
    if len(windows) != len(predictions):
        raise ValueError(f"{len(windows)} windows but predictions for {len(predictions)}")
    if len(windows) == 1:
        return list(predictions[0])
    size = max((window.end for window in windows), default=0)
    found: dict[tuple[int, int, str], _Candidate] = {}
    for number, (window, spans) in enumerate(zip(windows, predictions, strict=True)):
        for span in spans:
            first, last = span.first + window.start, span.last + window.start
            if not window.start <= first <= last < window.end:
                raise ValueError(f"span {span.first}..{span.last} is outside of its window {window}")
            left = first - window.start if window.start else size
            right = window.end - 1 - last if window.end < size else size
            here = _Candidate(WordSpan(first, last, span.label, span.score), min(left, right), frozenset([number]))
            same = found.get((first, last, span.label))
            found[first, last, span.label] = here if same is None else same.joined(here)
    return _without_conflicts(found.values())


class _Candidate(NamedTuple):
    """A span of the text with the context it was seen in and the windows that found it."""

    span: WordSpan
    context: int
    windows: frozenset[int]

    def joined(self, other: _Candidate) -> _Candidate:
        best = max(self.span, other.span, key=lambda span: span.score)
        return _Candidate(best, max(self.context, other.context), self.windows | other.windows)


def _without_conflicts(candidates: Iterable[_Candidate]) -> list[WordSpan]:
    """Greedily keep the candidates with most context that no kept candidate of another window overlaps."""
    ranked = sorted(
        candidates,
        key=lambda c: (-c.context, -c.span.score, c.span.first - c.span.last, c.span.first),
    )
    at_word: dict[int, list[_Candidate]] = {}
    kept: list[WordSpan] = []
    for candidate in ranked:
        covered = range(candidate.span.first, candidate.span.last + 1)
        rivals = (rival for word in covered for rival in at_word.get(word, ()))
        if any(not rival.windows & candidate.windows for rival in rivals):
            continue
        kept.append(candidate.span)
        for word in covered:
            at_word.setdefault(word, []).append(candidate)
    return sorted(kept, key=lambda span: (span.first, span.last))
