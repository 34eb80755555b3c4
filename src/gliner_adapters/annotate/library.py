"""The library: adapters of one base by name, loaded when they are asked for and dropped when room is needed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import RLock

from gliner_adapters.adapters import AdapterConfig, TrainedAdapter, load_adapter
from gliner_adapters.adapters.artifact import check_fit
from gliner_adapters.adapters.config import CONFIG_FILE, WEIGHTS_FILE
from gliner_adapters.adapters.hub import adapter_folder
from gliner_adapters.annotate.origins import AdapterInfo, Origin, named, tensors_digest
from gliner_adapters.errors import AdapterError, ConfigError
from gliner_adapters.inference.sources import Profile, Source, adapter_source, own_bytes
from gliner_adapters.model import Base

#: Adapters in memory at most, and bytes of their tensors.
MOST_ADAPTERS = 1024
MOST_BYTES = 2 << 30


@dataclass(frozen=True, slots=True)
class _Loaded:
    """An adapter in memory."""

    trained: TrainedAdapter
    source: Source
    bytes: int


class AdapterLibrary:
    """Adapters of one base by name. Safe to use from several threads.

    An adapter is loaded when it is first needed and kept until more recently used ones need the room; one that a
    reading holds stays alive until that reading is done. In a bi-encoder an adapter from disk is kept in its deployable
    form: what only made its label vectors is dropped, so that one which changes labels alone takes kilobytes. Adapters
    that are given as objects belong to the caller: they are always there and do not count.

    Args:
        sources: name to an adapter's folder, its hub id, or an adapter in memory; or a sequence of them, which are
            called like their folders.
        base: that all of them were trained on.
        most_adapters: adapters in memory at most.
        most_bytes: bytes of their tensors at most. The adapter used last stays, whatever its size.

    Raises:
        ConfigError: a name given twice, an adapter without a name, or limits that allow nothing.
        AdapterError: an adapter in memory that has another base. For one on disk this is found when it is looked at.
    """

    def __init__(
        self,
        sources: Mapping[str, Origin] | Sequence[Origin],
        base: Base,
        *,
        most_adapters: int = MOST_ADAPTERS,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        if most_adapters < 1 or most_bytes < 1:
            raise ConfigError(f"a library needs room for an adapter, got most_adapters={most_adapters}, {most_bytes=}")
        self.base = base
        self.most_adapters, self.most_bytes = most_adapters, most_bytes
        self._origins = named(sources)
        self._configs: dict[str, AdapterConfig] = {}
        self._profiles: dict[str, Profile] = {}
        self._cache: OrderedDict[str, _Loaded] = OrderedDict()
        self._given: dict[str, _Loaded] = {}
        # One lock for all loading: a fresh adapter's random start uses torch's one generator.
        self._lock = RLock()
        for name, origin in self._origins.items():
            if isinstance(origin, TrainedAdapter):
                self._given[name] = self._wrap(name, origin)

    @classmethod
    def of_folder(
        cls,
        path: str | Path,
        base: Base,
        *,
        most_adapters: int = MOST_ADAPTERS,
        most_bytes: int = MOST_BYTES,
    ) -> AdapterLibrary:
        """The adapters in the sub-folders of a folder, called like these. Nothing is loaded yet.

        Args:
            path: the folder.
            base: that all of them were trained on.
            most_adapters: adapters in memory at most.
            most_bytes: bytes of their tensors at most.

        Raises:
            ConfigError: there is no such folder, or no adapter in it.
        """
        folder = Path(path)
        found = {each.parent.name: each.parent for each in sorted(folder.glob(f"*/{CONFIG_FILE}"))}
        if not found:
            raise ConfigError(f"no adapters in {folder}: expected sub-folders with {CONFIG_FILE}")
        return cls(found, base, most_adapters=most_adapters, most_bytes=most_bytes)

    def add(self, name: str, folder: str | Path) -> None:
        """Offer one more adapter from now on; it is loaded when it is asked for. The same one again changes nothing.

        Raises:
            ConfigError: an empty name, or another adapter has it.
            AdapterError: there is no adapter in the folder, or it has another base.
        """
        ((name, origin),) = named({name: Path(folder)}).items()
        with self._lock:
            if name in self._origins:
                if self._origins[name] != origin:
                    raise ConfigError(f"an adapter is called {name!r} already")
                return
            config = AdapterConfig.read(Path(folder))
            check_fit(config, self.base, Path(folder))
            self._configs[name] = config
            self._origins[name] = origin

    def folder(self, name: str) -> Path:
        """Where an adapter lies on disk; one that a hub has is fetched.

        Raises:
            ConfigError: there is no such name, or the adapter was never saved.
            AdapterError: it cannot be fetched.
        """
        with self._lock:
            self._check(name)
            origin = self._origins[name]
            if isinstance(origin, TrainedAdapter):
                if origin.folder is None:
                    raise ConfigError(f"adapter {name!r} is in memory alone; save it first")
                return origin.folder
            return self._folder(name)

    def names(self) -> tuple[str, ...]:
        """All names, in the order given."""
        return tuple(self._origins)

    def __contains__(self, name: str) -> bool:
        return name in self._origins

    def __len__(self) -> int:
        return len(self._origins)

    def info(self, name: str) -> AdapterInfo:
        """What is known of an adapter; it is not loaded for this.

        Raises:
            ConfigError: there is no such name.
            AdapterError: its folder cannot be read, or it has another base.
        """
        with self._lock:
            config, held = self._config(name), self._given.get(name) or self._cache.get(name)
            size = held.bytes if held else (self._folder(name) / WEIGHTS_FILE).stat().st_size
            return AdapterInfo(
                name=name,
                revision=held.source.profile.revision if held else config.weights_sha256,
                method=config.method,
                base=config.base.id,
                labels=tuple(entry.label() for entry in config.labels),
                threshold=config.threshold,
                segment=config.segment,
                bytes=size,
                loaded=held is not None,
            )

    def get(self, name: str) -> TrainedAdapter:
        """An adapter, loaded if it is not in memory.

        Raises:
            ConfigError: there is no such name.
            AdapterError: it cannot be loaded, or has another base.
        """
        return self._held(name).trained

    def source(self, name: str) -> Source:
        """What an adapter brings to a reading; errors as for :meth:`get`."""
        return self._held(name).source

    def weights(self, profile: Profile) -> Source:
        """The weights that belong to a profile; errors as for :meth:`get`.

        Raises:
            AdapterError: the adapter's files are others than when the profile was made.
        """
        assert profile.name is not None
        source = self.source(profile.name)
        if source.profile.revision != profile.revision:
            raise AdapterError(f"adapter {profile.name!r} was replaced while it was in use; read again")
        return source

    def keeps(self, name: str) -> bool:
        """Whether an adapter is in memory for as long as the library is: it was given as an object."""
        return name in self._given

    def profile(self, name: str) -> Profile:
        """How texts are read for an adapter; it is loaded the first time only. Errors as for :meth:`get`."""
        with self._lock:
            return self._profiles.get(name) or self._held(name).source.profile

    @property
    def loaded_bytes(self) -> int:
        """Bytes of the tensors of all adapters that the library holds in memory for now."""
        with self._lock:
            return sum(held.bytes for held in self._cache.values())

    @property
    def loaded(self) -> tuple[str, ...]:
        """Names of the adapters that the library holds in memory for now, the one used last at the end."""
        with self._lock:
            return tuple(self._cache)

    def _held(self, name: str) -> _Loaded:
        with self._lock:
            self._check(name)
            if name in self._given:
                return self._given[name]
            if name in self._cache:
                self._cache.move_to_end(name)
                return self._cache[name]
            trained = load_adapter(self._folder(name), self.base)
            if self.base.architecture == "bi":
                trained.adapter.drop_producers()
            held = self._wrap(name, trained)
            self._cache[name] = held
            self._make_room()
            return held

    def _wrap(self, name: str, trained: TrainedAdapter) -> _Loaded:
        if trained.base is not self.base:
            check_fit(trained.config, self.base, trained.folder or Path(name))
            raise ConfigError(
                f"adapter {name!r} is plugged into another copy of its base; load it with the library's own "
                "(load_adapter(source, base)), or give its folder"
            )
        revision = trained.config.weights_sha256 if trained.folder is not None else tensors_digest(trained)
        config = trained.config
        source = adapter_source(
            trained.adapter,
            self.base,
            name,
            revision,
            threshold=config.threshold,
            segment=config.segment,
            context=config.context,
            alone=len(self._origins) == 1,
        )
        self._configs[name], self._profiles[name] = trained.config, source.profile
        return _Loaded(trained, source, own_bytes(trained.adapter, self.base))

    def _make_room(self) -> None:
        while len(self._cache) > 1 and (len(self._cache) > self.most_adapters or self.loaded_bytes > self.most_bytes):
            self._cache.popitem(last=False)

    def _check(self, name: str) -> None:
        if name not in self._origins:
            known = ", ".join(list(self._origins)[:10]) + (", ..." if len(self._origins) > 10 else "")
            raise ConfigError(f"no adapter is called {name!r}; there are: {known or 'none'}")

    def _config(self, name: str) -> AdapterConfig:
        self._check(name)
        if name not in self._configs:
            folder = self._folder(name)
            config = AdapterConfig.read(folder)
            check_fit(config, self.base, folder)
            self._configs[name] = config
        return self._configs[name]

    def _folder(self, name: str) -> Path:
        origin = self._origins[name]
        assert not isinstance(origin, TrainedAdapter)
        folder = self._origins[name] = adapter_folder(origin)
        return folder
