"""The annotator: a base with an adapter, with labels to find zero-shot, or with a library of adapters."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from gliner_adapters.adapters import TrainedAdapter, describe
from gliner_adapters.annotate.library import AdapterLibrary
from gliner_adapters.annotate.reader import Reader
from gliner_adapters.annotate.requests import Reading, Request
from gliner_adapters.documents import Document, Label, Labels, Texts, as_documents, as_labels
from gliner_adapters.errors import ConfigError
from gliner_adapters.inference import Source, single_source
from gliner_adapters.inputs import as_probability, described
from gliner_adapters.methods import attach
from gliner_adapters.model import Base
from gliner_adapters.model.base import Segment
from gliner_adapters.model.batches import MAX_PASSAGES, MAX_TOKENS
from gliner_adapters.model.passages import Losses
from gliner_adapters.model.precision import Precision
from gliner_adapters.runtimes import Runtime, check_runtime, prepare

#: Documents that are read together when annotating a stream; within them passages are batched by length.
STREAM_CHUNK = 256

NOTHING_TO_READ_WITH = "this annotator has a library of adapters: say with read() what to read with"

Adapters = AdapterLibrary | Mapping[str, str | Path | TrainedAdapter] | Sequence[str | Path | TrainedAdapter]


class Annotator:
    """Finds entities in text of any length.

    :meth:`annotate` and :meth:`stream` read with what the annotator was made with: an adapter, or a base and labels.
    :meth:`read` and :meth:`read_stream` read each document with what its request names: adapters of a library, plain
    labels, or both. An annotator is to be used by one thread at a time.

    Args:
        model: a trained adapter, or a base for zero-shot reading or for reading with many adapters.
        labels: what to look for, with a base: names, a mapping of name to description, or `Label` objects. An
            adapter brings its own labels.
        adapters: with a base, what requests may name: a library, or what one is made of.
        threshold: least probability (exceeded strictly), one or one a label; by default the adapter's, or 0.5.
        nested: report entities within entities.
        segment: read by ``"sentence"`` or by ``"window"``; by default as each adapter was trained, and plain labels as
            the base was pretrained (`Base.segment`). A request may say otherwise.
        precision: ``"fp32"`` or ``"bf16"``.
        runtime: what runs the text encoder (`docs/runtimes.md`). An adapter that :meth:`annotate` reads with has its
            own one run there too; :meth:`read` leaves adapters that change the text encoder to torch.
        label_style: with a base: let the model read a label's ``name``, ``description`` or ``name: description``.
        max_passages: passages in a batch at most.
        max_tokens: padded sub-tokens in a batch at most.

    Attributes:
        runtime, precision: as given.
        library: the adapters that requests may name.

    Raises:
        ConfigError: labels with an adapter; neither labels nor adapters with a base; an unusable threshold; options of
            :meth:`annotate` where there is nothing that it could read with; a runtime that is unknown, not installed,
            has not this precision, or cannot run the text encoder.
        AdapterError: an adapter of another base.
    """

    def __init__(
        self,
        model: TrainedAdapter | Base,
        labels: Labels | None = None,
        *,
        adapters: Adapters | None = None,
        threshold: float | Sequence[float] | None = None,
        nested: bool = False,
        segment: Segment | None = None,
        precision: Precision = "fp32",
        runtime: Runtime = "torch",
        label_style: str | None = None,
        max_passages: int = MAX_PASSAGES,
        max_tokens: int = MAX_TOKENS,
    ) -> None:
        if not isinstance(model, TrainedAdapter | Base):
            raise ConfigError(
                f"an annotator needs an adapter or a base, got {described(model)}; load one with load_adapter() or "
                "load_base()"
            )
        check_runtime(runtime, precision)
        self.runtime, self.precision = runtime, precision
        base = model if isinstance(model, Base) else model.base
        self.library = _library(adapters, base)
        self._reader = Reader(
            base,
            self.library,
            precision=precision,
            runtime=runtime,
            label_style=label_style or "name",
            max_passages=max_passages,
            max_tokens=max_tokens,
        )
        self._model: TrainedAdapter | None = None
        if isinstance(model, Base):
            if labels is None:
                if adapters is None:
                    raise ConfigError("a base without an adapter needs labels to look for")
                if threshold is not None or nested:
                    raise ConfigError("with a library, threshold and nesting are the request's")
                self._reader.prepare()
                self._reader.segment = segment
                return
            adapter = attach("zero-shot", model, as_labels(labels), {"label_style": label_style or "name"})
            trained = describe(adapter, model, threshold=0.5, segment=model.segment)
        elif labels is not None or label_style is not None:
            raise ConfigError("an adapter brings its own labels; give labels only with a base")
        elif adapters is not None:
            raise ConfigError("a library of adapters goes with a base, not with an adapter")
        else:
            trained = model
        self._model = trained
        self.threshold = _checked(trained.config.threshold if threshold is None else threshold, len(trained.labels))
        self.nested = nested
        self.segment: Segment = segment or trained.config.segment
        if isinstance(model, Base) and base.architecture == "uni":
            self._reader.prepare()
            self._reader.default_labels(trained.adapter.labels)
        else:
            self._reader.default_source(self._source(trained))

    def _source(self, trained: TrainedAdapter) -> Source:
        """What an adapter reads with when it reads alone: all of it in memory, its own text encoder in the runtime."""
        base, adapter, config = trained.base, trained.adapter, trained.config
        parts = adapter.read_alone(adapter.plug(base), base.parts)
        if parts.text_encoder is base.parts.text_encoder:
            parts = replace(parts, text_encoder=self._reader.prepare())
        else:
            parts = prepare(parts, self.runtime, self.precision)
        return single_source(
            base,
            parts,
            adapter.labels,
            adapter.label_inputs(base),
            label_style=adapter.options.label_style,
            reserve=adapter.text_overhead(),
            threshold=config.threshold,
            segment=config.segment,
            context=config.context,
        )

    @property
    def model(self) -> TrainedAdapter:
        """What :meth:`annotate` reads with.

        Raises:
            ConfigError: the annotator has a library only.
        """
        if self._model is None:
            raise ConfigError(NOTHING_TO_READ_WITH)
        return self._model

    @property
    def losses(self) -> Losses:
        """What could not be read, summed over all calls."""
        return self._reader.losses

    @property
    def labels(self) -> tuple[Label, ...]:
        """What is looked for."""
        return self.model.adapter.labels

    def annotate(self, texts: Texts) -> list[Document]:
        """Read texts or documents, or a single one; their entities are replaced by what is found.

        The result does not depend on what is read together. A uni-encoder whose input has no room for all labels of a
        zero-shot annotator reads them in groups.

        Raises:
            DataError: something that is no text.
        """
        self.model  # noqa: B018 - raises if there is none
        return [
            reading.document
            for reading in self._reader.read([self._request(document) for document in as_documents(texts)])
        ]

    def stream(self, texts: Texts, chunk: int = STREAM_CHUNK) -> Iterator[Document]:
        """Read a stream of texts or documents in bounded memory, in order; see :meth:`read_stream`.

        Args:
            texts: what to read; iterated over in another thread.
            chunk: texts that are batched together.

        Raises:
            ConfigError: a chunk of less than one text.
            DataError: something that is no text.
        """
        self.model  # noqa: B018 - raises if there is none
        with closing(self.read_stream(map(self._request, as_documents(texts)), chunk)) as stream:
            for reading in stream:
                yield reading.document

    def _request(self, document: Document) -> Request:
        """A document to be read with what the annotator was made with."""
        names = self.model.labels
        limits = self.threshold if isinstance(self.threshold, float) else dict(zip(names, self.threshold, strict=True))
        return Request(document, threshold=limits, nested=self.nested, segment=self.segment)

    def check(self, request: Request) -> None:
        """Raise what :meth:`read` would raise for what a request asks for; its text is not looked at."""
        self._reader.check(request)

    def read(self, requests: Sequence[Request]) -> list[Reading]:
        """Read documents, each with the adapters and labels that its request names.

        All requests are batched together and a text is encoded once for all that leave the text encoder alone. The
        result of a request does not depend on the others, up to float rounding.

        Raises:
            ConfigError: a request names an unknown adapter, an unusable label or threshold, or nothing to look for.
            AdapterError: an adapter cannot be loaded.
            BaseModelError: labels that do not fit into the model's input.
        """
        return self._reader.read(requests)

    def read_stream(self, requests: Iterable[Request], chunk: int = STREAM_CHUNK) -> Generator[Reading, None, None]:
        """Read a stream of requests in bounded memory, in order.

        Preparation, forward passes and decoding overlap, each in a thread, as does taking requests from their source;
        none runs far ahead of the next. Errors are raised here, and all threads end with the iterator: when it is
        exhausted, fails or is closed. Closing waits for the steps under way, the source's included.

        Args:
            requests: what to read; iterated over in another thread.
            chunk: requests that are batched together. Some four times as many are in memory at once.

        Raises:
            ConfigError: a chunk of less than one request, or a request for what the annotator does not have.
            DataError: something that is no text.
        """
        if chunk < 1:
            raise ConfigError(f"a stream is read in chunks of at least one request, got {chunk}")
        return self._reader.stream(requests, chunk)


def _library(adapters: Adapters | None, base: Base) -> AdapterLibrary:
    """The library that requests are read with."""
    if not isinstance(adapters, AdapterLibrary):
        return AdapterLibrary(adapters or {}, base)
    if adapters.base is not base:
        raise ConfigError("the library is of another base than the annotator; make both with the same one")
    return adapters


def _checked(threshold: float | Sequence[float], labels: int) -> float | list[float]:
    """A threshold that is a probability, or one for each label."""
    if not isinstance(threshold, Sequence) or isinstance(threshold, str):
        return as_probability(threshold)
    values = [as_probability(value) for value in threshold]
    if len(values) != labels:
        raise ConfigError(f"{len(values)} thresholds for {labels} labels; give one, or one for each label")
    return values
