"""LoRA: low-rank deltas on the encoder's linear layers; the encoder itself stays frozen.

    x ──► W (frozen, shared) ──►(+)──►        in every linear layer of the text encoder,
    └───► A* ──► B* ────────────┘             of the label encoder, or of both          * trained

B starts at zero, so the adapter starts as the base. The layers are `peft`'s, put into a copy of the encoder that
shares the base's weights, so the base keeps its own layers and an adapter costs the memory of its deltas. Only the
deltas are saved; a copy in `peft`'s own format is written beside them.

PiSSA (Meng et al., NeurIPS 2024) starts A and B from the largest singular values of W instead, and takes their product
off W. Here W stays shared, so what is taken off is a second, frozen pair of matrices beside A and B:

    x ──► W x + B* A* x - B₀ A₀ x         A* and B* start as A₀ and B₀

Any of `peft`'s tuners in ``Tuner`` can take LoRA's place. Heads are trained along by combination: ``lora+heads``.
"""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import peft
import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from pydantic import Field, model_validator
from torch import Tensor, nn

from gliner_adapters.errors import ConfigError
from gliner_adapters.methods.base import Adapter, Options, Part, sharing_copy
from gliner_adapters.methods.registry import register
from gliner_adapters.methods.search import Real, Whole
from gliner_adapters.model import Base, Parts
from gliner_adapters.model.dropout import cheapen
from gliner_adapters.model.parts import unused_parameters

#: The tuners that were seen to train, to start as the base and to load again, here and in `peft`.
Tuner = Literal["lora", "rslora", "dora", "loha", "lokr", "ia3", "oft", "miss"]


@dataclass(frozen=True)
class _Tuner:
    """How a tuner is asked for in `peft`.

    Attributes:
        config: name of its configuration.
        fields: what `peft` calls our options; a tuner has no other ones.
        fixed: further fields.
    """

    config: str
    fields: Mapping[str, str]
    fixed: Mapping[str, Any] = field(default_factory=dict)


_LORA = {"rank": "r", "alpha": "lora_alpha", "dropout": "lora_dropout"}
_LYCORIS = {"rank": "r", "alpha": "alpha", "dropout": "rank_dropout"}
_TUNERS: dict[str, _Tuner] = {
    "lora": _Tuner("LoraConfig", _LORA),
    "rslora": _Tuner("LoraConfig", _LORA, {"use_rslora": True}),
    "dora": _Tuner("LoraConfig", _LORA, {"use_dora": True}),
    "loha": _Tuner("LoHaConfig", _LYCORIS),
    "lokr": _Tuner("LoKrConfig", _LYCORIS),
    "ia3": _Tuner("IA3Config", {}, {"feedforward_modules": []}),
    "oft": _Tuner("OFTConfig", {"dropout": "module_dropout"}),
    "miss": _Tuner("MissConfig", {"rank": "r", "dropout": "miss_dropout"}),
}
#: Of the options that not every tuner has.
_DEFAULTS = {"rank": 16, "alpha": 32.0, "dropout": 0.05}
#: Tuners that can start from singular values, and those that are a product of two matrices A and B.
_STARTING, _PRODUCTS = ("lora", "rslora"), ("lora", "rslora", "dora")
#: What `peft` calls the deltas that are trained, and what PiSSA takes off the weights.
TRAINED, START = "default", "start"
#: Iterations of the randomised search for the largest singular values.
SEARCHES = 8


class LoraOptions(Options):
    """Options of LoRA. ``rank``, ``alpha`` and ``dropout`` are empty for tuners that have no such thing."""

    sides: Literal["text", "label", "both"] = "text"
    """Which encoder is changed; a uni-encoder has one, for text and labels."""
    tuner: Tuner = "lora"
    """The kind of deltas."""
    rank: int | None = Field(None, ge=1)
    """Of the deltas; 16 by default."""
    alpha: float | None = Field(None, gt=0)
    """The deltas are scaled by alpha / rank; 32 by default."""
    dropout: float | None = Field(None, ge=0, lt=1)
    """On what the deltas read, or on the deltas; 0.05 by default."""
    targets: Literal["all-linear"] | list[str] = "all-linear"
    """Which linear layers: all that a pass reaches, or those whose names end so (``query``, ``output.dense``)."""
    initialisation: Literal["zero", "pissa"] = "zero"
    """Where A and B start: B at zero, or both at the largest singular values of the layer's weight (PiSSA)."""
    rate_ratio: float = Field(1.0, gt=0)
    """Learning rate of B as a multiple of that of A (LoRA+)."""

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Put the defaults of what the tuner has, and refuse what it has not."""
        tuner = _TUNERS.get(str(given.get("tuner", "lora")))
        if tuner is None:  # the field's own type tells which there are
            return given
        idle = [name for name in _DEFAULTS if given.get(name) is not None and name not in tuner.fields]
        if idle:
            raise ConfigError(f"options of method 'lora': tuner {given['tuner']!r} has no {' and no '.join(idle)}")
        defaults = {name: value for name, value in _DEFAULTS.items() if name in tuner.fields}
        return {**defaults, **{name: value for name, value in given.items() if value is not None}}

    @model_validator(mode="after")
    def _suit_the_tuner(self) -> LoraOptions:
        """Refuse what the tuner cannot do."""
        if self.initialisation != "zero" and self.tuner not in _STARTING:
            raise ConfigError(
                f"options of method 'lora': initialisation={self.initialisation} needs tuner "
                f"{' or '.join(_STARTING)}, not {self.tuner}"
            )
        if self.rate_ratio != 1 and self.tuner not in _PRODUCTS:
            raise ConfigError(
                f"options of method 'lora': rate_ratio needs tuner {' or '.join(_PRODUCTS)}, not {self.tuner}: it has "
                "no matrices A and B"
            )
        return self


@register
class Lora(Adapter):
    """Low-rank deltas on the linear layers of an encoder, through `peft`."""

    name = "lora"
    options_type = LoraOptions
    search_space = {  # noqa: RUF012
        "rank": Whole(4, 64, log=True),
        "alpha": Real(8.0, 128.0, log=True),
        "dropout": Real(0.0, 0.2),
    }
    learning_rates = {"text_deltas": 2e-3, "label_deltas": 5e-4}  # noqa: RUF012
    options: LoraOptions

    def build(self, base: Base) -> None:
        """Put fresh deltas into copies that share the base's weights."""
        sides = self.options.sides
        if base.architecture == "uni" and sides != "text":
            raise ConfigError(
                f"options of method 'lora': sides={sides}, but {base.id} is a uni-encoder: its one encoder reads "
                "text and labels (sides=text)"
            )
        self.text_deltas = None if sides == "label" else with_deltas(base.parts.text_encoder, self.options)
        self.label_deltas = None
        if sides != "text":
            assert base.parts.label_encoder is not None
            self.label_deltas = with_deltas(base.parts.label_encoder, self.options)

    @property
    def starts_as_base(self) -> bool:
        """To the bit, unless it adds a product and takes it off again."""
        return self.options.initialisation == "zero"

    def rate_share(self, name: str) -> float:
        """B may learn faster than A."""
        return self.options.rate_ratio if ".lora_B." in name else 1.0

    def fixed(self) -> dict[str, Tensor]:
        """What PiSSA takes off the weights."""
        return {name: p.data for name, p in self.named_parameters() if f".{START}." in name}

    def parts(self, parts: Parts) -> Parts:
        """The encoders with deltas stand in the place of those without."""
        if self.text_deltas is not None:
            parts = replace(parts, text_encoder=self.text_deltas)
        if self.options.sides != "text":  # and dropped in the deployable form
            parts = replace(parts, label_encoder=self.label_deltas)
        return parts

    def merged_parts(self, parts: Parts) -> Parts:
        """Encoders of the base's own layers, whose weights hold the deltas."""
        if self.text_deltas is not None:
            parts = replace(parts, text_encoder=merged(self.text_deltas))
        if self.options.sides != "text":
            parts = replace(parts, label_encoder=None if self.label_deltas is None else merged(self.label_deltas))
        return parts

    def read_alone(self, parts: Parts, base: Parts) -> Parts:
        """The text encoder's deltas; label vectors are constants by then."""
        if self.text_deltas is None or parts.text_encoder is not self.text_deltas:
            return parts
        return replace(parts, text_encoder=merged(self.text_deltas))

    def peft_deltas(self) -> dict[str, tuple[dict[str, Any], dict[str, Tensor]]]:
        """The deltas on each encoder's Transformer as `peft` writes them."""
        changed = {"text_encoder": self.text_deltas, "label_encoder": self.label_deltas}
        return {name: _as_peft(part.transformer.model) for name, part in changed.items() if part is not None}


def with_deltas(encoder: Part, options: LoraOptions) -> Part:
    """A copy of an encoder that shares its weights and has deltas of its own.

    Raises:
        ConfigError: there is no such layer, or the rank is larger than one.
    """
    duplicate = sharing_copy(encoder)
    model: Any = duplicate.transformer.model  # type: ignore[union-attr]
    tuner = _TUNERS[options.tuner]
    chosen = {theirs: getattr(options, ours) for ours, theirs in tuner.fields.items()}
    targets = target_names(model, options.targets)
    if options.rank is not None:
        check_rank(Lora.name, options.rank, model, targets)
    peft.inject_adapter_in_model(getattr(peft, tuner.config)(target_modules=targets, **chosen, **tuner.fixed), model)
    if options.initialisation == "pissa":
        chosen["lora_dropout"] = 0.0  # what is taken off is taken off in training too
        config = getattr(peft, tuner.config)(target_modules=targets, **chosen, **tuner.fixed)
        with warnings.catch_warnings():  # that there is one already: so it is meant
            warnings.simplefilter("ignore", UserWarning)
            peft.inject_adapter_in_model(config, model, adapter_name=START)
        for layer in model.modules():
            if isinstance(layer, BaseTunerLayer):
                _start_at_singular_values(layer)
    for layer in model.modules():
        if isinstance(layer, BaseTunerLayer):
            # peft would copy each layer's input to float32, only for autocast to take it back to bfloat16.
            layer.cast_input_dtype_enabled = False
    cheapen(duplicate)
    return duplicate


@torch.no_grad()
def _start_at_singular_values(layer: Any) -> None:
    """Start a layer's deltas at the largest singular values of its weight, and take them off beside it."""
    layer.set_adapter([TRAINED, START])
    down, up = (getattr(layer, matrix)[TRAINED].weight for matrix in ("lora_A", "lora_B"))
    # On the processor, whose generator the seed has set. However good the search is, what is added is taken off.
    weight = layer.get_base_layer().weight.detach().float().cpu()
    left, sizes, right = torch.svd_lowrank(weight, q=len(down), niter=SEARCHES)
    root = (sizes / layer.scaling[TRAINED]).sqrt()
    down.copy_(root[:, None] * right.t())
    up.copy_(left * root)
    for matrix, start in (("lora_A", down), ("lora_B", -up)):
        taken = getattr(layer, matrix)[START].weight
        taken.copy_(start)
        taken.requires_grad_(False)


def merged(encoder: Part) -> Part:
    """An encoder with deltas as one without, with weights of its own."""
    duplicate = copy.deepcopy(encoder)  # merging writes into the weights, and the encoder shares the base's
    layers = [(name, layer) for name, layer in duplicate.named_modules() if isinstance(layer, BaseTunerLayer)]
    for name, layer in layers:
        layer.merge()
        parent, _, own = name.rpartition(".")
        setattr(duplicate.get_submodule(parent), own, layer.get_base_layer())
    return duplicate


def check_rank(method: str, rank: int, model: Any, targets: list[str]) -> None:
    """A rank must be one that each of these layers can have.

    Raises:
        ConfigError: it is larger.
    """
    smallest = min(min(model.get_submodule(name).weight.shape) for name in targets)
    if rank > smallest:
        raise ConfigError(
            f"options of method {method!r}: rank {rank} is no low rank where a layer has {smallest} dimensions"
        )


def target_names(model: nn.Module, targets: str | list[str]) -> list[str]:
    """Full names of the linear layers that are meant; never those that no pass reaches (BERT's pooler).

    Raises:
        ConfigError: no layer has a name that ends so.
    """
    idle = unused_parameters(model)
    linear = [
        name for name, module in model.named_modules() if isinstance(module, nn.Linear) and f"{name}.weight" not in idle
    ]
    if isinstance(targets, str):
        return linear
    unknown = [target for target in targets if not any(f".{name}".endswith(f".{target}") for name in linear)]
    if unknown or not targets:
        known = ", ".join(sorted({name.rsplit(".", 1)[-1] for name in linear}))
        raise ConfigError(
            f"options of method 'lora': targets: no linear layer is called {', '.join(unknown) or '(nothing given)'}; "
            f"names end in {known}"
        )
    return [name for name in linear if any(f".{name}".endswith(f".{target}") for target in targets)]


def _as_peft(model: Any) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Configuration and tensors of the deltas in a Transformer, with the keys that `peft` gives a wrapped model."""
    config = model.peft_config[TRAINED].to_dict() | {"inference_mode": True}
    tensors = peft.get_peft_model_state_dict(model, adapter_name=TRAINED, save_embedding_layers=False)
    if START in model.peft_config:  # one pair of matrices of twice the rank, with the same scale
        taken = peft.get_peft_model_state_dict(model, adapter_name=START, save_embedding_layers=False)
        tensors = {n: torch.cat([own, taken[n]], 0 if ".lora_A." in n else 1) for n, own in tensors.items()}
        config["lora_alpha"] *= math.sqrt(2) if config["use_rslora"] else 2
        config["r"] *= 2
    return (
        {name: sorted(value) if isinstance(value, set) else value for name, value in config.items()},
        {f"base_model.model.{name}": tensor for name, tensor in tensors.items()},
    )
