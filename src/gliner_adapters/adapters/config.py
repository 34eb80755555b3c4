"""`adapter_config.json`: what an adapter is, what it fits and where it came from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from gliner_adapters.documents import Label
from gliner_adapters.errors import AdapterError, GlinerAdaptersError
from gliner_adapters.model.fingerprint import file_sha256
from gliner_adapters.settings import Record

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


Package = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$")]
"""A distribution's name: it stands in a message about what to install, so nothing else may stand there."""


class AdapterConfig(Record):
    """The content of `adapter_config.json`.

    Attributes:
        format_version: of the folder's layout.
        method: the technique, or techniques joined by ``+``.
        options: the technique's hyper-parameters.
        plugins: the packages that brought the method, or members of it, by their names; none for this package's own.
        base: which base it fits.
        labels: what it finds, in the order of its label vectors.
        deployable: only what inference needs is there; such an adapter cannot be trained further.
        threshold: chosen on devel.
        segment: what a passage was in training, and is in reading.
        context: sub-tokens of neighbouring text, at most, that are read on either side of a passage, as in training.
        trained_parameters: how many numbers were trained.
        trained_on: corpus, split, passages, hyper-parameters; empty for zero-shot label sets.
        metrics: scores on devel at the chosen threshold. Test scores never stand here.
        versions: of the packages that it was made with.
        weights_sha256: digest of the weights' file.
    """

    file: ClassVar[str] = CONFIG_FILE
    noun: ClassVar[str] = "adapter"
    newest: ClassVar[int] = FORMAT_VERSION
    error: ClassVar[type[GlinerAdaptersError]] = AdapterError

    format_version: int = Field(FORMAT_VERSION, ge=1, le=FORMAT_VERSION)
    method: str
    options: dict[str, Any] = Field(default_factory=dict)
    plugins: dict[str, Package] = Field(default_factory=dict)
    base: BaseReference
    labels: list[LabelEntry]
    deployable: bool = False
    threshold: float = Field(ge=0, le=1)
    segment: Literal["sentence", "window"] = "sentence"
    context: int = Field(0, ge=0)
    trained_parameters: int
    trained_on: dict[str, Any] = Field(default_factory=dict)
    metrics: dict[str, Any] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)
    weights_sha256: str = ""


def check_weights(folder: Path, config: AdapterConfig) -> Path:
    """The weights' file of a folder, after its digest was checked.

    Raises:
        AdapterError: it is missing, or not the one that the configuration describes.
    """
    path = folder / WEIGHTS_FILE
    if not path.is_file():
        raise AdapterError(f"{folder} misses {WEIGHTS_FILE}")
    if file_sha256(path) != config.weights_sha256:
        raise AdapterError(
            f"{path} is not the file that {CONFIG_FILE} describes (its sha256 differs); fetch or save the adapter again"
        )
    return path
