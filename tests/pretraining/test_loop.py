"""The pretraining loop: targets of groups, what is learnt, and runs that are stopped and resumed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save
from torch import Tensor

from bases import PLAIN, TinyBase
from comparing import assert_near
from gliner_adapters.documents import Label
from gliner_adapters.errors import ConfigError
from gliner_adapters.methods import Adapter, attach
from gliner_adapters.model.fingerprint import fingerprint
from gliner_adapters.pretraining import Recipe
from gliner_adapters.pretraining.data import Source
from gliner_adapters.pretraining.drawing import Group
from gliner_adapters.pretraining.loop import CURVE_STEPS, LoopResult, PretrainingLoop
from gliner_adapters.pretraining.work import group_targets
from gliner_adapters.training import Reporter, TrainingConfig
from gliner_adapters.training.checkpoints import tensors_of
from gliner_adapters.training.losses import span_loss
from pretraining.helpers import SAMPLE_LABELS, passage, recipe, source, toy_source, types
from training.toy import toy_corpus

#: K of the targets below.
WIDTH = 3

# Targets


def partial() -> Source:
    """Two sentences of a corpus of four types; the second knows types 0 and 3 only."""
    passages = [passage(3, (0, 1, 0), (2, 2, 2)), passage(2, (1, 1, 3))]
    return source("partial", passages, types("gene", "disease", "cell", "species"), known=[(0, 1, 2, 3), (0, 3)])


def targets_of(own: Source, group: Group, columns: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    return group_targets(own, group, [own.passages[i] for i in group.passages], columns, WIDTH)


def test_targets_are_in_the_order_of_the_label_axis() -> None:
    targets, known = targets_of(partial(), Group(0, (0, 1)), (3, 2, 0))
    assert targets.shape == (5, WIDTH, 3)
    # Word, width less one, column: the gene's two words, the cell's one, the species in the second sentence.
    assert {tuple(where) for where in targets.nonzero().tolist()} == {(0, 1, 2), (2, 0, 1), (4, 0, 0)}
    assert known.tolist() == [[1, 1, 1]] * 3 + [[1, 0, 1]] * 2


def test_targets_are_in_the_order_of_the_group() -> None:
    targets, known = targets_of(partial(), Group(0, (1, 0)), (0, 1, 3))
    assert {tuple(where) for where in targets.nonzero().tolist()} == {(1, 0, 2), (2, 1, 0)}
    assert known.tolist() == [[1, 0, 1]] * 2 + [[1, 1, 1]] * 3


def test_labels_that_were_dropped_have_no_targets() -> None:
    targets, known = targets_of(partial(), Group(0, (0, 1)), (1,))
    assert targets.shape == (5, WIDTH, 1)
    assert not targets.any()
    assert known.tolist() == [[1]] * 3 + [[0]] * 2


def loss_of(logits: Tensor, columns: tuple[int, ...]) -> Tensor:
    own, group = partial(), Group(0, (0, 1))
    targets, known = targets_of(own, group, columns)
    return span_loss(logits, targets, [3, 2], TrainingConfig(), known.unsqueeze(1))


def test_unknown_types_have_no_gradient() -> None:
    columns = (3, 2, 0)
    logits = torch.randn(5, WIDTH, 3, generator=torch.Generator().manual_seed(1)).requires_grad_()
    loss = loss_of(logits, columns)
    loss.backward()
    assert logits.grad is not None
    assert not logits.grad[3:, :, 1].any()  # the cell in the second sentence
    # Everything else within a sentence has one, negatives among it.
    for word, room in ((0, 3), (1, 2), (2, 1)):
        assert logits.grad[word, :room].all()
    for word, room in ((3, 2), (4, 1)):
        assert logits.grad[word, :room, [0, 2]].all()
    changed = logits.detach().clone()
    changed[3:, :, 1] += 100
    assert loss_of(changed, columns).item() == loss.item()
    changed[3, 0, 0] += 1
    assert loss_of(changed, columns).item() != loss.item()


# Runs


class Recorder(Reporter):
    """Keeps the losses, and stops the run by an exception after so many steps of it."""

    def __init__(self, stop: int | None = None) -> None:
        super().__init__(quiet=True)
        self.stop, self.losses, self.started = stop, list[float](), -1

    def begin(self, what: str, total: int, done: int = 0) -> None:
        super().begin(what, total, done)
        self.started = done

    def advance(self, steps: int, sentences: int, loss: float | None = None) -> None:
        super().advance(steps, sentences, loss)
        assert loss is not None
        self.losses.append(loss)
        if self.done == self.stop:
            raise KeyboardInterrupt


def short(sentences: int = 40, training: dict[str, Any] | None = None, **changes: Any) -> Recipe:
    """Groups of 4, two to a step: five steps, in exact arithmetic, a checkpoint after every second."""
    settings = {"batch_size": 8, "precision": "fp32", "checkpoint_steps": 2, **(training or {})}
    drawing = {"description": 0.0, "both": 0.0, **changes.pop("drawing", {})}
    sampling = {"sentences": sentences, "most_repeats": 1000, **changes.pop("sampling", {})}
    return recipe(sampling=sampling, drawing=drawing, group_size=4, training=settings, **changes)


def loop_of(
    tiny_base: TinyBase,
    folder: Path,
    own: Recipe | None = None,
    sources: list[Source] | None = None,
    reporter: Reporter | None = None,
) -> PretrainingLoop:
    """A loop over a fresh adapter."""
    base, own = tiny_base.base, own or short()
    adapter = attach("full", base, [Label("any")])
    sources = [toy_source(base, toy_corpus())] if sources is None else sources
    return PretrainingLoop(base, adapter, sources, own, own.training, folder, reporter or Recorder())


def weights(adapter: Adapter) -> bytes:
    """The file that would be written."""
    return save(tensors_of(adapter))


def lasting(result: LoopResult) -> tuple[Any, ...]:
    """What does not depend on the clock."""
    return result.steps, result.sentences, result.curve


@pytest.mark.parametrize("tiny_base", PLAIN, indirect=True)
def test_a_run_learns(tiny_base: TinyBase, tmp_path: Path) -> None:
    recorder = Recorder()
    rates = {"text_encoder": 1e-3, "span_head": 3e-3, "label_head": 3e-3}
    before = fingerprint(dict(tiny_base.base.network.named_parameters()))
    own = short(320, {"learning_rates": rates, "checkpoint_steps": 1000})
    loop = loop_of(tiny_base, tmp_path, own, reporter=recorder)
    result = loop.run(resume=False)
    assert result.steps == len(recorder.losses) == len(loop.plan)
    assert result.sentences == sum(len(group.passages) for step in loop.plan for group in step)
    assert np.mean(recorder.losses[-5:]) < 0.6 * np.mean(recorder.losses[:5])
    assert result.curve == [{"step": result.steps, "loss": pytest.approx(np.mean(recorder.losses), abs=1e-4)}]
    assert result.cost.seconds > 0
    # The base itself stays as it was, and a run leaves the adapter ready to read.
    assert fingerprint(dict(tiny_base.base.network.named_parameters())) == before
    assert not loop.adapter.training


def test_every_part_is_trained(tiny: Callable[[str], TinyBase], tmp_path: Path) -> None:
    loop = loop_of(tiny("bi-bert"), tmp_path)
    before = {name: tensor.clone() for name, tensor in tensors_of(loop.adapter).items()}
    loop.run(resume=False)
    moved = {name.split(".", 1)[0] for name, t in tensors_of(loop.adapter).items() if not torch.equal(t, before[name])}
    assert moved == {"text_encoder", "label_encoder", "span_head", "label_head"}


def test_the_curve_has_a_row_for_so_many_steps(tiny: Callable[[str], TinyBase], tmp_path: Path) -> None:
    recorder = Recorder()
    own = recipe(
        sampling={"sentences": CURVE_STEPS + 20, "most_repeats": 1000},
        group_size=1,
        training={"batch_size": 1, "precision": "fp32", "checkpoint_steps": 1000},
    )
    result = loop_of(tiny("bi-bert"), tmp_path, own, reporter=recorder).run(resume=False)
    assert CURVE_STEPS < result.steps < 2 * CURVE_STEPS
    assert [row["step"] for row in result.curve] == [CURVE_STEPS, result.steps]
    rows = [recorder.losses[:CURVE_STEPS], recorder.losses[CURVE_STEPS:]]
    assert [row["loss"] for row in result.curve] == [pytest.approx(np.mean(row), abs=1e-4) for row in rows]


def test_a_step_weighs_its_sentences_alike(tiny: Callable[[str], TinyBase], tmp_path: Path) -> None:
    """A step's loss is the mean over its sentences, whichever groups they are in.

    One step of three groups of different sizes, without dropout or dropped labels, against the loss of all
    their sentences at once.
    """
    tiny_base = tiny("bi-bert")
    toy = toy_source(tiny_base.base, toy_corpus(9))
    sizes = (4, 4, 1)
    plain = {"drop_from": 0.0, "other_case": 0.0}
    whole, parted = (
        recipe(
            sampling={"sentences": 9, "empty_weight": 1.0, "type_power": 0.0, "most_repeats": 1.0},
            drawing={"description": 0.0, "both": 0.0, **plain},
            group_size=size,
            training={"batch_size": 12, "precision": "fp32", "warmup": 0.0},
        )
        for size in (12, 4)
    )
    gradients, losses = [], []
    for number, own in enumerate((whole, parted)):
        loop = loop_of(tiny_base, tmp_path / str(number), own, [toy])
        loop.adapter.eval()
        (step,) = loop.plan
        assert sorted(len(g.passages) for g in step) == ([9] if own is whole else sorted(sizes))
        losses.append(sum(float(loop.backward(work)) for work in loop.make_work(0, step)))
        # All at once: where a parameter's own gradient cancels out, nothing but rounding is left of it.
        gradients.append(torch.cat([p.grad.flatten() for p in loop.adapter.trained().values() if p.grad is not None]))
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    assert_near(gradients[1], gradients[0])


def test_the_same_run_gives_the_same_weights(tiny: Callable[[str], TinyBase], tmp_path: Path) -> None:
    runs = []
    for number, seed in enumerate((1, 1, 2)):
        loop = loop_of(tiny("bi-bert"), tmp_path / str(number), short(training={"seed": seed}))
        loop.run(resume=False)
        runs.append(weights(loop.adapter))
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


# Stopped and resumed


@pytest.mark.parametrize("tiny_base", PLAIN, indirect=True)
@pytest.mark.parametrize("stops", [(1,), (2,), (3,), (5,), (1, 3, 4)], ids=str)
def test_a_stopped_run_goes_on_as_if_nothing_had_happened(
    tiny_base: TinyBase, stops: tuple[int, ...], tmp_path: Path
) -> None:
    """Stopped before the first checkpoint, at one, between two, at the last step, and again and again."""
    whole = loop_of(tiny_base, tmp_path / "whole")
    expected = whole.run(resume=False)
    for stop in stops:
        with pytest.raises(KeyboardInterrupt):
            loop_of(tiny_base, tmp_path / "run", reporter=Recorder(stop)).run(resume=True)
        torch.manual_seed(1234 + stop)  # a fresh process would not go on with this one's random numbers
    recorder = Recorder()
    loop = loop_of(tiny_base, tmp_path / "run", reporter=recorder)
    result = loop.run(resume=True)
    # A checkpoint is written after the reporter has heard of its step.
    assert recorder.started == (stops[-1] - 1) // 2 * 2
    assert weights(loop.adapter) == weights(whole.adapter)
    assert lasting(result) == lasting(expected)


def test_without_resume_a_run_starts_anew(tiny: Callable[[str], TinyBase], tmp_path: Path) -> None:
    first = loop_of(tiny("bi-bert"), tmp_path)
    first.run(resume=False)
    recorder = Recorder()
    again = loop_of(tiny("bi-bert"), tmp_path, reporter=recorder)
    again.run(resume=False)
    assert (recorder.started, len(recorder.losses)) == (0, 5)
    assert weights(again.adapter) == weights(first.adapter)


def test_a_finished_run_resumes_to_its_end(tiny: Callable[[str], TinyBase], tmp_path: Path) -> None:
    """From its last checkpoint: what a run has given is for its caller to keep, so the last step writes none."""
    first = loop_of(tiny("bi-bert"), tmp_path)
    result = first.run(resume=False)
    recorder = Recorder()
    again = loop_of(tiny("bi-bert"), tmp_path, reporter=recorder)
    assert lasting(again.run(resume=True)) == lasting(result)
    assert (recorder.started, len(recorder.losses)) == (4, 1)
    assert weights(again.adapter) == weights(first.adapter)


def changed_gold(own: Source) -> Source:
    first = own.passages[0]
    other = type(first)(first.document, first.window, first.ids, first.starts, first.spans[1:])
    return source(own.name, [other, *own.passages[1:]], own.texts)


OTHER_RUNS: dict[str, tuple[dict[str, Any], Callable[[Source], Source]]] = {
    "more sentences": ({"sentences": 48}, lambda own: own),
    "another sampling": ({"sampling": {"empty_weight": 0.9}}, lambda own: own),
    "another drawing": ({"drawing": {"drop": 0.5}}, lambda own: own),
    "another seed": ({"training": {"seed": 2}}, lambda own: own),
    "another learning rate": ({"training": {"learning_rates": {"span_head": 1e-3}}}, lambda own: own),
    "another text of a label": (
        {"labels": {"sample": {tag: {"names": [f"kind of {tag}"]} for tag in SAMPLE_LABELS}}},
        lambda own: own,
    ),
    "less data": ({}, lambda own: source(own.name, own.passages[:-1], own.texts)),
    "other gold": ({}, changed_gold),
    "other known types": (
        {},
        lambda own: source(own.name, own.passages, own.texts, known=[(0, 1), *own.known[1:]]),
    ),
}


@pytest.mark.parametrize("what", OTHER_RUNS)
def test_the_checkpoint_of_another_run_is_refused(what: str, tiny: Callable[[str], TinyBase], tmp_path: Path) -> None:
    tiny_base = tiny("bi-bert")
    with pytest.raises(KeyboardInterrupt):
        loop_of(tiny_base, tmp_path, reporter=Recorder(3)).run(resume=False)
    changes, change = OTHER_RUNS[what]
    toy = change(toy_source(tiny_base.base, toy_corpus()))
    loop = loop_of(tiny_base, tmp_path, short(**changes), [toy])
    fresh = weights(loop.adapter)
    with pytest.raises(ConfigError, match="belongs to a run with other data"):
        loop.run(resume=True)
    assert weights(loop.adapter) == fresh


def test_the_checkpoint_of_another_base_is_refused(tiny: Callable[[str], TinyBase], tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        loop_of(tiny("bi-bert"), tmp_path, reporter=Recorder(3)).run(resume=False)
    with pytest.raises(ConfigError, match="belongs to a run with other data"):
        loop_of(tiny("bi-bert-mean"), tmp_path).run(resume=True)


def test_what_decides_nothing_may_change(tiny: Callable[[str], TinyBase], tmp_path: Path) -> None:
    """How often a checkpoint is written, and how the result is shipped."""
    whole = loop_of(tiny("bi-bert"), tmp_path / "whole")
    whole.run(resume=False)
    with pytest.raises(KeyboardInterrupt):
        loop_of(tiny("bi-bert"), tmp_path / "run", reporter=Recorder(3)).run(resume=False)
    other = short(training={"checkpoint_steps": 1}, shipping={"text_rank": 4})
    loop = loop_of(tiny("bi-bert"), tmp_path / "run", other)
    loop.run(resume=True)
    assert weights(loop.adapter) == weights(whole.adapter)


# What cannot be trained


def test_no_data_is_an_error(tiny: Callable[[str], TinyBase], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing to train on"):
        loop_of(tiny("bi-bert"), tmp_path, sources=[])


def test_a_run_that_goes_astray_stops(tiny: Callable[[str], TinyBase], tmp_path: Path) -> None:
    """And leaves no checkpoint to resume from."""
    own = short(training={"checkpoint_steps": 1})
    loop = loop_of(tiny("bi-bert"), tmp_path, own)
    next(iter(loop.adapter.trained().values())).data.fill_(float("nan"))
    with pytest.raises(ConfigError, match="lower the recipe's learning rates"):
        loop.run(resume=False)
    assert not (tmp_path / "checkpoint").exists()
