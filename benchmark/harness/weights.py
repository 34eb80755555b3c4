"""The same tensors in the `gliner` library and in ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gliner import GLiNER

from gliner_adapters.adapters import load_adapter
from gliner_adapters.documents import Label
from gliner_adapters.methods import attach
from gliner_adapters.model import Base, load_base
from gliner_adapters.model.export import export_gliner


@dataclass
class Weights:
    """What every contender runs.

    Attributes:
        gliner: as the `gliner` library loads it.
        base: ours, on the very same tensors.
        folder: the GLiNER's folder.
        labels: the label axis; everyone reads the labels' names.
        threshold: least probability.
    """

    gliner: Any
    base: Base
    folder: Path
    labels: tuple[Label, ...]
    threshold: float

    @property
    def names(self) -> list[str]:
        """What the labels are called."""
        return [label.name for label in self.labels]


def load_weights(base_name: str, adapter_name: str | None, labels: Sequence[Label], folder: Path) -> Weights:
    """Load a base, or an adapter with its base, into both libraries.

    Args:
        base_name: the base, where no adapter is given; it reads zero-shot at the threshold 0.5.
        adapter_name: an adapter that a GLiNER can hold (`full`, `heads`, `lora`), read at its own threshold.
        labels: what is looked for with the base alone.
        folder: where the GLiNER is written; the `gliner` library's own exports go there as well.
    """
    if adapter_name is not None:
        trained = load_adapter(adapter_name)
        base, adapter, threshold = trained.base, trained.adapter.unbake(), trained.config.threshold
        labels = trained.adapter.labels
    else:
        base, threshold = load_base(base_name), 0.5
        adapter = attach("zero-shot", base, labels)
    export_gliner(base, adapter.merged_parts(base.parts), folder)
    gliner = GLiNER.from_pretrained(str(folder), local_files_only=True)
    label_tokenizer = getattr(gliner.data_processor, "labels_tokenizer", None)
    tokenizer = gliner.data_processor.transformer_tokenizer
    ours = Base(gliner.model, gliner.config, tokenizer, label_tokenizer, id=base.id)
    return Weights(gliner, ours, folder, tuple(labels), threshold)
