"""One training at a time: started, watched, gone on with, cancelled, and what comes of it put among the adapters."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

from gliner_adapters.adapters.config import CONFIG_FILE, BaseReference, LabelEntry
from gliner_adapters.annotate import Annotator
from gliner_adapters.documents import Document
from gliner_adapters.errors import ConfigError, GlinerAdaptersError
from gliner_adapters.locking import locked, refuse_locked
from gliner_adapters.methods import get_method
from gliner_adapters.server.errors import ApiError
from gliner_adapters.server.metrics import Metrics
from gliner_adapters.server.settings import Settings
from gliner_adapters.server.training.child import FAILED
from gliner_adapters.server.training.documents import ReviewedDocuments, Split
from gliner_adapters.server.training.job import ADAPTERS, DOCUMENTS, LOG, TRAINING, Beside, Job
from gliner_adapters.server.training.place import Place
from gliner_adapters.server.training.process import Child
from gliner_adapters.server.training.progress import Standing
from gliner_adapters.storage import storing

State = Literal["idle", "running", "interrupted", "failed", "finished"]
#: Of all that is drawn in a training, as in `adapt`.
SEED = 1


@dataclass(frozen=True)
class Status:
    """How things stand.

    Attributes:
        state: ``interrupted`` is what can be gone on with.
        job: what is, or was, trained; ``None`` if nothing was.
        standing: how far it is.
        scores: both adapters' (:func:`~.scores.scores_beside`), once there are some.
        documents: how many train, choose, and have no split yet.
        labels: what was reviewed for, with numbers of entities.
    """

    state: State
    job: Job | None
    standing: Standing
    scores: dict[str, Any] | None
    documents: dict[str, int]
    labels: dict[str, int]


class Trainings:
    """The folder of ``serve --train``, its documents and its one training. Safe to use from several threads.

    Adapters that were trained there before are added to the library at once.

    Args:
        folder: what is kept, and what is trained; made if it is missing.
        annotator: of the server; its base is trained on, its library gets what is trained.
        settings: the limits.
        metrics: is told how trainings end.
        allow_pickle: whether the base may be loaded from pickled weights.

    Raises:
        ConfigError: another server works in the folder, or an adapter in it is called like one of the library.
        AdapterError: an adapter in it has another base.
        DataError: the documents in it are malformed.
    """

    def __init__(
        self, folder: Path, annotator: Annotator, settings: Settings, metrics: Metrics, *, allow_pickle: bool = False
    ) -> None:
        self.folder, self.settings, self.metrics, self.allow_pickle = folder, settings, metrics, allow_pickle
        self.library, self.precision = annotator.library, annotator.precision
        self._place, self._adapters = Place(folder), folder / ADAPTERS
        self._lock = threading.RLock()
        self._held = ExitStack()
        self._child: Child | None = None
        self._closing = False
        refuse_locked(folder)
        self._documents = ReviewedDocuments(folder / DOCUMENTS, settings.max_train_documents, settings.max_train_chars)
        for path in sorted(self._adapters.glob(f"*/{CONFIG_FILE}")):
            self._offer(path.parent)
        metrics.watch_training(lambda: self._child is not None)

    def open(self) -> None:
        """Take the folder for this process alone, and put in order what a killed one left.

        Raises:
            ConfigError: another process has it.
        """
        self._held.enter_context(locked(self.folder))
        self._closing = False
        self._place.tidy()
        job = self._place.job()
        moved = job is not None and not self._place.adapter.exists() and self._trained(job.name)
        if job is not None and job.state == "running" and moved:  # killed before it could say so
            self._end(job, "finished")

    def close(self) -> None:
        """End the child, if there is one; the next server can go on with it."""
        with self._lock:
            self._closing = True
            child = self._child
        if child is not None:
            child.stop()
        self._held.close()

    # What is asked

    def status(self) -> Status:
        """How things stand."""
        with self._lock:
            job = self._place.job()
            return Status(
                self._state(job),
                job,
                self._place.standing(),
                self._place.scores(),
                self._documents.count(),
                self._documents.labels(),
            )

    def keep(
        self, documents: Sequence[Document], labels: Mapping[str, str | None], split: Split | None
    ) -> tuple[int, int]:
        """Keep what was reviewed; see :meth:`.documents.ReviewedDocuments.add`."""
        with self._lock:
            return self._documents.add(documents, labels, split)

    def forget(self) -> int:
        """Delete all that was reviewed; how many documents there were. What is being trained has its own copy."""
        with self._lock:
            return self._documents.clear()

    def start(
        self, name: str, method: str, epochs: int, labels: Sequence[str] | None, beside: str | None, by: str
    ) -> None:
        """Start a training.

        Args:
            name: what the adapter is going to be called.
            method: the technique.
            epochs: passes over the documents at most.
            labels: what it learns; by default all that was reviewed for.
            beside: the adapter to compare with; ``None`` for the base.
            by: who asks.

        Raises:
            ApiError: 404, no such adapter to compare with; 409, one runs already, or was interrupted, or the name is
                taken.
            ConfigError: the technique does not fit, or there is not enough to train on.
            StorageError: no room.
        """
        with self._lock:
            self._refuse_second()
            if name in self.library or (self._adapters / name).exists():
                raise ApiError(409, "adapter_exists", f"an adapter is called {name!r} already; choose another name")
            if beside is not None and beside not in self.library:
                raise ApiError(404, "unknown_adapter", f"no adapter is called {beside!r}; see GET /v1/adapters")
            self._check_method(method)
            parts = self._documents.parts(labels, SEED)
            job = Job(
                name=name,
                method=method,
                epochs=epochs,
                seed=SEED,
                labels=[LabelEntry(name=label.name, description=label.description) for label in parts.labels],
                beside=None
                if beside is None
                else Beside(name=beside, folder=str(self.library.folder(beside).resolve())),
                train=len(parts.train),
                devel=len(parts.devel),
                left_out=parts.left_out,
                without=list(parts.without),
                **self._here(by),
            )
            self._place.prepare(job, {"train": parts.train, "devel": parts.devel})
            self._spawn()

    def resume(self, by: str) -> None:
        """Go on with what was interrupted.

        Raises:
            ApiError: 409, nothing was, or one runs.
        """
        with self._lock:
            job = self._place.job()
            if self._child is not None:
                self._refuse_second()
            if job is None or self._state(job) != "interrupted":
                raise ApiError(409, "nothing_interrupted", "no training was interrupted; start one")
            base = self.library.base
            if job.base.fingerprint != base.fingerprint:
                message = f"this training is on the base {job.base.id}, the server has {base.id}; discard it"
                raise ApiError(409, "other_base", message)
            self._place.save(Job(**{**dict(job), **self._here(by), "message": None}))
            self._spawn()

    def cancel(self) -> None:
        """End a training, or discard one that has ended; its documents and adapters stay.

        Raises:
            ApiError: 409, there is none.
        """
        with self._lock:
            child = self._child
            if child is None:
                if self._place.job() is None:
                    raise ApiError(409, "no_training", "there is no training to cancel")
                self._place.discard()
                return
            child.cancelled = True
        child.stop()

    # How it is done

    def _here(self, by: str) -> dict[str, Any]:
        """What a job takes from this server, and who asks for it."""
        base = self.library.base
        return {
            "base": BaseReference(
                id=base.id,
                revision=base.revision,
                architecture=base.architecture,
                fingerprint=base.fingerprint,
                parameters=base.parameters,
            ),
            "device": str(base.device),
            "precision": self.precision,
            "allow_pickle": self.allow_pickle,
            "threads": self.settings.train_threads,
            "by": by,
            "since": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        }

    def _state(self, job: Job | None) -> State:
        if job is None:
            return "idle"
        if job.state == "running":
            return "interrupted" if self._child is None else "running"
        return job.state

    def _refuse_second(self) -> None:
        job = self._place.job()
        if job is None or job.state != "running":
            return
        who = f"the training of {job.name!r}, which {job.by} started at {job.since},"
        if self._child is not None:
            raise ApiError(409, "training_runs", f"{who} runs; wait for its end, or cancel it")
        raise ApiError(409, "training_interrupted", f"{who} was interrupted; go on with it, or discard it first")

    def _check_method(self, method: str) -> None:
        kind, base = get_method(method), self.library.base
        if base.architecture not in kind.architectures:
            raise ConfigError(f"the method {method!r} does not work on a {base.architecture}-encoder, as {base.id} is")
        if method == "zero-shot":
            raise ConfigError("the method 'zero-shot' trains nothing; choose another")

    def _spawn(self) -> None:
        self._child = Child(self._place.path, self.settings.train_threads, self._ended)
        self._child.watch()

    def _ended(self, ended: Child, code: int) -> None:
        """Say what came of a child."""
        with self._lock:
            self._child = None
            job = self._place.job()
            if self._closing or job is None:
                return
            if ended.cancelled:
                self._place.discard()
                self.metrics.trained("cancelled")
            elif code == 0:
                self._publish(job)
            elif code == FAILED and (error := self._place.standing().error):
                self._end(job, "failed", error)
            else:
                how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
                self._stand_still(job, f"its process {how}; {TRAINING}/{LOG} may say why")

    def _publish(self, job: Job) -> None:
        """Put a trained adapter among the others."""
        folder = self._adapters / job.name
        try:
            with storing(folder):
                self._adapters.mkdir(exist_ok=True)
                self._place.adapter.rename(folder)
            self._offer(folder)
        except GlinerAdaptersError as error:
            self._stand_still(job, str(error))
        else:
            self._end(job, "finished")

    def _trained(self, name: str) -> bool:
        return (self._adapters / name / CONFIG_FILE).exists()

    def _offer(self, folder: Path) -> None:
        try:
            self.library.add(folder.name, folder)
        except ConfigError as error:
            raise ConfigError(f"--train {self.folder}: {error}; rename {folder}") from None

    def _end(self, job: Job, state: Literal["finished", "failed"], message: str | None = None) -> None:
        self._place.save(job.model_copy(update={"state": state, "message": message}))
        self.metrics.trained(state)

    def _stand_still(self, job: Job, message: str) -> None:
        self._place.save(job.model_copy(update={"message": message}))
        self.metrics.trained("interrupted")
