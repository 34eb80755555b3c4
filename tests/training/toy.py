"""Runs on the toy corpus that a test can kill."""

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
from gliner_adapters.documents import Document
from gliner_adapters.methods import attach
from gliner_adapters.model import load_base
from gliner_adapters.testing.toys import Stopper, quick, snapshot, tensors_equal, toy_corpus
from gliner_adapters.training import Reporter, TrainingConfig, train

__all__ = ["Stopper", "numbered", "outcome", "quick", "run_toy", "snapshot", "tensors_equal", "toy_corpus"]


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


def numbered(documents: Sequence[Document]) -> list[Document]:
    """The documents with ids, by which the scorer pairs them."""
    return [replace(document, id=str(i)) for i, document in enumerate(documents)]
