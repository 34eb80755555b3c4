"""The annotator: a base with an adapter, or with labels to find zero-shot, ready to read text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from gliner_adapters.adapters import TrainedAdapter, describe
from gliner_adapters.documents import Document, Label
from gliner_adapters.errors import ConfigError
from gliner_adapters.methods import attach
from gliner_adapters.model import Base
from gliner_adapters.model.passages import Losses, Segment
from gliner_adapters.model.predict import MAX_PASSAGES, MAX_TOKENS, Precision, Predictor

#: Documents that are read together when annotating a stream; within them passages are batched by length.
STREAM_CHUNK = 256

Labels = Sequence[str] | Sequence[Label] | Mapping[str, str | None]


class Annotator:
    """Finds entities in text of any length.

    Args:
        model: a trained adapter, or a base for zero-shot reading.
        labels: what to look for, with a base: names, a mapping of name to description, or `Label` objects. An
            adapter brings its own labels.
        threshold: least probability (exceeded strictly), one or one a label; by default the adapter's, or 0.5.
        nested: report entities within entities.
        segment: read by sentences or by windows; by default as the adapter was trained, or windows.
        precision: ``"fp32"`` or ``"bf16"``.
        label_style: with a base: let the model read a label's ``name``, ``description`` or ``name: description``.
        max_passages: passages in a batch at most.
        max_tokens: padded sub-tokens in a batch at most.

    Attributes:
        losses: what could not be read (:class:`~gliner_adapters.model.passages.Losses`), summed over all calls.

    Raises:
        ConfigError: labels with an adapter, none with a base, or an unusable threshold.
    """

    def __init__(
        self,
        model: TrainedAdapter | Base,
        labels: Labels | None = None,
        *,
        threshold: float | Sequence[float] | None = None,
        nested: bool = False,
        segment: Segment | None = None,
        precision: Precision = "fp32",
        label_style: str | None = None,
        max_passages: int = MAX_PASSAGES,
        max_tokens: int = MAX_TOKENS,
    ) -> None:
        if isinstance(model, Base):
            if labels is None:
                raise ConfigError("a base without an adapter needs labels to look for")
            style = label_style or "name"
            adapter = attach("zero-shot", model, parse_labels(labels), {"label_style": style})
            model = describe(adapter, model, threshold=0.5, segment="window")
        elif labels is not None or label_style is not None:
            raise ConfigError("an adapter brings its own labels; give labels only with a base")
        self.model = model
        self.threshold = _checked(model.config.threshold if threshold is None else threshold, len(model.labels))
        self.nested = nested
        self.segment: Segment = segment or model.config.segment
        self.losses = Losses()
        self._predictor = Predictor(
            model.base,
            model.adapter.plug(model.base),
            model.adapter.labels,
            model.adapter.label_inputs(model.base),
            precision=precision,
            label_style=model.adapter.options.label_style,
            reserve=model.adapter.text_overhead(),
            max_passages=max_passages,
            max_tokens=max_tokens,
        )

    @property
    def labels(self) -> tuple[Label, ...]:
        """What is looked for."""
        return self.model.adapter.labels

    def annotate(self, texts: Iterable[str | Document]) -> list[Document]:
        """Read texts or documents; their entities are replaced by what is found.

        The result does not depend on what is read together.
        """
        documents = [Document(text) if isinstance(text, str) else text for text in texts]
        annotated, segmenter = self._predictor.annotate(
            documents, self.threshold, nested=self.nested, segment=self.segment
        )
        for name, count in vars(segmenter.losses).items():
            setattr(self.losses, name, getattr(self.losses, name) + count)
        return annotated

    def stream(self, texts: Iterable[str | Document], chunk: int = STREAM_CHUNK) -> Iterator[Document]:
        """Read a stream of texts or documents in bounded memory, in order."""
        iterator = iter(texts)
        while block := list(islice(iterator, chunk)):
            yield from self.annotate(block)


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
