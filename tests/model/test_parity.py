"""Our pass gives GLiNER's numbers: logits, entities, loss and gradients."""

from __future__ import annotations

import copy

import pytest
import torch

from bases import LABELS, PLAIN, RECIPES, TEXTS, TinyBase, free
from comparing import assert_near
from gliner_adapters.documents import Document
from gliner_adapters.model import collate, forward
from gliner_adapters.training import TrainingConfig
from gliner_adapters.training.losses import span_loss, span_targets
from model.reference import Ner, gliner_batch, gliner_logits, inside, our_logits, passages_of, words_of
from parts_reader import PartsReader

NAMES = [label.name for label in LABELS]
#: Characters beyond the tokenizers' alphabets, and control characters, which BERT's tokenizer drops. They stand at the
#: end: after a dropped word GLiNER loses count (see below).
ODD_TEXTS = ("Aspirin, asthma \x07", "\x07", "\x07\u200b\x07", "µg/ml ≥ 5 α‐tocopherol 中文 \u200b")
#: This head averages over the padded batch, so in GLiNER a sentence's scores depend on its neighbours.
#: Ours are those of the sentence alone.
ALONE = {"uni-bert-markerV1"}

each_base = pytest.mark.parametrize("tiny_base", RECIPES, indirect=True)


@each_base
@pytest.mark.parametrize("texts", [TEXTS, ODD_TEXTS], ids=["plain", "odd"])
def test_logits_equal_gliner(tiny_base: TinyBase, texts: tuple[str, ...]) -> None:
    sentences = [words_of(text) for text in texts]
    if tiny_base.recipe.name in ALONE:
        theirs = torch.cat([gliner_logits(tiny_base.gliner, [words], NAMES) for words in sentences])
    else:
        theirs = gliner_logits(tiny_base.gliner, sentences, NAMES)
    ours = our_logits(tiny_base.base, sentences, LABELS)
    assert ours.shape == theirs.shape
    assert inside(theirs, sentences).std() > 0.5, "the tiny base tells spans apart, else equality means little"
    assert_near(inside(ours, sentences), inside(theirs, sentences))


@pytest.mark.parametrize("tiny_base", ["uni-bert", "bi-bert", "bi-bert-mean"], indirect=True)
def test_words_after_a_dropped_word_keep_their_vectors(tiny_base: TinyBase) -> None:
    """Spans that do not touch a dropped word score as if it were not there.

    GLiNER gives each word after a dropped one the vector of its neighbour to the right.
    """
    with_dropped = [words_of("\x07 Aspirin \u200b cures asthma")]
    without = [words_of("Aspirin cures asthma")]
    expected = gliner_logits(tiny_base.gliner, without, NAMES)
    ours = our_logits(tiny_base.base, with_dropped, LABELS)
    assert_near(ours[1, 0], expected[0, 0])
    assert_near(ours[3, :2], expected[1, :2])
    assert_near(ours[4, 0], expected[2, 0])
    assert inside(ours, with_dropped).isfinite().all()


@each_base
@pytest.mark.parametrize("nested", [False, True], ids=["flat", "nested"])
@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.8])
def test_entities_equal_gliner(tiny_base: TinyBase, threshold: float, nested: bool) -> None:
    base, texts = tiny_base.base, [*TEXTS, *ODD_TEXTS, "", " \n"]
    size = 1 if tiny_base.recipe.name in ALONE else 4
    theirs = tiny_base.gliner.inference(texts, NAMES, flat_ner=not nested, threshold=threshold, batch_size=size)
    inputs = base.label_inputs(LABELS) if base.architecture == "bi" else None
    predictor = PartsReader(base, base.parts, LABELS, inputs)
    documents, segmenter = predictor.annotate(free(texts), threshold, nested=nested, segment="window")
    found = 0
    for document, expected in zip(documents, theirs, strict=True):
        assert [e.key for e in document.entities] == [(e["start"], e["end"], e["label"]) for e in expected]
        assert [document.mention(e) for e in document.entities] == [e["text"] for e in expected]
        assert [e.score for e in document.entities] == pytest.approx([e["score"] for e in expected], abs=1e-4)
        found += len(expected)
    assert found > 5 or threshold > 0.5
    assert not segmenter.losses.lines()


@each_base
def test_loss_and_head_gradients_equal_gliner(tiny_base: TinyBase) -> None:
    """Binary cross-entropy, summed; GLiNER's own loss is our span loss times the passages."""
    sentences = [words_of(text) for text in TEXTS]
    if tiny_base.recipe.name in ALONE:
        sentences = sentences[:1]
    ner: list[Ner] = [[] for _ in sentences]
    ner[0] = [(0, 0, "chemical"), (1, 1, "disease"), (0, 4, "chemical")]
    if len(sentences) > 1:
        ner[1] = [(0, 1, "cell line")]
        ner[3] = [(0, 0, "disease"), (0, 0, "chemical")]
    theirs, base = copy.deepcopy(tiny_base.gliner.model).eval(), copy.deepcopy(tiny_base.base)
    for last in (theirs.prompt_rep_layer[-1], base.parts.label_head[-1]):
        last.weight.data.mul_(0.1)  # GLiNER cuts probabilities off at 1e-6; stay clear of that
    batch = gliner_batch(tiny_base.gliner, sentences, NAMES, ner)
    output = theirs(**batch, alpha=-1.0, gamma=0.0, reduction="sum")
    output.loss.backward()
    assert output.logits.abs().max() < 13
    base.parts.span_head.requires_grad_(True)
    base.parts.label_head.requires_grad_(True)
    passages = passages_of(base, sentences, LABELS)
    for passage, spans in zip(passages, ner, strict=True):
        passage.spans = [(first, last, NAMES.index(label)) for first, last, label in spans]
    bi = base.architecture == "bi"
    inputs = base.label_inputs(LABELS) if bi else None
    pooling = base.config.subtoken_pooling
    ours = collate(passages, base.text_tokens, None if bi else base.prompt(LABELS), pooling)
    logits = forward(base.parts, ours, inputs, base.max_width, pooling)
    targets = span_targets(passages, base.max_width, len(LABELS))
    loss = span_loss(logits, targets, ours.lengths, TrainingConfig(loss="bce")) * len(passages)
    loss.backward()

    assert_near(loss, output.loss)
    ours_at, theirs_at = [], []
    for part, name in ((base.parts.span_head, "span_rep_layer"), (base.parts.label_head, "prompt_rep_layer")):
        expected = dict(getattr(theirs, name).named_parameters())
        assert expected
        for key, parameter in part.named_parameters():
            gradient = expected[key].grad
            if gradient is None:  # GLiNER's markerV1 has a projection that it never calls
                assert parameter.grad is None
                continue
            ours_at.append(parameter.grad.flatten())
            theirs_at.append(gradient.flatten())
    # All at once: where a parameter's own gradient cancels out, nothing but rounding is left of it.
    assert_near(torch.cat(ours_at), torch.cat(theirs_at))


@pytest.mark.parametrize("tiny_base", PLAIN, indirect=True)
def test_given_words_that_look_like_markers_change_nothing(tiny_base: TinyBase) -> None:
    """A corpus may hold the marker as a word. GLiNER would take it for one label more; the axis stays ours."""
    sentences = [["HeLa", "<<ENT>>", "cells", "<<SEP>>", "[SEP]"], ["<<ENT>>"]]
    logits = our_logits(tiny_base.base, sentences, LABELS)
    assert logits.shape == (6, tiny_base.base.max_width, len(LABELS))
    assert inside(logits, sentences).isfinite().all()
    alone = our_logits(tiny_base.base, sentences[:1], LABELS)
    assert_near(inside(logits, sentences)[: len(inside(alone, sentences[:1]))], inside(alone, sentences[:1]))


@pytest.mark.parametrize("tiny_base", PLAIN, indirect=True)
def test_documents_without_text_or_words(tiny_base: TinyBase) -> None:
    base = tiny_base.base
    inputs = base.label_inputs(LABELS) if base.architecture == "bi" else None
    predictor = PartsReader(base, base.parts, LABELS, inputs)
    empty = [Document(""), Document(" \t\n"), Document("no words given", words=[])]
    assert [d.entities for d in predictor.annotate(empty, 0.0)[0]] == [[], [], []]
    assert predictor.annotate([], 0.0)[0] == []
    mixed, _ = predictor.annotate([empty[0], Document("Asthma"), empty[1]], 0.0)
    assert [len(d.entities) for d in mixed] == [0, 1, 0]
