"""The runs of a plan.

    bases × methods × corpora × limits × seeds ──► overrides ──► one RunSpec each, with a name and a digest

Expanding a plan loads no base: each base declares its architecture, which settles what fits it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gliner_adapters.comparison.measures import Measure
from gliner_adapters.comparison.plan import Plan, PlannedBase, Strict
from gliner_adapters.errors import ConfigError
from gliner_adapters.methods import ZeroShot, get_method
from gliner_adapters.settings import problems_of
from gliner_adapters.training.config import TrainingConfig

#: Options of training that are younger than runs on record, with the value that changes nothing.
LATER_OPTIONS = {"ema": 0.0, "layer_decay": 1.0, "train_on": "train", "threshold": None, "context": 0}


class RunSpec(Strict):
    """One run: a method on a base for a corpus, with a seed and an amount of data.

    Attributes:
        base, method, corpus: see :class:`Plan`.
        limit: training documents; ``None`` for all.
        options: the method's own options.
        training: all settings of training, the seed among them.
        measures: what is measured of it beside its scores.
        variant: what the plan calls the method with these options, if not by its own name.
    """

    base: PlannedBase
    method: str
    corpus: str
    limit: int | None
    options: dict[str, Any]
    training: TrainingConfig
    measures: tuple[Measure, ...] = ()
    variant: str | None = None

    @property
    def name(self) -> str:
        """Readable, and the name of the run's folder: ``BASE_METHOD_CORPUS_LIMIT_seedSEED``.

        ``LIMIT`` is ``all+devel`` or the like where devel is trained on, too.
        """
        limit = "all" if self.limit is None else str(self.limit)
        limit += self.training.train_on.removeprefix("train")
        method, corpus = self.variant or self.method, Path(self.corpus).name
        return f"{self.base.name}_{method}_{corpus}_{limit}_seed{self.training.seed}"

    @property
    def digest(self) -> str:
        """sha256 over all that decides the scores. What bases and variants are called, how often work is saved and
        what else is measured do not.
        """
        idle = {"base": {"name"}, "training": {"checkpoint_steps"}, "measures": True, "variant": True}
        content = self.model_dump(exclude=idle)  # type: ignore[arg-type]
        for name, neutral in LATER_OPTIONS.items():
            if content["training"].get(name, neutral) == neutral:
                content["training"].pop(name, None)
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Expansion:
    """The runs of a plan.

    Attributes:
        runs: in the order of the plan.
        skipped: why some combinations are none, a line each.
    """

    runs: list[RunSpec]
    skipped: list[str]


def expand(plan: Plan, limit: int | None = None) -> Expansion:
    """The runs of a plan.

    A method that trains nothing is run once for a base and a corpus, with the first seed.

    Args:
        plan: the plan.
        limit: train on so many documents at most, for trying out; runs that become the same are one.

    Raises:
        ConfigError: settings or options that do not exist, or different runs of one name.
    """
    runs: dict[str, RunSpec] = {}
    skipped = []
    for base, method in product(plan.bases, plan.methods):
        architectures = get_method(plan.variant(method).method).architectures
        if base.architecture not in architectures:
            fits = " and ".join(architectures)
            skipped.append(
                f"{method} on {base.name}: works on {fits}-encoders, and this is a {base.architecture}-encoder"
            )
            continue
        for corpus in plan.corpora:
            for spec in _runs(plan, base, method, corpus, limit):
                if runs.setdefault(spec.name, spec).digest != spec.digest:
                    raise ConfigError(f"two different runs are called {spec.name}; give bases and corpora other names")
    return Expansion(list(runs.values()), skipped)


def _runs(plan: Plan, base: PlannedBase, method: str, corpus: str, most: int | None) -> Iterator[RunSpec]:
    """The runs of one method on one base for one corpus."""
    variant = plan.variant(method)
    untrained = variant.method == ZeroShot.name
    for limit in ("all",) if untrained else plan.limits:
        chosen = [o for o in plan.overrides if o.selects(base.name, method, corpus, limit)]
        chosen.sort(key=lambda override: override.narrowness)  # a stable sort: of equals, the later one wins
        seeds = next((o.seeds for o in reversed(chosen) if o.seeds), plan.seeds)
        training, options = dict(plan.training), dict(variant.options)
        for override in chosen:
            training = _merged(training, override.training)
            options.update(override.options)
        documents = None if limit == "all" else int(limit)
        if most is not None and not untrained:
            documents = most if documents is None else min(documents, most)
        for seed in seeds[:1] if untrained else seeds:
            config = _training(training, seed, f"{method} on {base.name} for {corpus}")
            _check_options(variant.method, options)
            first = seed == seeds[0] and limit == "all" and not untrained
            yield RunSpec(
                base=base,
                method=variant.method,
                corpus=corpus,
                limit=documents,
                options=options,
                training=config,
                measures=plan.measures if first else (),
                variant=None if variant.method == method else method,
            )


def _merged(settings: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with some replaced; learning rates ingredient by ingredient."""
    rates = {**settings.get("learning_rates", {}), **other.get("learning_rates", {})}
    return {**settings, **other, **({"learning_rates": rates} if rates else {})}


def _training(settings: dict[str, Any], seed: int, what: str) -> TrainingConfig:
    if "seed" in settings:
        raise ConfigError(f"training.seed of {what}: seeds are given in the plan's `seeds`")
    try:
        return TrainingConfig(**settings, seed=seed)
    except ValidationError as error:
        raise ConfigError(f"training of {what}: {problems_of(error, 'training')}") from None


def _check_options(method: str, options: dict[str, Any]) -> None:
    try:
        get_method(method).options_type(**options)
    except ValidationError as error:
        raise ConfigError(f"options of method {method!r}: {problems_of(error, 'options')}") from None
