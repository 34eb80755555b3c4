"""Where adapters come from, what they are called, and what is known of them before they are loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gliner_adapters.adapters import TrainedAdapter
from gliner_adapters.adapters.artifact import LABEL_VECTORS
from gliner_adapters.documents import Label
from gliner_adapters.errors import ConfigError
from gliner_adapters.model.fingerprint import fingerprint

Origin = str | Path | TrainedAdapter


@dataclass(frozen=True, slots=True)
class AdapterInfo:
    """What is known of an adapter without loading it.

    Attributes:
        name: in the library.
        revision: sha256 of its weights.
        method: the technique.
        base: what its base is called.
        labels: what it finds.
        threshold: the probability above which it finds something.
        segment: whether it reads sentences or windows.
        bytes: of its tensors in memory if it is loaded, else of its weights' file.
        loaded: whether it is in memory.
    """

    name: str
    revision: str
    method: str
    base: str
    labels: tuple[Label, ...]
    threshold: float
    segment: str
    bytes: int
    loaded: bool


def named(sources: Mapping[str, Origin] | Sequence[Origin]) -> dict[str, Origin]:
    """Sources by name.

    Raises:
        ConfigError: one has no name, or two have the same.
    """
    if isinstance(sources, Mapping):
        if unnamed := [name for name in sources if not name.strip()]:
            raise ConfigError(f"an adapter has an empty name: {unnamed[0]!r}")
        return dict(sources)
    if isinstance(sources, (str, Path)):
        raise ConfigError(
            "adapters must be a list or a mapping of names, not one path; AdapterLibrary.of_folder reads a folder"
        )
    found: dict[str, Origin] = {}
    for origin in sources:
        path = origin.folder if isinstance(origin, TrainedAdapter) else Path(origin)
        if path is None:
            raise ConfigError("an adapter that was never saved has no name; give a mapping of names to adapters")
        name = path.resolve().name if path.is_dir() else path.name.partition("@")[0]  # without a hub's revision
        if name in found:
            raise ConfigError(f"two adapters are called {name!r}; give a mapping of names to adapters")
        found[name] = origin
    return found


def tensors_digest(trained: TrainedAdapter) -> str:
    """sha256 over the tensors of an adapter that lies in no file."""
    adapter = trained.adapter
    tensors = {name: tensor.data for name, tensor in {**adapter.trained(), **adapter.fixed()}.items()}
    if trained.adapter.baked is not None:
        tensors[LABEL_VECTORS] = trained.adapter.baked
    return fingerprint(tensors)
