"""The first stage of a reading: requests to inputs of the text encoder, each made once.

    request ──► its sources ──► document cut for each kind of source ──► inputs, shared where the same ──► batches

All requests are batched together, by length: what decides which batch an input is in is its lane, not its adapter.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from torch import Tensor

from gliner_adapters.annotate.library import AdapterLibrary
from gliner_adapters.annotate.requests import Request
from gliner_adapters.annotate.sources import BASE_LANE, Profile, Source, plain_profile
from gliner_adapters.documents import Label
from gliner_adapters.errors import ConfigError
from gliner_adapters.methods.base import check_labels
from gliner_adapters.model import Base
from gliner_adapters.model.batches import by_size
from gliner_adapters.model.decode import Span
from gliner_adapters.model.passages import Losses, Passage, Segment, Segmenter


@dataclass(eq=False, slots=True)
class Question:
    """One source asked about one document.

    Attributes:
        profile: the source.
        limits: ``(C,)`` float32 probabilities that must be exceeded, one a label.
        nested: keep entities within entities.
        passages: of the document, in order.
        spans: for each of them what was found; filled when a pass is decoded.
    """

    profile: Profile
    limits: np.ndarray
    nested: bool
    passages: list[Passage] = field(default_factory=list)
    spans: list[list[Span]] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class Input:
    """A passage as one row of a batch, and the questions that its words answer.

    Attributes:
        passage: the words.
        number: which of its document's passages it is.
        questions: all of one variant, so the first one's profile says how the input is laid out.
    """

    passage: Passage
    number: int
    questions: list[Question]

    @property
    def profile(self) -> Profile:
        """How the input is laid out."""
        return self.questions[0].profile

    @property
    def size(self) -> int:
        """Sub-tokens."""
        return self.passage.ids.size + self.profile.overhead


@dataclass(eq=False)
class Plan:
    """What is to be done for some requests.

    Attributes:
        requests: what was asked.
        questions: for each request one a source.
        losses: for each request what could not be read.
        batches: inputs that go through the encoder together, lane by lane.
        sources: the weights of light adapters; they stay in memory as long as the plan does.
        plain_vectors: label vectors of plain labels (bi-encoders), once they are known.
    """

    requests: Sequence[Request]
    questions: list[list[Question]]
    losses: list[Losses]
    batches: list[list[Input]]
    sources: dict[Profile, Source]
    plain_vectors: dict[Profile, Tensor] = field(default_factory=dict)


class Planner:
    """Makes plans for one base and its adapters.

    Args:
        base: the base.
        library: the adapters that requests may name.
        label_style: what the model reads for plain labels.
        max_passages: inputs in a batch at most.
        max_tokens: padded sub-tokens in a batch at most.
    """

    def __init__(
        self, base: Base, library: AdapterLibrary, label_style: str, max_passages: int, max_tokens: int
    ) -> None:
        self.base = base
        self.library = library
        self.label_style = label_style
        self.max_passages = max_passages
        self.max_tokens = max_tokens

    def plan(self, requests: Sequence[Request]) -> Plan:
        """Cut and batch what is asked.

        Raises:
            ConfigError: a request names an unknown adapter, an unusable label or threshold, or nothing to look for.
            AdapterError: an adapter cannot be loaded.
            BaseModelError: labels leave no room for text.
        """
        cast = _Cast(self.base, self.library, self.label_style)
        segmenters: dict[tuple[Segment, int], Segmenter] = {}
        questions = [questions_of(request, cast) for request in requests]
        losses, inputs = [], []
        for request, asked in zip(requests, questions, strict=True):
            lost, made = self._cut(request, asked, segmenters)
            losses.append(lost)
            inputs += made
        return Plan(requests, questions, losses, self._batches(inputs), cast.sources)

    def check(self, request: Request) -> None:
        """Raise what reading would raise for a request, without cutting its text.

        Raises:
            GlinerAdaptersError: as for :meth:`plan`; a bi-encoder's label that is too long is found here as well.
        """
        questions_of(request, _Cast(self.base, self.library, self.label_style))
        if request.labels and self.base.architecture == "bi":
            self.base.label_inputs(request.labels, self.label_style)

    def _cut(
        self, request: Request, asked: list[Question], segmenters: dict[tuple[Segment, int], Segmenter]
    ) -> tuple[Losses, list[Input]]:
        """A document's inputs, and what was lost in cutting it."""
        cuts: dict[tuple[Segment, int], tuple[list[Passage], Losses]] = {}
        groups: dict[Hashable, list[Question]] = {}
        for question in asked:
            profile = question.profile
            key = profile.segment, profile.budget
            if key not in cuts:
                if key not in segmenters:
                    segmenters[key] = Segmenter(
                        self.base, profile.labels, profile.segment, profile.label_style, reserve=profile.reserve
                    )
                segmenter = segmenters[key]
                segmenter.losses = Losses()
                cuts[key] = segmenter.passages([request.document]), segmenter.losses
            question.passages = cuts[key][0]
            question.spans = [[] for _ in question.passages]
            groups.setdefault((key, profile.lane, profile.variant), []).append(question)
        lost = Losses()
        for _, each in cuts.values():  # the same words, cut in several ways: the worst counts
            for name, count in vars(each).items():
                setattr(lost, name, max(getattr(lost, name), count))
        return lost, [
            Input(passage, number, group)
            for group in groups.values()
            for number, passage in enumerate(group[0].passages)
        ]

    def _batches(self, inputs: list[Input]) -> list[list[Input]]:
        """Inputs of similar length together, lane by lane; what most texts need comes first."""
        lanes: dict[Hashable, list[Input]] = {BASE_LANE: []}
        order: dict[Profile, int] = {}
        for each in inputs:
            lanes.setdefault(each.profile.lane, []).append(each)
            for question in each.questions:
                order.setdefault(question.profile, len(order))
        return [
            # Neighbours with the same labels are scored at once.
            sorted((lane[i] for i in indices), key=lambda one: [order[q.profile] for q in one.questions])
            for lane in lanes.values()
            for indices in by_size([each.size for each in lane], self.max_passages, self.max_tokens)
        ]


class _Cast:
    """The sources that the requests of one plan name, each looked up once."""

    def __init__(self, base: Base, library: AdapterLibrary, label_style: str) -> None:
        self.base, self.library, self.label_style = base, library, label_style
        self.sources: dict[Profile, Source] = {}
        self._adapters: dict[str, Profile] = {}
        self._plain: dict[tuple[Label, ...], Profile] = {}

    def adapter(self, name: str) -> Profile:
        """An adapter's profile; of a light one the weights are held as well."""
        if name not in self._adapters:
            profile = self.library.profile(name)
            if profile.light:
                source = self.library.source(name)
                profile = source.profile
                self.sources[profile] = source
            self._adapters[name] = profile
        return self._adapters[name]

    def plain(self, labels: tuple[Label, ...]) -> Profile:
        """The profile of plain labels."""
        if labels not in self._plain:
            check_labels(labels)
            self._plain[labels] = plain_profile(self.base, labels, self.label_style)
        return self._plain[labels]


def questions_of(request: Request, cast: _Cast) -> list[Question]:
    """What a request asks of each source, the adapters in their order, plain labels last.

    Raises:
        ConfigError: it asks for nothing, for an adapter twice or for an unknown one, or a threshold is unusable.
    """
    if not request.adapters and not request.labels:
        raise ConfigError(f"{_name(request)} names neither adapters nor labels: nothing to look for")
    if len(set(request.adapters)) < len(request.adapters):
        raise ConfigError(f"{_name(request)} names an adapter twice: {', '.join(request.adapters)}")
    profiles = [cast.adapter(name) for name in request.adapters]
    if request.labels:
        profiles.append(cast.plain(tuple(request.labels)))
    if isinstance(request.threshold, Mapping):
        known = {label.name for profile in profiles for label in profile.labels}
        if unknown := sorted(set(request.threshold) - known):
            raise ConfigError(f"{_name(request)} has thresholds for labels that it does not ask for: {unknown}")
    return [Question(profile, limits(profile, request.threshold), request.nested) for profile in profiles]


def limits(profile: Profile, threshold: float | Mapping[str, float] | None) -> np.ndarray:
    """``(C,)`` the probability that each label of a source must exceed.

    Raises:
        ConfigError: a threshold is no probability.
    """
    if isinstance(threshold, Mapping):
        values = [threshold.get(label.name, profile.threshold) for label in profile.labels]
    else:
        values = [profile.threshold if threshold is None else threshold] * len(profile.labels)
    if any(not 0 <= value <= 1 for value in values):
        raise ConfigError(f"a threshold is a probability between 0 and 1, got {threshold}")
    return np.asarray(values, dtype=np.float32)


def _name(request: Request) -> str:
    """How messages call a request."""
    return "a request" if request.document.id is None else f"the request for document {request.document.id!r}"
