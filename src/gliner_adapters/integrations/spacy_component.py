"""The component: an annotator in a spaCy pipeline."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spacy.tokens import Doc
from spacy.util import minibatch, raise_error

from gliner_adapters.documents import Document
from gliner_adapters.errors import ConfigError
from gliner_adapters.integrations import spacy_state as state
from gliner_adapters.integrations.spacy_settings import HALF, ComponentSettings
from gliner_adapters.integrations.spacy_spans import AlignmentCounts, place, register_score, write_ents, write_group

if TYPE_CHECKING:
    from gliner_adapters.adapters import TrainedAdapter
    from gliner_adapters.annotate import Annotator
    from gliner_adapters.model import Base
    from gliner_adapters.model.passages import Losses

logger = logging.getLogger(__name__)

#: Batches that wait to be read while one is.
AHEAD = 1
#: What the thread that reads is called.
READER = "gliner-adapters-spacy"

ErrorHandler = Callable[[str, Any, list[Doc], Exception], Any]


class SpacyComponent:
    """Finds entities in the texts of ``Doc`` objects with an adapter, or with a base and labels.

    The model is loaded when it is first needed, by :meth:`load`, or by spaCy when a pipeline is read from disk or
    initialised. Components of one process share a base.

    Args:
        name: of the component in its pipeline.
        settings: what reads, and what is written.
        scorer: what `nlp.evaluate` scores entities with.

    Attributes:
        name, settings, scorer: as given.
        counts: what became of the entities found, over all documents.

    Raises:
        ConfigError: settings that do not go together, labels that the adapter does not have, or an extension of spans
            whose name is taken.
        AdapterError: the adapter's folder is there and cannot be read.
    """

    def __init__(
        self, name: str, settings: ComponentSettings, *, scorer: Callable[..., dict[str, Any]] | None = None
    ) -> None:
        settings.check()
        self.name, self.settings, self.scorer = name, settings, scorer
        self.counts = AlignmentCounts()
        self._labels = tuple(label.name for label in settings.label_list())
        self._model: TrainedAdapter | Base | None = None
        self._annotator: Annotator | None = None
        self._card: str | None = None
        self._error_handler: ErrorHandler = raise_error
        self._said_left_out = False
        # An adapter that is not here may still come with the pipeline's folder, and one on the hub is not asked for
        # before it is needed.
        if settings.adapter is not None and Path(settings.adapter).is_dir():
            names = state.label_names(settings.adapter)
            settings.check_adapter(names)
            self._labels = self._labels or names
        if settings.extension is not None:
            register_score(settings.extension)

    @property
    def labels(self) -> tuple[str, ...]:
        """What is looked for; of an adapter that is not here, only known once it is loaded."""
        return self._labels

    @property
    def spans_key(self) -> str:
        """The group of ``doc.spans`` that is written."""
        return self.settings.spans_key or self.name

    @property
    def annotator(self) -> Annotator:
        """What reads; loaded if it was not.

        Raises:
            GlinerAdaptersError: as :meth:`load` does.
        """
        self.load()
        assert self._annotator is not None
        return self._annotator

    @property
    def losses(self) -> Losses:
        """What of the texts could not be read, over all documents."""
        return self.annotator.losses

    def load(self) -> None:
        """Load the adapter and its base, or the base, unless that was done.

        Raises:
            ConfigError: labels or thresholds that the adapter does not have; an unusable runtime or device.
            AdapterError: there is no such adapter, or it does not fit the base.
            BaseModelError: the base cannot be loaded.
        """
        if self._annotator is None:
            self._use(state.configured(self.settings))

    def _use(self, model: TrainedAdapter | Base) -> None:
        """Read with a model from now on."""
        from gliner_adapters.adapters import TrainedAdapter
        from gliner_adapters.annotate import Annotator

        settings = self.settings
        options: dict[str, Any] = {
            "nested": settings.nested,
            "segment": settings.segment,
            "precision": settings.precision,
            "runtime": settings.runtime,
        }
        if isinstance(model, TrainedAdapter):
            settings.check_adapter(model.labels)
            options["threshold"] = settings.thresholds(model.labels, model.config.threshold)
            names = model.labels
        else:
            names = tuple(label.name for label in settings.label_list())
            options |= {"labels": settings.labels, "label_style": settings.label_style}
            options["threshold"] = settings.thresholds(names, HALF)
        self._annotator, self._model, self._card = Annotator(model, **options), model, state.card_of(model)
        self._labels = tuple(label.name for label in settings.label_list()) or names

    def initialize(self, get_examples: Callable[[], Iterable[Any]] | None = None, *, nlp: Any = None) -> None:
        """Load the model; nothing is learnt from examples.

        Args:
            get_examples, nlp: what spaCy gives; not looked at.

        Raises:
            GlinerAdaptersError: as :meth:`load` does.
        """
        self.load()

    def __call__(self, doc: Doc) -> Doc:
        """Find the entities of one document and write them to it."""
        (found,) = self.annotator.annotate([Document(doc.text)])
        return self._write(doc, found)

    def pipe(self, stream: Iterable[Doc], *, batch_size: int | None = None) -> Iterator[Doc]:
        """Find the entities of a stream of documents.

        A batch is read in a thread of its own while the ones before and after it are with the other components, which
        all run in the thread that takes the documents, as everywhere in spaCy.

        Args:
            stream: documents.
            batch_size: how many are read together, unless the component's own ``batch_size`` is less.

        Raises:
            ConfigError: a batch of less than one document.
            GlinerAdaptersError: as :meth:`load` does. Errors of reading go to the error handler, which by default
                raises them.
        """
        size = self.settings.batch_size if batch_size is None else min(batch_size, self.settings.batch_size)
        if size < 1:
            raise ConfigError(f"batch_size: at least one document is read at a time, got {size}")
        annotator, waiting = self.annotator, deque[tuple[list[Doc], "Future[list[Document]]"]]()
        # Not the annotator's own stream: that takes its source, here all components before this one, in a thread.
        reader = ThreadPoolExecutor(1, thread_name_prefix=READER)
        try:
            for docs in minibatch(stream, size):
                documents = [Document(doc.text) for doc in docs]
                waiting.append((docs, reader.submit(annotator.annotate, documents)))
                if len(waiting) > AHEAD:
                    yield from self._take(*waiting.popleft())
            while waiting:
                yield from self._take(*waiting.popleft())
        finally:
            reader.shutdown(cancel_futures=True)

    def _take(self, docs: list[Doc], found: Future[list[Document]]) -> Iterator[Doc]:
        """A batch that was read; an error is the error handler's."""
        try:
            documents = found.result()
        except Exception as error:
            self._error_handler(self.name, self, docs, error)
            return
        for doc, document in zip(docs, documents, strict=True):
            yield self._write(doc, document)

    def _write(self, doc: Doc, found: Document) -> Doc:
        before = self.counts.left_out
        placed = place(doc, found.entities, self.settings.alignment, self.counts)
        write_group(doc, self.spans_key, placed)
        if self.settings.annotate_ents:
            write_ents(doc, placed, self.counts, overwrite=self.settings.overwrite_ents)
        if self.counts.left_out > before and not self._said_left_out:
            self._said_left_out = True
            logger.warning(
                "component %r: an entity does not lie on spaCy's tokens and is left out (alignment is %r); "
                "nlp.get_pipe(%r).counts has the number",
                self.name,
                self.settings.alignment,
                self.name,
            )
        return doc

    def score(self, examples: Iterable[Any], **options: Any) -> dict[str, Any]:
        """Score entities in ``doc.ents`` against examples; `nlp.evaluate` calls this.

        Args:
            examples: spaCy's ``Example`` objects.
            options: for the scorer.
        """
        return {} if self.scorer is None else self.scorer(examples, **options)

    def set_error_handler(self, error_handler: ErrorHandler) -> None:
        """Say what becomes of a batch that cannot be read; see `nlp.set_error_handler`."""
        self._error_handler = error_handler

    def get_error_handler(self) -> ErrorHandler:
        """What becomes of a batch that cannot be read."""
        return self._error_handler

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Write the adapter and the identity of its base to a folder; the base itself is not copied.

        Args:
            path: the folder; made if missing.
            exclude: ``"adapter"`` leaves the adapter out; it is then looked for where the config says.

        Raises:
            GlinerAdaptersError: as :meth:`load` does; no room to write.
        """
        self.load()
        assert self._model is not None
        state.write(Path(path), self.settings, self._model, self._card, with_adapter="adapter" not in exclude)

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> SpacyComponent:
        """Load what :meth:`to_disk` has written.

        An adapter, or a base, that the config names differently than when the pipeline was saved is the config's.

        Args:
            path: the folder.
            exclude: ``"adapter"`` looks for the adapter where the config says.

        Raises:
            DataError: a folder that holds something else.
            AdapterError: the adapter does not fit the base, or another lies where the config says.
            BaseModelError: the base cannot be loaded, or has other weights than when the pipeline was saved.
        """
        self._use(state.read(Path(path), self.settings, with_adapter="adapter" not in exclude))
        return self

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """The same as :meth:`to_disk`, packed.

        Args:
            exclude: as there.

        Raises:
            GlinerAdaptersError: as there.
        """
        return state.packed(lambda folder: self.to_disk(folder, exclude=exclude))

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> SpacyComponent:
        """The same as :meth:`from_disk`, from what :meth:`to_bytes` gives.

        Args:
            data: the bytes.
            exclude: as there.

        Raises:
            DataError: bytes that hold something else.
            GlinerAdaptersError: as there.
        """
        state.unpacked(data, lambda folder: self.from_disk(folder, exclude=exclude))
        return self

    def __reduce__(self) -> tuple[Callable[..., SpacyComponent], tuple[Any, ...]]:
        """A component travels to other processes with its adapter, if that is loaded, and without its counts."""
        loaded = None if self._annotator is None else self.to_bytes()
        return _restored, (self.name, asdict(self.settings), self.scorer, self._error_handler, loaded)


def _restored(
    name: str,
    settings: Mapping[str, Any],
    scorer: Callable[..., dict[str, Any]] | None,
    error_handler: ErrorHandler,
    loaded: bytes | None,
) -> SpacyComponent:
    component = SpacyComponent(name, ComponentSettings(**settings), scorer=scorer)
    component.set_error_handler(error_handler)
    return component if loaded is None else component.from_bytes(loaded)
