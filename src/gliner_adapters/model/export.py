"""A base (with an adapter plugged in) as a plain GLiNER folder that the `gliner` library itself loads."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gliner_adapters.errors import ConfigError
from gliner_adapters.model.base import Base
from gliner_adapters.model.encode import label_vectors
from gliner_adapters.model.parts import LabelEncoder, Parts, split_network
from gliner_adapters.model.score import is_factorisable
from gliner_adapters.storage import storing, write_tensors

PARTS = ("text_encoder", "label_encoder", "span_head", "label_head")


def export_gliner(
    base: Base, parts: Parts, folder: str | Path, label_inputs: tuple[Tensor, Tensor] | None = None
) -> Path:
    """Write a GLiNER checkpoint.

    A GLiNER has no biases of labels; where there are some, the span head's last bias is moved so that it gives just
    these to just these labels.

    Args:
        base: where configuration, tokenizers and the network's layout come from.
        parts: whose weights to write; ``base.parts``, or an adapter's `merged_parts` of them, not baked.
        folder: where to.
        label_inputs: ids and mask of the labels, for parts with biases of labels.

    Raises:
        ConfigError: the parts have no counterpart in a GLiNER (free or baked label vectors, prompts, deltas).
    """
    _check_parts(base.parts, parts)
    if parts.label_bias is not None:
        assert label_inputs is not None
        parts = _with_bias_in_span_head(parts, label_inputs)
    folder = Path(folder)
    network = copy.deepcopy(base.network)
    target = split_network(network)
    for name in PARTS:
        module: Any = getattr(target, name)
        if module is not None:
            module.load_state_dict(getattr(parts, name).state_dict())
    tensors = {name: tensor.contiguous().clone() for name, tensor in network.state_dict().items()}
    write_tensors(folder / "model.safetensors", tensors, {"format": "pt"})
    with storing(folder):
        base.config.to_json_file(folder / "gliner_config.json")
        base.text_tokens.tokenizer.save_pretrained(folder)
        if base.label_tokenizer is not None:
            base.label_tokenizer.save_pretrained(folder / "labels_tokenizer")
    return folder


def _check_parts(own: Parts, parts: Parts) -> None:
    """Raise a :class:`ConfigError` unless the parts hold exactly what the base's own do, with other values."""
    if parts.label_vectors is not None:
        raise ConfigError("baked label vectors cannot be written as a GLiNER: it makes them from the labels' names")
    if type(parts.label_encoder) not in (LabelEncoder, type(None)):
        raise ConfigError(
            "free label vectors, and prompts or a transform before the label encoder, cannot be written as a GLiNER: "
            f"it has no place for a {type(parts.label_encoder).__name__}"
        )
    if type(parts.text_encoder.transformer) is not type(own.text_encoder.transformer):
        raise ConfigError("prompts in the text encoder cannot be written as a GLiNER: it has no place for them")
    for name in PARTS:
        expected, given = (getattr(each, name) for each in (own, parts))
        if _tensor_names(expected) != _tensor_names(given):
            raise ConfigError(
                f"this {name} has other tensors than a GLiNER's; deltas have to be merged first (merged_parts)"
            )


@torch.no_grad()
def _with_bias_in_span_head(parts: Parts, label_inputs: tuple[Tensor, Tensor]) -> Parts:
    """Parts without biases of labels that score these labels as the given parts do.

    A span's vector ends in a bias b₂, which a label's vector p turns into p · b₂: moving b₂ by the shortest d with
    P d = c adds the biases c.
    """
    wanted = parts.label_bias
    assert wanted is not None
    plain = replace(parts, label_bias=None)
    if not is_factorisable(parts.span_head):
        raise ConfigError("biases of labels can be written into a markerV0 span head only; train without label_bias")
    vectors = label_vectors(plain, label_inputs, None).double()
    moved = torch.linalg.lstsq(vectors.cpu(), wanted.double().cpu()[:, None], driver="gelsd").solution[:, 0]
    if not torch.allclose(vectors.cpu() @ moved, wanted.double().cpu(), atol=1e-4):
        raise ConfigError("two labels have the same vector and different biases, for which a GLiNER has no place")
    head: Any = copy.deepcopy(parts.span_head)
    bias = head.span_rep_layer.out_project[-1].bias
    bias.add_(moved.to(bias))
    return replace(plain, span_head=head)


def _tensor_names(part: nn.Module | None) -> set[str]:
    return set() if part is None else set(part.state_dict())
