"""What a technique is: an :class:`Adapter` that plugs into the forward pass of one base.

    base parts ──► Adapter.parts() ──► parts with some replaced ──► forward pass

An adapter owns what it trains and nothing else, so one definition of "trainable" serves freezing (the base is
always frozen), counting, the optimiser's groups and the file on disk. The first component of a parameter's name
is its *ingredient* (``span_head``, ``label_head``, ``label_table``, ``text_encoder``, ``text_deltas``, ...): each
ingredient may have a learning rate of its own.

A new technique is one new file: a subclass with a docstring, options, `build` and `parts`, registered by name
(:mod:`.registry`). Techniques combine by name, ``lora+heads`` (:mod:`.combination`).
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, ClassVar, TypeVar

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from gliner_adapters.documents import Label, as_labels
from gliner_adapters.errors import ConfigError
from gliner_adapters.methods.search import SearchSpace
from gliner_adapters.model import Base, Parts
from gliner_adapters.model.parts import LabelEncoder, unused_parameters
from gliner_adapters.model.tokens import LabelStyle

#: Ingredients that only make label vectors. In a bi-encoder they are not needed once an adapter is baked.
PRODUCERS = ("label_encoder", "label_head", "label_table", "label_transform", "label_prompts", "label_deltas")


class Options(BaseModel):
    """A technique's hyper-parameters: ``label_style``, and its own. Unknown names are errors."""

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
    #: Plugged in after everything else in a combination: what it puts in place has to read what the others make.
    outermost: ClassVar[bool] = False
    #: Options that are worth tuning, and what to try for them.
    search_space: ClassVar[SearchSpace] = {}
    #: Default learning rate for each ingredient.
    learning_rates: dict[str, float] = {}  # noqa: RUF012

    baked: Tensor | None
    deployable: bool = False

    def __init__(self, base: Base, labels: Sequence[Label], options: Options | None = None) -> None:
        super().__init__()
        if base.architecture not in self.architectures:
            raise ConfigError(
                f"method {self.name!r} works on {' and '.join(self.architectures)}-encoders; "
                f"{base.id} is a {base.architecture}-encoder"
            )
        self.labels = tuple(as_labels(labels))
        self.options = options if options is not None else self.options_type()
        self.register_buffer("baked", None, persistent=False)
        with _steady_chance():
            self.build(base)

    def build(self, base: Base) -> None:
        """Create what is trained, starting from the base.

        Raises:
            ConfigError: the options do not fit this base, or each other.
        """

    def parts(self, parts: Parts) -> Parts:
        """The base's parts with this adapter plugged in (before baking is considered)."""
        return parts

    @property
    def starts_as_base(self) -> bool:
        """Whether a fresh adapter has the base's own logits, to the bit; a technique's options may decide."""
        return True

    def text_overhead(self) -> int:
        """Sub-tokens that the adapter's prompts take in each text input, beside labels and special tokens.

        Texts are cut to what is left; whoever cuts or batches them for this adapter passes it on as ``reserve``.
        """
        return 0

    def rate_share(self, name: str) -> float:
        """What a trained parameter learns at, as a share of its ingredient's rate."""
        return 1.0

    def fixed(self) -> dict[str, Tensor]:
        """Tensors that were made when the adapter was, are never trained, and belong to it: saved with it."""
        return {}

    def merged_parts(self, parts: Parts) -> Parts:
        """:meth:`parts` with deltas added to the weights: what a program can load that knows no adapters.

        The deployable form has lost some of it, so call :meth:`unbake` first, which refuses that form.
        """
        return self.parts(parts)

    def read_alone(self, parts: Parts, base: Parts) -> Parts:
        """Parts for reading with this adapter and no other: deltas are added to copies of the weights, once.

        Such parts read at the speed of a base without deltas, the same to within rounding. The adapter and the base
        stay as they are; a changed encoder takes the memory of a whole one.

        Args:
            parts: the adapter plugged in (:meth:`plug`).
            base: the base's own.
        """
        return parts

    def peft_deltas(self) -> dict[str, tuple[dict[str, Any], dict[str, Tensor]]]:
        """What `peft` can read of this adapter: configuration and tensors, as it writes them, for each changed part."""
        return {}

    # What follows is the same for every technique.

    def plug(self, base: Base) -> Parts:
        """The parts that a pass with this adapter runs through; baked label vectors are used where they exist."""
        parts = self.parts(base.parts)
        if self.baked is not None:
            parts = replace(parts, label_vectors=self.baked, label_encoder=None, label_head=None)
        return parts

    def label_inputs(self, base: Base) -> tuple[Tensor, Tensor] | None:
        """Ids and mask ``(C, T)`` of the labels for the label encoder; ``None`` where no label encoder reads them."""
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
                "further, baked anew or exported; use the adapter that it was made from"
            )
        self.baked = None
        return self

    def drop_producers(self) -> Adapter:
        """Let go of what only makes label vectors; needs baked ones. In place, and returned.

        Raises:
            ConfigError: the adapter is not baked.
        """
        if self.baked is None:
            raise ConfigError(f"adapter {self.name!r} is not baked, so its label vectors still need their producer")
        self._let_go(PRODUCERS)
        self.deployable = True
        return self

    def _let_go(self, ingredients: Collection[str]) -> None:
        """Drop ingredients, where there are any of these names."""
        for ingredient in ingredients:
            if hasattr(self, ingredient):
                setattr(self, ingredient, None)


@contextmanager
def _steady_chance() -> Iterator[None]:
    """Random starts that depend on the seed last set, and not on what was drawn since."""
    state = torch.get_rng_state()
    torch.default_generator.manual_seed(torch.initial_seed())
    try:
        yield
    finally:
        torch.set_rng_state(state)


Part = TypeVar("Part", bound=nn.Module)


def own_copy(module: Part) -> Part:
    """A trainable copy of a part; parameters that no pass reaches stay frozen."""
    duplicate = copy.deepcopy(module)
    idle = unused_parameters(duplicate)
    for name, parameter in duplicate.named_parameters():
        parameter.requires_grad_(name not in idle)
    return duplicate


def sharing_copy(module: Part, owned: Collection[str] = ()) -> Part:
    """A copy that can be rewired without touching the original, and that shares the memory of its weights.

    Args:
        module: frozen.
        owned: names of the parameters that the copy has for itself, trainable; all others are views of the module's.
    """
    frozen = [p for name, p in module.named_parameters() if name not in owned]
    # Parameters of its own over the same memory: a copy that is moved or converted must not take the original along.
    views: dict[int, Any] = {id(p): nn.Parameter(p.detach(), requires_grad=False) for p in frozen}
    duplicate = copy.deepcopy(module, views)
    for name in owned:
        duplicate.get_parameter(name).requires_grad_(True)
    return duplicate


def plain_label_encoder(parts: Parts, method: str) -> LabelEncoder:
    """The label encoder of some parts, for a technique that rewrites what it reads.

    Raises:
        ConfigError: another technique does so already, or has put something else in its place.
    """
    if type(parts.label_encoder) is not LabelEncoder:
        raise ConfigError(
            f"method {method!r} rewrites what the label encoder reads, and so does another technique here "
            f"({type(parts.label_encoder).__name__}); combine it with techniques that leave that alone"
        )
    return parts.label_encoder
