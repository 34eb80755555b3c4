"""Documents to passages: stretches of words that fit in one input, and back.

A sentence of a sentence corpus is one passage. A longer text is cut into windows (at sentence ends where
possible, overlapping where not), so nothing is truncated; what cannot be kept is counted and reported.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain, groupby, islice, pairwise, takewhile

import numpy as np

from gliner_adapters.documents import Document, Entity, Label
from gliner_adapters.documents.sentences import sentence_breaks
from gliner_adapters.documents.windows import Window, WordSpan, merge_windows, plan_windows
from gliner_adapters.documents.words import entity_words, refine_words, split_words, word_spans, words_entity
from gliner_adapters.model.base import Base, Segment
from gliner_adapters.model.decode import Span


def _nothing() -> np.ndarray:
    """No sub-tokens."""
    return np.zeros(0, dtype=np.int64)


@dataclass(slots=True)
class Passage:
    """Words that go through the encoder together.

    Attributes:
        document: index of the document in the sequence that was given.
        window: the words of the document that the passage covers.
        ids: sub-token ids of the text, special tokens and label prompt left out.
        starts: ``(W + 1,)`` where each word's sub-tokens begin in ``ids``; word w owns
            ``ids[starts[w]:starts[w + 1]]``.
        spans: gold spans as (first word, last word, label index), words counted in the passage.
        left: sub-token ids of the text before the passage that is read with it and not scored.
        right: those of the text after it.
    """

    document: int
    window: Window
    ids: np.ndarray
    starts: np.ndarray
    spans: list[tuple[int, int, int]] = field(default_factory=list)
    left: np.ndarray = field(default_factory=_nothing)
    right: np.ndarray = field(default_factory=_nothing)

    @property
    def size(self) -> int:
        """Sub-tokens in the input, those of the text around the passage included."""
        return int(self.ids.size + self.left.size + self.right.size)

    @property
    def words(self) -> int:
        """W, how many words the passage has."""
        return len(self.starts) - 1


@dataclass
class Losses:
    """What could not be carried from documents to passages, counted.

    Attributes:
        too_wide: gold entities of more words than the base's widest span.
        off_words: gold entities whose boundaries lie within words even after refinement.
        across: gold entities that no passage holds whole.
        other_labels: gold entities of labels that were not asked for.
        refined: gold entities for which a word was split (they are kept).
        windowed: documents that did not fit in one passage (their text is kept).
        oversized: words of more sub-tokens than an input holds; the rest of such a word is not read.
    """

    too_wide: int = 0
    off_words: int = 0
    across: int = 0
    other_labels: int = 0
    refined: int = 0
    windowed: int = 0
    oversized: int = 0

    def lines(self) -> list[str]:
        """What to tell the user; nothing where nothing was lost."""
        told = {
            f"{self.too_wide} entities are wider than the base's widest span and cannot be learnt": self.too_wide,
            f"{self.off_words} entities do not begin and end on words and cannot be learnt": self.off_words,
            f"{self.across} entities cross a passage's boundary and cannot be learnt": self.across,
            f"{self.other_labels} entities of labels that were not asked for are left out": self.other_labels,
            f"{self.refined} entities begin or end within a word; the word was split there": self.refined,
            f"{self.oversized} words are longer than an input; their ends are not read": self.oversized,
        }
        return [line for line, count in told.items() if count]


class Segmenter:
    """Cuts documents into passages for one base and one set of labels.

    Args:
        base: its tokenizer and limits apply.
        labels: the label axis; a uni-encoder's labels take room in the input.
        segment: ``"sentence"`` or ``"window"``.
        label_style: how labels are read (uni-encoders).
        overlap: words that neighbouring windows share where a sentence does not fit.
        reserve: sub-tokens that an adapter's prompts take in each input (`Adapter.text_overhead`).
        budget: sub-tokens of text in a passage at most; by default as many as fit.
        context: sub-tokens of neighbouring text, at most, that are read on either side of a passage and not scored,
            as far as the budget has room for them. They come from the document itself and from its ``before`` and
            ``after``.
    """

    def __init__(
        self,
        base: Base,
        labels: Sequence[Label],
        segment: Segment = "sentence",
        label_style: str = "name",
        overlap: int | None = None,
        reserve: int = 0,
        budget: int | None = None,
        context: int = 0,
    ) -> None:
        self.base = base
        self.segment = segment
        self.budget = base.sub_token_budget(labels, label_style, reserve) if budget is None else budget
        self.context = context
        self.max_words = base.max_words
        self.overlap = min(2 * base.max_width if overlap is None else overlap, self.max_words - 1)
        self.label_index = {label.name: i for i, label in enumerate(labels)}
        self.losses = Losses()

    def passages(self, documents: Iterable[Document], *, gold: bool = False) -> list[Passage]:
        """The passages of documents, in order.

        Args:
            documents: texts, with entities where ``gold``.
            gold: carry the documents' entities over as training targets. Only then are words split at entity
                boundaries: the words of a text to be read must not depend on its annotation.
        """
        return [p for i, document in enumerate(documents) for p in self._of_document(i, document, gold)]

    def _of_document(self, index: int, document: Document, gold: bool) -> list[Passage]:
        words = word_spans(document)
        if gold and document.words is None:
            words, refined = refine_words(words, document.entities)
            self.losses.refined += refined
        if not words:
            return []
        text = document.text
        pieces = self.base.text_tokens.word_ids([text[start:end] for start, end in words])
        windows = self._windows(document, words, [len(p) for p in pieces])
        passages = [self._passage(index, window, pieces) for window in windows]
        if self.context:
            self._add_context(document, passages, pieces)
        if gold:
            self._carry_gold(document, words, passages)
        return passages

    def _windows(self, document: Document, words: Sequence[tuple[int, int]], lengths: list[int]) -> list[Window]:
        """Where to cut: nowhere if the document's source gave one sentence that fits."""
        whole = sum(lengths) <= self.budget and len(lengths) <= self.max_words
        given = document.words is not None and document.sentences is None
        if whole and (given or self.segment == "window"):
            return [Window(0, len(lengths))]
        breaks = [] if given else sentence_breaks(document, words)
        edges = [0, *[b for b in breaks if b], len(lengths)] if self.segment == "sentence" else [0, len(lengths)]
        windows = []
        for start, end in pairwise(edges):
            within = breaks[bisect_right(breaks, start) : bisect_left(breaks, end)]
            planned = plan_windows(
                lengths[start:end],
                self.budget,
                max_words=self.max_words,
                overlap=self.overlap,
                breaks=[b - start for b in within],
            )
            windows += [Window(w.start + start, w.end + start, w.oversized) for w in planned]
        self.losses.windowed += not whole
        self.losses.oversized += sum(w.oversized for w in windows)
        return windows

    def _passage(self, index: int, window: Window, pieces: Sequence[tuple[int, ...]]) -> Passage:
        own = pieces[window.start : window.end]
        if window.oversized:
            own = [own[0][: self.budget]]
        starts = np.zeros(len(own) + 1, dtype=np.int32)
        np.cumsum([len(p) for p in own], out=starts[1:])
        return Passage(index, window, _joined(own), starts)

    def _add_context(self, document: Document, passages: list[Passage], pieces: Sequence[tuple[int, ...]]) -> None:
        """Whole words of the text around each passage, nearest first, as many as there is room for."""
        before, after = (self._around(document, text) for text in (document.before, document.after))
        for passage in passages:
            most = min(self.context, (self.budget - passage.ids.size) // 2)
            window = passage.window
            left = chain((pieces[i] for i in range(window.start - 1, -1, -1)), reversed(before))
            right = chain((pieces[i] for i in range(window.end, len(pieces))), after)
            passage.left = _joined(_within(left, most)[::-1])
            passage.right = _joined(_within(right, most))

    def _around(self, document: Document, text: str) -> Sequence[tuple[int, ...]]:
        """Sub-tokens of the words of what stands around a document."""
        if not text:
            return ()
        words = text.split() if document.words is not None else [text[a:b] for a, b in split_words(text)]
        return self.base.text_tokens.word_ids(words)

    def _carry_gold(self, document: Document, words: Sequence[tuple[int, int]], passages: list[Passage]) -> None:
        """Entities to spans of passages; what cannot be carried is counted."""
        ends = [p.window.end for p in passages]  # ascend, as the starts do
        for entity in document.entities:
            label = self.label_index.get(entity.label)
            if label is None:
                self.losses.other_labels += 1
                continue
            span = entity_words(words, entity)
            if span is None:
                self.losses.off_words += 1
                continue
            first, last = span
            if last - first >= self.base.max_width:
                self.losses.too_wide += 1
                continue
            ending_after = islice(passages, bisect_right(ends, last), None)
            holders = list(takewhile(lambda p, first=first: p.window.start <= first, ending_after))  # type: ignore[misc]
            self.losses.across += not holders
            for passage in holders:
                passage.spans.append((first - passage.window.start, last - passage.window.start, label))


def _joined(pieces: Sequence[tuple[int, ...]]) -> np.ndarray:
    """The sub-tokens of words, one after the other."""
    return np.fromiter((i for piece in pieces for i in piece), dtype=np.int64, count=sum(map(len, pieces)))


def _within(pieces: Iterable[tuple[int, ...]], most: int) -> list[tuple[int, ...]]:
    """The first words that together have ``most`` sub-tokens at most."""
    taken: list[tuple[int, ...]] = []
    for piece in pieces:
        most -= len(piece)
        if most < 0:
            break
        taken.append(piece)
    return taken


def entities_of(
    documents: Sequence[Document], passages: Sequence[Passage], spans: Sequence[list[Span]], labels: Sequence[Label]
) -> list[list[Entity]]:
    """The entities of each document from the spans of its passages; windows are merged.

    Args:
        documents: the documents that the passages were cut from (with ``gold=False``).
        passages: in document order.
        spans: for each passage what was decoded.
        labels: the label axis.
    """
    found: list[list[Entity]] = [[] for _ in documents]
    pairs = zip(passages, spans, strict=True)
    for index, group in groupby(pairs, key=lambda pair: pair[0].document):
        of_document = list(group)
        merged = merge_windows(
            [passage.window for passage, _ in of_document],
            [[WordSpan(s.first, s.last, labels[s.label].name, s.score) for s in chosen] for _, chosen in of_document],
        )
        words = word_spans(documents[index])
        found[index] = [words_entity(words, s.first, s.last, s.label, score=s.score) for s in merged]
    return found
