"""The second stage of a reading: batches through the encoder and the span head, for all their questions at once.

Words are encoded once for all questions about them. Those that the base's own span head answers are scored together,
each passage against the label vectors that are asked of it. An adapter with heads of its own is put to work once for
many batches: until then the word vectors that it needs are kept, so that it need not be in memory for each batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn

from gliner_adapters.annotate.candidates import Candidates, candidates
from gliner_adapters.annotate.encoding import encode, lay_out
from gliner_adapters.annotate.label_cache import LabelCache
from gliner_adapters.annotate.library import AdapterLibrary
from gliner_adapters.annotate.plan import Input, Plan, Question
from gliner_adapters.annotate.sources import Profile, Source
from gliner_adapters.errors import AdapterError
from gliner_adapters.model import Base
from gliner_adapters.model.columns import score_columns
from gliner_adapters.model.parts import TextEncoder
from gliner_adapters.model.predict import Precision, autocast
from gliner_adapters.runtimes import Runtime, prepare

#: Words whose vectors are kept for adapters with heads of their own before these are put to work.
KEPT_WORDS = 65_536
#: Logits that are alive at once, at most (a passage's own are never split).
MOST_LOGITS = 1 << 23


@dataclass(eq=False, slots=True)
class Asked:
    """A passage that a span head is to score, and for whom.

    Attributes:
        number: which of its document's passages it is.
        questions: whose labels it is scored against.
        words: ``(W, D)`` word vectors.
        in_text: ``(C, D)`` label vectors read off the text (uni-encoders), before the label head.
    """

    number: int
    questions: list[Question]
    words: Tensor
    in_text: Tensor | None


@dataclass(eq=False, slots=True)
class Scored:
    """Candidates of some passages.

    Attributes:
        passages: number and questions of each, in the order of the candidates' columns.
        found: the candidates.
    """

    passages: list[tuple[int, list[Question]]]
    found: Candidates


class Engine:
    """Runs plans.

    Args:
        base: the base.
        library: its adapters.
        precision: ``"fp32"`` or ``"bf16"``.
        runtime: of the base's own text encoder. Inputs with prompt vectors, and adapters that bring a text encoder,
            are read by torch.
    """

    def __init__(
        self, base: Base, library: AdapterLibrary, precision: Precision = "fp32", runtime: Runtime = "torch"
    ) -> None:
        self.base = base
        self.library = library
        self.precision = precision
        self.runtime = runtime
        self.label_cache = LabelCache(base, precision) if base.architecture == "bi" else None

    @cached_property
    def text_encoder(self) -> TextEncoder:
        """The base's own text encoder in its runtime; made when it is first needed."""
        return prepare(self.base.parts, self.runtime, self.precision).text_encoder

    @torch.inference_mode()
    def run(self, plan: Plan) -> list[Scored]:
        """Encode and score all batches of a plan."""
        scored: list[Scored] = []
        kept: dict[Profile, list[Asked]] = {}
        words = 0
        owner: Source | None = None
        with autocast(self.base.device, self.precision):
            for inputs in plan.batches:
                profile = inputs[0].profile
                if profile.own_encoder and (owner is None or owner.profile.name != profile.name):
                    owner = self._load(profile)
                for some in self._by_encoder(inputs):
                    scored += self._batch(plan, some, owner if profile.own_encoder else None, kept)
                words += sum(each.passage.words for each in inputs)
                if kept and words > KEPT_WORDS:
                    scored += self._with_own_heads(plan, kept)
                    words = 0
            scored += self._with_own_heads(plan, kept)
        return scored

    def _by_encoder(self, inputs: list[Input]) -> list[list[Input]]:
        """A batch as it is, or in two where a runtime reads only the part without prompt vectors.

        Which of them reads a passage must not depend on what else is in its batch.
        """
        if self.runtime == "torch":
            return [inputs]
        parts = [[each for each in inputs if each.profile.prompted is prompted] for prompted in (False, True)]
        return [part for part in parts if part]

    def _batch(
        self, plan: Plan, inputs: list[Input], owner: Source | None, kept: dict[Profile, list[Asked]]
    ) -> list[Scored]:
        """Encode a batch and score it, as far as that needs no heads that are not in memory."""
        sources = [owner or self._for_encoding(plan, each.profile) for each in inputs]
        encoded = encode(self.base, lay_out(self.base, inputs), sources, self.text_encoder)
        words = encoded.words.split(encoded.lengths)
        in_text: Sequence[Tensor | None] = [None] * len(inputs)
        if encoded.labels is not None:
            in_text = encoded.labels.split([len(each.profile.labels) for each in inputs])
        now: list[Asked] = []
        for each, of_words, of_labels in zip(inputs, words, in_text, strict=True):
            here = []
            for question in each.questions:
                if question.profile.own_heads and owner is None:
                    # Copies: views would keep the whole batch alive.
                    own_labels = None if of_labels is None else of_labels.clone()
                    later = Asked(each.number, [question], of_words.clone(), own_labels)
                    kept.setdefault(question.profile, []).append(later)
                else:
                    here.append(question)
            if here:
                now.append(Asked(each.number, here, of_words, of_labels))
        return self._score(plan, now, owner)

    def _with_own_heads(self, plan: Plan, kept: dict[Profile, list[Asked]]) -> list[Scored]:
        """Score what was kept for adapters with heads of their own."""
        scored = [one for profile, asked in kept.items() for one in self._score(plan, asked, self._load(profile))]
        kept.clear()
        return scored

    def _score(self, plan: Plan, asked: list[Asked], owner: Source | None) -> list[Scored]:
        """Score passages with an adapter's heads, or the base's, some at a time."""
        scored, chunk, logits = [], list[Asked](), 0
        for each in asked:
            labels = sum(len(question.profile.labels) for question in each.questions)
            more = len(each.words) * self.base.max_width * labels
            if chunk and logits + more > MOST_LOGITS:
                scored.append(self._score_chunk(plan, chunk, owner))
                chunk, logits = [], 0
            chunk.append(each)
            logits += more
        if chunk:
            scored.append(self._score_chunk(plan, chunk, owner))
        return scored

    def _score_chunk(self, plan: Plan, asked: list[Asked], owner: Source | None) -> Scored:
        parts = self.base.parts if owner is None else owner.parts
        vectors, columns = self._labels(plan, asked, owner, parts.label_head)
        limits = np.ones(columns.shape, dtype=np.float32)  # which nothing exceeds
        for row, each in enumerate(asked):
            own = np.concatenate([question.limits for question in each.questions])
            limits[row, : len(own)] = own
        lengths = [len(each.words) for each in asked]
        words = torch.cat([each.words for each in asked])
        logits = score_columns(parts.span_head, words, lengths, vectors, torch.from_numpy(columns), self.base.max_width)
        whose = [(each.number, each.questions) for each in asked]  # and not the words, which would stay alive
        return Scored(whose, candidates(logits, lengths, limits))

    def _labels(
        self, plan: Plan, asked: list[Asked], owner: Source | None, label_head: nn.Module | None
    ) -> tuple[Tensor, np.ndarray]:
        """The table of label vectors, and for each passage the rows of it that it is scored against."""
        rows: list[np.ndarray] = []
        tables: list[Tensor] = []
        size = 0
        if self.base.architecture == "uni":
            assert label_head is not None
            for each in asked:
                assert each.in_text is not None
                tables.append(each.in_text)
                rows.append(np.tile(np.arange(size, size + len(each.in_text)), len(each.questions)))
                size += len(each.in_text)
            return label_head(torch.cat(tables)), _padded(rows)
        ranges: dict[Profile, np.ndarray] = {}
        for each in asked:
            for question in each.questions:
                profile = question.profile
                if profile not in ranges:
                    tables.append(self._label_vectors(plan, profile, owner))
                    ranges[profile] = np.arange(size, size + len(tables[-1]))
                    size += len(tables[-1])
            rows.append(np.concatenate([ranges[question.profile] for question in each.questions]))
        return torch.cat(tables), _padded(rows)

    def _label_vectors(self, plan: Plan, profile: Profile, owner: Source | None) -> Tensor:
        """The label vectors of a source in a bi-encoder."""
        source = owner or plan.sources.get(profile)
        if source is not None:
            assert source.parts.label_vectors is not None
            return source.parts.label_vectors
        if profile not in plan.plain_vectors:
            assert self.label_cache is not None
            plan.plain_vectors[profile] = self.label_cache.vectors(profile.labels, profile.label_style)
        return plan.plain_vectors[profile]

    def _for_encoding(self, plan: Plan, profile: Profile) -> Source | None:
        """The source whose prompts an input has; ``None`` where it has none."""
        if not profile.prompted:
            return None
        return plan.sources.get(profile) or self._load(profile)

    def _load(self, profile: Profile) -> Source:
        """A source's weights from the library.

        Raises:
            AdapterError: its files are others than when the reading was planned.
        """
        assert profile.name is not None
        source = self.library.source(profile.name)
        if source.profile.revision != profile.revision:
            raise AdapterError(f"adapter {profile.name!r} was replaced while it was in use; read again")
        return source


def _padded(rows: list[np.ndarray]) -> np.ndarray:
    """Rows of several lengths as a matrix, -1 where they end."""
    columns = np.full((len(rows), max(map(len, rows))), -1, dtype=np.int64)
    for number, row in enumerate(rows):
        columns[number, : len(row)] = row
    return columns
