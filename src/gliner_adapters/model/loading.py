"""`load_base`: an embedded base, a hub id, a local GLiNER folder, or fresh GLiNER heads on a plain encoder.

GLiNER's modules are built from configurations that were checked first (see `safety`), never by a loader that
trusts remote code, and weights are loaded strictly: a missing or an unknown tensor is an error.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from gliner.config import BiEncoderSpanConfig, UniEncoderSpanConfig
from transformers import AutoConfig

from gliner_adapters.errors import BaseModelError
from gliner_adapters.inputs import as_path
from gliner_adapters.model.base import Architecture, Base
from gliner_adapters.model.devices import find_device
from gliner_adapters.model.embedded import BASE_FILE, embedded_folder, from_delta
from gliner_adapters.model.fresh import from_encoder
from gliner_adapters.model.hub import fetch_snapshot
from gliner_adapters.model.networks import build_network, load_strictly, load_tokenizer
from gliner_adapters.model.safety import check_encoder_config, read_json, read_weights, refuse_code

_UNSUPPORTED = {
    "labels_decoder": "generates labels with a decoder",
    "relations_layer": "extracts relations",
}


def load_base(
    name: str | Path,
    *,
    revision: str | None = None,
    architecture: Architecture = "bi",
    allow_pickle: bool = False,
    device: str | torch.device = "cpu",
) -> Base:
    """Load a base.

    Args:
        name: an embedded base (``minilm-bi``, say); a local folder, of a GLiNER or of what
            ``pretrain`` has made; a hub id such as ``urchade/gliner_small-v2.1``; or ``encoder:minilm``,
            ``encoder:mpnet`` or ``encoder:DIR`` for fresh GLiNER heads on a plain encoder.
        revision: the hub's branch, tag or commit. The commit that it resolves to is recorded.
        architecture: for ``encoder:`` bases only: ``"bi"`` or ``"uni"``.
        allow_pickle: also accept pickled weights (``pytorch_model.bin``).
        device: where to put the weights.

    Raises:
        BaseModelError: nothing there, an unsupported kind of checkpoint, or an unsafe one.
        ConfigError: no such device here.
    """
    name = os.fspath(as_path(name, "the base"))
    place = find_device(device)  # before anything is read
    if name.startswith("encoder:"):
        base = from_encoder(name, architecture, allow_pickle)
    elif (embedded := embedded_folder(name)) is not None:
        base = from_delta(embedded, name)
    elif (Path(name) / BASE_FILE).is_file():
        base = from_delta(Path(name), name)
    elif Path(name).is_dir():
        base = _from_folder(Path(name), name, None, allow_pickle)
    else:
        folder, commit = _download(name, revision, allow_pickle)
        base = _from_folder(folder, name, commit, allow_pickle)
    return base.to(place)


def _download(name: str, revision: str | None, allow_pickle: bool) -> tuple[Path, str]:
    """Fetch a checkpoint's configuration, tokenizer and weights from the hub; its folder and commit."""
    patterns = ["*.json", "*.txt", "*.model", "*.safetensors"] + (["*.bin"] if allow_pickle else [])
    hint = "Give a local folder, or an embedded base such as `minilm-bi`, which needs no hub."
    folder = fetch_snapshot(name, revision, patterns, BaseModelError, hint)
    return folder, folder.name  # snapshot folders are named after their commit


def _from_folder(folder: Path, name: str, revision: str | None, allow_pickle: bool) -> Base:
    """A base from a GLiNER checkpoint's folder."""
    raw = read_json(folder / "gliner_config.json")
    refuse_code(raw, str(folder / "gliner_config.json"))
    raw.pop("model_type", None)
    for key, what in _UNSUPPORTED.items():
        if raw.get(key):
            raise BaseModelError(f"{name} {what}; only GLiNERs that score spans against labels are supported")
    if raw.get("span_mode") == "token_level":
        raise BaseModelError(
            f"{name} is a token-level GLiNER: it scores the beginnings and ends of entities, not spans. "
            "Use a span-level checkpoint such as urchade/gliner_small-v2.1."
        )
    if raw.get("words_splitter_type", "whitespace") != "whitespace":
        raise BaseModelError(
            f"{name} splits words by {raw['words_splitter_type']!r}; only GLiNER's own `whitespace` is supported"
        )
    bi = raw.get("labels_encoder") is not None
    _complete_encoder_config(raw, "encoder_config", raw.get("model_name"), folder)
    if bi:
        _complete_encoder_config(raw, "labels_encoder_config", raw["labels_encoder"], folder)
    try:
        config = (BiEncoderSpanConfig if bi else UniEncoderSpanConfig)(**raw)
        network = build_network(config, bi)
    except (KeyError, TypeError, ValueError) as error:
        raise BaseModelError(f"{folder}/gliner_config.json describes no GLiNER that can be built: {error}") from None
    text_tokenizer = load_tokenizer(folder, raw.get("model_name"))
    label_tokenizer = load_tokenizer(folder / "labels_tokenizer", raw.get("labels_encoder")) if bi else None
    if not bi and (config.class_token_index == -1 or config.vocab_size == -1):
        raise BaseModelError(f"{name}: gliner_config.json does not say where the label marker stands in the vocabulary")
    if not bi and network.token_rep_layer.get_input_embeddings().num_embeddings != config.vocab_size:
        network.token_rep_layer.resize_token_embeddings(config.vocab_size)
    load_strictly(network, read_weights(folder, allow_pickle=allow_pickle), name)
    return Base(network, config, text_tokenizer, label_tokenizer, id=name, revision=revision)


def _complete_encoder_config(raw: dict[str, Any], key: str, encoder: str | None, folder: Path) -> None:
    """Make sure that an encoder's configuration is there and safe before GLiNER builds from it."""
    if raw.get(key) is None:
        if not encoder:
            raise BaseModelError(f"{folder}/gliner_config.json names no encoder and carries no {key}")
        try:
            raw[key] = AutoConfig.from_pretrained(encoder, trust_remote_code=False).to_dict()
        except (OSError, ValueError) as error:
            raise BaseModelError(f"cannot read the configuration of encoder {encoder!r}: {error}") from None
        if raw.get("vocab_size", -1) != -1 and key == "encoder_config":
            raw[key]["vocab_size"] = raw["vocab_size"]
    check_encoder_config(raw[key], f"{folder}/gliner_config.json ({key})")
