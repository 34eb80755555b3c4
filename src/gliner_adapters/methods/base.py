"""What a technique is: an :class:`Adapter` that plugs into the forward pass of one base.

    base parts ──► Adapter.parts() ──► parts with some replaced ──► forward pass

An adapter owns what it trains and nothing else, so one definition of "trainable" serves freezing (the base is
always frozen), counting, the optimiser's groups and the file on disk. The first component of a parameter's name
is its *ingredient* (``span_head``, ``label_head``, ``label_table``, ``text_encoder``, ``label_encoder``): each
ingredient may have a learning rate of its own.

A new technique is one new file: a subclass with a docstring, options, `build` and `parts`, registered by name.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar, TypeVar

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from torch import Tensor, nn

from gliner_adapters.documents import Label
from gliner_adapters.errors import ConfigError
from gliner_adapters.model import Base, Parts
from gliner_adapters.model.parts import unused_parameters
from gliner_adapters.model.tokens import LabelStyle

#: Ingredients that only make label vectors. In a bi-encoder they are not needed once an adapter is baked.
PRODUCERS = ("label_encoder", "label_head", "label_table")


class Options(BaseModel):
    """A technique's hyper-parameters. Unknown names are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    label_style: LabelStyle = "name"
    """What the model reads for a label: ``name``, ``description`` or ``name: description``."""


class Adapter(nn.Module):
    """The trained pieces of one technique on one base for one set of labels.

    Attributes:
        name: the technique's name.
        architectures: the kinds of base it works on.
        labels: the labels, in the order of the label axis.
        options: hyper-parameters.
        baked: ``(C, D)`` label vectors, once :meth:`bake` was called; ``None`` before, and in uni-encoders.
        deployable: what makes the label vectors was dropped; such an adapter reads but cannot be trained.
    """

    name: ClassVar[str]
    architectures: ClassVar[tuple[str, ...]] = ("uni", "bi")
    options_type: ClassVar[type[Options]] = Options
    #: Default learning rate for each ingredient.
    learning_rates: ClassVar[dict[str, float]] = {}

    baked: Tensor | None
    deployable: bool = False

    def __init__(self, base: Base, labels: Sequence[Label], options: Options | None = None) -> None:
        super().__init__()
        if base.architecture not in self.architectures:
            raise ConfigError(
                f"method {self.name!r} works on {' and '.join(self.architectures)}-encoders; "
                f"{base.id} is a {base.architecture}-encoder"
            )
        check_labels(labels)
        self.labels = tuple(labels)
        self.options = options if options is not None else self.options_type()
        self.register_buffer("baked", None, persistent=False)
        self.build(base)

    def build(self, base: Base) -> None:
        """Create what is trained, starting from the base."""

    def parts(self, parts: Parts) -> Parts:
        """The base's parts with this adapter plugged in (before baking is considered)."""
        return parts

    # What follows is the same for every technique.

    def plug(self, base: Base) -> Parts:
        """The parts that a pass with this adapter runs through; baked label vectors are used where they exist."""
        parts = self.parts(base.parts)
        if self.baked is not None:
            parts = replace(parts, label_vectors=self.baked, label_encoder=None, label_head=None)
        return parts

    def label_inputs(self, base: Base) -> tuple[Tensor, Tensor] | None:
        """Ids and mask of the labels for the label encoder; ``None`` where no label encoder reads them."""
        if base.architecture == "uni" or self.baked is not None:
            return None
        return base.label_inputs(self.labels, self.options.label_style)

    def trained(self) -> dict[str, nn.Parameter]:
        """The trained parameters by name: what is optimised, counted and saved."""
        return {name: parameter for name, parameter in self.named_parameters() if parameter.requires_grad}

    def ingredients(self) -> dict[str, list[nn.Parameter]]:
        """The trained parameters by ingredient."""
        groups: dict[str, list[nn.Parameter]] = {}
        for name, parameter in self.trained().items():
            groups.setdefault(name.split(".", 1)[0], []).append(parameter)
        return groups

    def leaves_text_alone(self, base: Base) -> bool:
        """Whether word vectors are the base's own, so that they can be computed once and shared."""
        return self.parts(base.parts).text_encoder is base.parts.text_encoder

    @torch.no_grad()
    def bake(self, base: Base) -> Adapter:
        """Compute the label vectors once and for all (bi-encoders); in place, and returned.

        Training afterwards needs :meth:`unbake`.

        Raises:
            ConfigError: the adapter is in its deployable form.
        """
        if base.architecture == "bi":
            from gliner_adapters.model.encode import label_vectors

            self.unbake()
            was_training = self.training
            self.eval()
            self.baked = label_vectors(self.parts(base.parts), self.label_inputs(base), None).clone()
            self.train(was_training)
        return self

    def unbake(self) -> Adapter:
        """Forget the baked label vectors; in place, and returned.

        Raises:
            ConfigError: the adapter is in its deployable form, and nothing could make them again.
        """
        if self.deployable:
            raise ConfigError(
                f"adapter {self.name!r} is in its deployable form: it holds what reading needs, and cannot be trained "
                "further or baked anew; use the adapter that it was made from"
            )
        self.baked = None
        return self

    def drop_producers(self) -> Adapter:
        """Let go of what only makes label vectors; needs baked ones. In place, and returned."""
        if self.baked is None:
            raise ConfigError(f"adapter {self.name!r} is not baked, so its label vectors still need their producer")
        for producer in PRODUCERS:
            if hasattr(self, producer):
                setattr(self, producer, None)
        self.deployable = True
        return self


Part = TypeVar("Part", bound=nn.Module)


def own_copy(module: Part) -> Part:
    """A trainable copy of a part; parameters that no pass reaches stay frozen."""
    duplicate = copy.deepcopy(module)
    idle = unused_parameters(duplicate)
    for name, parameter in duplicate.named_parameters():
        parameter.requires_grad_(name not in idle)
    return duplicate


def check_labels(labels: Sequence[Label]) -> None:
    """Labels must be there and have different, non-empty names.

    Raises:
        ConfigError: they are not.
    """
    names = [label.name for label in labels]
    if not names:
        raise ConfigError("no labels given: an adapter needs at least one")
    if any(not name.strip() for name in names):
        raise ConfigError("a label has an empty name")
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ConfigError(f"labels given twice: {', '.join(twice)}")


REGISTRY: dict[str, type[Adapter]] = {}


def register(method: type[Adapter]) -> type[Adapter]:
    """Make a technique known by its name (class decorator)."""
    if method.name in REGISTRY:
        raise ValueError(f"method {method.name!r} is registered twice")
    REGISTRY[method.name] = method
    return method


def get_method(name: str) -> type[Adapter]:
    """The technique of a name.

    Raises:
        ConfigError: there is none.
    """
    try:
        return REGISTRY[name]
    except KeyError:
        raise ConfigError(f"unknown method {name!r}; known: {', '.join(sorted(REGISTRY))}") from None


def attach(method: str, base: Base, labels: Sequence[Label], options: dict[str, Any] | None = None) -> Adapter:
    """A fresh adapter of a technique on a base.

    Raises:
        ConfigError: unknown technique or option, or a base of the wrong kind.
    """
    kind = get_method(method)
    try:
        parsed = kind.options_type(**(options or {}))
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ConfigError(f"options of method {method!r}: {problems}") from None
    return kind(base, labels, parsed).to(base.device)
