"""Fresh GLiNER heads on a plain encoder: the `encoder:` bases, and what the embedded bases are the difference to."""

from __future__ import annotations

import contextlib
import copy
import math
from pathlib import Path
from typing import Any

import torch
from gliner.config import BiEncoderSpanConfig, UniEncoderSpanConfig
from transformers import AutoModel

from gliner_adapters.errors import BaseModelError
from gliner_adapters.model.base import Architecture, Base
from gliner_adapters.model.encoders import encoder_folder, public_name
from gliner_adapters.model.networks import build_network, load_tokenizer
from gliner_adapters.model.parts import unused_parameters
from gliner_adapters.model.safety import check_encoder_config, read_json, read_weights

#: Seed of the fresh heads on a plain encoder, so that the base has one fingerprint everywhere.
HEAD_SEED = 20260
#: Dropout in fresh heads.
HEAD_DROPOUT = 0.1
#: Probability that fresh heads give to a span, about the share of spans that are entities. Without it a training
#: run spends its first hundred steps on learning that most spans are none (as in focal-loss detectors).
HEAD_PRIOR = 0.01


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


def from_encoder(
    name: str,
    architecture: Architecture,
    allow_pickle: bool = False,
    *,
    label_encoder: str | None = None,
    hidden_size: int | None = None,
    empty_heads: bool = False,
) -> Base:
    """Fresh GLiNER heads on a plain encoder.

    Args:
        name: ``encoder:minilm``, ``encoder:mpnet`` or ``encoder:DIR``.
        architecture: ``"bi"`` or ``"uni"``.
        allow_pickle: also accept pickled weights.
        label_encoder: what reads the labels in a bi-encoder, called in the same way; the text's own if not given.
        hidden_size: width of the heads; the text encoder's own if not given. An encoder of another width gets
            GLiNER's projection, which is as fresh as the heads.
        empty_heads: leave heads and projections without memory (on the device ``meta``), for weights that are
            assigned afterwards: to draw random numbers takes longer than to load them.
    """
    bi = architecture == "bi"
    encoder, tokenizer, source = _read_encoder(name, allow_pickle)
    encoder_config = {**encoder.config.to_dict(), "_name_or_path": source}
    common = {
        "model_name": source,
        "encoder_config": encoder_config,
        "hidden_size": hidden_size or encoder.config.hidden_size,
        "dropout": HEAD_DROPOUT,
        "num_rnn_layers": 0,
        "span_mode": "markerV0",
        "subtoken_pooling": "first",
        "max_width": 12,
        "max_len": 384,
    }
    config: Any = UniEncoderSpanConfig(**common)
    encoders, label_tokenizer = [encoder], None
    if bi:
        if label_encoder in (None, name):
            reader, label_source = copy.deepcopy(encoder) if empty_heads else encoder, source
            label_tokenizer = _tokenizer(name)
        else:
            reader, label_tokenizer, label_source = _read_encoder(str(label_encoder), allow_pickle)
        encoders.append(reader)
        label_config = {**reader.config.to_dict(), "_name_or_path": label_source}
        config = BiEncoderSpanConfig(**common, labels_encoder=label_source, labels_encoder_config=label_config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(HEAD_SEED)
        with torch.device("meta") if empty_heads else contextlib.nullcontext():
            network = build_network(config, bi)
        _place(encoders, network.token_rep_layer, as_it_is=empty_heads)
        if not bi:
            tokenizer.add_tokens(_markers(config), special_tokens=True)
            config.class_token_index = tokenizer.convert_tokens_to_ids(config.ent_token)
            network.token_rep_layer.resize_token_embeddings(len(tokenizer))
            config.vocab_size = config.encoder_config.vocab_size = len(tokenizer)
    if not empty_heads:
        _set_prior(network)
    return Base(network, config, tokenizer, label_tokenizer, id=name, fresh=True)


def _read_encoder(name: str, allow_pickle: bool) -> tuple[Any, Any, str]:
    """An ``encoder:`` base's encoder and tokenizer, and what the encoder is called in a checkpoint."""
    folder = encoder_folder(name.removeprefix("encoder:"))
    check_encoder_config(read_json(folder / "config.json"), str(folder / "config.json"))
    return _plain_encoder(folder, allow_pickle), _tokenizer(name), public_name(name.removeprefix("encoder:"))


def _tokenizer(name: str) -> Any:
    return load_tokenizer(encoder_folder(name.removeprefix("encoder:")), None)


def _place(encoders: list[Any], token_rep_layer: Any, *, as_it_is: bool) -> None:
    """Give a network the weights of encoders: of the text, and (in a bi-encoder) of the labels."""
    places = [token_rep_layer.bert_layer, getattr(token_rep_layer, "labels_encoder", None)]
    for encoder, place in zip(encoders, places, strict=False):
        if as_it_is:
            place.model = encoder
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
