"""What a checkpoint from a hub or a stranger may contain: data, never code.

GLiNER asks transformers to trust remote code whatever the caller says. We therefore build its modules from
configurations that we have read and checked ourselves: encoder types come from an allow-list, `auto_map` and
foreign attention kernels (the doors to remote code) are refused, and weights are read from safetensors unless the
user insists.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from gliner_adapters.errors import BaseModelError

#: Encoder architectures whose code ships with transformers and whose forward pass we know.
ENCODER_TYPES = frozenset(
    {"bert", "deberta-v2", "modernbert", "roberta", "xlm-roberta", "electra", "distilbert", "mpnet"}
)

#: Attention implementations that are part of transformers.
ATTENTION = (None, "eager", "sdpa", "flash_attention_2", "flash_attention_3", "flex_attention")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        BaseModelError: the file is missing, is not JSON, or holds something else than an object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BaseModelError(f"{path} is missing") from None
    except ValueError as error:
        raise BaseModelError(f"{path} is not valid JSON: {error}") from None
    if not isinstance(content, dict):
        raise BaseModelError(f"{path} must hold a JSON object, found {type(content).__name__}")
    return content


def check_encoder_config(config: dict[str, Any], where: str) -> None:
    """Refuse an encoder configuration that would run foreign code or that we do not know.

    Raises:
        BaseModelError: it asks for code from elsewhere, or has a model type outside of :data:`ENCODER_TYPES`.
    """
    refuse_code(config, where)
    model_type = config.get("model_type", "deberta-v2")  # GLiNER's own default for configs without a type
    if model_type not in ENCODER_TYPES:
        known = ", ".join(sorted(ENCODER_TYPES))
        raise BaseModelError(f"{where}: encoder type {model_type!r} is not supported; known types: {known}")


def refuse_code(config: Any, where: str) -> None:
    """Refuse a configuration that asks for code from elsewhere.

    The doors are `auto_map` (modules of the checkpoint's own) and an attention implementation called like a hub
    repository (a kernel that transformers would fetch). Both are found wherever they hide.

    Raises:
        BaseModelError: it does.
    """
    if isinstance(config, dict):
        if config.get("auto_map"):
            raise BaseModelError(
                f"{where} asks to run code of its own (auto_map). gliner-adapters never runs a checkpoint's code."
            )
        for key, value in config.items():
            if key.lstrip("_").startswith("attn_implementation") and value not in ATTENTION:
                raise BaseModelError(
                    f"{where} asks for the attention implementation {value!r}; "
                    f"allowed are {', '.join(sorted(filter(None, ATTENTION)))}"
                )
            refuse_code(value, where)
    elif isinstance(config, list):
        for value in config:
            refuse_code(value, where)


def contained(folder: Path, name: str) -> Path:
    """``folder / name`` for a file name that a checkpoint gives.

    Raises:
        BaseModelError: the name is absolute or leads out of the folder.
    """
    pure = PurePosixPath(name)
    if pure.is_absolute() or ".." in pure.parts or "\\" in name or not pure.parts:
        raise BaseModelError(f"file name {name!r} leads out of {folder}; refused")
    return folder / pure


def read_weights(folder: Path, *, allow_pickle: bool = False) -> dict[str, torch.Tensor]:
    """Read a checkpoint's tensors: ``model.safetensors`` (also sharded), or a pickle where allowed.

    Args:
        folder: the checkpoint's folder.
        allow_pickle: also read ``pytorch_model.bin`` (with ``weights_only=True``) where no safetensors exist.

    Raises:
        BaseModelError: no weights, or only pickled ones while ``allow_pickle`` is false.
    """
    single = folder / "model.safetensors"
    if single.is_file():
        return _read(single, _load_safetensors)
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        shards = read_json(index).get("weight_map")
        if not isinstance(shards, dict) or not all(isinstance(name, str) for name in shards.values()):
            raise BaseModelError(f"{index} has no weight_map from tensors to files")
        tensors: dict[str, torch.Tensor] = {}
        for shard in sorted(set(shards.values())):
            tensors.update(_read(contained(folder, shard), _load_safetensors))
        return tensors
    pickled = folder / "pytorch_model.bin"
    if not pickled.is_file():
        raise BaseModelError(
            f"no weights in {folder}: expected model.safetensors. A hub's checkpoint that has only pickled weights "
            "is fetched with --allow-pickle (allow_pickle=True), if you trust where it comes from."
        )
    if not allow_pickle:
        raise BaseModelError(
            f"{folder} holds only pickled weights (pytorch_model.bin), which can carry code. Convert them to "
            "safetensors, or pass --allow-pickle (allow_pickle=True) if you trust where they come from."
        )
    return _read(pickled, lambda path: torch.load(path, map_location="cpu", weights_only=True))


def _load_safetensors(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a file. Shared ones stand there once; GLiNER names the others in the file's metadata."""
    tensors = load_file(path)
    with safe_open(path, framework="pt") as file:
        shared = file.metadata() or {}
    tensors.update({name: tensors[kept] for name, kept in shared.items() if kept in tensors and name not in tensors})
    return tensors


def _read(path: Path, load: Callable[[Path], dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """Read a file of tensors; a missing or broken one is an error that names it."""
    try:
        return load(path)
    except (OSError, EOFError, RuntimeError, SafetensorError, UnpicklingError) as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise BaseModelError(f"cannot read the weights in {path}: {reason[0]}") from None
