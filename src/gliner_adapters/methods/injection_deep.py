"""Deep injection: fresh prompt vectors at the layers of the frozen text encoder.

    kind "keys"                                             kind "hidden"

    tokens ──► attention ──────────────── + ──► ..          [ prompts* | tokens ] ──► layer ──► [ dropped | tokens ]
         └───► keys*, values* ── × tanh(g*) ─┘                                                          * trained
               once for each layer                          once for each layer

`keys` adds what the tokens read from P trained keys and values, times a gate that starts at 0: a fresh adapter is
exactly the base. It takes no room in the input. `hidden` lets each layer read P trained states before the text's.
They take part of every token's attention whatever their values are, so a fresh adapter is *not* the base; started from
the labels' descriptions, it is close to a base that reads them. The room they take is taken from the text, so that
attention spans no more tokens than the encoder knows.

In ModernBERT, hidden prompts go to its full-attention layers only: in a sliding-window layer just the first words
would see them. Keys are seen by all words in all layers.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import torch
from gliner.modeling.encoder import Transformer
from pydantic import Field
from torch import Tensor, nn

from gliner_adapters.errors import ConfigError
from gliner_adapters.methods.base import Adapter, Options
from gliner_adapters.methods.prompt_encoder import stretch_means
from gliner_adapters.methods.registry import register
from gliner_adapters.methods.search import Choice, Whole
from gliner_adapters.model import Base, Parts
from gliner_adapters.model.layer_walks import Prefix
from gliner_adapters.model.parts import TextEncoder
from gliner_adapters.model.prompts import (
    LayerPrompts,
    check_encoder,
    encode_with_prompts,
    layer_states,
    layers_for_hidden_prompts,
)
from gliner_adapters.model.tokens import label_texts

#: Noise on encoded starting values, as a share of their spread: equal prompts would stay equal for ever.
NOISE = 0.1


class InjectionDeepOptions(Options):
    """Options of deep injection."""

    kind: Literal["keys", "hidden"] = "keys"
    """Keys and values beside a layer's attention (starts at identity), or states in front of a layer's tokens."""
    prompt_length: int = Field(32, ge=1)
    """P, prompts at each layer."""
    layers: Literal["all"] | list[int] = "all"
    """Which layers, counted from 0. For hidden prompts in ModernBERT, ``all`` are the full-attention ones."""
    initialisation: Literal["encoded", "random"] = "random"
    """Start from noise of a layer's own scale, or from what the base makes of the labels' descriptions there."""


@register
class InjectionDeep(Adapter):
    """Trained prompts at every layer of the text encoder."""

    name = "injection-deep"
    options_type = InjectionDeepOptions
    search_space = {  # noqa: RUF012
        "kind": Choice(("keys", "hidden")),
        "prompt_length": Whole(4, 64, log=True),
        "initialisation": Choice(("encoded", "random")),
    }
    learning_rates = {"text_prompts": 1.5e-2}  # noqa: RUF012
    options: InjectionDeepOptions

    def build(self, base: Base) -> None:
        """Prompts for the chosen layers."""
        check_encoder(base.parts.text_encoder.transformer)
        layers = _chosen_layers(self.options, base.parts.text_encoder.transformer.model)
        starts = self._starting_values(base)
        if self.options.kind == "hidden":
            self.text_prompts: nn.Module = HiddenPrompts(layers, torch.stack([starts[i][0] for i in layers]))
        else:
            keys, values = (torch.stack([starts[i][which] for i in layers]) for which in (1, 2))
            self.text_prompts = Prefixes(layers, keys, values)

    @torch.no_grad()
    def _starting_values(self, base: Base) -> list[list[Tensor]]:
        """For each layer of the encoder ``(P, D)`` inputs, keys and values to start from.

        The descriptions are read as one text. As much of them as fits in an input is enough to start from.
        """
        tokens = base.text_tokens
        pieces = [i for ids in tokens.word_ids(label_texts(self.labels, "description")) for i in ids]
        pieces = pieces[: base.sub_token_budget(self.labels, self.options.label_style)]
        ids = torch.tensor([[*tokens.prefix, *pieces, *tokens.suffix]], device=base.device)
        first, last = len(tokens.prefix), len(tokens.prefix) + len(pieces)
        length = self.options.prompt_length

        def start(states: Tensor) -> Tensor:
            noise = torch.randn(length, states.shape[-1]).to(states) * states.std()
            if self.options.initialisation == "random":
                return noise
            inside = states[:, first:last]
            return stretch_means(inside, torch.ones(inside.shape[:2], device=ids.device), length)[0] + NOISE * noise

        of_layers = layer_states(base.parts.text_encoder.transformer.model, ids, torch.ones_like(ids))
        return [[start(states) for states in of_layer] for of_layer in of_layers]

    @property
    def starts_as_base(self) -> bool:
        """Keys do, behind their gates."""
        return self.options.kind == "keys"

    def text_overhead(self) -> int:
        """P for hidden prompts; keys take no room."""
        return self.options.prompt_length if self.options.kind == "hidden" else 0

    def parts(self, parts: Parts) -> Parts:
        """The text encoder's layers are run with prompts.

        Raises:
            ConfigError: something else stands where the base's Transformer was.
        """
        inner = parts.text_encoder
        if not isinstance(inner.transformer, Transformer):
            raise ConfigError(
                f"method {self.name!r} runs the layers of the base's Transformer itself and cannot reach them through "
                f"a {type(inner.transformer).__name__}; plug it in before what puts that there"
            )
        transformer = PromptedLayers(inner.transformer, self.text_prompts)
        return replace(parts, text_encoder=TextEncoder(transformer, inner.projection, inner.rnn))


class HiddenPrompts(nn.Module):
    """``(layers, P, D)`` trained states, a set for each chosen layer."""

    def __init__(self, layers: list[int], states: Tensor) -> None:
        super().__init__()
        self.layers = layers
        self.states = nn.Parameter(states)

    def forward(self, rows: int) -> LayerPrompts:
        """The prompts for a batch of so many rows."""
        return LayerPrompts(hidden={i: p.expand(rows, -1, -1) for i, p in zip(self.layers, self.states, strict=True)})


class Prefixes(nn.Module):
    """``(layers, P, D)`` trained keys and values and one gate for each chosen layer."""

    def __init__(self, layers: list[int], keys: Tensor, values: Tensor) -> None:
        super().__init__()
        self.layers = layers
        self.keys = nn.Parameter(keys)
        self.values = nn.Parameter(values)
        self.gates = nn.Parameter(torch.zeros(len(layers)))

    def forward(self, rows: int) -> LayerPrompts:
        """The prompts for a batch of so many rows."""
        sets = zip(self.layers, self.keys, self.values, self.gates.tanh(), strict=True)
        return LayerPrompts(
            prefixes={
                layer: Prefix(keys.expand(rows, -1, -1), values.expand(rows, -1, -1), factor.expand(rows))
                for layer, keys, values, factor in sets
            }
        )


class PromptedLayers(nn.Module):
    """GLiNER's `Transformer` with prompts at its layers; it has that one's signature.

    Args:
        transformer: whose encoder is run.
        prompts: a number of rows to :class:`~gliner_adapters.model.prompts.LayerPrompts`.
    """

    def __init__(self, transformer: Transformer, prompts: nn.Module) -> None:
        super().__init__()
        self.model: Any = transformer.model
        self.prompts = prompts

    def forward(self, input_ids: Tensor | None, attention_mask: Tensor, inputs_embeds: Tensor | None = None) -> Tensor:
        """``(B, L)`` ids (or ``(B, L, D)`` word embeddings) and mask to ``(B, L, D)``."""
        prompts = self.prompts(attention_mask.shape[0])
        return encode_with_prompts(self.model, input_ids, attention_mask, prompts, inputs_embeds=inputs_embeds)


def _chosen_layers(options: InjectionDeepOptions, model: Any) -> list[int]:
    """The layers that get prompts.

    Raises:
        ConfigError: none, unknown ones, one twice, or one where hidden prompts would not be seen.
    """
    every = list(range(model.config.num_hidden_layers))
    usable = layers_for_hidden_prompts(model) if options.kind == "hidden" else every
    chosen = usable if options.layers == "all" else options.layers
    unknown = sorted(set(chosen) - set(every))
    if unknown:
        raise ConfigError(f"layers: the text encoder has layers 0 to {every[-1]}, not {', '.join(map(str, unknown))}")
    if not chosen or len(set(chosen)) < len(chosen):
        raise ConfigError(f"layers: name at least one layer, and none twice; got {chosen}")
    unseen = sorted(set(chosen) - set(usable))
    if unseen:
        raise ConfigError(
            f"layers: hidden prompts would not reach all words in the sliding-window layers "
            f"{', '.join(map(str, unseen))}; use {', '.join(map(str, usable))}, or kind 'keys'"
        )
    return chosen
