"""A toy corpus that a tiny base learns by heart, and runs that a test can kill."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from bases import LABELS
from gliner_adapters.documents import Document, Entity
from gliner_adapters.methods import attach
from gliner_adapters.model import load_base
from gliner_adapters.training import Reporter, TrainingConfig, train

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
    """Sentences with every mention of the three labels annotated."""
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
        super().advance(steps, sentences, loss)
        if self.what == "training" and self.done == self.step:
            raise KeyboardInterrupt


class Killer(Reporter):
    """Ends its own process, as the out-of-memory killer would, at a step or at an evaluation of the run."""

    def __init__(self, step: int | None = None, evaluation: int | None = None) -> None:
        super().__init__(quiet=True)
        self.step, self.evaluation, self.evaluations = step, evaluation, 0

    def advance(self, steps: int, sentences: int, loss: float | None = None) -> None:
        super().advance(steps, sentences, loss)
        if self.what == "training" and self.done == self.step:
            os.kill(os.getpid(), signal.SIGKILL)

    def evaluated(self, row: dict[str, Any]) -> None:
        super().evaluated(row)
        if row["epoch"] == self.evaluation:
            os.kill(os.getpid(), signal.SIGKILL)


def run_toy(
    base_folder: str,
    method: str,
    config: TrainingConfig,
    folder: Path,
    kill: dict[str, int] | None = None,
    doomed_rename: int | None = None,
    competes: bool = False,
) -> None:
    """Train on the toy corpus, resuming what is in the folder, and write the adapter's tensors beside it.

    Args:
        base_folder: the tiny base.
        method: the technique.
        config: the run.
        folder: the run's folder.
        kill: where :class:`Killer` strikes.
        doomed_rename: kill the process right after this rename of a folder (counted from 1), which is in the
            middle of writing a checkpoint.
        competes: the untrained state competes, as that of a pretrained base does.
    """
    torch.set_num_threads(1)
    if doomed_rename is not None:
        _die_after_rename(doomed_rename)
    base = load_base(base_folder)
    base.fresh = not competes
    adapter = attach(method, base, LABELS)
    corpus = toy_corpus()
    reporter = Killer(**(kill or {}))
    result = train(base, adapter, corpus, corpus[:8], config, folder=folder, resume=True, reporter=reporter)
    rows = [{**row, "seconds": 0} for row in (result.untrained or {}, *result.curve)]
    (folder / "result.json").write_text(json.dumps({"untrained": rows[0], "curve": rows[1:], "steps": result.steps}))
    save_file(dict(adapter.trained()), folder.with_suffix(".safetensors"))


def outcome(processes: Any, *args: Any) -> int:
    """Run the toy in a process of its own; its exit code."""
    process = processes.Process(target=run_toy, args=args)
    process.start()
    process.join()
    return process.exitcode


def _die_after_rename(number: int) -> None:
    rename, done = Path.rename, [0]

    def doomed(path: Path, target: Any) -> Path:
        moved = rename(path, target)
        done[0] += 1
        if done[0] == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return moved

    Path.rename = doomed  # type: ignore[method-assign,assignment]


def tensors_equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    """Whether two adapters hold the same bytes."""
    return set(one) == set(other) and all(torch.equal(one[name], other[name]) for name in one)


def snapshot(adapter: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Copies of all trained tensors."""
    return {name: p.detach().clone() for name, p in adapter.named_parameters() if p.requires_grad}


def numbered(documents: Sequence[Document]) -> list[Document]:
    """The documents with ids, by which the scorer pairs them."""
    return [replace(document, id=str(i)) for i, document in enumerate(documents)]
