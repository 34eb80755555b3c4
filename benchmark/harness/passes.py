"""Parts of our forward pass that a user has no verb for, and that scripts time or compare."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gliner_adapters.documents import Document, Label
from gliner_adapters.inference import Engine, single_source
from gliner_adapters.methods import Adapter
from gliner_adapters.model import Base
from gliner_adapters.model.batches import Batch
from gliner_adapters.model.parts import Parts
from gliner_adapters.model.passages import Passage, Segmenter, entities_of
from gliner_adapters.model.precision import Precision


def collator(base: Base, adapter: Adapter) -> Callable[[Sequence[Passage]], Batch]:
    """What makes a batch of passages for training an adapter."""
    engine, source = Engine(base), single_source(base, adapter.parts(base.parts), adapter.labels)
    return lambda passages: engine.lay_out(source, passages)


def read_with(
    base: Base,
    parts: Parts,
    labels: Sequence[Label],
    texts: Sequence[str],
    threshold: float,
    precision: Precision,
) -> None:
    """Read texts by window with a base some of whose parts have others in their place, and drop what is found."""
    inputs = base.label_inputs(labels) if base.architecture == "bi" else None
    source = single_source(base, parts, labels, inputs)
    documents = [Document(text) for text in texts]
    passages = Segmenter(base, labels, "window").passages(documents)
    entities_of(documents, passages, Engine(base, precision).spans(source, passages, threshold), labels)
