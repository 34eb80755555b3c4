"""GLiNER's networks and tokenizers, built from checked configurations and filled strictly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from gliner.modeling.base import BiEncoderSpanModel, UniEncoderSpanModel
from transformers import AutoTokenizer

from gliner_adapters.errors import BaseModelError


def build_network(config: Any, bi: bool) -> Any:
    """GLiNER's network with random weights.

    `model_name` is hidden while it is built: GLiNER looks for an adapter in a folder of that name, so a folder
    that happens to be called like the encoder could otherwise change the model.
    """
    names = {key: getattr(config, key) for key in ("model_name", "labels_encoder") if getattr(config, key, None)}
    try:
        for key in names:
            setattr(config, key, "\0")
        return (BiEncoderSpanModel if bi else UniEncoderSpanModel)(config, from_pretrained=False)
    finally:
        for key, value in names.items():
            setattr(config, key, value)


def load_strictly(network: torch.nn.Module, tensors: dict[str, torch.Tensor], name: str) -> None:
    """Load weights; a missing, unknown or ill-shaped tensor is an error. Position ids are no weights."""
    expected = network.state_dict()
    tensors = {key: value for key, value in tensors.items() if not key.endswith("embeddings.position_ids")}
    missing = sorted(set(expected) - set(tensors))
    unknown = sorted(set(tensors) - set(expected))
    shapes = sorted(
        f"{key}: {tuple(tensors[key].shape)} instead of {tuple(expected[key].shape)}"
        for key in set(expected) & set(tensors)
        if expected[key].shape != tensors[key].shape
    )
    for what, found in (("misses", missing), ("has unknown", unknown), ("has ill-shaped", shapes)):
        if found:
            shown = ", ".join(found[:5]) + (", ..." if len(found) > 5 else "")
            raise BaseModelError(f"{name} {what} {len(found)} tensors: {shown}")
    network.load_state_dict({key: tensors[key].to(expected[key].dtype) for key in expected})


def load_tokenizer(folder: Path, fallback: str | None) -> Any:
    """The tokenizer in a folder, or of the encoder that the checkpoint names."""
    source = str(folder) if (folder / "tokenizer_config.json").is_file() else fallback
    if source is None:
        raise BaseModelError(f"no tokenizer in {folder}")
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise BaseModelError(f"cannot load the tokenizer {source!r}: {error}") from None
    # transformers 5 no longer adds these for sentencepiece tokenizers; GLiNER's checkpoints were trained with them.
    for kind in ("bos", "eos"):
        if hasattr(tokenizer, f"add_{kind}_token") and getattr(tokenizer, f"{kind}_token_id") is not None:
            setattr(tokenizer, f"add_{kind}_token", True)
    return tokenizer
