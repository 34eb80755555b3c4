"""A pass through a text encoder that takes prompts at its layers.

                      hidden prompts                       keys and values (a prefix)

    layer input   [ p₁ .. p_P | tokens ]             [ tokens ]
                          │                              ├──► the layer's own attention ──────────┐
                   the layer as it is                    └──► queries on P keys and values ─ × g ─┴─ + ─► the rest
                          │
    layer output  [ dropped   | tokens ]             [ tokens ]

The encoder's own modules do the work, one layer at a time; none is copied, patched or hooked, and without prompts
the result is the encoder's own. Prompts have a batch axis, so rows of one batch may belong to different adapters.

Hidden prompts are tokens of their layer: in front of the text, but not part of its numbering. BERT has given out its
positions before the first layer; ModernBERT's rotary positions run from -P, so the text's start at 0 as ever; to
DeBERTa only distances matter, and so it is with the bias that MPNet adds in each layer. In ModernBERT's
sliding-window layers they would reach the first words only, so they are refused there. A prefix has no place in the
text at all: every token sees it alike, in every layer of every kind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import transformers
from torch import Tensor
from transformers import ModernBertModel

from gliner_adapters.errors import ConfigError
from gliner_adapters.model.layer_walks import WALKS, Prefix


@dataclass(frozen=True)
class LayerPrompts:
    """What is put in where.

    Attributes:
        hidden: layer (from 0) to the ``(B, P, D)`` states that stand before its tokens; gone after the layer.
        prefixes: layer to its keys and values.
    """

    hidden: Mapping[int, Tensor] = field(default_factory=dict)
    prefixes: Mapping[int, Prefix] = field(default_factory=dict)


def choose_prompts(sets: Sequence[LayerPrompts], rows: Tensor) -> LayerPrompts:
    """The prompts of a batch whose rows belong to different sets.

    Args:
        sets: prompts for one row each, all at the same layers and of the same number.
        rows: ``(B,)`` which set each row has.
    """
    first = sets[0]
    hidden = {layer: torch.cat([each.hidden[layer] for each in sets])[rows] for layer in first.hidden}
    prefixes = {}
    for layer in first.prefixes:
        of_layer = [each.prefixes[layer] for each in sets]
        prefixes[layer] = Prefix(
            torch.cat([prefix.keys for prefix in of_layer])[rows],
            torch.cat([prefix.values for prefix in of_layer])[rows],
            torch.cat([prefix.factor for prefix in of_layer])[rows],
        )
    return LayerPrompts(hidden, prefixes)


def encode_with_prompts(
    model: Any,
    input_ids: Tensor | None,
    attention_mask: Tensor,
    prompts: LayerPrompts,
    *,
    inputs_embeds: Tensor | None = None,
) -> Tensor:
    """Run an encoder with prompts at its layers.

    Args:
        model: a `BertModel`, `DebertaV2Model`, `ModernBertModel` or `MPNetModel`; see :func:`check_encoder`.
        input_ids: ``(B, L)``, or ``None`` where word embeddings are given.
        attention_mask: ``(B, L)``.
        prompts: what to put in.
        inputs_embeds: ``(B, L, D)`` word embeddings in place of the ids.

    Returns:
        ``(B, L, D)`` last hidden states of the tokens.
    """
    walk = WALKS[type(model)](model, attention_mask)
    states = walk.embed(input_ids, inputs_embeds)
    for index in range(len(walk.layers)):
        before = prompts.hidden.get(index)
        size = 0 if before is None else before.shape[1]
        if before is not None:
            states = torch.cat([before.to(states.dtype), states], dim=1)
        states = walk.layer(index, states, size, prompts.prefixes.get(index))[:, size:]
    return walk.finish(states)


@torch.no_grad()
def layer_states(model: Any, input_ids: Tensor, attention_mask: Tensor) -> list[tuple[Tensor, Tensor, Tensor]]:
    """What an encoder has at each layer: its input, and the keys and values made of it; ``(B, L, D)`` each.

    Positions are not in the keys where an encoder adds them in the attention.
    """
    walk = WALKS[type(model)](model, attention_mask)
    states = walk.embed(input_ids, None)
    found = []
    for index, layer in enumerate(walk.layers):
        found.append((states, *walk.keys_values(layer, states)))
        states = walk.layer(index, states, 0, None)
    return found


def check_encoder(transformer: Any) -> None:
    """Raise a :class:`ConfigError` for a text encoder that :func:`encode_with_prompts` cannot run.

    Args:
        transformer: GLiNER's `Transformer`, which holds the encoder as its ``model``.
    """
    model = transformer.model
    if type(model) not in WALKS:
        known = ", ".join(kind.__name__ for kind in WALKS)
        raise ConfigError(f"prompts at every layer work on {known}; this text encoder is a {type(model).__name__}")
    if int(transformers.__version__.split(".")[0]) < 5:
        raise ConfigError(f"prompts at every layer need transformers 5; this is {transformers.__version__}")
    if getattr(transformer.config, "fuse_layers", False):
        raise ConfigError("prompts at every layer do not work on a base that fuses the outputs of its layers")


def layers_for_hidden_prompts(model: Any) -> list[int]:
    """The layers whose every token would see prompts that stand before the text."""
    kinds = getattr(model.config, "layer_types", None) if isinstance(model, ModernBertModel) else None
    return [i for i in range(model.config.num_hidden_layers) if kinds is None or kinds[i] == "full_attention"]
