"""A plan: which bases, methods, corpora, seeds and amounts of data are compared, in one TOML or YAML file.

A plan is what a person writes; :mod:`.specs` makes runs of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from gliner_adapters.comparison.measures import Measure
from gliner_adapters.corpora.registry import is_corpus, unknown_corpus
from gliner_adapters.errors import ConfigError
from gliner_adapters.methods import get_method
from gliner_adapters.settings import problems_of, read_settings

Limit = Annotated[int, Field(ge=1)] | Literal["all"]


class Strict(BaseModel):
    """Fields as they are declared, and no others."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PlannedBase(Strict):
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


class Variant(Strict):
    """A method with options of its own, under a name of its own: several of one method stand in one comparison.

    Attributes:
        name: used like a method's name in the plan, in names of runs and in the report.
        method: the method; may be a combination.
        options: the method's own options; those of overrides come on top.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.+-]*$")
    method: str
    options: dict[str, Any] = Field(default_factory=dict)


class Override(Strict):
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


class Plan(Strict):
    """A whole plan.

    Attributes:
        bases, methods, corpora, seeds: what is combined. Methods may be combinations, ``lora+heads``, and variants.
        variants: methods with other options, under names of their own.
        limits: training documents, ``"all"`` for the whole split; several give a label-efficiency curve.
        measures: what else is measured of each first seed on all documents
            (:mod:`~gliner_adapters.comparison.measures`).
        training: fields of :class:`TrainingConfig` for all runs; the seed comes from ``seeds``.
        overrides: other settings for some runs.
    """

    bases: tuple[PlannedBase, ...] = Field(min_length=1)
    methods: tuple[str, ...] = Field(min_length=1)
    corpora: tuple[str, ...] = Field(min_length=1)
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(min_length=1)
    limits: tuple[Limit, ...] = Field(("all",), min_length=1)
    variants: tuple[Variant, ...] = ()
    measures: tuple[Measure, ...] = ()
    training: dict[str, Any] = Field(default_factory=dict)
    overrides: tuple[Override, ...] = ()

    @model_validator(mode="after")
    def _known_methods(self) -> Plan:
        names = [variant.name for variant in self.variants]
        for number, variant in enumerate(self.variants):
            if _unknown(variant.name) is None or names.count(variant.name) > 1:
                raise ValueError(f"variants.{number}.name: {variant.name!r} is taken; give it a name of its own")
            if variant.name not in self.methods:
                raise ValueError(f"variants.{number}.name: {variant.name!r} is not among the plan's methods")
        for method in self.methods:
            problem = _unknown(self.variant(method).method)
            if problem:
                raise ValueError(f"methods: {problem}")
        return self

    def variant(self, name: str) -> Variant:
        """The variant of a name; a method's name stands for the method as it is."""
        known = {variant.name: variant for variant in self.variants}
        return known.get(name) or Variant.model_construct(name=name, method=name, options={})

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


def _unknown(method: str) -> str | None:
    """Why there is no such method; ``None`` if there is."""
    try:
        get_method(method)
    except ConfigError as error:
        return str(error)
    return None


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
