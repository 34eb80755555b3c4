"""Feature caches that several runs share: where base and passages are the same, so are the word vectors.

Runs of one process share them in memory, runs of several processes through files that are kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

import torch

from gliner_adapters.inference import Engine, Source
from gliner_adapters.model import Passage
from gliner_adapters.training.features import FeatureCache


class FeatureStore:
    """Caches of one process, each filled when it is first asked for.

    Args:
        folder: where their files lie. Whoever made it removes it after the runs.
        name: part of the files' names, for processes that share a folder but not its files.
        keep: share the files with other processes, now and later.
    """

    def __init__(self, folder: Path, name: str = "shared", *, keep: bool = False) -> None:
        self.folder = folder
        self.name = name
        self.keep = keep
        self._kept: dict[str, FeatureCache] = {}

    def cache(
        self, engine: Engine, source: Source, passages: Sequence[Passage], on_batch: Callable[[int, int], None]
    ) -> FeatureCache:
        """The encoded passages.

        Args:
            engine: runs the text encoder.
            source: its text encoder is the base's own.
            passages: in the order by which they are asked for later.
            on_batch: called with the passages of each batch that is encoded, twice: as steps and as sentences.
        """
        key = _key(engine, source, passages)
        if key not in self._kept:
            path = self.folder / f"features-{self.name}-{key[:16]}.f16"
            self._kept[key] = FeatureCache(path, engine, source, passages, on_batch, keep=self.keep)
        return self._kept[key]


def _key(engine: Engine, source: Source, passages: Sequence[Passage]) -> str:
    """Digest of all that decides the vectors, to the last bit: how batches are cut is part of it."""
    versions = [version(name) for name in ("gliner-adapters", "gliner", "torch", "transformers")]
    machine = (str(engine.base.device), torch.get_num_threads(), *versions)
    limits = (engine.max_tokens, engine.max_passages)
    settings = (engine.base.fingerprint, engine.precision, limits, machine)
    digest = hashlib.sha256(repr(settings).encode())
    if source.profile.prompt is not None:
        digest.update(source.profile.prompt.ids.tobytes())
    for passage in passages:
        digest.update(b"%d %d " % (passage.left.size, passage.right.size))
        digest.update(passage.left.tobytes() + passage.right.tobytes())
        digest.update(b"%d %d " % (passage.ids.size, passage.words) + passage.ids.tobytes() + passage.starts.tobytes())
    return digest.hexdigest()
