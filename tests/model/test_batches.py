"""What is found in a text does not depend on what else is read with it."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bases import LABELS, PLAIN, RECIPES, TEXTS, TinyBase, free
from comparing import assert_near
from gliner_adapters.documents import Window
from gliner_adapters.model import Passage, by_length
from model.reference import inside, our_logits, words_of
from parts_reader import PartsReader

each_base = pytest.mark.parametrize("tiny_base", RECIPES, indirect=True)


@each_base
def test_logits_do_not_depend_on_the_batch(tiny_base: TinyBase) -> None:
    sentences = [words_of(text) for text in TEXTS]
    order = random.Random(5).sample(range(len(sentences)), len(sentences))
    together = inside(our_logits(tiny_base.base, [sentences[i] for i in order], LABELS), [sentences[i] for i in order])
    alone = torch.cat([inside(our_logits(tiny_base.base, [sentences[i]], LABELS), [sentences[i]]) for i in order])
    assert_near(together, alone)


@each_base
@pytest.mark.parametrize(("passages", "tokens"), [(1, 8192), (3, 8192), (32, 100), (32, 1)])
def test_entities_do_not_depend_on_the_batch_size(tiny_base: TinyBase, passages: int, tokens: int) -> None:
    base = tiny_base.base
    inputs = base.label_inputs(LABELS) if base.architecture == "bi" else None
    usual = PartsReader(base, base.parts, LABELS, inputs).annotate(free(), 0.5)[0]
    small = PartsReader(base, base.parts, LABELS, inputs, max_passages=passages, max_tokens=tokens)
    shuffled = random.Random(1).sample(range(len(TEXTS)), len(TEXTS))
    again = small.annotate(free([TEXTS[i] for i in shuffled]), 0.5)[0]
    for index, document in zip(shuffled, again, strict=True):
        expected = usual[index].entities
        assert [e.key for e in document.entities] == [e.key for e in expected]
        assert [e.score for e in document.entities] == pytest.approx([e.score for e in expected], abs=1e-4)


@pytest.mark.parametrize("tiny_base", PLAIN, indirect=True)
def test_batches_respect_the_token_budget(tiny_base: TinyBase) -> None:
    base = tiny_base.base
    inputs = base.label_inputs(LABELS) if base.architecture == "bi" else None
    predictor = PartsReader(base, base.parts, LABELS, inputs, max_tokens=200)
    from gliner_adapters.model.passages import Segmenter

    passages = Segmenter(base, LABELS).passages(free(list(TEXTS) * 3))
    for indices in predictor.batches(passages):
        padded = predictor.collate([passages[i] for i in indices]).input_ids
        assert len(indices) == 1 or padded.numel() <= 200


def passage_of(size: int) -> Passage:
    return Passage(0, Window(0, 1), np.zeros(size, dtype=np.int64), np.asarray([0, size], dtype=np.int32))


@given(st.lists(st.integers(0, 60), max_size=40), st.integers(1, 8), st.integers(1, 300), st.integers(0, 20))
def test_by_length_holds_each_passage_once(sizes: list[int], most: int, tokens: int, overhead: int) -> None:
    passages = [passage_of(size) for size in sizes]
    batches = list(by_length(passages, most, tokens, overhead))
    assert sorted(i for batch in batches for i in batch) == list(range(len(sizes)))
    for batch in batches:
        longest = max(sizes[i] for i in batch) + overhead + 2
        assert len(batch) <= most
        assert len(batch) == 1 or len(batch) * longest <= tokens
    lengths = [sizes[i] for batch in batches for i in batch]
    assert lengths == sorted(lengths, reverse=True)
