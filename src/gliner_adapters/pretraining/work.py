"""What a step computes, laid out for the device ahead of time.

    plan ──► labels drawn, texts to ids, targets ──► Work ──► device          some steps ahead
                                                       └──► forward, loss, gradient          in the loop

A step has several groups, each with labels of its own. On a GPU the texts and labels of all of them go through the
encoders together: a pass is thousands of small operations, and to start them takes its host longer than padding takes
the GPU. The span head then reads group by group. On a processor, where padding costs as much as text, each group goes
alone.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from gliner_adapters.documents import Label
from gliner_adapters.errors import ConfigError
from gliner_adapters.model import Base, Passage, collate
from gliner_adapters.model.batches import Batch
from gliner_adapters.model.score import valid_spans
from gliner_adapters.model.tokens import LabelPrompt
from gliner_adapters.pretraining.data import Source
from gliner_adapters.pretraining.drawing import Group, Labels, draw_labels
from gliner_adapters.pretraining.recipe import Recipe
from gliner_adapters.signals import end_with_parent
from gliner_adapters.training.losses import span_targets

#: Steps that are laid out before they are needed.
AHEAD = 6


@dataclass(frozen=True)
class GroupWork:
    """One group of a pass.

    Attributes:
        words: N, of all its passages.
        lengths: words of each passage.
        labels: C.
        targets: ``(N, K, C)`` of bytes, 1 where a span has a label.
        known: ``(N, 1, C)``, 1 where a label is known.
        valid: ``(N, K)``, which spans lie within their passage.
        share: what its mean loss counts in the step: so that every sentence of the step counts alike, by itself
            or in a window, whose loss is the sum over its sentences.
    """

    words: int
    lengths: list[int]
    labels: int
    targets: Tensor
    known: Tensor
    valid: Tensor
    share: float


@dataclass(frozen=True)
class Work:
    """Groups that go through the encoders together.

    Attributes:
        batch: their passages, group after group.
        labels: ids and mask of all their labels, group after group; ``None`` where labels stand in the text.
        groups: each of them.
    """

    batch: Batch
    labels: tuple[Tensor, Tensor] | None
    groups: list[GroupWork]

    def to(self, device: torch.device) -> Work:
        """The work on a device."""
        if device.type == "cpu":
            return self

        def move(tensor: Tensor) -> Tensor:
            # From pinned memory, so that whoever asks for the copy need not wait for what the device does before it.
            return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)

        batch = Batch(
            move(self.batch.input_ids),
            move(self.batch.attention_mask),
            move(self.batch.token_rows),
            move(self.batch.token_words),
            None if self.batch.label_rows is None else move(self.batch.label_rows),
            self.batch.lengths,
            self.batch.passages,
        )
        groups = [
            GroupWork(g.words, g.lengths, g.labels, move(g.targets), move(g.known), move(g.valid), g.share)
            for g in self.groups
        ]
        return Work(batch, None if self.labels is None else (move(self.labels[0]), move(self.labels[1])), groups)


class WorkMaker:
    """Lays out steps.

    Args:
        base: tokenizers and limits.
        sources: the corpora.
        recipe: how labels are drawn.
        seed: of what is drawn.
    """

    def __init__(self, base: Base, sources: Sequence[Source], recipe: Recipe, seed: int) -> None:
        self.base, self.sources, self.recipe, self.seed = base, sources, recipe, seed
        self.together = base.device.type != "cpu"

    def __call__(self, step: int, groups: Sequence[Group]) -> list[Work]:
        """The passes of a step; a function of the seed and the step alone."""
        whole = sum(group.sentences(self.sources) for group in groups)
        numbered = dict(enumerate(groups))
        passes = [numbered] if self.together else [{number: group} for number, group in numbered.items()]
        return [self._work(step, whole, each) for each in passes]

    def _work(self, step: int, whole: int, groups: dict[int, Group]) -> Work:
        """One pass; each group draws its labels by its number in the step."""
        base = self.base
        passages: list[Passage] = []
        drawn: list[Labels] = []
        prompts: list[LabelPrompt] = []
        works: list[GroupWork] = []
        for number, group in groups.items():
            source = group.of(self.sources)
            generator = np.random.default_rng([self.seed, 1, step, number])
            labels = draw_labels(source, group, self.recipe.drawing, generator)
            own = [source.passages[i] for i in group.passages]
            if base.architecture == "uni":
                prompts += [self._prompt(labels, own)] * len(own)
            targets, known = group_targets(source, group, own, labels.types, base.max_width)
            lengths = [passage.words for passage in own]
            works.append(
                GroupWork(
                    sum(lengths),
                    lengths,
                    len(labels.types),
                    targets.to(torch.uint8),
                    known.unsqueeze(1),
                    valid_spans(lengths, base.max_width),
                    len(own) / whole,
                )
            )
            passages += own
            drawn.append(labels)
        batch = collate(passages, base.text_tokens, prompts or None, base.config.subtoken_pooling)
        named = [Label(text) for labels in drawn for text in labels.texts]
        return Work(batch, base.label_ids(named) if base.architecture == "bi" else None, works)

    def _prompt(self, labels: Labels, passages: Sequence[Passage]) -> LabelPrompt:
        """The labels as they stand before the text; both must fit in one input.

        Raises:
            ConfigError: they do not.
        """
        named = [Label(text) for text in labels.texts]
        room = self.base.sub_token_budget(named)
        longest = max(passage.ids.size for passage in passages)
        if longest > room:
            raise ConfigError(
                f"{len(named)} labels leave room for {room} sub-tokens, and a sentence has {longest}; lower the "
                "recipe's drawing.most, drawing.description, sampling.most_tokens or sampling.window_tokens"
            )
        return self.base.prompt(named)


def group_targets(
    source: Source, group: Group, passages: Sequence[Passage], types: Sequence[int], max_width: int
) -> tuple[Tensor, Tensor]:
    """Targets ``(N, K, C)`` of a group, and which labels are known at each word, ``(N, C)`` of 0 and 1."""
    place = {label: column for column, label in enumerate(types)}
    targets = span_targets(passages, max_width, len(source.texts))[:, :, list(types)]
    rows = torch.zeros(len(passages), len(types))
    for row, index in enumerate(group.passages):
        for label in source.known[index]:
            for column in (label, *source.split.get(label, ())):  # a kind is known where its type is
                if column in place:
                    rows[row, place[column]] = 1.0
    lengths = torch.tensor([passage.words for passage in passages])
    return targets, rows.repeat_interleave(lengths, 0)


Item = TypeVar("Item")
Made = TypeVar("Made")


def ahead(make: Callable[[Item], Made], items: Iterable[Item], depth: int = AHEAD) -> Generator[Made, None, None]:
    """What ``make`` gives for each item, in order, made in a thread some items ahead."""
    yield from _in_order(ThreadPoolExecutor(1), make, items, depth)


def ahead_in_processes(
    make: Callable[[Item], Made], items: Iterable[Item], workers: int
) -> Generator[Made, None, None]:
    """As :func:`ahead`, in so many processes: a GPU takes steps faster than one thread lays them out.

    They are forked, so that ``make`` and what it holds need not be sent; where a system cannot, a thread does it.
    """
    if "fork" not in multiprocessing.get_all_start_methods():
        yield from ahead(make, items)
        return
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("fork"), _remember, (make,))
    # As bytes, for torch would share each tensor by a file of its own, and a process may have only so many open.
    yield from map(pickle.loads, _in_order(pool, _make_bytes, items, 3 * workers))


def _in_order(
    pool: Executor, make: Callable[[Item], Made], items: Iterable[Item], depth: int
) -> Generator[Made, None, None]:
    waiting: deque[Future[Made]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(make, item))
            if len(waiting) > depth:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


#: In a process of :func:`ahead_in_processes`, what it makes.
_make: Callable[[Any], Any] | None = None


def _remember(make: Callable[[Any], Any]) -> None:
    global _make
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # there is nothing to clean up
    end_with_parent()
    torch.set_num_threads(1)
    _make = make


def _make_bytes(item: Any) -> bytes:
    assert _make is not None
    return pickle.dumps(_make(item), pickle.HIGHEST_PROTOCOL)


def workers_beside() -> int:
    """Processes that lay out steps beside the one that takes them."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 2
    return max(1, min(12, cores - 2))
