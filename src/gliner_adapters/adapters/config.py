"""`adapter_config.json`: what an adapter is, what it fits and where it came from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gliner_adapters.documents import Label
from gliner_adapters.errors import AdapterError

#: Version of the folder's layout. A reader refuses newer ones.
FORMAT_VERSION = 1
CONFIG_FILE = "adapter_config.json"
WEIGHTS_FILE = "adapter_model.safetensors"
CARD_FILE = "README.md"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class BaseReference(_Strict):
    """Which base an adapter fits."""

    id: str
    revision: str | None = None
    architecture: Literal["uni", "bi"]
    fingerprint: str
    parameters: int


class LabelEntry(_Strict):
    """A label of the adapter."""

    name: str
    description: str | None = None

    def label(self) -> Label:
        """As the library's own type."""
        return Label(self.name, self.description)


class AdapterConfig(_Strict):
    """The content of `adapter_config.json`.

    Attributes:
        deployable: only what inference needs is there; such an adapter cannot be trained further.
        threshold: chosen on devel.
        segment: what a passage was in training, and is in reading.
        trained_parameters: how many numbers were trained.
        trained_on: corpus, split, passages, hyper-parameters; empty for zero-shot label sets.
        metrics: scores on devel at the chosen threshold. Test scores never stand here.
        weights_sha256: digest of the weights' file.
    """

    format_version: int = Field(FORMAT_VERSION, ge=1, le=FORMAT_VERSION)
    method: str
    options: dict[str, Any] = Field(default_factory=dict)
    base: BaseReference
    labels: list[LabelEntry]
    deployable: bool = False
    threshold: float = Field(ge=0, le=1)
    segment: Literal["sentence", "window"] = "sentence"
    trained_parameters: int
    trained_on: dict[str, Any] = Field(default_factory=dict)
    metrics: dict[str, Any] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)
    weights_sha256: str = ""

    def write(self, folder: Path) -> None:
        """Write the file into an adapter's folder."""
        (folder / CONFIG_FILE).write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> AdapterConfig:
        """Read and check the file of an adapter's folder.

        Raises:
            AdapterError: it is missing, malformed, or of a newer format.
        """
        path = folder / CONFIG_FILE
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise AdapterError(f"no adapter at {folder}: expected {CONFIG_FILE} there") from None
        except ValueError as error:
            raise AdapterError(f"{path} is not valid JSON: {error}") from None
        version = content.get("format_version") if isinstance(content, dict) else None
        if isinstance(version, int) and version > FORMAT_VERSION:
            raise AdapterError(
                f"{path} has format version {version}, this gliner-adapters reads up to {FORMAT_VERSION}; upgrade it"
            )
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            raise AdapterError(f"{path}: {problems}") from None
