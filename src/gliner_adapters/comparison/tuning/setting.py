"""What one tuning is about: method, base, data, what is fixed and what is searched."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import reduce
from typing import Any

from pydantic import ValidationError

from gliner_adapters.api.adapting import draw
from gliner_adapters.corpora import Corpus
from gliner_adapters.documents import Document
from gliner_adapters.errors import ConfigError
from gliner_adapters.methods import Adapter, attach
from gliner_adapters.methods.search import Choice, Range, around
from gliner_adapters.model import Base
from gliner_adapters.settings import problems_of
from gliner_adapters.training import TrainingConfig
from gliner_adapters.training.optimiser import build_optimiser

#: How parameters of a search are called, and settings that are fixed: `options.rank`, `learning_rates.span_head`.
OPTION, RATE = "options.", "learning_rates."


@dataclass(frozen=True)
class Setting:
    """One tuning. Made by :func:`tuning_setting`.

    Attributes:
        base, corpus, method: what is adapted to what, and how.
        limit: training documents; ``None`` for all.
        options: the technique's options that are fixed.
        training: how each trial trains; its learning rates are the fixed ones.
        space: what is searched, by parameter.
        defaults: the technique's own values of these parameters.
    """

    base: Base
    corpus: Corpus
    method: str
    limit: int | None
    options: dict[str, Any]
    training: TrainingConfig
    space: dict[str, Range]
    defaults: dict[str, Any]

    def chosen(self, parameters: Mapping[str, Any]) -> tuple[dict[str, Any], TrainingConfig]:
        """The options and the training of a trial."""
        options = {**self.options, **_named(parameters, OPTION)}
        rates = {**self.training.learning_rates, **_named(parameters, RATE)}
        return options, self.training.model_copy(update={"learning_rates": rates})

    def identity(self) -> dict[str, Any]:
        """All that decides the trials, as JSON knows it."""
        train, devel = (
            self.corpus.documents(split, neighbours=bool(self.training.context)) for split in ("train", "devel")
        )
        documents = {"train": draw(train, self.limit, self.training.seed), "devel": devel}
        identity = {
            "method": self.method,
            "base": self.base.id,
            "base_fingerprint": self.base.fingerprint,
            "corpus": self.corpus.name,
            "labels": [[label.name, label.description] for label in self.corpus.labels],
            "documents": {split: len(found) for split, found in documents.items()},
            "data_sha256": {split: _digest(found) for split, found in documents.items()},
            "limit": self.limit,
            "options": self.options,
            "training": self.training.model_dump(exclude={"checkpoint_steps"}),
            "space": {name: {"kind": type(tried).__name__, **asdict(tried)} for name, tried in self.space.items()},
            "defaults": self.defaults,
        }
        known: dict[str, Any] = json.loads(json.dumps(identity))
        return known


def tuning_setting(
    base: Base,
    corpus: Corpus,
    method: str,
    *,
    limit: int | None = None,
    seed: int = 1,
    fixed: Mapping[str, Any] | None = None,
) -> Setting:
    """What a tuning searches: the technique's own search space, and a learning rate for each ingredient.

    Args:
        base: the base.
        corpus: with a training and a development split; the test split is not read.
        method: the technique, or a combination.
        limit: train on so many documents only, drawn by the seed.
        seed: of training, and of the search.
        fixed: settings that are not searched: fields of :class:`TrainingConfig`, ``options.NAME`` and
            ``learning_rates.INGREDIENT``.

    Raises:
        ConfigError: unknown names, a corpus without devel, or nothing that could be tuned.
    """
    if "devel" not in corpus.splits:
        raise ConfigError(f"the corpus {corpus.name} has no devel split, and nothing else may judge a trial")
    fixed = dict(fixed or {})
    options, rates = _named(fixed, OPTION), _named(fixed, RATE)
    others = {name: value for name, value in fixed.items() if not name.startswith((OPTION, RATE))}
    training = _training(others, rates, seed)
    adapter = attach(method, base, corpus.labels, options)
    if not adapter.trained():
        raise ConfigError(f"method {method!r} trains nothing, so there is nothing to tune")
    build_optimiser(adapter, training)  # refuses learning rates of what is not trained
    defaults = _searched_options(adapter, options)
    space: dict[str, Range] = {OPTION + name: adapter.search_space[name] for name in defaults}
    values = {OPTION + name: value for name, value in defaults.items()}
    for ingredient in adapter.ingredients():
        if ingredient not in rates:
            values[RATE + ingredient] = adapter.learning_rates[ingredient]
            space[RATE + ingredient] = around(adapter.learning_rates[ingredient])
    if not space:
        raise ConfigError(f"all that could be tuned of method {method!r} is fixed")
    return Setting(base, corpus, method, limit, options, training, space, values)


def _named(settings: Mapping[str, Any], group: str) -> dict[str, Any]:
    """Those of a group, by their own names."""
    return {name.removeprefix(group): value for name, value in settings.items() if name.startswith(group)}


def _training(settings: dict[str, Any], rates: dict[str, Any], seed: int) -> TrainingConfig:
    taken = sorted({"seed", "learning_rates"} & set(settings))
    if taken:
        raise ConfigError(f"{taken[0]} cannot be set so: the seed has an option of its own, a rate is {RATE}INGREDIENT")
    try:
        training = TrainingConfig(**settings, learning_rates=rates, seed=seed)
    except ValidationError as error:
        raise ConfigError(f"fixed settings: {problems_of(error)}") from None
    if training.train_on != "train":
        raise ConfigError(f"train_on {training.train_on}: trials are judged on devel, so it cannot be trained on")
    if training.epochs == 0:
        raise ConfigError("tuning needs at least one epoch: trials are judged by evaluations between epochs")
    return training


def _searched_options(adapter: Adapter, fixed: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a technique that are searched, with their values in a fresh adapter.

    An option without a value there is one that what is fixed has no use for, such as the rank of a tuner without one.
    """
    searched = {}
    for name, tried in adapter.search_space.items():
        # In a combination an option may be given without its member's name.
        if name in fixed or name.partition(".")[2] in fixed:
            continue
        value = reduce(getattr, name.split("."), adapter.options)
        if value is not None or (isinstance(tried, Choice) and None in tried.values):
            searched[name] = value
    return searched


def _digest(documents: Sequence[Document]) -> str:
    """sha256 over texts and annotation."""
    digest = hashlib.sha256()
    for document in documents:
        digest.update(repr((document.text, [entity.key for entity in document.entities])).encode())
    return digest.hexdigest()
