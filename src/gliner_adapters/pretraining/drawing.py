"""What a step sees: groups of sentences of one corpus and the labels they are scored against.

Everything here is a function of the recipe, the data and the step, so that a resumed run sees what the killed one
would have seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from gliner_adapters.pretraining.counts import draw_counts, draw_window_counts
from gliner_adapters.pretraining.data import Source
from gliner_adapters.pretraining.recipe import LabelDrawing, Recipe, Texts
from gliner_adapters.training.order import POOL


@dataclass(frozen=True)
class Group:
    """Sentences that share a set of labels.

    Attributes:
        source: index of their corpus.
        passages: indices of passages in it, of similar length.
        windows: the passages are its windows, not its sentences.
    """

    source: int
    passages: tuple[int, ...]
    windows: bool = False

    def of(self, sources: Sequence[Source]) -> Source:
        """What the indices count in."""
        source = sources[self.source]
        if not self.windows:
            return source
        assert source.windows is not None
        return source.windows

    def sentences(self, sources: Sequence[Source]) -> int:
        """How many sentences the group has."""
        return self.of(sources).sentences(self.passages)


@dataclass(frozen=True)
class Labels:
    """The labels of a group.

    Attributes:
        types: which types of the corpus, in the order of the label axis.
        texts: what the model reads for each.
    """

    types: tuple[int, ...]
    texts: tuple[str, ...]


def plan_steps(sources: Sequence[Source], recipe: Recipe, seed: int) -> list[list[Group]]:
    """All steps of a run: each some groups, which hold ``batch_size`` sentences at most.

    A window of more sentences than a group holds is a group of its own.
    """
    generator = np.random.default_rng([seed, 0])
    groups: list[Group] = []
    for index, (source, expected) in enumerate(zip(sources, draw_counts(sources, recipe), strict=True)):
        groups += [Group(index, drawn) for drawn in _draw_groups(source, expected, recipe.group_size, generator)]
    for index, (source, expected) in enumerate(zip(sources, draw_window_counts(sources, recipe), strict=True)):
        if source.windows is not None and len(expected):
            drawn_windows = _draw_groups(source.windows, expected, recipe.group_size, generator)
            groups += [Group(index, drawn, windows=True) for drawn in drawn_windows]
    order = generator.permutation(len(groups))
    together = recipe.training.batch_size // recipe.group_size
    return [[groups[g] for g in order[i : i + together]] for i in range(0, len(order), together)]


def _draw_groups(
    source: Source, expected: np.ndarray, group_size: int, generator: np.random.Generator
) -> Iterator[tuple[int, ...]]:
    """Passages drawn as often as expected, in groups of similar length."""
    # So many whole times, and once more with the probability that is left.
    counts = np.floor(expected).astype(int)
    counts += generator.random(len(counts)) < expected - counts
    # In rounds, so that copies of a passage do not meet in a group.
    rounds = [generator.permutation(np.flatnonzero(counts > done)) for done in range(counts.max(initial=0))]
    drawn = np.concatenate([*rounds, np.empty(0, dtype=int)]).astype(int)
    for start in range(0, len(drawn), POOL * group_size):
        pool = drawn[start : start + POOL * group_size].tolist()
        pool.sort(key=lambda i: source.passages[i].ids.size)
        group: list[int] = []
        for index in pool:
            if group and source.sentences([*group, index]) > group_size:
                yield tuple(group)
                group = []
            group.append(index)
        yield tuple(group)


def draw_labels(source: Source, group: Group, drawing: LabelDrawing, generator: np.random.Generator) -> Labels:
    """The labels of a group: types known in one of its sentences, some split, some dropped, all shuffled and worded."""
    known = sorted({label for index in group.passages for label in source.known[index]})
    for label in list(known):
        if label in source.split and generator.random() < drawing.split:
            known.remove(label)
            known += source.split[label]
    kept = known
    if len(known) > 1 and generator.random() < drawing.drop_from:
        kept = [label for label in known if generator.random() >= drawing.drop] or [int(generator.choice(known))]
    types = [kept[i] for i in generator.permutation(len(kept))[: drawing.most]]
    return Labels(tuple(types), tuple(word_label(source.texts[label], drawing, generator) for label in types))


def word_label(texts: Texts, drawing: LabelDrawing, generator: np.random.Generator) -> str:
    """One wording of a type, drawn at random."""
    name = str(generator.choice(texts.names))
    if generator.random() < drawing.other_case:
        name = _OTHER_CASES[int(generator.integers(len(_OTHER_CASES)))](name)
    how = generator.random()
    if texts.descriptions and how < drawing.description + drawing.both:
        description = str(generator.choice(texts.descriptions))
        return description if how < drawing.description else f"{name}: {description}"
    return name


_OTHER_CASES = (str.upper, str.title, str.capitalize, str.lower, lambda name: name.replace(" ", "_"))
