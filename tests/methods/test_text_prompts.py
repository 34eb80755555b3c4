"""What every technique with prompts on the text side must keep, over all kinds of encoders."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from bases import LABELS, RECIPES, TEXTS, TinyBase, free
from comparing import assert_near
from gliner_adapters.adapters import describe, load_adapter, save_adapter
from gliner_adapters.annotate import Annotator
from gliner_adapters.documents import Document, Entity, split_words
from gliner_adapters.errors import ConfigError
from gliner_adapters.methods import Adapter, attach
from gliner_adapters.model import Base, Batch, collate, forward
from gliner_adapters.model.export import export_gliner
from gliner_adapters.model.passages import Segmenter
from gliner_adapters.training import TrainingConfig, train
from methods.helpers import unlike

BASES = (
    "uni-bert",
    "uni-deberta",
    "uni-modernbert",
    "uni-bert-lstm",
    "uni-bert-projected",
    "bi-bert",
    "bi-deberta",
    "bi-modernbert",
    "uni-mpnet",
    "bi-mpnet",
)
TECHNIQUES: dict[str, tuple[str, dict[str, Any]]] = {
    "cross": ("injection-cross", {}),
    "cross-attention": ("injection-cross", {"pooling": "attention"}),
    "keys": ("injection-deep", {"kind": "keys"}),
    "hidden": ("injection-deep", {"kind": "hidden"}),
}


def cases(*techniques: str, bases: tuple[str, ...] = BASES) -> Any:
    """Each technique on each base that it works on."""
    fitting = [
        pytest.param(technique, base, id=f"{technique}-{base}")
        for technique in techniques
        for base in bases
        if not (technique.startswith("cross") and RECIPES[base].architecture == "bi")
    ]
    return pytest.mark.parametrize(("technique", "tiny_base"), fitting, indirect=["tiny_base"])


everywhere = cases(*TECHNIQUES)
#: Where the number of documents counts, not the kind of encoder.
on_few = cases(*TECHNIQUES, bases=("uni-bert", "uni-modernbert", "bi-deberta"))


def fresh(technique: str, base: Base) -> Adapter:
    method, options = TECHNIQUES[technique]
    torch.manual_seed(5)
    return attach(method, base, LABELS, options)


def moved(adapter: Adapter) -> Adapter:
    """The adapter as after training; gates are open."""
    return unlike(adapter, 0.3).eval()


def batch_of(base: Base, texts: tuple[str, ...] = TEXTS) -> Batch:
    prompt = base.prompt(LABELS) if base.architecture == "uni" else None
    passages = Segmenter(base, LABELS, "window").passages(free(texts))
    return collate(passages, base.text_tokens, prompt, base.config.subtoken_pooling)


def logits(base: Base, adapter: Adapter, batch: Batch) -> Tensor:
    parts = adapter.parts(base.parts)
    return forward(parts, batch, adapter.label_inputs(base), base.max_width, base.config.subtoken_pooling)


def hooks(base: Base) -> list[int]:
    """How many hooks hang on each module (transformers hangs its own on an encoder that was asked for all states)."""
    return [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in base.network.modules()]


@everywhere
def test_what_is_trained_gets_a_gradient_and_nothing_else(technique: str, tiny_base: TinyBase) -> None:
    base = copy.deepcopy(tiny_base.base)
    adapter = moved(fresh(technique, base))
    logits(base, adapter, batch_of(base)).square().sum().backward()
    trained = adapter.trained()
    assert trained
    assert not [name for name, p in trained.items() if p.grad is None or not p.grad.abs().sum() > 0]
    assert set(dict(adapter.named_parameters())) == set(trained), "an adapter holds nothing of the base"
    assert not [name for name, p in base.network.named_parameters() if p.requires_grad or p.grad is not None]
    assert set(adapter.ingredients()) == set(adapter.learning_rates)


@everywhere
def test_training_steps_leave_the_base_alone(technique: str, tiny_base: TinyBase) -> None:
    base = copy.deepcopy(tiny_base.base)
    before = {name: tensor.clone() for name, tensor in base.network.state_dict().items()}
    hooked = hooks(base)
    batch = batch_of(base)
    adapter = fresh(technique, base).train()
    optimiser = torch.optim.AdamW(adapter.trained().values(), lr=0.05)
    losses = []
    for _ in range(4):
        loss = (logits(base, adapter, batch) - 1).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]
    after = base.network.state_dict()
    assert set(after) == set(before)
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    assert not [name for name, module in base.network.named_modules() if module.training]
    assert hooks(base) == hooked
    assert not adapter.leaves_text_alone(base)


@everywhere
@torch.no_grad()
def test_the_frozen_encoder_has_no_dropout(technique: str, tiny_base: TinyBase) -> None:
    adapter = moved(fresh(technique, tiny_base.base))
    batch = batch_of(tiny_base.base)
    quiet = logits(tiny_base.base, adapter, batch)
    assert torch.equal(logits(tiny_base.base, adapter.train(), batch), quiet)


@everywhere
@torch.no_grad()
def test_every_word_sees_the_prompts(technique: str, tiny_base: TinyBase) -> None:
    base = tiny_base.base
    batch = batch_of(base, (" ".join(TEXTS[:5]),) if base.architecture == "bi" else TEXTS[4:5])
    encoders = [fresh(technique, base).eval(), moved(fresh(technique, base))]
    one, other = (a.parts(base.parts).text_encoder(batch.input_ids, batch.attention_mask) for a in encoders)
    assert one.shape == base.parts.text_encoder(batch.input_ids, batch.attention_mask).shape
    assert (one - other).abs().amax(-1).min() > 1e-4


@everywhere
@torch.no_grad()
def test_padding_and_neighbours_do_not_matter(technique: str, tiny_base: TinyBase) -> None:
    base = tiny_base.base
    encoder = moved(fresh(technique, base)).parts(base.parts).text_encoder
    batch = batch_of(base)
    together = encoder(batch.input_ids, batch.attention_mask)
    for row, length in enumerate(batch.attention_mask.sum(1).tolist()):
        alone = encoder(batch.input_ids[row : row + 1, :length], batch.attention_mask[row : row + 1, :length])
        assert_near(together[row : row + 1, :length], alone)


@on_few
def test_entities_do_not_depend_on_the_batch(technique: str, tiny_base: TinyBase) -> None:
    trained = describe(moved(fresh(technique, tiny_base.base)), tiny_base.base, threshold=0.5)
    texts = [*TEXTS, " ".join(TEXTS), " ".join(TEXTS[3:])]

    def read(texts: list[str], **sizes: int) -> list[list[tuple[int, int, str]]]:
        return [[e.key for e in d.entities] for d in Annotator(trained, segment="window", **sizes).annotate(texts)]

    alone = [found for text in texts for found in read([text], max_passages=1)]
    assert sum(map(len, alone)) > 5
    assert read(texts) == alone
    assert read(texts[::-1], max_passages=3, max_tokens=200)[::-1] == alone


@everywhere
def test_saved_and_loaded(technique: str, tiny_base: TinyBase, tmp_path: Path) -> None:
    base = tiny_base.base
    adapter = moved(fresh(technique, base))
    batch = batch_of(base)
    with torch.no_grad():
        expected = logits(base, adapter, batch)
    save_adapter(describe(adapter, base, threshold=0.5), tmp_path)
    torch.manual_seed(99)  # what is drawn when the adapter is attached again must not stay
    loaded = load_adapter(tmp_path, base)
    with torch.no_grad():
        assert torch.equal(logits(base, loaded.adapter.unbake(), batch), expected)
    assert loaded.adapter.options == adapter.options


# The room that prompts take.

takes_room = cases("cross", "hidden", bases=("uni-bert", "uni-deberta", "uni-modernbert", "bi-bert"))


def just_fitting(base: Base, technique: str) -> Document:
    """A text that fills an input of the base, with an entity at its very end."""
    budget = base.sub_token_budget(LABELS)
    words, size = [], 0
    for word in (word for _ in range(9) for text in TEXTS[:6] for word in text.replace("-", " ").split()):
        more = sum(map(len, base.text_tokens.word_ids([word[i:j] for i, j in split_words(word)])))
        if size + more > budget or len(words) == base.max_words // 2:
            break
        words.append(word)
        size += more
    assert size > budget - fresh(technique, base).text_overhead(), "with prompts it does not fit"
    text = " ".join(words)
    return Document(text, [Entity(split_words(text)[-1][0], len(text), LABELS[0].name)])


@takes_room
def test_text_that_no_longer_fits_is_windowed(technique: str, tiny_base: TinyBase) -> None:
    base = tiny_base.base
    adapter = moved(fresh(technique, base))
    document = just_fitting(base, technique)
    (whole,) = Segmenter(base, LABELS, "window").passages([document], gold=True)
    segmenter = Segmenter(base, LABELS, "window", reserve=adapter.text_overhead())
    passages = segmenter.passages([document], gold=True)
    assert len(passages) == 2
    assert segmenter.budget == Segmenter(base, LABELS).budget - adapter.text_overhead()
    assert {i for p in passages for i in range(p.window.start, p.window.end)} == set(range(whole.words))
    assert segmenter.losses.windowed == 1
    assert not segmenter.losses.lines()
    (carried,) = passages[-1].spans
    assert carried[1] == passages[-1].words - 1
    # Each input with its prompts is within the encoder's positions.
    limit = base.parts.text_encoder.transformer.model.config.max_position_embeddings
    prompt = base.prompt(LABELS) if base.architecture == "uni" else None
    sizes = [collate([p], base.text_tokens, prompt).input_ids.shape[1] + adapter.text_overhead() for p in passages]
    assert max(sizes) <= limit


@takes_room
def test_the_annotator_reads_to_the_very_end(technique: str, tiny_base: TinyBase) -> None:
    base = tiny_base.base
    document = just_fitting(base, technique)
    plain = Annotator(base, [label.name for label in LABELS], segment="window")
    plain.annotate([document.text])
    assert plain.losses.windowed == 0
    annotator = Annotator(describe(moved(fresh(technique, base)), base, threshold=0.0, segment="window"))
    (read,) = annotator.annotate([document.text])
    assert annotator.losses.windowed == 1
    covered = {i for e in read.entities for i in range(e.start, e.end)}
    assert covered >= {i for start, end in split_words(document.text) for i in range(start, end)}
    assert read.entities[-1].end == len(document.text)


@takes_room
def test_training_cuts_and_batches_with_the_prompts_in_mind(
    technique: str, tiny_base: TinyBase, tmp_path: Path
) -> None:
    base = copy.deepcopy(tiny_base.base)
    before = copy.deepcopy(base.network.state_dict())
    adapter = fresh(technique, base)
    document = just_fitting(base, technique)
    config = TrainingConfig(epochs=2, segment="window", precision="bf16", max_tokens=130)
    result = train(base, adapter, [document, document], [document], config, folder=tmp_path)
    assert result.sentences == 4
    assert not result.losses.lines()
    # 130 sub-tokens are room for one full input; the two short ends might share a batch.
    assert 2 * 3 <= result.steps <= 2 * 4
    assert all(torch.equal(base.network.state_dict()[name], tensor) for name, tensor in before.items())


@cases("cross", "keys", "hidden", bases=("uni-bert", "bi-bert"))
def test_no_gliner_can_hold_prompts(technique: str, tiny_base: TinyBase, tmp_path: Path) -> None:
    adapter = fresh(technique, tiny_base.base)
    with pytest.raises(ConfigError, match="prompts in the text encoder cannot be written as a GLiNER"):
        export_gliner(tiny_base.base, adapter.parts(tiny_base.base.parts), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@cases("cross", "keys", "hidden", bases=("uni-bert", "uni-deberta", "uni-modernbert"))
def test_bfloat16(technique: str, tiny_base: TinyBase) -> None:
    trained = describe(moved(fresh(technique, tiny_base.base)), tiny_base.base, threshold=0.0)
    exact, rough = (Annotator(trained, precision=precision).annotate(TEXTS[:1]) for precision in ("fp32", "bf16"))
    assert rough[0].entities
    scores = [{e.key: e.score or 0 for e in read[0].entities} for read in (exact, rough)]
    both = set(scores[0]) & set(scores[1])
    assert both
    assert max(abs(scores[0][key] - scores[1][key]) for key in both) < 0.2
