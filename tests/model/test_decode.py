"""Greedy decoding equals GLiNER's own decoder."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from gliner.decoding.decoder import SpanDecoder
from hypothesis import given
from hypothesis import strategies as st

from gliner_adapters.model import Span, decode, greedy

WIDTH, CLASSES = 4, 3
NAMES = {i + 1: f"label {i}" for i in range(CLASSES)}


def theirs(logits: torch.Tensor, lengths: list[int], threshold: float, nested: bool) -> list[list[Span]]:
    """GLiNER's decoder on padded logits."""
    padded = torch.nn.utils.rnn.pad_sequence(list(logits.split(lengths)), batch_first=True, padding_value=50.0)
    tokens = [["word"] * n for n in lengths]
    decoder = SpanDecoder(SimpleNamespace())
    found = decoder.decode(
        tokens=tokens, id_to_classes=NAMES, model_output=padded, flat_ner=not nested, threshold=threshold
    )
    return [[Span(s.start, s.end, int(s.entity_type.split()[1]), s.score) for s in spans] for spans in found]


cases = given(
    lengths=st.lists(st.integers(1, 7), min_size=1, max_size=4),
    seed=st.integers(0, 10_000),
    threshold=st.sampled_from([0.0, 0.2, 0.5, 0.731, 0.95]),
    nested=st.booleans(),
    coarse=st.booleans(),
)


@cases
def test_equals_gliners_decoder(lengths: list[int], seed: int, threshold: float, nested: bool, coarse: bool) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(sum(lengths), WIDTH, CLASSES, generator=generator)
    if coarse:
        logits = logits.round()  # many equal scores: ties must fall the same way
    ours = decode(logits, lengths, threshold, nested=nested)
    assert [[(s.first, s.last, s.label) for s in spans] for spans in ours] == [
        [(s.first, s.last, s.label) for s in spans] for spans in theirs(logits, lengths, threshold, nested)
    ]
    for spans, text in zip(ours, logits.split(lengths), strict=True):
        for span in spans:
            score = text[span.first, span.last - span.first, span.label].sigmoid().item()
            assert span.score == pytest.approx(score, abs=1e-4)


@cases
def test_what_stands_and_what_was_dropped(
    lengths: list[int], seed: int, threshold: float, nested: bool, coarse: bool
) -> None:
    """From the definition: what stays does not conflict, and what goes conflicts with something as good or better."""
    logits = torch.randn(sum(lengths), WIDTH, CLASSES, generator=torch.Generator().manual_seed(seed))
    for spans, text in zip(decode(logits, lengths, threshold, nested=nested), logits.split(lengths), strict=True):
        kept = {(s.first, s.last, s.label) for s in spans}
        candidates = [
            (first, first + k, c, text[first, k, c].sigmoid().item())
            for first in range(len(text))
            for k in range(min(WIDTH, len(text) - first))
            for c in range(CLASSES)
            if text[first, k, c].sigmoid().item() > threshold
        ]
        for first, last, label, score in candidates:
            rivals = [
                s.score
                for s in spans
                if (s.first, s.last, s.label) != (first, last, label)
                and conflict((s.first, s.last), (first, last), nested)
            ]
            if (first, last, label) in kept:
                assert not rivals
            else:
                assert max(rivals) >= score - 1e-6


def conflict(a: tuple[int, int], b: tuple[int, int], nested: bool) -> bool:
    words_a, words_b = set(range(a[0], a[1] + 1)), set(range(b[0], b[1] + 1))
    if not words_a & words_b:
        return False
    return words_a == words_b or not (nested and (words_a <= words_b or words_b <= words_a))


def test_a_threshold_for_each_label() -> None:
    logits = torch.logit(torch.tensor([[[0.6, 0.6, 0.6]], [[0.4, 0.4, 0.4]], [[0.9, 0.2, 0.3]]]))
    found = decode(logits, [1, 1, 1], [0.7, 0.5, 0.25])
    assert [[(s.label, round(s.score, 3)) for s in spans] for spans in found] == [[(1, 0.6)], [(2, 0.4)], [(0, 0.9)]]


def test_the_threshold_itself_is_not_above_it() -> None:
    logits = torch.zeros(1, 1, 1)
    assert decode(logits, [1], 0.5) == [[]]
    assert decode(logits, [1], 0.4999) == [[Span(0, 0, 0, 0.5)]]


def test_spans_beyond_the_passage_are_never_taken() -> None:
    found = decode(torch.full((3, 4, 1), 9.0), [1, 2], 0.5, nested=True)
    assert [[(s.first, s.last) for s in spans] for spans in found] == [[(0, 0)], [(0, 0), (0, 1), (1, 1)]]


def test_greedy_keeps_the_given_order_at_a_tie() -> None:
    first, second = Span(0, 1, 0, 0.7), Span(1, 2, 1, 0.7)
    assert greedy([first, second]) == [first]
    assert greedy([second, first]) == [second]
