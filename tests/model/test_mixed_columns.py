"""Batches whose rows differ in prompts and labels: each row as if it were alone."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from bases import LABELS, TEXTS, TinyBase, free
from comparing import PART, assert_near
from gliner_adapters.documents import Label
from gliner_adapters.model import collate, encode_text, score_spans, valid_spans
from gliner_adapters.model.columns import score_columns
from gliner_adapters.model.layer_walks import Prefix
from gliner_adapters.model.passages import Segmenter
from gliner_adapters.model.prompts import LayerPrompts, choose_prompts

LENGTHS = [17, 1, 40, 5, 5, 33]
#: Which of nine label vectors each passage has: one after the other, the same again, out of order, none.
COLUMNS = [[0, 1, 2], [0, 1, 2], [8, 3, 5, 4], [6], [6], []]


def padded(rows: list[list[int]]) -> Tensor:
    most = max(map(len, rows))
    return torch.tensor([row + [-1] * (most - len(row)) for row in rows])


@pytest.mark.parametrize("tiny_base", ["uni-bert", "bi-bert", "uni-bert-markerV1", "bi-deberta-conv"], indirect=True)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@torch.no_grad()
def test_each_passage_is_scored_against_its_own_labels(tiny_base: TinyBase, dtype: torch.dtype) -> None:
    base = tiny_base.base
    head, width = base.parts.span_head, base.max_width
    generator = torch.Generator().manual_seed(3)
    words = torch.randn(sum(LENGTHS), base.hidden_size, generator=generator)
    vectors = torch.randn(9, base.hidden_size, generator=generator)
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        logits = score_columns(head, words, LENGTHS, vectors, padded(COLUMNS), width)
    assert logits.shape == (sum(LENGTHS), width, 4)
    assert logits.dtype == torch.float32
    part = PART if dtype == torch.float32 else 0.05
    for own, of_words, columns in zip(logits.split(LENGTHS), words.split(LENGTHS), COLUMNS, strict=True):
        assert torch.isneginf(own[..., len(columns) :]).all()
        if columns:
            alone = score_spans(head, of_words, [len(of_words)], vectors[columns], width)
            inside = valid_spans([len(of_words)], width)
            assert_near(own[..., : len(columns)][inside], alone[inside], part)


@pytest.mark.parametrize("tiny_base", ["uni-bert", "uni-deberta-after-marker", "uni-modernbert-max"], indirect=True)
@torch.no_grad()
def test_rows_with_prompts_of_their_own(tiny_base: TinyBase) -> None:
    base = tiny_base.base
    pooling = base.config.subtoken_pooling
    sets = [LABELS, (Label("gene"),), (*LABELS[1:], Label("a long name of a label"), Label("dose"))]
    prompts = [base.prompt(sets[i % 3]) for i in range(len(TEXTS))]
    passages = Segmenter(base, sets[2]).passages(free())
    together = encode_text(base.parts.text_encoder, collate(passages, base.text_tokens, prompts, pooling), pooling)
    assert together.labels is not None
    labels = together.labels.split([len(prompt.positions) for prompt in prompts])
    for passage, prompt, words, own in zip(
        passages, prompts, together.words.split(together.lengths), labels, strict=True
    ):
        alone = encode_text(base.parts.text_encoder, collate([passage], base.text_tokens, prompt, pooling), pooling)
        assert alone.labels is not None
        assert_near(words, alone.words)
        assert_near(own, alone.labels[0])


def test_prompts_are_chosen_row_by_row() -> None:
    def prompts(number: float) -> LayerPrompts:
        states = torch.full((1, 2, 4), number)
        return LayerPrompts({0: states}, {1: Prefix(states + 10, states + 20, torch.tensor([number]))})

    rows = [2, 0, 0, 1]
    chosen = choose_prompts([prompts(0), prompts(1), prompts(2)], torch.tensor(rows))
    assert chosen.hidden[0][:, 0, 0].tolist() == rows
    assert chosen.prefixes[1].keys[:, 1, 3].tolist() == [10 + row for row in rows]
    assert chosen.prefixes[1].values[:, 1, 3].tolist() == [20 + row for row in rows]
    assert chosen.prefixes[1].factor.tolist() == rows
