"""Neighbouring text is read with a passage and never scored: it moves no offset, no window and no target."""

from __future__ import annotations

import pytest
import torch

from bases import LABELS, TinyBase
from gliner_adapters.documents import Document, Entity
from gliner_adapters.model import forward
from gliner_adapters.model.batches import collate
from gliner_adapters.model.passages import Segmenter

TEXT = "HeLa cells grew well. Aspirin-induced asthma was treated. Patients received lithium daily. No tremor was seen."
SENTENCES = TEXT.replace(". ", ".|").split("|")
each_base = pytest.mark.parametrize("tiny_base", ["uni-bert", "bi-bert", "bi-mpnet", "uni-deberta"], indirect=True)


@each_base
def test_a_passage_with_all_its_context_is_scored_as_in_the_whole_text(tiny_base: TinyBase) -> None:
    """All the text in the input: its words' logits are those that the text has where it is one passage."""
    base = tiny_base.base
    prompt = base.prompt(LABELS) if base.architecture == "uni" else None
    inputs = base.label_inputs(LABELS) if base.architecture == "bi" else None
    pooling = base.config.subtoken_pooling

    def logits(passages: list) -> torch.Tensor:  # type: ignore[type-arg]
        with torch.no_grad():
            return forward(base.parts, collate(passages, base.text_tokens, prompt, pooling), inputs, 3, pooling)

    (whole,) = Segmenter(base, LABELS, "window").passages([Document(TEXT)])
    assert whole.left.size == whole.right.size == 0
    passages = Segmenter(base, LABELS, "sentence", context=1000, budget=1000).passages([Document(TEXT)])
    assert len(passages) == len(SENTENCES)
    expected = logits([whole])
    scale = float(expected.abs().max())
    for passage in passages:
        assert passage.size == whole.size
        found = logits([passage])
        start, end = passage.window.start, passage.window.end
        for width in range(3):  # spans that end within the passage
            ours, theirs = found[: passage.words - width, width], expected[start : end - width, width]
            torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5 * scale)


@each_base
def test_what_stands_around_a_document_is_its_context(tiny_base: TinyBase) -> None:
    segmenter = Segmenter(tiny_base.base, LABELS, "sentence", context=9)
    within = segmenter.passages([Document(TEXT)])
    for number, (sentence, expected) in enumerate(zip(SENTENCES, within, strict=True)):
        before, after = " ".join(SENTENCES[:number]), " ".join(SENTENCES[number + 1 :])
        (alone,) = segmenter.passages([Document(sentence, before=before, after=after)])
        for name in ("ids", "left", "right", "starts"):
            assert getattr(alone, name).tolist() == getattr(expected, name).tolist()


@pytest.mark.parametrize("tiny_base", ["bi-bert"], indirect=True)
def test_context_is_whole_words_within_its_limit_and_the_room_there_is(tiny_base: TinyBase) -> None:
    base = tiny_base.base
    pieces = {tuple(ids) for ids in base.text_tokens.word_ids(TEXT.replace(".", " .").split())}
    plain = Segmenter(base, LABELS, "sentence").passages([Document(TEXT)])
    for context, budget in ((4, 60), (30, 60), (30, 30), (1, 60)):
        passages = Segmenter(base, LABELS, "sentence", context=context, budget=budget).passages([Document(TEXT)])
        assert [p.ids.tolist() for p in passages] == [p.ids.tolist() for p in plain]
        assert [p.window for p in passages] == [p.window for p in plain]
        for passage in passages:
            assert max(passage.left.size, passage.right.size) <= context
            assert passage.size <= budget
    assert pieces, "words have sub-tokens"
    (alone,) = Segmenter(base, LABELS, "sentence", context=50).passages([Document(SENTENCES[0])])
    assert alone.left.size == alone.right.size == 0, "nothing stands around it"


@pytest.mark.parametrize("tiny_base", ["bi-bert"], indirect=True)
def test_given_words_part_their_neighbours_by_white_space(tiny_base: TinyBase) -> None:
    segmenter = Segmenter(tiny_base.base, LABELS, context=50)
    words = [(0, 4), (5, 10)]
    (passage,) = segmenter.passages([Document("HeLa cells", words=words, before="a/b grew", after="( 0.2 )")])
    ids = tiny_base.base.text_tokens.word_ids(["a/b", "grew", "(", "0.2", ")"])
    assert passage.left.tolist() == [i for piece in ids[:2] for i in piece]
    assert passage.right.tolist() == [i for piece in ids[2:] for i in piece]


@pytest.mark.parametrize("tiny_base", ["bi-bert"], indirect=True)
def test_gold_is_where_it_was(tiny_base: TinyBase) -> None:
    document = Document(
        TEXT, [Entity(0, 10, "cell line"), Entity(TEXT.index("lithium"), TEXT.index("lithium") + 7, "chemical")]
    )
    plain = Segmenter(tiny_base.base, LABELS).passages([document], gold=True)
    wide = Segmenter(tiny_base.base, LABELS, context=20).passages([document], gold=True)
    assert [p.spans for p in wide] == [p.spans for p in plain]
    assert any(p.spans for p in wide)
    assert any(p.right.size for p in wide)
