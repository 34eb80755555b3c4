"""The annotator: a base with an adapter, with labels to find zero-shot, or with a library of adapters."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from gliner_adapters.adapters import TrainedAdapter, describe
from gliner_adapters.annotate.library import AdapterLibrary
from gliner_adapters.annotate.reader import Reader, add_losses
from gliner_adapters.annotate.requests import Reading, Request
from gliner_adapters.documents import Document, Label
from gliner_adapters.errors import ConfigError
from gliner_adapters.methods import attach
from gliner_adapters.model import Base
from gliner_adapters.model.passages import Losses, Segment
from gliner_adapters.model.predict import MAX_PASSAGES, MAX_TOKENS, Precision, Predictor
from gliner_adapters.runtimes import Runtime, check_runtime, prepare

#: Documents that are read together when annotating a stream; within them passages are batched by length.
STREAM_CHUNK = 256

NOTHING_TO_READ_WITH = "this annotator has a library of adapters: say with read() what to read with"

Adapters = AdapterLibrary | Mapping[str, str | Path | TrainedAdapter] | Sequence[str | Path | TrainedAdapter]
Labels = Sequence[str] | Sequence[Label] | Mapping[str, str | None]


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
        segment: read by sentences or by windows; by default as the adapter was trained, or windows.
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
        self._predictor: Predictor | None = None
        if isinstance(model, Base):
            if labels is None:
                if adapters is None:
                    raise ConfigError("a base without an adapter needs labels to look for")
                if threshold is not None or nested or segment is not None:
                    raise ConfigError(
                        "with a library, threshold and nesting are the request's and segments the adapter's"
                    )
                self._reader.prepare()
                return
            adapter = attach("zero-shot", model, parse_labels(labels), {"label_style": label_style or "name"})
            model = describe(adapter, model, threshold=0.5, segment="window")
        elif labels is not None or label_style is not None:
            raise ConfigError("an adapter brings its own labels; give labels only with a base")
        elif adapters is not None:
            raise ConfigError("a library of adapters goes with a base, not with an adapter")
        self._model = model
        self.threshold = _checked(model.config.threshold if threshold is None else threshold, len(model.labels))
        self.nested = nested
        self.segment: Segment = segment or model.config.segment
        self._predictor = Predictor(
            model.base,
            prepare(model.adapter.plug(model.base), runtime, precision),
            model.adapter.labels,
            model.adapter.label_inputs(model.base),
            precision=precision,
            label_style=model.adapter.options.label_style,
            reserve=model.adapter.text_overhead(),
            max_passages=max_passages,
            max_tokens=max_tokens,
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

    def annotate(self, texts: Iterable[str | Document]) -> list[Document]:
        """Read texts or documents; their entities are replaced by what is found.

        The result does not depend on what is read together.
        """
        documents = [Document(text) if isinstance(text, str) else text for text in texts]
        if self._predictor is None:
            raise ConfigError(NOTHING_TO_READ_WITH)
        annotated, segmenter = self._predictor.annotate(
            documents, self.threshold, nested=self.nested, segment=self.segment
        )
        add_losses(self.losses, segmenter.losses)
        return annotated

    def stream(self, texts: Iterable[str | Document], chunk: int = STREAM_CHUNK) -> Iterator[Document]:
        """Read a stream of texts or documents in bounded memory, in order."""
        iterator = iter(texts)
        while block := list(islice(iterator, chunk)):
            yield from self.annotate(block)

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


def parse_labels(labels: Labels) -> list[Label]:
    """Labels from names, from a mapping of name to description, or as they are."""
    if isinstance(labels, str):
        raise ConfigError("labels must be a list of names or a mapping of name to description, not one string")
    if isinstance(labels, Mapping):
        return [Label(name, description or None) for name, description in labels.items()]
    return [label if isinstance(label, Label) else Label(label) for label in labels]


def _checked(threshold: float | Sequence[float], labels: int) -> float | list[float]:
    """A threshold that is a probability, or one for each label."""
    values = [threshold] if isinstance(threshold, (int, float)) else list(threshold)
    if any(not 0 <= value <= 1 for value in values):
        raise ConfigError(f"a threshold is a probability between 0 and 1, got {threshold}")
    if isinstance(threshold, (int, float)):
        return float(threshold)
    if len(values) != labels:
        raise ConfigError(f"{len(values)} thresholds for {labels} labels; give one, or one for each label")
    return values
