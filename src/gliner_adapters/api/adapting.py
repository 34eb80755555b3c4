"""Adapt a base to a corpus."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState

from gliner_adapters.adapters import TrainedAdapter, describe, save_adapter
from gliner_adapters.adapters.config import CONFIG_FILE
from gliner_adapters.api.files import RUN_FILE, RUN_FOLDER, packages_of, shipped_bytes
from gliner_adapters.corpora import Corpus, load_corpus, split_documents
from gliner_adapters.documents import Document
from gliner_adapters.errors import ConfigError
from gliner_adapters.evaluation import AVERAGES
from gliner_adapters.inputs import as_path, described
from gliner_adapters.locking import locked, refuse_locked
from gliner_adapters.methods import Adapter, attach
from gliner_adapters.model import Base, load_base
from gliner_adapters.provenance import provenance
from gliner_adapters.storage import write_json
from gliner_adapters.training import FeatureStore, Hook, Reporter, TrainingConfig, TrainingResult, train

#: Share of the training documents that is held out where there is no devel split.
HOLD_OUT = 0.1
#: Of fewer documents none is held out: what is chosen on one or two says nothing.
FEWEST_TO_PART = 20


def adapt(
    base: str | Base,
    corpus: str | Path | Corpus,
    method: str = "heads",
    *,
    output: str | Path,
    options: dict[str, Any] | None = None,
    config: TrainingConfig | None = None,
    limit: int | None = None,
    hold_out: float = HOLD_OUT,
    data_dir: str | Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    reporter: Reporter | None = None,
    on_evaluation: Hook | None = None,
    store: FeatureStore | None = None,
) -> TrainedAdapter:
    """Train an adapter on a corpus's training split and save it.

    The development split chooses epoch and threshold, unless it is trained on (``config.train_on``); the test split is
    not read. Without a development split, a share of the training documents is held out for that, drawn by the seed and
    stratified by type; the adapter's record says so (``trained_on["held_out"]``).

    Args:
        base: a base, or what :func:`~gliner_adapters.load_base` loads it from.
        corpus: a corpus, a registered name, or a folder of splits.
        method: the technique.
        output: the adapter's folder. Configuration, curve and cost of the run go to ``run/`` in it.
        options: hyper-parameters of the technique.
        config: hyper-parameters of training.
        limit: train on so many documents only, drawn at random by the seed from what is trained on.
        hold_out: share of the training documents to hold out where there is no devel split; 0 trains on all of them
            to the last epoch, with a threshold of 0.5 or the given one.
        data_dir: where registered corpora lie.
        resume: go on with an unfinished run in ``output``.
        overwrite: replace what is in ``output``.
        reporter: shows the progress; silent if ``None``.
        on_evaluation: called with each evaluation on devel; where it says true, the run stops there with its best
            weights (see :func:`~gliner_adapters.training.train`).
        store: word vectors that runs of this process share.

    Raises:
        ConfigError: anything that the options do not allow, or another process that trains into ``output``.
        GlinerAdaptersError: of another kind: data or a base that cannot be read, a full disk. The message says what.
    """
    config = config or TrainingConfig()
    if not isinstance(config, TrainingConfig):
        raise ConfigError(f"config: expected a TrainingConfig, got {described(config)}")
    folder = as_path(output, "the output")
    run_folder = folder / RUN_FOLDER
    corpus = corpus if isinstance(corpus, Corpus) else load_corpus(corpus, data_dir=data_dir)
    base = base if isinstance(base, Base) else load_base(base)
    config = config.on(base.device)  # what is recorded is what ran
    # With several processes each runs this function: all check before the first one writes, and all train.
    state = PartialState(cpu=base.device.type == "cpu")
    if state.is_main_process:
        refuse_locked(run_folder)
    _check_output(folder, resume=resume, overwrite=overwrite)
    if not state.is_main_process:
        reporter = None
    neighbours = bool(config.context)
    documents = corpus.documents("train", neighbours=neighbours)
    devel = corpus.documents("devel", neighbours=neighbours) if "devel" in corpus.splits else []
    held_out: dict[str, Any] | None = None
    if config.train_on == "train+devel":
        _check_joined(devel, corpus, config, on_evaluation)
        documents, devel = [*documents, *devel], []
    documents = draw(documents, limit, config.seed)
    if "devel" not in corpus.splits:
        documents, devel, held_out = _held_out(documents, hold_out, config.seed)
    torch.manual_seed(config.seed)
    adapter = attach(method, base, corpus.labels, options)
    if not adapter.trained() and not devel:
        raise ConfigError(f"method {method!r} trains nothing, and without devel there is no threshold to choose")
    state.wait_for_everyone()
    with locked(run_folder) if state.is_main_process else nullcontext():
        _check_output(folder, resume=resume, overwrite=overwrite)  # another process may have finished in between
        if overwrite and state.is_main_process:  # only now: nothing is removed for a request that cannot be met
            _clear(folder)
        state.wait_for_everyone()
        result = train(
            base,
            adapter,
            documents,
            devel,
            config,
            folder=run_folder,
            resume=resume,
            reporter=reporter,
            on_evaluation=on_evaluation,
            store=store,
        )
        trained = _trained(adapter, base, corpus, len(documents), config, result, held_out)
        if state.is_main_process:
            save_adapter(trained, folder)
            _write_run(run_folder, trained, config, result, packages_of(method, corpus))
        state.wait_for_everyone()
    return trained


def _held_out(
    documents: list[Document], share: float, seed: int
) -> tuple[list[Document], list[Document], dict[str, Any] | None]:
    """Training documents, those held out of them to choose by, and the record of it.

    Raises:
        ConfigError: the share is none.
    """
    if not 0 <= share < 1:
        raise ConfigError(f"expected a share to hold out of at least 0 and below 1, got {share!r}")
    if not share or len(documents) < FEWEST_TO_PART:
        return documents, [], None
    parts = split_documents(documents, {"train": 1 - share, "devel": share}, seed=seed)
    record = {"from": "train", "documents": len(parts["devel"]), "share": share, "seed": seed}
    return parts["train"], parts["devel"], record


def _check_joined(devel: list[Document], corpus: Corpus, config: TrainingConfig, on_evaluation: Hook | None) -> None:
    """Devel is there to be trained on, and nothing wants it for something else."""
    if not devel:
        raise ConfigError(f"train_on {config.train_on}: the corpus {corpus.name} has no devel split")
    if config.patience is not None or on_evaluation is not None:
        what = "patience" if config.patience is not None else "on_evaluation"
        raise ConfigError(f"{what} needs evaluations on devel, and train_on {config.train_on} leaves no devel for them")


def _trained(
    adapter: Adapter,
    base: Base,
    corpus: Corpus,
    documents: int,
    config: TrainingConfig,
    result: TrainingResult,
    held_out: dict[str, Any] | None,
) -> TrainedAdapter:
    """A trained adapter with what is known of it."""
    trained_on = {
        "corpus": corpus.name,
        "train_split": config.train_on,
        "documents": documents,
        "passages": result.sentences,
        "steps": result.steps,
        "seed": config.seed,
        "config": config.model_dump(exclude={"checkpoint_steps", "seed"}),
    }
    if corpus.info is not None:  # the registry's own; a user's corpus of the same name has none
        trained_on["licence"] = corpus.info.licence.name
    if held_out is not None:
        trained_on["held_out"] = held_out
    best = result.best or {}  # of a run that an older version began, without precision and recall
    metrics = {f"devel_{key}": best[key] for key in ("epoch", *AVERAGES, "threshold") if key in best}
    if result.untrained:
        metrics["devel_untrained_macro_f1"] = result.untrained["macro_f1"]
    return describe(
        adapter,
        base,
        threshold=result.threshold,
        segment=config.segment,
        context=config.context,
        trained_on=trained_on,
        metrics=metrics,
    )


def _write_run(
    run_folder: Path,
    trained: TrainedAdapter,
    config: TrainingConfig,
    result: TrainingResult,
    packages: Mapping[str, str],
) -> None:
    """Put the run on record and remove what only an unfinished one needs."""
    run = {
        "method": trained.config.method,
        "base": trained.config.base.id,
        "options": trained.config.options,
        "config": config.model_dump(),
        "curve": result.curve,
        "untrained": result.untrained,
        "training_helped": result.helped,
        "cost": result.cost.to_dict(),
        "left_out": vars(result.losses),
        "shipped_bytes": shipped_bytes(run_folder.parent),
        **provenance(trained.base.device, packages),
    }
    write_json(run_folder / RUN_FILE, run)
    _tidy(run_folder)


def _check_output(folder: Path, *, resume: bool, overwrite: bool) -> None:
    """Nothing is overwritten unless asked for."""
    if overwrite:
        if resume:
            raise ConfigError("--resume goes on with the run that --overwrite removes; give one of them")
        return
    if unfinished(folder):
        if not resume:
            raise ConfigError(f"{folder} holds an unfinished run; go on with --resume, or start anew with --overwrite")
    elif (folder / CONFIG_FILE).exists():
        raise ConfigError(f"{folder} holds an adapter already; choose another --output, or --overwrite")


def unfinished(folder: Path) -> bool:
    """Whether an adapter's folder holds a run that can go on.

    A checkpoint is removed last, so where there is one the run is unfinished even if the adapter is there.
    """
    return any((folder / RUN_FOLDER / name).exists() for name in ("checkpoint", "checkpoint.old"))


def _clear(folder: Path) -> None:
    """Remove the adapter and the run that an overwriting run replaces."""
    for name in (CONFIG_FILE, f"{RUN_FOLDER}/{RUN_FILE}"):
        (folder / name).unlink(missing_ok=True)
    _tidy(folder / RUN_FOLDER)


def _tidy(run_folder: Path) -> None:
    """Remove what only an unfinished run needs."""
    from gliner_adapters.training.checkpoints import Checkpoints

    Checkpoints(run_folder, "").clear()
    for cache in run_folder.glob("features-*.f16"):
        cache.unlink()


def draw(documents: list[Document], limit: int | None, seed: int) -> list[Document]:
    """So many documents at random, in their order; all of them if ``limit`` is ``None``.

    Smaller draws of a seed are contained in its larger ones.

    Raises:
        ConfigError: more are asked for than there are.
    """
    if limit is None:
        return documents
    if not 1 <= limit <= len(documents):
        raise ConfigError(f"--limit {limit}: there are {len(documents)} training documents")
    import numpy as np

    chosen = np.random.default_rng(seed).permutation(len(documents))[:limit]
    return [documents[i] for i in sorted(chosen.tolist())]
