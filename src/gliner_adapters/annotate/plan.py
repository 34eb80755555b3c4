"""The first stage of reading: requests to inputs of the text encoder, each made once.

    request ──► its sources ──► document cut for each kind of source ──► inputs, shared where the same ──► batches

All requests are batched together, by length: what decides which batch an input is in is its batch key, not its adapter.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from gliner_adapters.annotate.library import AdapterLibrary
from gliner_adapters.annotate.requests import Request
from gliner_adapters.annotate.resolve import SourceResolver, Task, tasks_of
from gliner_adapters.documents import Label
from gliner_adapters.inference import Engine, Input, Profile, ReadTask, Schedule, Source
from gliner_adapters.model.base import Segment
from gliner_adapters.model.passages import Losses, Passage, Segmenter

#: How a document is cut: what a passage is, sub-tokens of text in it at most, and of context on either side.
Cut: TypeAlias = tuple[Segment, int, int]


@dataclass(eq=False, kw_only=True)
class Plan(Schedule):
    """What is to be done for some requests.

    Attributes:
        requests: what was asked.
        tasks: for each request one a source.
        losses: for each request what could not be read.
    """

    requests: Sequence[Request]
    tasks: list[list[Task]]
    losses: list[Losses]


class Planner:
    """Makes plans for one base and its adapters.

    Args:
        engine: runs the plans.
        library: the adapters that requests may name.
        label_style: what the model reads for plain labels.

    Attributes:
        default: what reads for a request that names neither adapters nor labels, if anything; its profiles.
        held: weights that are always in memory.
        segment: what a passage is where the request does not say; by default each source's own.
    """

    def __init__(self, engine: Engine, library: AdapterLibrary, label_style: str) -> None:
        self.engine = engine
        self.base = engine.base
        self.library = library
        self.label_style = label_style
        self.default: tuple[Profile, ...] = ()
        self.held: dict[Profile, Source] = {}
        self.segment: Segment | None = None

    def plan(self, requests: Sequence[Request]) -> Plan:
        """Cut and batch what is asked.

        Raises:
            ConfigError: a request names an unknown adapter, an unusable label or threshold, or nothing to look for.
            AdapterError: an adapter cannot be loaded.
            BaseModelError: labels leave no room for text.
        """
        resolver = self._resolver()
        segmenters: dict[Cut, Segmenter] = {}
        tasks = [tasks_of(request, resolver) for request in requests]
        losses, inputs = [], []
        for request, own in zip(requests, tasks, strict=True):
            lost, made = self._cut(request, [part for task in own for part in task.parts], segmenters)
            losses.append(lost)
            inputs += made
        batches = self.engine.batches(inputs)
        return Plan(batches, resolver.sources, requests=requests, tasks=tasks, losses=losses)

    def check(self, request: Request) -> None:
        """Raise what reading would raise for a request, without cutting its text.

        Raises:
            GlinerAdaptersError: as for :meth:`plan`; a bi-encoder's label that is too long is found here as well.
        """
        tasks_of(request, self._resolver())
        if request.labels and self.base.architecture == "bi":
            self.base.label_inputs(request.labels, self.label_style)

    def plain(self, labels: tuple[Label, ...]) -> tuple[Profile, ...]:
        """The profiles of plain labels; see :func:`~gliner_adapters.inference.sources.plain_profiles`."""
        return self._resolver().plain(labels)

    def _resolver(self) -> SourceResolver:
        return SourceResolver(self.base, self.library, self.label_style, self.default, self.held)

    def _cut(
        self, request: Request, tasks: list[ReadTask], segmenters: dict[Cut, Segmenter]
    ) -> tuple[Losses, list[Input]]:
        """A document's inputs, and what was lost in cutting it."""
        cuts: dict[Cut, tuple[list[Passage], Losses]] = {}
        groups: dict[Hashable, list[ReadTask]] = {}
        for task in tasks:
            profile = task.profile
            key = request.segment or self.segment or profile.segment, profile.budget, profile.context
            if key not in cuts:
                if key not in segmenters:
                    segmenters[key] = Segmenter(
                        self.base, profile.labels, key[0], budget=profile.budget, context=profile.context
                    )
                segmenter = segmenters[key]
                segmenter.losses = Losses()
                cuts[key] = segmenter.passages([request.document]), segmenter.losses
            task.take(cuts[key][0])
            groups.setdefault((key, profile.batch_key, profile.encoding_key), []).append(task)
        lost = Losses()
        for _, each in cuts.values():  # the same words, cut in several ways: the worst counts
            for name, count in vars(each).items():
                setattr(lost, name, max(getattr(lost, name), count))
        return lost, [
            Input(passage, number, group)
            for group in groups.values()
            for number, passage in enumerate(group[0].passages)
        ]
