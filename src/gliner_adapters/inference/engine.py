"""Batches through the encoder and the span head, for all their tasks at once.

Words are encoded once for all tasks that they serve. Those that the base's own span head scores are scored together,
each passage against the label vectors that are asked of it. An adapter with heads of its own that is in memory scores
its passages with their batch. One that has to be loaded does so once for many batches: until then the word vectors
that it needs are kept, so that it need not be in memory for each batch.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, groupby
from operator import itemgetter

import numpy as np
import torch
from torch import Tensor, nn

from gliner_adapters.errors import ConfigError
from gliner_adapters.inference.candidates import Candidates, candidates
from gliner_adapters.inference.encoding import encode, lay_out
from gliner_adapters.inference.label_cache import LabelCache
from gliner_adapters.inference.schedule import Input, ReadTask, Schedule, batched, inputs_of
from gliner_adapters.inference.sources import Profile, Source
from gliner_adapters.model import Base
from gliner_adapters.model.batches import MAX_PASSAGES, MAX_TOKENS, Batch, collate
from gliner_adapters.model.columns import score_columns
from gliner_adapters.model.decode import Span, greedy
from gliner_adapters.model.encode import Encoded
from gliner_adapters.model.parts import TextEncoder
from gliner_adapters.model.passages import Passage
from gliner_adapters.model.precision import Precision, autocast, warn_if_slow
from gliner_adapters.runtimes import Runtime, prepare

#: Words whose vectors are kept for adapters with heads of their own before these are loaded.
KEPT_WORDS = 65_536
#: Logits that are alive at once, at most (a passage's own are never split).
MOST_LOGITS = 1 << 23


@dataclass(eq=False, slots=True)
class HeadInput:
    """A passage that a span head is to score, and for which tasks.

    Attributes:
        number: which of its tasks' passages it is.
        tasks: whose labels it is scored against.
        words: ``(W, D)`` word vectors.
        in_text: ``(C, D)`` label vectors read off the text (uni-encoders), before the label head.
    """

    number: int
    tasks: list[ReadTask]
    words: Tensor
    in_text: Tensor | None


@dataclass(eq=False, slots=True)
class Scored:
    """Candidates of some passages.

    Attributes:
        passages: number and tasks of each, in the order of the candidates' columns.
        found: the candidates.
    """

    passages: list[tuple[int, list[ReadTask]]]
    found: Candidates

    def hand_out(self) -> None:
        """Give each task its spans."""
        found = self.found
        fields = (found.passages, found.first, found.last, found.columns, found.scores)
        rows = zip(*(field.tolist() for field in fields), strict=True)
        for passage, group in groupby(rows, key=itemgetter(0)):
            number, tasks = self.passages[passage]
            if len(tasks) == 1:
                tasks[0].spans[number] += [Span(first, last, label, score) for _, first, last, label, score in group]
                continue
            ends = list(accumulate(len(task.limits) for task in tasks))
            for _, first, last, column, score in group:
                which = bisect_right(ends, column)
                label = column - (ends[which - 1] if which else 0)
                tasks[which].spans[number].append(Span(first, last, label, score))


def decoded(task: ReadTask) -> list[list[Span]]:
    """What a task found in each of its passages, with overlaps resolved greedily."""
    return [greedy(each, nested=task.nested) if len(each) > 1 else each for each in task.spans]


class Engine:
    """Runs schedules.

    Args:
        base: the base.
        precision: ``"fp32"`` or ``"bf16"``.
        runtime: of the base's own text encoder. Inputs with prompt vectors that share a batch with others, and
            text encoders that adapters of a library bring, are run by torch.
        load: gives the weights of a source that the schedule does not hold.
        max_passages: inputs in a batch at most.
        max_tokens: padded sub-tokens in a batch at most.
    """

    def __init__(
        self,
        base: Base,
        precision: Precision = "fp32",
        runtime: Runtime = "torch",
        load: Callable[[Profile], Source] | None = None,
        *,
        max_passages: int = MAX_PASSAGES,
        max_tokens: int = MAX_TOKENS,
    ) -> None:
        self.base = base
        self.precision = precision
        warn_if_slow(base.device, precision)
        self.runtime = runtime
        self.load = load
        self.max_passages = max_passages
        self.max_tokens = max_tokens
        self.label_cache = LabelCache(base, precision) if base.architecture == "bi" else None

    @cached_property
    def text_encoder(self) -> TextEncoder:
        """The base's own text encoder in its runtime; made when it is first needed."""
        return prepare(self.base.parts, self.runtime, self.precision).text_encoder

    def batches(self, inputs: Sequence[Input]) -> list[list[Input]]:
        """Inputs of similar length together."""
        return batched(inputs, self.max_passages, self.max_tokens)

    @torch.inference_mode()
    def run(
        self,
        schedule: Schedule,
        vectors: Callable[[list[Input]], Encoded] | None = None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> list[Scored]:
        """Encode and score all batches of a schedule.

        Args:
            schedule: what to read.
            vectors: where the text encoder's output for a batch was kept; computed if ``None``.
            stopped: asked before each batch; where it says true, the result is not wanted any more and left incomplete.
        """
        scored: list[Scored] = []
        kept: dict[Profile, list[HeadInput]] = {}
        words = 0
        owner: Source | None = None
        with autocast(self.base.device, self.precision):
            for inputs in schedule.batches:
                if stopped():
                    return scored
                profile = inputs[0].profile
                if not profile.has_encoder:
                    owner = None
                elif owner is None or owner.profile is not profile:
                    owner = self._weights(schedule, profile)
                for some in self._by_encoder(inputs):
                    encoded = vectors(some) if vectors else self.encode(schedule, some, owner)
                    scored += self._batch(schedule, some, encoded, owner, kept)
                words += sum(each.passage.words for each in inputs)
                if kept and words > KEPT_WORDS:
                    scored += self._with_loaded_heads(schedule, kept)
                    words = 0
            scored += self._with_loaded_heads(schedule, kept)
        return scored

    def spans(
        self,
        source: Source,
        passages: Sequence[Passage],
        threshold: float | Sequence[float] | None = None,
        *,
        nested: bool = False,
        vectors: Callable[[list[int]], Encoded] | None = None,
    ) -> list[list[Span]]:
        """What one source finds in passages, in their order.

        Args:
            source: what reads.
            passages: what it reads, cut for it.
            threshold: one probability or one a label; by default the source's.
            nested: keep nested spans.
            vectors: where the text encoder's output for passages of given indices was kept; computed if ``None``.
        """
        labels = len(source.profile.labels)
        threshold = source.profile.threshold if threshold is None else threshold
        limits = np.broadcast_to(np.asarray(threshold, dtype=np.float32), (labels,))
        task = ReadTask(source.profile, limits, nested)
        task.take(passages)
        schedule = Schedule(self.batches(inputs_of([task])), {source.profile: source})
        kept = None if vectors is None else lambda inputs: vectors([each.number for each in inputs])
        for scored in self.run(schedule, kept):
            scored.hand_out()
        return decoded(task)

    def lay_out(self, source: Source, passages: Sequence[Passage]) -> Batch:
        """Passages as one batch for a source, on the base's device."""
        prompt, pooling = source.profile.prompt, self.base.config.subtoken_pooling
        return collate(passages, self.base.text_tokens, prompt, pooling).to(self.base.device)

    @torch.inference_mode()
    def word_vectors(self, source: Source, passages: Sequence[Passage]) -> Iterator[tuple[list[int], Encoded]]:
        """The text encoder's output for a source's passages, by batches: their indices, and what it made of them."""
        task = ReadTask(source.profile, np.ones(len(source.profile.labels), np.float32), nested=False)
        task.take(passages)
        schedule = Schedule(self.batches(inputs_of([task])), {source.profile: source})
        for inputs in schedule.batches:
            with autocast(self.base.device, self.precision):
                encoded = self.encode(schedule, inputs, source)
            yield [each.number for each in inputs], encoded

    def encode(self, schedule: Schedule, inputs: list[Input], owner: Source | None) -> Encoded:
        """Run a batch through its text encoder.

        Args:
            schedule: what the batch is part of.
            inputs: of one batch key.
            owner: the source that brings the text encoder.
        """
        sources = [owner or self._for_encoding(schedule, each.profile) for each in inputs]
        return encode(self.base, lay_out(self.base, inputs), sources, lambda: self.text_encoder)

    def _by_encoder(self, inputs: list[Input]) -> list[list[Input]]:
        """A batch as it is, or in two where a runtime reads only the part without prompt vectors.

        Which of them reads a passage must not depend on what else is in its batch.
        """
        if self.runtime == "torch":
            return [inputs]
        parts = [[each for each in inputs if each.profile.prompted is prompted] for prompted in (False, True)]
        return [part for part in parts if part]

    def _batch(
        self,
        schedule: Schedule,
        inputs: list[Input],
        encoded: Encoded,
        owner: Source | None,
        kept: dict[Profile, list[HeadInput]],
    ) -> list[Scored]:
        """Score an encoded batch, as far as that needs no heads that are not in memory."""
        words = encoded.words.split(encoded.lengths)
        in_text: Sequence[Tensor | None] = [None] * len(inputs)
        if encoded.labels is not None:
            # (C, D) of each row: the rows of a batch may have different numbers of labels.
            flat = encoded.labels.reshape(-1, encoded.labels.shape[-1])
            in_text = flat.split([len(each.profile.labels) for each in inputs])
        # By the source whose heads score them; None stands for the base's own.
        now: dict[Source | None, list[HeadInput]] = {}
        for each, of_words, of_labels in zip(inputs, words, in_text, strict=True):
            by_heads: dict[Source | None, list[ReadTask]] = {}
            for task in each.tasks:
                heads = owner or (schedule.sources.get(task.profile) if task.profile.has_heads else None)
                if task.profile.has_heads and heads is None:
                    # Copies: views would keep the whole batch alive.
                    labels = None if of_labels is None else of_labels.clone()
                    later = HeadInput(each.number, [task], of_words.clone(), labels)
                    kept.setdefault(task.profile, []).append(later)
                else:
                    by_heads.setdefault(heads, []).append(task)
            for heads, tasks in by_heads.items():
                now.setdefault(heads, []).append(HeadInput(each.number, tasks, of_words, of_labels))
        return [one for heads, given in now.items() for one in self._score(schedule, given, heads)]

    def _with_loaded_heads(self, schedule: Schedule, kept: dict[Profile, list[HeadInput]]) -> list[Scored]:
        """Score what was kept for adapters with heads of their own."""
        scored = [
            one
            for profile, given in kept.items()
            for one in self._score(schedule, given, self._weights(schedule, profile))
        ]
        kept.clear()
        return scored

    def _score(self, schedule: Schedule, given: list[HeadInput], owner: Source | None) -> list[Scored]:
        """Score passages with an adapter's heads, or the base's, some at a time."""
        scored, chunk, logits = [], list[HeadInput](), 0
        for each in given:
            labels = sum(len(task.profile.labels) for task in each.tasks)
            more = len(each.words) * self.base.max_width * labels
            if chunk and logits + more > MOST_LOGITS:
                scored.append(self._score_chunk(schedule, chunk, owner))
                chunk, logits = [], 0
            chunk.append(each)
            logits += more
        if chunk:
            scored.append(self._score_chunk(schedule, chunk, owner))
        return scored

    def _score_chunk(self, schedule: Schedule, given: list[HeadInput], owner: Source | None) -> Scored:
        parts = self.base.parts if owner is None else owner.parts
        vectors, columns = self._labels(schedule, given, owner, parts.label_head)
        limits = np.ones(columns.shape, dtype=np.float32)  # which nothing exceeds
        for row, each in enumerate(given):
            own = np.concatenate([task.limits for task in each.tasks])
            limits[row, : len(own)] = own
        lengths = [len(each.words) for each in given]
        words = torch.cat([each.words for each in given])
        logits = score_columns(parts.span_head, words, lengths, vectors, torch.from_numpy(columns), self.base.max_width)
        whose = [(each.number, each.tasks) for each in given]  # and not the words, which would stay alive
        return Scored(whose, candidates(logits, lengths, limits))

    def _labels(
        self, schedule: Schedule, given: list[HeadInput], owner: Source | None, label_head: nn.Module | None
    ) -> tuple[Tensor, np.ndarray]:
        """The table of label vectors, and for each passage the rows of it that it is scored against."""
        rows: list[np.ndarray] = []
        tables: list[Tensor] = []
        size = 0
        if self.base.architecture == "uni":
            assert label_head is not None
            for each in given:
                assert each.in_text is not None
                tables.append(each.in_text)
                rows.append(np.tile(np.arange(size, size + len(each.in_text)), len(each.tasks)))
                size += len(each.in_text)
            return label_head(torch.cat(tables)), _padded(rows)
        ranges: dict[Profile, np.ndarray] = {}
        for each in given:
            for task in each.tasks:
                profile = task.profile
                if profile not in ranges:
                    tables.append(self._label_vectors(schedule, profile, owner))
                    ranges[profile] = np.arange(size, size + len(tables[-1]))
                    size += len(tables[-1])
            rows.append(np.concatenate([ranges[task.profile] for task in each.tasks]))
        return torch.cat(tables), _padded(rows)

    def _label_vectors(self, schedule: Schedule, profile: Profile, owner: Source | None) -> Tensor:
        """The label vectors of a source in a bi-encoder."""
        source = owner or schedule.sources.get(profile)
        if source is not None:
            assert source.parts.label_vectors is not None
            return source.parts.label_vectors
        if profile not in schedule.label_vectors:
            assert self.label_cache is not None
            schedule.label_vectors[profile] = self.label_cache.vectors(profile.labels, profile.label_style)
        return schedule.label_vectors[profile]

    def _for_encoding(self, schedule: Schedule, profile: Profile) -> Source | None:
        """The source whose prompts an input has; ``None`` where it has none."""
        return self._weights(schedule, profile) if profile.prompted else None

    def _weights(self, schedule: Schedule, profile: Profile) -> Source:
        """A source's weights: the schedule's, or loaded."""
        if profile in schedule.sources:
            return schedule.sources[profile]
        if self.load is None:
            raise ConfigError("this engine has nowhere to load adapters from")
        return self.load(profile)


def _padded(rows: list[np.ndarray]) -> np.ndarray:
    """Rows of several lengths as a matrix, -1 where they end."""
    columns = np.full((len(rows), max(map(len, rows))), -1, dtype=np.int64)
    for number, row in enumerate(rows):
        columns[number, : len(row)] = row
    return columns
