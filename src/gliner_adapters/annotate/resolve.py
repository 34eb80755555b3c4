"""Names to sources: what a request asks for, as tasks of the engine."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from gliner_adapters.annotate.library import AdapterLibrary
from gliner_adapters.annotate.requests import Request
from gliner_adapters.documents import Label, as_labels
from gliner_adapters.errors import ConfigError
from gliner_adapters.inference import Profile, ReadTask, Source
from gliner_adapters.inference.sources import plain_profiles
from gliner_adapters.inputs import as_probability
from gliner_adapters.model import Base

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Task:
    """What one source is to read for one request.

    Attributes:
        parts: one task of the engine; several where a uni-encoder reads plain labels in groups.
    """

    parts: tuple[ReadTask, ...]

    @property
    def labels(self) -> tuple[Label, ...]:
        """All labels, group after group."""
        return tuple(label for part in self.parts for label in part.profile.labels)

    def notes(self) -> list[str]:
        """What to tell of how the labels are read."""
        return [group_note(len(self.labels), len(self.parts))] if len(self.parts) > 1 else []


def group_note(labels: int, groups: int) -> str:
    """What to tell where a uni-encoder reads its labels in groups."""
    return f"{labels} labels do not fit into one input beside the text; they are read in {groups} groups"


class SourceResolver:
    """The sources that the requests of one plan name, each looked up once.

    Args:
        base: the base.
        library: adapters by name.
        label_style: what the model reads for plain labels.
        default: what reads for a request that names nothing, if anything.
        held: weights that are always in memory.

    Attributes:
        sources: the weights that the plan holds.
    """

    def __init__(
        self,
        base: Base,
        library: AdapterLibrary,
        label_style: str,
        default: tuple[Profile, ...] = (),
        held: Mapping[Profile, Source] | None = None,
    ) -> None:
        self.base, self.library, self.label_style, self.default = base, library, label_style, default
        self.sources: dict[Profile, Source] = dict(held or {})
        self._adapters: dict[str, Profile] = {}
        self._plain: dict[tuple[Label, ...], tuple[Profile, ...]] = {}

    def adapter(self, name: str) -> Profile:
        """An adapter's profile; the weights of a light one, and of one that is never dropped, are held as well."""
        if name not in self._adapters:
            profile = self.library.profile(name)
            if profile.light or self.library.keeps(name):
                source = self.library.source(name)
                profile = source.profile
                self.sources[profile] = source
            self._adapters[name] = profile
        return self._adapters[name]

    def plain(self, labels: tuple[Label, ...]) -> tuple[Profile, ...]:
        """The profiles of plain labels."""
        if labels not in self._plain:
            as_labels(labels)
            profiles = plain_profiles(self.base, labels, self.label_style)
            if len(profiles) > 1:
                _say_once(group_note(len(labels), len(profiles)))
            self._plain[labels] = profiles
        return self._plain[labels]


@lru_cache(maxsize=64)
def _say_once(note: str) -> None:
    logger.warning("%s", note)


def tasks_of(request: Request, resolver: SourceResolver) -> list[Task]:
    """What a request asks of each source, the adapters in their order, plain labels last.

    Raises:
        ConfigError: it asks for nothing, for an adapter twice or for an unknown one, or a threshold is unusable.
    """
    if not request.adapters and not request.labels and not resolver.default:
        raise ConfigError(f"{_name(request)} names neither adapters nor labels: nothing to look for")
    if len(set(request.adapters)) < len(request.adapters):
        raise ConfigError(f"{_name(request)} names an adapter twice: {', '.join(request.adapters)}")
    sources: list[tuple[Profile, ...]] = [(resolver.adapter(name),) for name in request.adapters]
    if request.labels:
        sources.append(resolver.plain(tuple(request.labels)))
    if not sources:
        sources.append(resolver.default)
    if isinstance(request.threshold, Mapping):
        known = {label.name for profiles in sources for profile in profiles for label in profile.labels}
        if unknown := sorted(set(request.threshold) - known):
            raise ConfigError(f"{_name(request)} has thresholds for labels that it does not ask for: {unknown}")
    return [
        Task(tuple(ReadTask(profile, limits(profile, request.threshold), request.nested) for profile in profiles))
        for profiles in sources
    ]


def limits(profile: Profile, threshold: float | Mapping[str, float] | None) -> np.ndarray:
    """``(C,)`` the probability that each label of a source must exceed.

    Raises:
        ConfigError: a threshold is no probability.
    """
    if isinstance(threshold, Mapping):
        values = [threshold.get(label.name, profile.threshold) for label in profile.labels]
    else:
        values = [profile.threshold if threshold is None else threshold] * len(profile.labels)
    return np.asarray([as_probability(value) for value in values], dtype=np.float32)


def _name(request: Request) -> str:
    """How messages call a request."""
    return "a request" if request.document.id is None else f"the request for document {request.document.id!r}"
