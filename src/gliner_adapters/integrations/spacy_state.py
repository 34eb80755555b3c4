"""What a component reads with: found by its config, or in the folder of a pipeline that was saved.

    cfg.json    the sources that the config named, and the fingerprint of the base
    adapter/    the adapter, as everywhere; of a bi-encoder in its deployable form, which is all that reading needs

The base is not copied: it is large, and known by its name. Its fingerprint tells whether it is the same.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar, Literal
from weakref import WeakValueDictionary
from zipfile import BadZipFile, ZipFile, ZipInfo

from pydantic import Field

from gliner_adapters.errors import BaseModelError, DataError, GlinerAdaptersError
from gliner_adapters.settings import Record
from gliner_adapters.storage import storing, write_text

if TYPE_CHECKING:
    from gliner_adapters.adapters import TrainedAdapter
    from gliner_adapters.integrations.spacy_settings import ComponentSettings
    from gliner_adapters.model import Base

ADAPTER = "adapter"
FORMAT_VERSION = 1

_bases: WeakValueDictionary[tuple[Any, ...], Base] = WeakValueDictionary()
_lock = Lock()


class State(Record):
    """The content of `cfg.json`.

    Attributes:
        format_version: of the folder's layout.
        adapter: what the config named when the pipeline was saved.
        base: the base, as the config named it, or the adapter.
        base_fingerprint: sha256 over its weights.
    """

    file: ClassVar[str] = "cfg.json"
    noun: ClassVar[str] = "component of spaCy"
    newest: ClassVar[int] = FORMAT_VERSION
    error: ClassVar[type[GlinerAdaptersError]] = DataError

    format_version: int = Field(FORMAT_VERSION, ge=1, le=FORMAT_VERSION)
    adapter: str | None
    base: str
    base_fingerprint: str


def label_names(folder: str | Path) -> tuple[str, ...]:
    """The names of an adapter's labels; its weights are not read.

    Raises:
        AdapterError: its configuration cannot be read.
    """
    from gliner_adapters.adapters import AdapterConfig

    return tuple(entry.name for entry in AdapterConfig.read(Path(folder)).labels)


def configured(settings: ComponentSettings) -> TrainedAdapter | Base:
    """What the config names.

    Raises:
        AdapterError: there is no such adapter, or it does not fit the base.
        BaseModelError: the base cannot be loaded.
    """
    from gliner_adapters.adapters.hub import adapter_folder

    if settings.adapter is None:
        assert settings.base is not None
        return shared_base(settings.base, settings.revision, settings.device)
    return _adapter(adapter_folder(settings.adapter), settings)


def shared_base(name: str, revision: str | None, device: str, architecture: Literal["uni", "bi"] = "bi") -> Base:
    """A base, loaded once a process for all components that are alive.

    Args:
        name, revision, device, architecture: see :func:`~gliner_adapters.load_base`.

    Raises:
        BaseModelError: it cannot be loaded.
        ConfigError: no such device here.
    """
    from gliner_adapters.model import load_base

    key = (name, revision, device, architecture)
    with _lock:
        base = _bases.get(key)
        if base is None:
            base = _bases[key] = load_base(name, revision=revision, device=device, architecture=architecture)
        return base


def _adapter(folder: Path, settings: ComponentSettings) -> TrainedAdapter:
    """An adapter in a folder, with the base of the config, or with its own."""
    from gliner_adapters.adapters import AdapterConfig, load_adapter

    known = AdapterConfig.read(folder).base
    name, revision = (settings.base, settings.revision) if settings.base is not None else (known.id, known.revision)
    return load_adapter(folder, shared_base(name, revision, settings.device, known.architecture))


def card_of(model: TrainedAdapter | Base) -> str | None:
    """The card that lies beside an adapter: a person may have written in it."""
    from gliner_adapters.adapters import TrainedAdapter
    from gliner_adapters.adapters.config import CARD_FILE

    if not isinstance(model, TrainedAdapter) or model.folder is None or not (model.folder / CARD_FILE).is_file():
        return None
    return (model.folder / CARD_FILE).read_text(encoding="utf-8")


def write(
    folder: Path, settings: ComponentSettings, model: TrainedAdapter | Base, card: str | None, *, with_adapter: bool
) -> None:
    """Write what a component reads with into a folder.

    Args:
        folder: made if missing; what an earlier adapter left there is removed.
        settings: the component's.
        model: what it reads with.
        card: of the adapter, from when it was loaded; written anew if ``None``.
        with_adapter: write the adapter, too.

    Raises:
        StorageError: there is no room.
    """
    from gliner_adapters.adapters import TrainedAdapter, save_adapter
    from gliner_adapters.adapters.config import CARD_FILE

    trained = model if isinstance(model, TrainedAdapter) else None
    base = model.base if isinstance(model, TrainedAdapter) else model
    with storing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(folder / ADAPTER, ignore_errors=True)
    if trained is not None and with_adapter:
        saved = save_adapter(replace(trained), folder / ADAPTER, deployable=base.architecture == "bi")
        if card is not None:
            write_text(saved / CARD_FILE, card)
    name = settings.base or (trained.config.base.id if trained else base.id)
    State(adapter=settings.adapter, base=name, base_fingerprint=base.fingerprint).write(folder)


def read(folder: Path, settings: ComponentSettings, *, with_adapter: bool) -> TrainedAdapter | Base:
    """What a component reads with, from a folder or, where the config says otherwise by now, from there.

    Args:
        folder: that :func:`write` has written.
        settings: the component's, maybe others than then.
        with_adapter: take the adapter from the folder, if it is there.

    Raises:
        DataError: the folder holds something else.
        AdapterError: the adapter cannot be read, or does not fit the base.
        BaseModelError: the base cannot be loaded, or has other weights than then.
    """
    saved = State.read(folder)
    if settings.adapter != saved.adapter:
        return configured(settings)
    if settings.adapter is not None:
        here = folder / ADAPTER
        return _adapter(here, settings) if with_adapter and here.is_dir() else configured(settings)
    assert settings.base is not None
    model = shared_base(settings.base, settings.revision, settings.device)
    if settings.base == saved.base and model.fingerprint != saved.base_fingerprint:
        raise BaseModelError(
            f"the base {saved.base} has other weights (fingerprint {model.fingerprint[:12]}) than when the pipeline "
            f"was saved ({saved.base_fingerprint[:12]}); get that version of it, or name another base in the config"
        )
    return model


def packed(save: Callable[[Path], None]) -> bytes:
    """The files that a function writes into a folder, as bytes: a ZIP archive, the same for the same files."""
    content = io.BytesIO()
    with TemporaryDirectory() as place:
        save(Path(place))
        with ZipFile(content, "w") as archive:
            for path in sorted(path for path in Path(place).rglob("*") if path.is_file()):
                archive.writestr(ZipInfo(path.relative_to(place).as_posix()), path.read_bytes())
    return content.getvalue()


def unpacked(data: bytes, load: Callable[[Path], object]) -> None:
    """Let a function load from a folder that has the files which :func:`packed` has packed.

    Raises:
        DataError: the bytes hold something else.
    """
    with TemporaryDirectory() as place:
        try:
            with ZipFile(io.BytesIO(data)) as archive:
                archive.extractall(place)  # which keeps every name within the folder
        except (BadZipFile, ValueError, OSError, NotImplementedError) as error:
            raise DataError(f"not the bytes of a component of spaCy: {error}") from None
        load(Path(place))
