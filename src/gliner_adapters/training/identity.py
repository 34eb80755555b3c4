"""What decides the outcome of a run, as one digest: a checkpoint of another run is told by it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

import torch

from gliner_adapters.documents import Document
from gliner_adapters.methods import Adapter
from gliner_adapters.model import Base, Passage, span_kernel
from gliner_adapters.model.fingerprint import fingerprint
from gliner_adapters.training.config import TrainingConfig


def run_key(
    base: Base,
    adapter: Adapter,
    config: TrainingConfig,
    passages: Iterable[Passage],
    documents: Iterable[Document],
) -> str:
    """sha256 over base, start of the adapter, configuration, data and what computes.

    Args:
        base: the frozen base.
        adapter: as training begins.
        config: hyper-parameters; how often work is saved does not count.
        passages: of all splits, in order.
        documents: those that they were cut from; their annotation counts.
    """
    digest = hashlib.sha256()
    settings = {
        "base": base.fingerprint,
        "start": fingerprint(adapter.trained()),
        "method": adapter.name,
        "options": adapter.options.model_dump(),
        "labels": [(label.name, label.description) for label in adapter.labels],
        "config": config.model_dump(exclude={"checkpoint_steps"}),
        "torch": torch.__version__,
        "span_kernel": span_kernel.available(),
    }
    digest.update(json.dumps(settings, sort_keys=True).encode())
    for passage in passages:
        digest.update(passage.ids.tobytes() + repr(passage.spans).encode())
        digest.update(passage.left.tobytes() + passage.right.tobytes())
    for document in documents:
        digest.update(repr([entity.key for entity in document.entities]).encode())
    return digest.hexdigest()
