"""Training data of a base: passages of many corpora, each with the types that are known in it.

Within a corpus every type of its schema is annotated, so its sentences are negatives for the types they lack. A
type that a corpus does not annotate is unknown there, never a negative; in a corpus that is marked partially, so is
a type without a mention in the document.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from gliner_adapters.corpora import Corpus, load_corpus
from gliner_adapters.documents import Document
from gliner_adapters.documents.windows import Window
from gliner_adapters.documents.words import refine_words, word_spans
from gliner_adapters.model import Base, Passage
from gliner_adapters.model.base import Segment
from gliner_adapters.model.passages import Segmenter
from gliner_adapters.pretraining.held_out import HeldOut, normalised_words
from gliner_adapters.pretraining.recipe import Kind, Recipe, Texts, TypeTexts

TOO_SHORT = "has fewer than three words"

#: What corpora are cut into first. Windows are made of these sentences, so that none is in there that is left out.
SEGMENT: Segment = "sentence"


@dataclass
class Source:
    """One corpus of the training data.

    Attributes:
        name: the corpus.
        texts: names and descriptions of each type in the order of the corpus's schema, then of the kinds that some
            types are split into.
        passages: its sentences; spans carry indices of types, and again that of the kind where there is one.
        known: for each passage the types that are annotated in it, as indices.
        split: for a type with kinds, the indices of these.
        left_out: sentences that are not trained on, by reason.
        lost_mentions: mentions that cannot be learnt (of kept and left out sentences alike), by reason.
        windows: passages of several sentences of one document, as a source of its own; ``None`` if there are none.
        sizes: of how many sentences each passage is made; empty where each is one.
    """

    name: str
    texts: list[Texts]
    passages: list[Passage] = field(default_factory=list)
    known: list[tuple[int, ...]] = field(default_factory=list)
    split: dict[int, tuple[int, ...]] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)
    lost_mentions: Counter[str] = field(default_factory=Counter)
    windows: Source | None = None
    sizes: list[int] = field(default_factory=list)

    def sentences(self, indices: Iterable[int]) -> int:
        """Of how many sentences some passages are made."""
        return sum(self.sizes[i] if self.sizes else 1 for i in indices)

    def mentions(self) -> list[int]:
        """How many mentions each type has."""
        counts = Counter(label for passage in self.passages for _, _, label in passage.spans)
        return [counts[i] for i in range(len(self.texts))]


def read_sources(recipe: Recipe, base: Base, data_dir: str | Path | None = None) -> list[Source]:
    """Read a recipe's corpora as passages of one sentence each, and as windows where the recipe draws any.

    Left out and counted: sentences and abstracts of held-out corpora, sentences of fewer than three words,
    too long ones, and repetitions within a corpus.
    """
    out = [load_corpus(name, data_dir=data_dir) for name in recipe.held_out]
    held = HeldOut(document for corpus in out for split in corpus.splits for document in corpus.documents(split))
    abstracts = {
        document.id
        for corpus in out
        for split in corpus.splits
        for document in corpus.documents(split)
        if corpus.info is not None and corpus.info.format == "pubtator"
    }
    return [
        read_source(load_corpus(name, data_dir=data_dir), recipe, base, held, {i for i in abstracts if i is not None})
        for name in recipe.corpora
    ]


def read_source(corpus: Corpus, recipe: Recipe, base: Base, held: HeldOut, abstracts: set[str]) -> Source:
    """One corpus, filtered.

    Args:
        corpus: a registered one.
        recipe: its labels and limits.
        base: its tokenizer and limits.
        held: what must not be trained on.
        abstracts: ids of documents that must not be trained on.
    """
    assert corpus.info is not None
    texts = [recipe.labels[corpus.name][label.tag] for label in corpus.info.labels]
    with_their_kinds, split = with_kinds(texts)
    source = Source(corpus.name, with_their_kinds, split=split)
    segmenter = Segmenter(base, corpus.labels[:1], SEGMENT)
    segmenter.label_index = {label.name: i for i, label in enumerate(corpus.labels)}
    seen: set[str] = set()
    windows = Windows(source, held, recipe, min(recipe.sampling.window_tokens, segmenter.budget), base.max_words)
    pubtator = corpus.info.format == "pubtator"
    for document in corpus.documents("train"):
        passages = segmenter.passages([document], gold=True)
        if pubtator and document.id in abstracts:
            source.left_out["in an abstract of a held-out corpus"] += len(passages)
            continue
        found = {label for passage in passages for _, _, label in passage.spans}
        known = tuple(range(len(texts))) if corpus.info.fully_annotated else tuple(sorted(found))
        words = gold_words(document)
        for passage in passages:
            _add_kinds(source, texts, document, words, passage)
            text = passage_text(document, words, passage)
            reason = held.reason(text) or _unusable(passage, known, recipe.sampling.most_tokens)
            windows.add(document, words, passage, known, reason)
            key = "".join(normalised_words(text))
            if reason is None and key in seen:
                reason = "repeats another sentence"
            if reason is not None:
                source.left_out[reason] += 1
                continue
            seen.add(key)
            source.passages.append(passage)
            source.known.append(known)
        windows.end()
    source.windows = windows.found
    for name, count in vars(segmenter.losses).items():
        if count and name in ("too_wide", "off_words", "across"):
            source.lost_mentions[name.replace("_", " ")] = count
    return source


class Windows:
    """Joins neighbouring sentences of a document to windows of several.

    A sentence that must not be trained on, or is no good, ends a window. A short one goes along, as does one that
    stands elsewhere in the corpus too.

    Args:
        source: the corpus.
        held: what must not be trained on: two sentences may be harmless that are not when they stand together.
        recipe: whether it draws windows at all.
        tokens: sub-tokens of a window at most.
        words: words of a window at most.
    """

    def __init__(self, source: Source, held: HeldOut, recipe: Recipe, tokens: int, words: int) -> None:
        stages = [recipe, *(recipe.in_stage(stage) for stage in (*recipe.stages, *recipe.shipping.stages))]
        self.wanted = any(stage.sampling.window_share > 0 for stage in stages)
        self.held, self.tokens, self.words = held, tokens, words
        self.found = Source(source.name, source.texts, split=source.split) if self.wanted else None
        self._run: list[tuple[Document, Sequence[tuple[int, int]], Passage, tuple[int, ...]]] = []

    def add(
        self,
        document: Document,
        words: Sequence[tuple[int, int]],
        passage: Passage,
        known: tuple[int, ...],
        reason: str | None,
    ) -> None:
        """The next sentence of a document, and why it is left out."""
        if not self.wanted:
            return
        fits = not self._run or (
            self._run[-1][2].window.end == passage.window.start
            and sum(each.ids.size for _, _, each, _ in self._run) + passage.ids.size <= self.tokens
            and sum(each.words for _, _, each, _ in self._run) + passage.words <= self.words
        )
        if not fits:
            self.end()
        if reason in (None, TOO_SHORT):
            self._run.append((document, words, passage, known))
        else:
            self.end()

    def end(self) -> None:
        """What has been added makes a window, if it is more than one sentence."""
        run, self._run = self._run, []
        if len(run) < 2 or self.found is None:
            return
        document, words, _, known = run[0]
        whole = joined([passage for _, _, passage, _ in run])
        reason = self.held.reason(passage_text(document, words, whole))
        if reason is not None:
            self.found.left_out[reason] += 1
            return
        self.found.passages.append(whole)
        self.found.known.append(known)
        self.found.sizes.append(len(run))


def joined(passages: Sequence[Passage]) -> Passage:
    """Passages that follow each other in a document as one."""
    first, last = passages[0], passages[-1]
    starts, spans = [first.starts[:1]], []
    tokens = words = 0
    for passage in passages:
        starts.append(passage.starts[1:] + tokens)
        spans += [(begin + words, end + words, label) for begin, end, label in passage.spans]
        tokens, words = tokens + passage.ids.size, words + passage.words
    ids = np.concatenate([passage.ids for passage in passages])
    window = Window(first.window.start, last.window.end)
    return Passage(first.document, window, ids, np.concatenate(starts).astype(first.starts.dtype), spans)


def with_kinds(types: Sequence[TypeTexts]) -> tuple[list[Texts], dict[int, tuple[int, ...]]]:
    """Types followed by their kinds, and where the kinds of each type stand."""
    texts: list[Texts] = list(types)
    split: dict[int, tuple[int, ...]] = {}
    for index, one in enumerate(types):
        if one.split:
            split[index] = tuple(range(len(texts), len(texts) + len(one.split)))
            texts += one.split
    return texts, split


def _add_kinds(
    source: Source,
    types: Sequence[TypeTexts],
    document: Document,
    words: Sequence[tuple[int, int]],
    passage: Passage,
) -> None:
    """Give the spans of types that are split a second entry, of their kind."""
    for first, last, label in list(passage.spans):
        if label in source.split:
            start, end = words[passage.window.start + first][0], words[passage.window.start + last][1]
            kind = kind_of(types[label].split, document.text[start:end])
            passage.spans.append((first, last, source.split[label][kind]))


def kind_of(kinds: Sequence[Kind], mention: str) -> int:
    """The first kind whose pattern is found in a mention; the last takes all others."""
    return next(i for i, kind in enumerate(kinds) if kind.mention is None or re.search(kind.mention, mention))


def passage_text(document: Document, words: Sequence[tuple[int, int]], passage: Passage) -> str:
    """The text that a passage covers, its words being those of :func:`gold_words`."""
    return document.text[words[passage.window.start][0] : words[passage.window.end - 1][1]]


def gold_words(document: Document) -> Sequence[tuple[int, int]]:
    """The words that a document's training passages count in."""
    words = word_spans(document)
    return words if document.words is not None else refine_words(words, document.entities)[0]


def _unusable(passage: Passage, known: tuple[int, ...], most_tokens: int) -> str | None:
    """Why a passage teaches nothing, or cannot be used."""
    if not known:
        return "no type is known in its document"
    if passage.ids.size > most_tokens:
        return f"has more than {most_tokens} sub-tokens"
    if passage.words < 3:
        return TOO_SHORT
    return None
