"""The main jobs, as functions: adapt a base to a corpus, evaluate on a split."""

from __future__ import annotations

import gliner_adapters._imports  # noqa: F401 - first, for what it imports faster

# isort: split
import json
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState

from gliner_adapters.adapters import TrainedAdapter, describe, load_adapter, save_adapter
from gliner_adapters.adapters.config import CONFIG_FILE
from gliner_adapters.annotate import Annotator
from gliner_adapters.corpora import Corpus, load_corpus, split_documents
from gliner_adapters.corpora.registry import corpus_package
from gliner_adapters.documents import Document
from gliner_adapters.errors import ConfigError
from gliner_adapters.evaluation import (
    AVERAGES,
    EvaluationReport,
    above,
    abstract_groups,
    calibrate,
    evaluate_predictions,
    keep_labels,
    mention_strings,
    score_documents,
)
from gliner_adapters.inputs import as_path, as_probability, described
from gliner_adapters.locking import locked, refuse_locked
from gliner_adapters.methods import Adapter, attach, package_versions
from gliner_adapters.model import Base, load_base
from gliner_adapters.model.base import Segment
from gliner_adapters.model.passages import Losses
from gliner_adapters.model.precision import Precision
from gliner_adapters.provenance import provenance
from gliner_adapters.storage import write_json
from gliner_adapters.training import FeatureStore, Hook, Meter, Reporter, TrainingConfig, TrainingResult, train

RUN_FOLDER = "run"
RUN_FILE = "run.json"
#: Share of the training documents that is held out where there is no devel split.
HOLD_OUT = 0.1
#: Of fewer documents none is held out: what is chosen on one or two says nothing.
FEWEST_TO_PART = 20
#: GLiNER's own threshold; scores there are reported beside those at the threshold in use.
HALF = 0.5


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


def packages_of(method: str, corpus: Corpus) -> dict[str, str]:
    """Versions of the packages that brought a method or a corpus; none for this package's own."""
    found = package_versions(method)
    plugin = corpus_package(corpus.name) if corpus.info is not None else None
    return found if plugin is None else {**found, plugin.package: plugin.version}


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


def shipped_bytes(folder: str | Path) -> int:
    """Size of the files that make an adapter, its card left out."""
    return sum((Path(folder) / name).stat().st_size for name in (CONFIG_FILE, "adapter_model.safetensors"))


@dataclass
class Evaluation:
    """What an evaluation gave.

    Attributes:
        report: the scores.
        predictions: the documents with what was found, scores included.
        record: the flat record for a result file.
        losses: what could not be read.
    """

    report: EvaluationReport
    predictions: list[Document]
    record: dict[str, Any]
    losses: Losses


def evaluate(
    model: str | Path | TrainedAdapter | Base,
    corpus: str | Path | Corpus,
    split: str = "test",
    *,
    threshold: float | None = None,
    segment: Segment | None = None,
    precision: Precision = "fp32",
    bootstrap: int = 1000,
    seed: int = 0,
    data_dir: str | Path | None = None,
) -> Evaluation:
    """Read a split and score what is found against its annotation.

    Args:
        model: an adapter, its folder, or a base (zero-shot with the corpus's labels).
        corpus: a corpus, a registered name, or a folder of splits.
        split: which one.
        threshold: by default the adapter's (0.5 for a base).
        segment: read by ``"sentence"`` or by ``"window"``; by default as the adapter was trained or the base
            pretrained (``Base.segment``).
        precision: ``"fp32"`` or ``"bf16"``.
        bootstrap: resamples for the intervals; 0 for none.
        seed: seed of the resampling.
        data_dir: where registered corpora lie.

    Raises:
        ConfigError: the corpus has labels that the adapter lacks.
    """
    corpus = corpus if isinstance(corpus, Corpus) else load_corpus(corpus, data_dir=data_dir)
    if not isinstance(model, TrainedAdapter | Base):
        model = load_adapter(model)
    labels = [label.name for label in corpus.labels]
    cut = HALF if isinstance(model, Base) else model.config.threshold
    cut = cut if threshold is None else as_probability(threshold)
    # Read once at the lower of two thresholds: what the higher one leaves is exactly what reading there would find.
    read_at = min(cut, HALF)
    if isinstance(model, Base):
        annotator = Annotator(model, corpus.labels, threshold=read_at, segment=segment, precision=precision)
    else:
        missing = sorted(set(labels) - set(model.labels))
        if missing:
            raise ConfigError(f"the adapter has no label {', '.join(missing)}; it knows {', '.join(model.labels)}")
        annotator = Annotator(model, threshold=read_at, segment=segment, precision=precision)
    gold = corpus.documents(split, neighbours=isinstance(model, TrainedAdapter) and bool(model.config.context))
    trained_on = "train" if isinstance(model, Base) else str(model.config.trained_on.get("train_split") or "train")
    seen = [document for each in trained_on.split("+") if each in corpus.splits for document in corpus.documents(each)]
    meter = Meter()
    found = annotator.annotate(gold)
    cost = meter.read()
    predictions = above(found, cut)
    report = evaluate_predictions(
        gold,
        list(keep_labels(predictions, labels)),
        labels,
        training_mentions=mention_strings(seen) if seen else None,
        groups=abstract_groups(gold),
        bootstrap=bootstrap,
        seed=seed,
    )
    record = _record(annotator, corpus, split, report, precision, len(gold) / cost.seconds)
    half = score_documents(gold, list(keep_labels(above(found, HALF), labels)), labels)
    record |= {
        "threshold": cut,
        "at_half": {"macro_f1": half.macro_f1, "micro_f1": half.micro_f1},
        "calibration": _calibration(gold, predictions, labels),
        "evaluation_seconds": round(cost.seconds, 1),
    }
    return Evaluation(report, predictions, record, annotator.losses)


def _calibration(gold: Sequence[Document], predictions: list[Document], labels: list[str]) -> dict[str, Any] | None:
    """How far scores are probabilities; ``None`` where nothing was found."""
    kept = list(keep_labels(predictions, labels))
    return calibrate(gold, kept, labels).to_dict() if any(document.entities for document in kept) else None


def _record(
    annotator: Annotator, corpus: Corpus, split: str, report: EvaluationReport, precision: str, rate: float
) -> dict[str, Any]:
    """The flat record of a result file."""
    model = annotator.model
    config = model.config
    run: dict[str, Any] = {}
    if model.folder is not None and (model.folder / RUN_FOLDER / RUN_FILE).is_file():
        run = json.loads((model.folder / RUN_FOLDER / RUN_FILE).read_text(encoding="utf-8"))
    cost = run.get("cost", {})
    return {
        "base": config.base.id,
        "architecture": config.base.architecture,
        "base_fingerprint": config.base.fingerprint,
        "method": config.method,
        "options": config.options,
        "corpus": corpus.name,
        "split": split,
        "seed": config.trained_on.get("seed"),
        "train_split": config.trained_on.get("train_split"),
        "train_passages": config.trained_on.get("passages"),
        "training": config.trained_on.get("config"),
        "trained_parameters": config.trained_parameters,
        "total_parameters": config.base.parameters,
        "shipped_bytes": shipped_bytes(model.folder) if model.folder is not None else 0,
        "adapter_sha256": config.weights_sha256 or None,
        "segment": annotator.segment,
        "precision": precision,
        "micro_f1": report.micro_f1,
        "macro_f1": report.macro_f1,
        "per_type": report.to_dict()["strict"]["per_type"],
        "report": report.to_dict(),
        "devel": config.metrics,
        "curve": run.get("curve"),
        "untrained": run.get("untrained"),
        "training_helped": run.get("training_helped"),
        "seconds": cost.get("seconds"),
        "cpu_seconds": cost.get("cpu_seconds"),
        "peak_memory_mb": cost.get("peak_memory_mb"),
        "documents_per_second": round(rate, 1),
        "training_command": run.get("command"),
        **provenance(model.base.device, packages_of(config.method, corpus)),
    }
