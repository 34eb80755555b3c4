"""The stages of pretraining: every part of the base, then its low-rank form. Each is kept when it is done."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from gliner_adapters.documents import Label
from gliner_adapters.errors import ConfigError
from gliner_adapters.methods import attach
from gliner_adapters.model import Base, load_base
from gliner_adapters.model.delta import unpack
from gliner_adapters.model.embedded import DELTA_FILE
from gliner_adapters.model.export import export_gliner
from gliner_adapters.pretraining.data import Source
from gliner_adapters.pretraining.loop import PretrainingLoop
from gliner_adapters.pretraining.lowrank import LowRank
from gliner_adapters.pretraining.recipe import Recipe, Stage
from gliner_adapters.provenance import provenance
from gliner_adapters.storage import write_json, write_tensors
from gliner_adapters.training.checkpoints import restore_tensors, tensors_of
from gliner_adapters.training.config import TrainingConfig
from gliner_adapters.training.progress import Reporter


def train_full(
    base: Base, sources: Sequence[Source], recipe: Recipe, run: Path, *, resume: bool, reporter: Reporter
) -> dict[str, Tensor]:
    """Train every part, stage by stage, or load what an earlier call has trained; the weights."""
    adapter = attach("full", base, [Label("any")])
    loop = PretrainingLoop(base, adapter, sources, recipe, recipe.training.config(), run / "full", reporter)
    _stage(loop, run, "full", resume)
    if recipe.stages:
        export_gliner(base, adapter.parts(base.parts), run / "main")
        base = load_base(str(run / "main"), device=base.device)
        adapter = attach("full", base, [Label("any")])
    for number, stage in enumerate(recipe.stages, 1):
        # Each stage has a seed of its own: other sentences, other wordings.
        config = recipe.training.config(seed=recipe.training.seed + number)
        loop = PretrainingLoop(base, adapter, sources, recipe.in_stage(stage), config, run / f"full-{number}", reporter)
        _stage(loop, run, f"full-{number}", resume)
    export_gliner(base, adapter.parts(base.parts), run / "trained")
    return load_file(run / "trained" / "model.safetensors")


def _stage(loop: PretrainingLoop, run: Path, name: str, resume: bool) -> None:
    """Run a stage, or load what an earlier call has made of it.

    Raises:
        ConfigError: what is there was trained with another recipe or other data.
    """
    weights, record = run / f"{name}.safetensors", run / f"{name}.json"
    if resume and record.is_file():
        if json.loads(record.read_text(encoding="utf-8"))["key"] != loop.checkpoints.key:
            raise ConfigError(f"{weights} was trained with another recipe or other data; start anew with --overwrite")
        restore_tensors(loop.adapter, load_file(weights))
        return
    result = loop.run(resume=resume)
    write_tensors(weights, tensors_of(loop.adapter))
    content = {
        "key": loop.checkpoints.key,
        "steps": result.steps,
        "sentences": result.sentences,
        "curve": result.curve,
        "cost": result.cost.to_dict(),
        **provenance(loop.base.device),
    }
    write_json(record, content)
    loop.checkpoints.clear()
    if loop.checkpoints.folder.exists():  # a run of few steps has had no checkpoint
        loop.checkpoints.folder.rmdir()


def train_low_rank(
    weights: dict[str, Tensor],
    sources: Sequence[Source],
    recipe: Recipe,
    run: Path,
    device: str | torch.device,
    *,
    resume: bool,
    reporter: Reporter,
) -> tuple[dict[str, Tensor], list[dict[str, Any]]]:
    """Train the projected form further, stage by stage; its delta and the stages' records."""
    projected = load_base(str(run / "projected"), device=device)
    stored = unpack(load_file(run / "projected" / DELTA_FILE), str(run / "projected"))
    adapter = LowRank(projected, weights, {name: tensor.to(projected.device) for name, tensor in stored.items()})
    records = []
    for number, stage in enumerate(recipe.shipping.stages, 1):
        config = low_rank_config(recipe, stage, number)
        # Named after what it is trained from: with other ranks, --resume starts the stages anew.
        name = f"low_rank-{projected.fingerprint[:8]}-{number}"
        loop = PretrainingLoop(projected, adapter, sources, recipe.in_stage(stage), config, run / name, reporter)
        _stage(loop, run, name, resume)
        records.append(json.loads((run / f"{name}.json").read_text(encoding="utf-8")))
    return adapter.delta(), records


def low_rank_config(recipe: Recipe, stage: Stage, number: int) -> TrainingConfig:
    """Hyper-parameters of a low-rank stage: the recipe's, with learning rates for what is trained there.

    Each stage has a seed of its own: other sentences, other wordings.
    """
    rates = recipe.training.learning_rates
    own = {"text_deltas": stage.learning_rate, "text_vectors": stage.learning_rate}
    if recipe.architecture == "bi":
        own |= {"label_deltas": stage.label_learning_rate, "label_vectors": stage.label_learning_rate}
    own |= {head: rates.get(head, 5e-4) / 2 for head in ("span_head", "label_head")}
    return recipe.training.config(learning_rates=own, seed=recipe.training.seed + number)
