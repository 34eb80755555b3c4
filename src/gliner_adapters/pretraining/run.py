"""A pretraining run: train everything, then put it into the low-rank form that ships.

encoder ──► train every part ──► project the differences to low rank ──► train the low-rank form a little further
             run/full.safetensors                                         base.json, delta.safetensors, README.md
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from gliner_adapters.documents import Label
from gliner_adapters.errors import ConfigError
from gliner_adapters.methods import Adapter, attach
from gliner_adapters.model import Base, load_base
from gliner_adapters.pretraining.data import Source, read_sources
from gliner_adapters.pretraining.loop import LoopResult, PretrainingLoop
from gliner_adapters.pretraining.recipe import Recipe
from gliner_adapters.provenance import provenance
from gliner_adapters.training.checkpoints import restore_tensors, tensors_of
from gliner_adapters.training.progress import Reporter

RUN_FOLDER = "run"


def train_full(
    base: Base, sources: list[Source], recipe: Recipe, folder: Path, *, resume: bool, reporter: Reporter
) -> Adapter:
    """Train every part, or load what an earlier call has trained."""
    adapter = attach("full", base, [Label("any")])
    weights, record = folder / "full.safetensors", folder / "full.json"
    if record.is_file() and resume:
        restore_tensors(adapter, load_file(weights))
        return adapter
    loop = PretrainingLoop(base, adapter, sources, recipe, recipe.training, folder / "full", reporter)
    result = loop.run(resume=resume)
    save_file(tensors_of(adapter), weights)
    record.write_text(json.dumps(_record(result, base), indent=2) + "\n", encoding="utf-8")
    loop.checkpoints.clear()
    return adapter


def _record(result: LoopResult, base: Base) -> dict[str, Any]:
    return {
        "steps": result.steps,
        "sentences": result.sentences,
        "curve": result.curve,
        "cost": result.cost.to_dict(),
        **provenance(base.device),
    }
