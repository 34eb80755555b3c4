"""What a job does to each of its inputs, and the fingerprint of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gliner_adapters.documents.formats import check_writable
from gliner_adapters.errors import ConfigError

if TYPE_CHECKING:
    from gliner_adapters.adapters import AdapterConfig

#: Requests that are batched together. It decides the last bits of scores, so it is part of what a job is.
CHUNK = 256


class JobSettings(BaseModel):
    """Everything beside an input that decides its output. Unknown names are errors.

    Attributes:
        base: a base's name, where labels are asked of it; else the adapters' own.
        revision: the hub's branch, tag or commit of the base.
        architecture: for ``encoder:`` bases.
        adapters: name to an adapter's folder or hub id. With several, each entity says which found it
            (``meta.adapter``).
        labels: names and descriptions of what is looked for zero-shot.
        threshold: least probability; else the adapters' own, and 0.5.
        nested: report entities within entities.
        segment: how texts are cut, where it is not the adapters' and the base's own way.
        precision: arithmetic of reading.
        runtime: what runs the text encoder.
        device: where to compute.
        threads: of each worker. They decide the last bits of scores, as a matrix product is parted among them.
        read_as: the inputs' format; else by ending and content.
        columns: what the columns of the inputs are.
        tag_names: names of tags that the inputs give as numbers.
        to: the outputs' format.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    base: str | None = None
    revision: str | None = None
    architecture: Literal["bi", "uni"] = "bi"
    adapters: dict[str, str] = Field(default_factory=dict)
    labels: tuple[tuple[str, str | None], ...] = ()
    threshold: float | None = Field(None, ge=0, le=1)
    nested: bool = False
    segment: Literal["sentence", "window"] | None = None
    precision: Literal["fp32", "bf16"] = "fp32"
    runtime: Literal["torch", "int8", "onnx", "openvino"] = "torch"
    device: str = "cpu"
    threads: int = Field(1, ge=1)
    read_as: str | None = None
    columns: tuple[str, ...] = ()
    tag_names: tuple[str, ...] = ()
    to: str = "jsonl"

    @model_validator(mode="after")
    def _who_reads(self) -> JobSettings:
        if bool(self.adapters) == bool(self.labels):
            raise ValueError("who should read? Give adapters, or a base with labels")
        if self.labels and self.base is None:
            raise ValueError("labels are asked of a base: give its name")
        if self.adapters and self.base is not None:
            raise ValueError("adapters bring their base; leave it out")
        return self

    @property
    def ending(self) -> str:
        """Ending of the outputs' names.

        Raises:
            ConfigError: the format is unknown, is not written, or is one of folders.
        """
        form = check_writable(self.to)
        if form.in_folders:
            raise ConfigError(f"the format {form.name} is one of folders; a job writes one file for each input")
        return (*form.endings, *form.shared_endings)[0]


def fingerprint(settings: JobSettings, base: str, adapters: Mapping[str, AdapterConfig]) -> dict[str, Any]:
    """All that decides an output beside its input, as JSON knows it.

    Args:
        settings: the job's.
        base: the fingerprint of the base.
        adapters: by name.
    """
    found: dict[str, Any] = {
        "version": version("gliner-adapters"),
        "torch": version("torch").partition("+")[0],
        "base": base,
        "adapters": {
            name: {
                "revision": config.weights_sha256,
                "labels": [label.name for label in config.labels],
                "threshold": config.threshold,
                "segment": config.segment,
                "context": config.context,
            }
            for name, config in adapters.items()
        },
        "chunk": CHUNK,
        **settings.model_dump(exclude={"base", "revision", "adapters"}),
    }
    known: dict[str, Any] = json.loads(json.dumps(found))
    return known


def digest(found: dict[str, Any]) -> str:
    """sha256 of a fingerprint."""
    return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()
