"""A base (with an adapter plugged in) as a plain GLiNER folder that the `gliner` library itself loads."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from gliner_adapters.errors import ConfigError
from gliner_adapters.model.base import Base
from gliner_adapters.model.parts import LabelEncoder, Parts, split_network


def export_gliner(base: Base, parts: Parts, folder: str | Path) -> Path:
    """Write a GLiNER checkpoint.

    Args:
        base: where configuration, tokenizers and the network's layout come from.
        parts: whose weights to write; ``base.parts``, or those of an adapter before baking.
        folder: where to.

    Raises:
        ConfigError: the parts have no counterpart in a GLiNER (free or baked label vectors).
    """
    if parts.label_vectors is not None or type(parts.label_encoder) not in (LabelEncoder, type(None)):
        raise ConfigError("label vectors without a label encoder cannot be written as a GLiNER")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    network = copy.deepcopy(base.network)
    target = split_network(network)
    for name in ("text_encoder", "label_encoder", "span_head", "label_head"):
        module: Any = getattr(target, name)
        if module is not None:
            module.load_state_dict(getattr(parts, name).state_dict())
    tensors = {name: tensor.contiguous().clone() for name, tensor in network.state_dict().items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    base.config.to_json_file(folder / "gliner_config.json")
    base.text_tokens.tokenizer.save_pretrained(folder)
    if base.label_tokenizer is not None:
        base.label_tokenizer.save_pretrained(folder / "labels_tokenizer")
    return folder
