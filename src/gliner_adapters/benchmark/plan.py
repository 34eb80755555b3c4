"""A plan: which bases, methods, corpora, seeds and amounts of data are compared, in one TOML or YAML file.

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
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from gliner_adapters.benchmark.measures import Measure
from gliner_adapters.corpora.registry import is_corpus, unknown_corpus
from gliner_adapters.errors import ConfigError
from gliner_adapters.methods import ZeroShot, get_method
from gliner_adapters.settings import problems_of, read_settings
from gliner_adapters.training.config import TrainingConfig

Limit = Annotated[int, Field(ge=1)] | Literal["all"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PlannedBase(_Strict):
    """A base of a plan.

    Attributes:
        name: what it is called in names of runs and in the report.
        load: what it is loaded from, as `adapt --base` takes it; its name if not given.
        architecture: ``"uni"`` or ``"bi"``; of ``encoder:`` bases the one that is built, of others checked on loading.
        revision: the hub's branch, tag or commit.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.+-]*$")
    load: str = ""
    architecture: Literal["uni", "bi"]
    revision: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _loads_by_name(cls, given: Any) -> Any:
        return {"load": given["name"], **given} if isinstance(given, dict) and "name" in given else given


class Override(_Strict):
    """Settings of some runs. A selector that is not given selects all; what is selected more narrowly wins.

    Attributes:
        bases, methods, corpora, limits: selectors, by the names that the plan gives.
        seeds: the seeds of these runs, in place of the plan's.
        training: fields of :class:`TrainingConfig`.
        options: the method's own options.
    """

    bases: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    corpora: tuple[str, ...] = ()
    limits: tuple[Limit, ...] = ()
    seeds: tuple[int, ...] = ()
    training: dict[str, Any] = Field(default_factory=dict)
    options: dict[str, Any] = Field(default_factory=dict)

    def selects(self, base: str, method: str, corpus: str, limit: Limit) -> bool:
        """Whether it is about these runs."""
        pairs = ((self.bases, base), (self.methods, method), (self.corpora, corpus), (self.limits, limit))
        return all(not chosen or value in chosen for chosen, value in pairs)

    @property
    def narrowness(self) -> int:
        """How many selectors are given."""
        return sum(map(bool, (self.bases, self.methods, self.corpora, self.limits)))


class Plan(_Strict):
    """A whole plan.

    Attributes:
        bases, methods, corpora, seeds: what is combined. Methods may be combinations, ``lora+heads``.
        limits: training documents, ``"all"`` for the whole split; several give a label-efficiency curve.
        measures: what else is measured of each first seed on all documents
            (:mod:`~gliner_adapters.benchmark.measures`).
        training: fields of :class:`TrainingConfig` for all runs; the seed comes from ``seeds``.
        overrides: other settings for some runs.
    """

    bases: tuple[PlannedBase, ...] = Field(min_length=1)
    methods: tuple[str, ...] = Field(min_length=1)
    corpora: tuple[str, ...] = Field(min_length=1)
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(min_length=1)
    limits: tuple[Limit, ...] = Field(("all",), min_length=1)
    measures: tuple[Measure, ...] = ()
    training: dict[str, Any] = Field(default_factory=dict)
    overrides: tuple[Override, ...] = ()

    @field_validator("methods")
    @classmethod
    def _known_methods(cls, methods: tuple[str, ...]) -> tuple[str, ...]:
        for method in methods:
            try:
                get_method(method)
            except ConfigError as error:  # pydantic adds the field's name to a ValueError
                raise ValueError(str(error)) from None
        return methods

    @field_validator("corpora")
    @classmethod
    def _known_corpora(cls, corpora: tuple[str, ...]) -> tuple[str, ...]:
        for corpus in corpora:
            if not is_corpus(corpus) and not Path(corpus).is_dir():
                raise ValueError(str(unknown_corpus(corpus)))
        return corpora

    @model_validator(mode="after")
    def _overrides_select_something(self) -> Plan:
        known: dict[str, tuple[Any, ...]] = {
            "bases": tuple(base.name for base in self.bases),
            **{field: getattr(self, field) for field in ("methods", "corpora", "limits")},
        }
        for number, override in enumerate(self.overrides):
            for field, names in known.items():
                for name in getattr(override, field):
                    if name not in names:
                        raise ValueError(f"overrides.{number}.{field}: {name!r} is not among the plan's own {field}")
        return self


class RunSpec(_Strict):
    """One run: a method on a base for a corpus, with a seed and an amount of data.

    Attributes:
        base, method, corpus: see :class:`Plan`.
        limit: training documents; ``None`` for all.
        options: the method's own options.
        training: all settings of training, the seed among them.
        measures: what is measured of it beside its scores.
    """

    base: PlannedBase
    method: str
    corpus: str
    limit: int | None
    options: dict[str, Any]
    training: TrainingConfig
    measures: tuple[Measure, ...] = ()

    @property
    def name(self) -> str:
        """Readable, and the name of the run's folder: ``BASE_METHOD_CORPUS_LIMIT_seedSEED``."""
        limit = "all" if self.limit is None else self.limit
        return f"{self.base.name}_{self.method}_{Path(self.corpus).name}_{limit}_seed{self.training.seed}"

    @property
    def digest(self) -> str:
        """sha256 over all that decides the scores. What a base is called, how often work is saved and what else is
        measured do not.
        """
        content = self.model_dump(exclude={"base": {"name"}, "training": {"checkpoint_steps"}, "measures": True})
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


def read_plan(path: str | Path) -> Plan:
    """Read a plan, TOML or YAML by the file's ending.

    Raises:
        ConfigError: no such file, not TOML or YAML, or a field that is wrong; file and field are named.
    """
    path = Path(path)
    if not path.is_file():
        raise ConfigError(f"no plan {path}: give a TOML or YAML file")
    try:
        return Plan.model_validate(read_settings(path))
    except ValidationError as error:
        raise ConfigError(f"{path}: {problems_of(error, 'plan')}") from None


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
        architectures = get_method(method).architectures
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
    untrained = method == ZeroShot.name
    for limit in ("all",) if untrained else plan.limits:
        chosen = [o for o in plan.overrides if o.selects(base.name, method, corpus, limit)]
        chosen.sort(key=lambda override: override.narrowness)  # a stable sort: of equals, the later one wins
        seeds = next((o.seeds for o in reversed(chosen) if o.seeds), plan.seeds)
        training, options = dict(plan.training), {}
        for override in chosen:
            training = _merged(training, override.training)
            options.update(override.options)
        documents = None if limit == "all" else int(limit)
        if most is not None and not untrained:
            documents = most if documents is None else min(documents, most)
        for seed in seeds[:1] if untrained else seeds:
            config = _training(training, seed, f"{method} on {base.name} for {corpus}")
            _check_options(method, options)
            first = seed == seeds[0] and limit == "all" and not untrained
            yield RunSpec(
                base=base,
                method=method,
                corpus=corpus,
                limit=documents,
                options=options,
                training=config,
                measures=plan.measures if first else (),
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
