"""What is to be read: tasks, the inputs that answer them, and the inputs in batches."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

import numpy as np
from torch import Tensor

from gliner_adapters.inference.sources import BASE_BATCHES, Profile, Source
from gliner_adapters.model.batches import by_size
from gliner_adapters.model.decode import Span
from gliner_adapters.model.passages import Passage


@dataclass(eq=False, slots=True)
class ReadTask:
    """One source that is to read one document.

    Attributes:
        profile: the source.
        limits: ``(C,)`` float32 probabilities that must be exceeded, one a label.
        nested: keep entities within entities.
        passages: of the document, in order.
        spans: for each passage what was found above the limits, overlaps included; filled by decoding.
    """

    profile: Profile
    limits: np.ndarray
    nested: bool
    passages: Sequence[Passage] = ()
    spans: list[list[Span]] = field(default_factory=list)

    def take(self, passages: Sequence[Passage]) -> None:
        """Set the passages; nothing is found in them yet."""
        self.passages = passages
        self.spans = [[] for _ in passages]


@dataclass(eq=False, slots=True)
class Input:
    """A passage as one row of a batch, and the tasks that its words serve.

    Attributes:
        passage: the words.
        number: which of its tasks' passages it is.
        tasks: all with one encoding key, so the first one's profile says how the input is laid out.
    """

    passage: Passage
    number: int
    tasks: list[ReadTask]

    @property
    def profile(self) -> Profile:
        """How the input is laid out."""
        return self.tasks[0].profile

    @property
    def size(self) -> int:
        """Sub-tokens."""
        return self.passage.size + self.profile.overhead


@dataclass(eq=False)
class Schedule:
    """What an engine is to run.

    Attributes:
        batches: inputs that go through the encoder together.
        sources: the weights that are in memory for as long as the schedule is.
        label_vectors: vectors of plain labels (bi-encoders), once they are known.
    """

    batches: list[list[Input]]
    sources: dict[Profile, Source]
    label_vectors: dict[Profile, Tensor] = field(default_factory=dict)


def inputs_of(tasks: list[ReadTask]) -> list[Input]:
    """An input for each passage of tasks that have the same passages, and that one encoding serves."""
    return [Input(passage, number, tasks) for number, passage in enumerate(tasks[0].passages)]


def batched(inputs: Sequence[Input], max_passages: int, max_tokens: int) -> list[list[Input]]:
    """Inputs of similar length together, one batch key after the other; what most texts need comes first.

    Args:
        inputs: what to batch.
        max_passages: inputs in a batch at most.
        max_tokens: padded sub-tokens in a batch at most.
    """
    groups: dict[Hashable, list[Input]] = {BASE_BATCHES: []}
    order: dict[Profile, int] = {}
    for each in inputs:
        groups.setdefault(each.profile.batch_key, []).append(each)
        for task in each.tasks:
            order.setdefault(task.profile, len(order))
    return [
        # Neighbours with the same labels are scored at once.
        sorted((group[i] for i in indices), key=lambda one: [order[task.profile] for task in one.tasks])
        for group in groups.values()
        for indices in by_size([each.size for each in group], max_passages, max_tokens)
    ]
