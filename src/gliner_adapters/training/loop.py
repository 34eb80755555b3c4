"""The training loop: the same for every technique, device and number of processes.

Everything that decides the outcome is a function of the configuration, the data and the step, so the same seed
gives the same adapter, and a run that is killed at any step and resumed gives the same adapter too.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import nn

from gliner_adapters.documents import Document
from gliner_adapters.errors import ConfigError
from gliner_adapters.inference import Engine
from gliner_adapters.methods import Adapter
from gliner_adapters.model import Base
from gliner_adapters.model.precision import precision_on
from gliner_adapters.training.averaging import MovingAverage
from gliner_adapters.training.checkpoints import Checkpoints, Progress
from gliner_adapters.training.config import TrainingConfig
from gliner_adapters.training.cost import Cost, Meter
from gliner_adapters.training.devel import SWEEP_FROM, Hook, devel_scores
from gliner_adapters.training.feature_store import FeatureStore
from gliner_adapters.training.features import FeatureCache
from gliner_adapters.training.identity import run_key
from gliner_adapters.training.losses import label_weights, span_loss, span_targets
from gliner_adapters.training.module import TrainingModule, set_head_dropout
from gliner_adapters.training.optimiser import build_optimiser, set_learning_rates
from gliner_adapters.training.order import epoch_batches, share
from gliner_adapters.training.progress import Reporter
from gliner_adapters.training.reading import segmenter_of, source_of
from gliner_adapters.training.result import TrainingResult

#: The threshold of a run without devel data.
DEFAULT_THRESHOLD = 0.5


class Trainer:
    """One run. Use :func:`train`."""

    def __init__(
        self,
        base: Base,
        adapter: Adapter,
        train_documents: Sequence[Document],
        devel_documents: Sequence[Document],
        config: TrainingConfig,
        folder: Path,
        reporter: Reporter,
        on_evaluation: Hook | None = None,
        store: FeatureStore | None = None,
    ) -> None:
        config = config.on(base.device)
        self.base, self.adapter, self.config, self.folder, self.reporter = base, adapter, config, folder, reporter
        self.precision = precision_on(base.device, config.precision)
        self.on_evaluation, self.store = on_evaluation, store
        set_head_dropout(adapter, config.head_dropout)
        if base.device.type == "cuda":  # dropout's generator and the memory's meter are those of the current device
            torch.cuda.set_device(base.device)
        # Base and adapter are where they belong, which need not be where accelerate would put them.
        self.accelerator = Accelerator(cpu=base.device.type == "cpu", device_placement=False)
        segmenter = segmenter_of(base, adapter, config)
        self.passages = segmenter.passages(train_documents, gold=True)
        if not self.passages:
            raise ConfigError("no training text: the training documents hold no words")
        self.losses = segmenter.losses
        for line in self.losses.lines():
            reporter.say(f"note: {line}")
        if config.context and not any(passage.left.size or passage.right.size for passage in self.passages):
            reporter.say("note: no training text has any text around it, so that --context changes nothing")
        # Gold and predictions are paired by id; a user's documents may have none, or the same one twice.
        self.devel = [replace(document, id=str(i)) for i, document in enumerate(devel_documents)]
        self.devel_passages = segmenter_of(base, adapter, config).passages(self.devel)
        self.engine = Engine(base, self.precision, max_tokens=config.max_tokens)
        source = source_of(base, adapter, config)
        self.overhead = source.profile.reserve + (
            0 if source.profile.prompt is None else source.profile.prompt.ids.size
        )
        self.collate = partial(self.engine.lay_out, source)
        read = [*train_documents, *self.devel]
        self.checkpoints = Checkpoints(
            folder, run_key(base, adapter, config, [*self.passages, *self.devel_passages], read)
        )
        self.weights = None
        if config.loss == "balanced-focal":
            self.weights = label_weights(self.passages, len(adapter.labels)).to(base.device)
        self.average: MovingAverage | None = None
        self.features: FeatureCache | None = None
        self.devel_features: FeatureCache | None = None

    def plan(self) -> list[list[list[int]]]:
        """The batches of each epoch, as indices of passages."""
        overhead, config = self.overhead, self.config
        return [
            epoch_batches(self.passages, config.batch_size, config.max_tokens, config.seed, epoch, overhead)
            for epoch in range(config.epochs)
        ]

    def prepared(self, optimiser: torch.optim.AdamW) -> tuple[nn.Module, torch.optim.AdamW]:
        """Word vectors cached where they never change; the module and its optimiser, ready for :meth:`step`."""
        self._fill_caches()
        module, optimiser = self.accelerator.prepare(TrainingModule(self.base, self.adapter, self.precision), optimiser)
        return module, optimiser

    def run(self, *, resume: bool) -> TrainingResult:
        """Train to the end (or early stop) and leave the best weights in the adapter."""
        config, accelerator = self.config, self.accelerator
        plan = self.plan()
        steps = sum(map(len, plan))
        optimiser = build_optimiser(self.adapter, config) if self.adapter.trained() else None
        progress = Progress()
        torch.manual_seed(config.seed)
        if config.ema and optimiser is not None:
            self.average = MovingAverage(self.adapter, config.ema)
        if resume and optimiser is not None:
            progress = self.checkpoints.load(self.adapter, optimiser, self.average) or progress
        meter = Meter(Cost(**progress.cost) if progress.cost else None)
        module: nn.Module | None = None
        if optimiser is not None:
            module, optimiser = self.prepared(optimiser)
            if progress.step == 0:
                # A run costs what it would have cost alone; one that goes on has counted it before.
                for cache in (self.features, self.devel_features):
                    if cache is not None and cache.spared is not None:
                        meter.add(cache.spared)
                if self._untrained_competes() and progress.untrained is None:
                    self._evaluate_untrained(progress, meter)
            self.reporter.begin("training", steps, progress.step)
        for epoch in range(progress.epoch, config.epochs if optimiser is not None else 0):
            for indices in share(plan[epoch], accelerator.process_index, accelerator.num_processes)[progress.batch :]:
                assert optimiser is not None
                assert module is not None
                set_learning_rates(optimiser, config, progress.step, steps)
                loss = self.step(module, optimiser, indices)
                progress.step += 1
                progress.batch += 1
                if self.average is not None:
                    self.average.update(progress.step)
                progress.loss_sum += loss
                self.reporter.advance(1, len(indices) * accelerator.num_processes, loss)
                if progress.step % config.checkpoint_steps == 0:
                    self._checkpoint(progress, optimiser, meter)
            mean_loss = progress.loss_sum / max(1, len(plan[epoch]))
            progress.epoch, progress.batch, progress.loss_sum = epoch + 1, 0, 0.0
            if (epoch + 1) % config.evaluate_every == 0 or epoch + 1 == config.epochs:
                if self._evaluate(progress, mean_loss, meter):
                    break
                if config.patience is not None and progress.stale >= config.patience:
                    self.reporter.say(f"stopped early: {progress.stale} evaluations without a better one")
                    break
            self._checkpoint(progress, optimiser, meter)
        if optimiser is None:  # zero-shot: nothing to train, but a threshold to choose
            self._evaluate(progress, 0.0, meter)
        if progress.best is not None and self.adapter.trained():
            accelerator.wait_for_everyone()
            self.checkpoints.restore_best(self.adapter)
        elif self.average is not None:
            self.average.give()
        threshold = progress.best["threshold"] if progress.best else config.threshold or DEFAULT_THRESHOLD
        result = TrainingResult(
            threshold,
            progress.best,
            progress.curve,
            progress.untrained,
            progress.step,
            len(self.passages),
            meter.read(),
            self.losses,
        )
        if result.helped is False:
            self.reporter.say(
                "note: training did not help: no evaluation on devel was better than the untrained adapter's, so that "
                "is what is kept"
            )
        return result

    def step(self, module: nn.Module, optimiser: torch.optim.Optimizer, indices: list[int]) -> float:
        """One optimiser step; its loss."""
        passages = [self.passages[i] for i in indices]
        batch = self.features(indices) if self.features else self.collate(passages)
        self.adapter.train()
        logits = module(batch)
        targets = span_targets(passages, self.base.max_width, len(self.adapter.labels)).to(logits.device)
        loss = span_loss(logits, targets, batch.lengths, self.config, self.weights)
        self.accelerator.backward(loss)
        self.accelerator.clip_grad_norm_(module.parameters(), self.config.clip)
        optimiser.step()
        optimiser.zero_grad()
        value = float(loss.detach())
        if value != value:
            raise ConfigError("the loss is not a number any more; lower the learning rates (--learning-rate)")
        return value

    def _evaluate(self, progress: Progress, loss: float, meter: Meter) -> bool:
        """Score devel, choose the threshold, keep the weights if they are the best so far; whether to stop here."""
        if not self.devel:
            return False
        with nullcontext() if self.average is None else self.average.in_place():
            row = self._devel_row(progress, meter, {"loss": loss})
        progress.curve.append(row)
        return self.on_evaluation is not None and self.on_evaluation(row)

    def _untrained_competes(self) -> bool:
        """Whether the adapter can be scored as it starts: what it starts from is pretrained."""
        return bool(self.devel) and not self.base.fresh

    def _evaluate_untrained(self, progress: Progress, meter: Meter) -> None:
        """Score devel before the first step: what training has to beat."""
        progress.untrained = self._devel_row(progress, meter, {})

    def _devel_row(self, progress: Progress, meter: Meter, more: dict[str, float]) -> dict[str, Any]:
        """Score devel with the adapter as it is; the weights are kept if they are the best so far."""
        self.adapter.eval()
        self.adapter.bake(self.base)
        source = source_of(self.base, self.adapter, self.config)
        self.adapter.unbake()
        rank, world = self.accelerator.process_index, self.accelerator.num_processes
        mine = list(range(rank, len(self.devel_passages), world))
        cache = self.devel_features
        spans = self.engine.spans(
            source,
            [self.devel_passages[i] for i in mine],
            min(SWEEP_FROM, self.config.threshold or SWEEP_FROM),
            vectors=None if cache is None else lambda indices: cache([mine[i] for i in indices]),
        )
        gathered = dict(gather_object(list(zip(mine, spans, strict=True))))
        ordered = [gathered[i] for i in range(len(self.devel_passages))]
        fixed, labels = self.config.threshold, self.adapter.labels
        scores = devel_scores(self.devel, self.devel_passages, ordered, labels, threshold=fixed)
        better = progress.best is None or scores["macro_f1"] > progress.best["macro_f1"]
        row = {
            "epoch": progress.epoch,
            "step": progress.step,
            **more,
            **scores,
            "best": better,
            "seconds": round(meter.read().seconds, 1),
        }
        progress.stale = 0 if better else progress.stale + 1
        if better:
            progress.best = row
            if self.accelerator.is_main_process and self.adapter.trained():
                self.folder.mkdir(parents=True, exist_ok=True)
                self.checkpoints.save_best(self.adapter)
        self.reporter.evaluated(row)
        return row

    def _fill_caches(self) -> None:
        """Compute word vectors once where they never change."""
        if not self.config.cache_features or not self.adapter.leaves_text_alone(self.base):
            return
        source = source_of(self.base, self.adapter, self.config)
        store = self.store or FeatureStore(self.folder, f"process{self.accelerator.process_index}")
        self.reporter.begin("word vectors", len(self.passages) + len(self.devel_passages))
        self.features = store.cache(self.engine, source, self.passages, self.reporter.advance)
        self.devel_features = store.cache(self.engine, source, self.devel_passages, self.reporter.advance)

    def _checkpoint(self, progress: Progress, optimiser: Any, meter: Meter) -> None:
        if self.accelerator.is_main_process:
            progress.cost = vars(meter.read())
            self.checkpoints.save(progress, self.adapter, optimiser, self.average)


def train(
    base: Base,
    adapter: Adapter,
    train_documents: Sequence[Document],
    devel_documents: Sequence[Document] = (),
    config: TrainingConfig | None = None,
    *,
    folder: str | Path,
    resume: bool = False,
    reporter: Reporter | None = None,
    on_evaluation: Hook | None = None,
    store: FeatureStore | None = None,
) -> TrainingResult:
    """Train an adapter in place.

    Args:
        base: the frozen base.
        adapter: freshly attached, or loaded to be trained further; holds the best weights afterwards.
        train_documents: annotated with every label of the adapter.
        devel_documents: for the choice of epoch and threshold; without them the last weights and a threshold
            of 0.5 are taken, or that of the configuration.
        config: hyper-parameters.
        folder: where checkpoints and caches of the run are kept.
        resume: go on from the folder's checkpoint, if there is one.
        reporter: shows the progress.
        on_evaluation: called with each row of the curve, in every process; where it says true, the run stops there
            with its best weights.
        store: word vectors that other runs of this process have computed, and for them.

    Raises:
        ConfigError: nothing to train on, an unusable configuration, a checkpoint of another run, or an adapter in
            its deployable form.
    """
    config = config or TrainingConfig()
    adapter.unbake()
    with reporter or Reporter(quiet=True) as shown:
        trainer = Trainer(
            base, adapter, train_documents, devel_documents, config, Path(folder), shown, on_evaluation, store
        )
        return trainer.run(resume=resume)
