"""The embedded bases: what ships in the package is their difference to a public encoder.

    base.json           what it is, which encoder it is the difference to, digests, where it came from
    delta.safetensors   see `delta`
    README.md           the model card

`pretrain` writes such folders; any of them can be loaded by its path.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from gliner_adapters.embedded_names import BASE_FILE, EMBEDDED, embedded_bases
from gliner_adapters.errors import BaseModelError, GlinerAdaptersError
from gliner_adapters.model.base import Base, Segment
from gliner_adapters.model.delta import Numbers, apply_delta, pack
from gliner_adapters.model.encoders import WEIGHTS_FILE, encoder_folder
from gliner_adapters.model.fingerprint import file_sha256
from gliner_adapters.model.fresh import from_encoder
from gliner_adapters.settings import Record
from gliner_adapters.storage import atomic, write_tensors

#: 2: large matrices may be bytes with scales. 3: labels may have another encoder than texts.
FORMAT_VERSION = 3
DELTA_FILE = "delta.safetensors"
CARD_FILE = "README.md"


class BaseRecord(Record):
    """The content of `base.json`.

    Attributes:
        name: of the base.
        architecture: ``bi`` or ``uni``.
        encoder: the ``encoder:`` base that the delta is the difference to.
        encoder_sha256: digest of that encoder's weights file.
        label_encoder: the ``encoder:`` base whose encoder reads the labels, where it is another one.
        label_encoder_sha256: digest of its weights file.
        delta_sha256: digest of `delta.safetensors`.
        limits: what GLiNER's configuration said in training; another value would be another model.
        segment: what a passage was in pretraining, and is in reading where nothing else is asked.
        trained_on: recipe, corpora, cost and versions of the run.
        scores: zero-shot scores, as far as they were measured when the card was written.
        notes: what a reader of the card should know and no other field says.
    """

    file: ClassVar[str] = BASE_FILE
    noun: ClassVar[str] = "base"
    newest: ClassVar[int] = FORMAT_VERSION
    error: ClassVar[type[GlinerAdaptersError]] = BaseModelError

    format_version: int = Field(FORMAT_VERSION, ge=1, le=FORMAT_VERSION)
    name: str
    architecture: Literal["bi", "uni"]
    encoder: str
    encoder_sha256: str
    label_encoder: str | None = None
    label_encoder_sha256: str | None = None
    delta_sha256: str
    limits: dict[str, Any]
    segment: Segment = "sentence"
    trained_on: dict[str, Any] = Field(default_factory=dict)
    scores: list[dict[str, Any]] = Field(default_factory=list)
    notes: list[str] = Field(default_factory=list)


def embedded_folder(name: str) -> Path | None:
    """The folder of an embedded base; ``None`` if there is none of that name."""
    return EMBEDDED / name if name in embedded_bases() else None


def write_delta(
    folder: Path,
    start: Base,
    name: str,
    delta: dict[str, Tensor],
    numbers: Numbers = "float16",
    *,
    label_encoder: str | None = None,
    segment: Segment = "sentence",
) -> BaseRecord:
    """Write a base's folder, without its card.

    Args:
        folder: where to; made if missing.
        start: the ``encoder:`` base that the delta is the difference to.
        name: of the base.
        delta: see :mod:`gliner_adapters.model.delta`.
        numbers: how large matrices are written; all else is float16.
        label_encoder: the ``encoder:`` base whose encoder reads the labels of ``start``, where it is another one.
        segment: what a passage was in pretraining.

    Raises:
        BaseModelError: the delta does not fit, or a number is too large for float16.
    """
    stored = pack(delta, numbers)
    infinite = sorted(key for key, tensor in stored.items() if not torch.isfinite(tensor.float()).all())
    if infinite:
        raise BaseModelError(f"{', '.join(infinite[:5])}: not finite in float16; train with smaller learning rates")
    apply_delta(start.network.state_dict(), stored, str(folder))
    with atomic(folder / DELTA_FILE) as fresh:
        write_tensors(fresh, stored)
        record = BaseRecord(
            name=name,
            architecture=start.architecture,
            encoder=start.id,
            encoder_sha256=_encoder_sha256(start.id),
            label_encoder=label_encoder,
            label_encoder_sha256=None if label_encoder is None else _encoder_sha256(label_encoder),
            delta_sha256=file_sha256(fresh),
            limits=_limits(start),
            segment=segment,
        )
    record.write(folder)
    return record


def from_delta(folder: Path, name: str) -> Base:
    """Reconstruct a base over its encoder, strictly.

    Args:
        folder: with `base.json` and `delta.safetensors`.
        name: what the base is loaded as; its id.

    Raises:
        BaseModelError: a digest differs, a tensor is unknown or ill-shaped, or this version would build another
            network than the one that was trained.
    """
    record = BaseRecord.read(folder)
    path = folder / DELTA_FILE
    if not path.is_file():
        raise BaseModelError(f"{folder} misses {DELTA_FILE}")
    if file_sha256(path) != record.delta_sha256:
        raise BaseModelError(f"{path} is not the file that {BASE_FILE} describes (its sha256 differs); get it again")
    digests = [(record.encoder, record.encoder_sha256)]
    if record.label_encoder is not None:
        digests.append((record.label_encoder, record.label_encoder_sha256 or "(none)"))
    for encoder, expected in digests:
        found = _encoder_sha256(encoder)
        if found != expected:
            raise BaseModelError(
                f"{name} is the difference to {encoder} with sha256 {expected}, but the encoder here has {found}; "
                "install the one that it was trained from"
            )
    start = from_encoder(
        record.encoder,
        record.architecture,
        label_encoder=record.label_encoder,
        hidden_size=record.limits.get("hidden_size"),
        empty_heads=True,
    )
    if _limits(start) != record.limits:
        raise BaseModelError(f"{name} was trained with {record.limits}, this version would build {_limits(start)}")
    try:
        delta = load_file(path)
    except SafetensorError as error:
        raise BaseModelError(f"{path} is damaged: {error}") from None
    weights = apply_delta(start.network.state_dict(), delta, str(path))
    missing = sorted(name for name, tensor in weights.items() if tensor.is_meta)
    if missing:
        raise BaseModelError(f"{path} misses {len(missing)} tensors of the heads: {', '.join(missing[:5])}")
    start.network.load_state_dict(weights, assign=True)
    # Over what it is made from: the last bits of the products differ between processors, and an adapter trained on
    # one must fit the base on another.
    parts = (record.architecture, *(digest for _, digest in digests), record.delta_sha256)
    digest = hashlib.sha256("|".join(parts).encode()).hexdigest()
    return Base(
        start.network,
        start.config,
        start.text_tokens.tokenizer,
        start.label_tokenizer,
        id=name,
        fingerprint=digest,
        segment=record.segment,
    )


def _encoder_sha256(encoder: str) -> str:
    """Digest of the weights file of an ``encoder:`` base."""
    path = encoder_folder(encoder.removeprefix("encoder:")) / WEIGHTS_FILE
    if not path.is_file():
        raise BaseModelError(f"{path} is missing; a base can be the difference to an encoder in safetensors only")
    return file_sha256(path)


def _limits(base: Base) -> dict[str, Any]:
    """What of GLiNER's configuration decides what a network of given weights computes."""
    keys = ("hidden_size", "max_width", "max_len", "span_mode", "subtoken_pooling", "ent_token", "sep_token")
    return {key: getattr(base.config, key) for key in keys if hasattr(base.config, key)}
