"""A pretraining run, from corpora and an encoder to a base's folder.

    train every part          run/full.safetensors, run/full.json; as a GLiNER in run/main/
    ... stage by stage        run/full-1.safetensors, run/full-1.json, ...; as a GLiNER in run/trained/
    project to low rank       run/projected/
    train the low-rank form   base.json, delta.safetensors, README.md

Each stage is kept when it is done, so that a run which is killed goes on with the one it was in.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gliner_adapters.corpora.registry import corpus_info
from gliner_adapters.errors import ConfigError
from gliner_adapters.locking import locked
from gliner_adapters.model import Base, load_base
from gliner_adapters.model.devices import find_device
from gliner_adapters.model.embedded import BASE_FILE, DELTA_FILE, BaseRecord, write_delta
from gliner_adapters.model.fresh import from_encoder, marker_rows
from gliner_adapters.pretraining.card import write_card
from gliner_adapters.pretraining.counts import draw_counts, draw_window_counts
from gliner_adapters.pretraining.data import Source, read_sources
from gliner_adapters.pretraining.lowrank import left_out, project
from gliner_adapters.pretraining.recipe import Recipe, read_recipe
from gliner_adapters.pretraining.stages import train_full, train_low_rank
from gliner_adapters.training.progress import Reporter

RUN_FOLDER = "run"


@dataclass
class Pretrained:
    """What a run gave.

    Attributes:
        folder: the base, ready for `load_base`.
        record: the content of its `base.json`.
        bytes: size of its delta.
    """

    folder: Path
    record: BaseRecord
    bytes: int


def pretrain(
    recipe: str | Path | Recipe,
    output: str | Path,
    *,
    data_dir: str | Path | None = None,
    device: str | torch.device = "cpu",
    checkpoint_steps: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    reporter: Reporter | None = None,
) -> Pretrained:
    """Pretrain a base on many corpora.

    Args:
        recipe: a recipe, the name of one in the package, or its file.
        output: the base's folder. What only the run needs goes to ``run/`` in it, with the fully trained weights.
        data_dir: where corpora lie.
        device: where to compute.
        checkpoint_steps: steps between checkpoints in place of the recipe's; what comes out does not depend on it.
        resume: go on with an unfinished run in ``output``.
        overwrite: remove what is in ``output`` first.
        reporter: shows the progress; silent if ``None``.

    Raises:
        ConfigError: an unusable recipe, a folder that is taken or that another process works in, or a delta larger
            than the recipe allows.
        StorageError: there is no room; --resume goes on when there is.
    """
    recipe = recipe if isinstance(recipe, Recipe) else read_recipe(recipe)
    if checkpoint_steps is not None:
        training = recipe.training.model_copy(update={"checkpoint_steps": checkpoint_steps})
        recipe = recipe.model_copy(update={"training": training})
    folder = Path(output)
    with locked(folder):
        _check_output(folder, resume=resume, overwrite=overwrite)
        return _pretrain(recipe, folder, folder / RUN_FOLDER, data_dir, device, resume=resume, reporter=reporter)


def _pretrain(
    recipe: Recipe,
    folder: Path,
    run: Path,
    data_dir: str | Path | None,
    device: str | torch.device,
    *,
    resume: bool,
    reporter: Reporter | None,
) -> Pretrained:
    """Pretrain in a folder that nobody else works in."""
    place = find_device(device)
    with reporter or Reporter(quiet=True) as shown:
        start = plain_base(recipe).to(place)
        weights = {name: tensor.clone() for name, tensor in start.network.state_dict().items()}
        if recipe.warm_start is not None:
            warm(start, load_base(recipe.warm_start, device=device))
        sources = read_sources(recipe, start, data_dir)
        for source in sources:
            shown.say(f"{source.name}: {len(source.passages)} sentences, left out {sum(source.left_out.values())}")
        trained = train_full(start, sources, recipe, run, resume=resume, reporter=shown)
        delta = project(weights, trained, recipe.shipping, marker_rows(start), place)
        write_base(run / "projected", recipe, delta)
        _check_size(run / "projected" / DELTA_FILE, recipe)
        lost = left_out(weights, trained, delta)
        further: list[dict[str, Any]] = []
        if recipe.shipping.stages:
            delta, further = train_low_rank(weights, sources, recipe, run, device, resume=resume, reporter=shown)
        record = write_base(folder, recipe, delta)
    size = (folder / DELTA_FILE).stat().st_size
    full = ["full", *(f"full-{number}" for number in range(1, len(recipe.stages) + 1))]
    first, *later = (json.loads((run / f"{name}.json").read_text(encoding="utf-8")) for name in full)
    record.trained_on = {
        "recipe": recipe.model_dump(mode="json", exclude={"labels"}),
        "corpora": _corpora(sources, recipe),
        "full": first,
        "full_stages": later,
        "low_rank": further,
        "left_out_by_ranks": lost,
        "delta_bytes": size,
        "parameters": start.parameters,
    }
    record.write(folder)
    write_card(folder)
    return Pretrained(folder, record, size)


def plain_base(recipe: Recipe) -> Base:
    """What a recipe starts from: its encoders and fresh heads."""
    return from_encoder(
        recipe.encoder, recipe.architecture, label_encoder=recipe.label_encoder, hidden_size=recipe.hidden_size
    )


def write_base(folder: Path, recipe: Recipe, delta: dict[str, Tensor]) -> BaseRecord:
    """Write a base's folder, without its card and without what it was trained on."""
    return write_delta(
        folder,
        plain_base(recipe),
        recipe.name,
        delta,
        recipe.shipping.numbers,
        label_encoder=recipe.label_encoder,
        segment=recipe.segment,
    )


def _check_output(folder: Path, *, resume: bool, overwrite: bool) -> None:
    """Nothing is overwritten unless asked for."""
    if resume and overwrite:
        raise ConfigError("--resume goes on with the run that --overwrite removes; give one of them")
    if overwrite:
        for name in (BASE_FILE, DELTA_FILE):
            (folder / name).unlink(missing_ok=True)
        shutil.rmtree(folder / RUN_FOLDER, ignore_errors=True)
    elif not resume and ((folder / BASE_FILE).exists() or (folder / RUN_FOLDER).exists()):
        raise ConfigError(f"{folder} holds a base or an unfinished run; --resume, --overwrite or another --output")


def _check_size(path: Path, recipe: Recipe) -> None:
    """The projected form has the size of the final one, so a delta that is too large is found before it is trained."""
    size = path.stat().st_size
    if size > recipe.shipping.megabytes * 1e6:
        raise ConfigError(
            f"{path} has {size / 1e6:.1f} MB, the recipe allows {recipe.shipping.megabytes:g}; lower the ranks of its "
            "shipping and go on with --resume"
        )


@torch.no_grad()
def warm(start: Base, other: Base) -> None:
    """Copy the text encoder and the heads of another base (and its label encoder, where both have one).

    Rows that one vocabulary has beyond the other stay as they are.

    Raises:
        ConfigError: the other base has other parts.
    """
    theirs = other.network.state_dict()
    for name, tensor in start.network.state_dict().items():
        if name not in theirs:
            raise ConfigError(f"warm_start {other.id} has no {name}; its encoder and heads must be of the same kind")
        if theirs[name].shape[1:] != tensor.shape[1:]:
            raise ConfigError(
                f"warm_start {other.id}: {name} is {tuple(theirs[name].shape)}, not {tuple(tensor.shape)}"
            )
        rows = min(len(tensor), len(theirs[name])) if tensor.ndim else None
        tensor[:rows] = theirs[name][:rows]


def _corpora(sources: Sequence[Source], recipe: Recipe) -> list[dict[str, Any]]:
    """What was trained on, what was left out, and on which terms."""
    rows = []
    drawn = zip(sources, draw_counts(sources, recipe), draw_window_counts(sources, recipe), strict=True)
    for source, counts, of_windows in drawn:
        sizes = source.windows.sizes if source.windows is not None and len(of_windows) else []
        in_windows = float((of_windows * np.array(sizes)).sum()) if sizes else 0.0
        info = corpus_info(source.name)
        rows.append(
            {
                "name": info.name,
                "title": info.title,
                "licence": info.licence.name,
                "licence_note": info.licence.note,
                "citations": list(info.citations),
                "source": f"{info.source.repository}@{info.source.revision}" if info.source else None,
                "fully_annotated": info.fully_annotated,
                "sentences": len(source.passages),
                "drawn": round(float(counts.sum()) + in_windows),
                "windows": len(sizes),
                "drawn_in_windows": round(in_windows),
                "left_out": dict(source.left_out),
                "lost_mentions": dict(source.lost_mentions),
                "mentions": dict(zip((label.name for label in info.labels), source.mentions(), strict=False)),
                "kinds": {
                    info.labels[label].name: {source.texts[k].names[0]: source.mentions()[k] for k in kinds}
                    for label, kinds in source.split.items()
                },
            }
        )
    return rows
