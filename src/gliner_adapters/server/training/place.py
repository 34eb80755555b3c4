"""The folder of one training: complete before it takes its place, out of sight before it is removed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gliner_adapters.documents import Document, write_documents
from gliner_adapters.server.training.job import ADAPTER, PROGRESS, SCORES, TRAINING, Job
from gliner_adapters.server.training.progress import Standing
from gliner_adapters.storage import storing


class Place:
    """``DIR/training``; see :mod:`.job` for what lies there.

    Args:
        folder: ``DIR``.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / TRAINING
        self._fresh, self._old = folder / f"{TRAINING}.new", folder / f"{TRAINING}.old"

    @property
    def adapter(self) -> Path:
        """Where the child puts what it trains."""
        return self.path / ADAPTER

    def job(self) -> Job | None:
        """What is, or was, trained here.

        Raises:
            ConfigError: `job.json` is not what was written here.
        """
        return Job.read(self.path) if (self.path / Job.file).is_file() else None

    def save(self, job: Job) -> None:
        """Note how a training stands."""
        job.write(self.path)

    def standing(self) -> Standing:
        """How far it is."""
        return Standing.read(self.path / PROGRESS)

    def scores(self) -> dict[str, Any] | None:
        """Both adapters' scores, once there are some."""
        try:
            scores: dict[str, Any] = json.loads((self.path / SCORES).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return scores

    def prepare(self, job: Job, documents: Mapping[str, Sequence[Document]]) -> None:
        """Put a new training in the place of what is here.

        Raises:
            StorageError: no room; what was here is whole.
        """
        shutil.rmtree(self._fresh, ignore_errors=True)
        try:
            with storing(self._fresh):
                self._fresh.mkdir(parents=True)
            for split, each in documents.items():
                write_documents(each, job.documents_file(self._fresh, split), "jsonl")
            job.write(self._fresh)
        except BaseException:
            shutil.rmtree(self._fresh, ignore_errors=True)
            raise
        self.discard()
        with storing(self.path):
            self._fresh.rename(self.path)

    def discard(self) -> None:
        """Remove what is here."""
        shutil.rmtree(self._old, ignore_errors=True)
        with storing(self.path):
            if self.path.exists():
                self.path.rename(self._old)
        shutil.rmtree(self._old, ignore_errors=True)

    def tidy(self) -> None:
        """Remove what a killed server had half prepared, or half removed."""
        for rest in (self._fresh, self._old):
            shutil.rmtree(rest, ignore_errors=True)
