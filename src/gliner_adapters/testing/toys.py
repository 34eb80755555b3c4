"""A toy corpus that a tiny base learns by heart, short runs, and one that ends in the middle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from gliner_adapters.documents import Document, Entity
from gliner_adapters.training import Reporter, TrainingConfig

CHEMICALS = ("aspirin", "cisplatin", "naloxone", "lithium", "methotrexate")
DISEASES = ("asthma", "hepatitis", "renal failure", "tremor")
CELLS = ("HeLa", "K562", "Jurkat cells")
PATTERNS = (
    "{chemical} was given for {disease}.",
    "Patients with {disease} received {chemical}; most of them had no {chemical} before.",
    "The {cell line} line was exposed to {chemical} for 24 h.",
    "{disease} is not a disease of {cell line}, as was shown in 12 patients.",
)


def toy_corpus(sentences: int = 20) -> list[Document]:
    """So many sentences with every mention of the three labels annotated."""
    documents = []
    for number in range(sentences):
        fillers = {
            "{chemical}": CHEMICALS[number % len(CHEMICALS)],
            "{disease}": DISEASES[number % len(DISEASES)],
            "{cell line}": CELLS[number % len(CELLS)],
        }
        text, entities = PATTERNS[number % len(PATTERNS)], []
        while slots := [(text.index(slot), slot) for slot in fillers if slot in text]:
            start, slot = min(slots)
            text = text.replace(slot, fillers[slot], 1)
            entities.append(Entity(start, start + len(fillers[slot]), slot.strip("{}")))
        documents.append(Document(text, entities))
    return documents


def quick(**changes: Any) -> TrainingConfig:
    """A short run in exact arithmetic."""
    return TrainingConfig(**{"epochs": 3, "batch_size": 6, "precision": "fp32", "warmup": 0.2, **changes})


class Stopper(Reporter):
    """Ends a run from within, at a step."""

    def __init__(self, step: int) -> None:
        super().__init__(quiet=True)
        self.step = step

    def advance(self, steps: int, sentences: int, loss: float | None = None) -> None:
        """Count, and raise ``KeyboardInterrupt`` at the step."""
        super().advance(steps, sentences, loss)
        if self.what == "training" and self.done == self.step:
            raise KeyboardInterrupt


def snapshot(adapter: nn.Module) -> dict[str, Tensor]:
    """Copies of all trained tensors, by name."""
    return {name: p.detach().clone() for name, p in adapter.named_parameters() if p.requires_grad}


def tensors_equal(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    """Whether two adapters, ``one`` and the ``other``, hold the same bytes."""
    return set(one) == set(other) and all(torch.equal(one[name], other[name]) for name in one)


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread for a block, so that a tiny run is as fast as it can be and repeats itself whatever the machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
