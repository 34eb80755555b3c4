"""The pretraining loop: steps of groups, each scored against its own labels; resumable at any step."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from gliner_adapters.errors import ConfigError
from gliner_adapters.methods import Adapter
from gliner_adapters.model import Base
from gliner_adapters.model.encode import encode_text, label_vectors
from gliner_adapters.model.fingerprint import fingerprint
from gliner_adapters.model.precision import autocast, precision_on, warn_if_slow
from gliner_adapters.model.score import score_spans
from gliner_adapters.pretraining.data import Source
from gliner_adapters.pretraining.drawing import plan_steps
from gliner_adapters.pretraining.recipe import Recipe
from gliner_adapters.pretraining.work import Work, WorkMaker, ahead, ahead_in_processes, workers_beside
from gliner_adapters.training.checkpoints import Checkpoints, Progress
from gliner_adapters.training.config import TrainingConfig
from gliner_adapters.training.cost import Cost, Meter
from gliner_adapters.training.losses import span_loss
from gliner_adapters.training.optimiser import build_optimiser, set_learning_rates
from gliner_adapters.training.progress import Reporter

#: Steps whose mean loss is one row of the curve.
CURVE_STEPS = 100


@dataclass
class LoopResult:
    """What a loop gave; the weights lie in the adapter that was passed in.

    Attributes:
        steps: optimiser steps.
        sentences: sentences seen, repetitions counted.
        curve: mean loss over each :data:`CURVE_STEPS` steps.
        cost: time and memory, over all resumptions.
    """

    steps: int
    sentences: int
    curve: list[dict[str, float]]
    cost: Cost


class PretrainingLoop:
    """Trains an adapter's parameters on many corpora.

    Args:
        base: tokenizers and limits.
        adapter: what is trained: every part (`full`), or low-rank deltas and heads.
        sources: the corpora.
        recipe: how labels are drawn and how steps are made up.
        config: learning rates, precision and seed; the recipe's own, or those of the low-rank phase.
        folder: for the checkpoint.
        reporter: shows the progress.
    """

    def __init__(
        self,
        base: Base,
        adapter: Adapter,
        sources: Sequence[Source],
        recipe: Recipe,
        config: TrainingConfig,
        folder: Path,
        reporter: Reporter,
    ) -> None:
        self.base, self.adapter, self.sources, self.recipe = base, adapter, sources, recipe
        self.config, self.reporter = config, reporter
        self.precision = precision_on(base.device, config.precision)
        warn_if_slow(base.device, self.precision)
        self.plan = plan_steps(sources, recipe, config.seed)
        self.make_work = WorkMaker(base, sources, recipe, config.seed)
        self.checkpoints = Checkpoints(folder, self._key())

    def run(self, *, resume: bool) -> LoopResult:
        """Train to the end."""
        optimiser = build_optimiser(self.adapter, self.config)
        progress = Progress()
        torch.manual_seed(self.config.seed)
        if resume:
            progress = self.checkpoints.load(self.adapter, optimiser) or progress
        meter = Meter(Cost(**progress.cost) if progress.cost else None)
        parameters = list(self.adapter.trained().values())
        self.reporter.begin("pretraining", len(self.plan), progress.step)
        self.adapter.train()
        unread: list[Tensor] = []
        left = range(progress.step, len(self.plan))
        with closing(self._laid_out(left)) as laid_out:
            for step, works in zip(left, laid_out, strict=True):
                set_learning_rates(optimiser, self.config, step, len(self.plan))
                unread.append(sum((self.backward(work) for work in works), torch.zeros((), device=self.base.device)))
                torch.nn.utils.clip_grad_norm_(parameters, self.config.clip)
                optimiser.step()
                optimiser.zero_grad()
                progress.step += 1
                progress.batch += 1
                last = progress.step == len(self.plan)
                in_curve = progress.step % CURVE_STEPS == 0 or last
                in_checkpoint = progress.step % self.config.checkpoint_steps == 0 and not last
                if len(unread) >= self.read_every or in_curve or in_checkpoint:
                    self._read_losses(progress, unread)
                    unread = []
                if in_curve:
                    row = {"step": progress.step, "loss": round(progress.loss_sum / progress.batch, 4)}
                    progress.curve.append(row)
                    self.reporter.devel = f"mean {row['loss']:.3f}  "
                    progress.loss_sum, progress.batch = 0.0, 0
                if in_checkpoint:
                    progress.cost = vars(meter.read())
                    self.checkpoints.save(progress, self.adapter, optimiser)
        self.adapter.eval()
        sentences = sum(group.sentences(self.sources) for groups in self.plan for group in groups)
        return LoopResult(progress.step, sentences, progress.curve, meter.read())

    @property
    def read_every(self) -> int:
        """Steps between looks at the loss: to look at it makes a GPU and whoever feeds it wait for each other."""
        return 1 if self.base.device.type == "cpu" else 20

    def _read_losses(self, progress: Progress, unread: list[Tensor]) -> None:
        """Count the losses of the last steps.

        Raises:
            ConfigError: one is not a number.
        """
        first = progress.step - len(unread)
        for number, loss in enumerate(torch.stack(unread).tolist()):
            if loss != loss:
                raise ConfigError("the loss is not a number any more; lower the recipe's learning rates")
            progress.loss_sum += loss
            self.reporter.advance(1, sum(g.sentences(self.sources) for g in self.plan[first + number]), loss)

    def _laid_out(self, steps: Sequence[int]) -> Generator[list[Work], None, None]:
        """What each step computes, on the device."""
        device = self.base.device
        if device.type == "cuda":
            for works in ahead_in_processes(self._make, steps, workers_beside()):
                yield [work.to(device) for work in works]
        else:
            yield from ahead(lambda step: [work.to(device) for work in self._make(step)], steps)

    def _make(self, step: int) -> list[Work]:
        return self.make_work(step, self.plan[step])

    def backward(self, work: Work) -> Tensor:
        """Loss and gradient of one pass, weighed so that a step's groups sum to the mean over its sentences."""
        base = self.base
        with autocast(base.device, self.precision):
            parts = self.adapter.parts(base.parts)
            encoded = encode_text(parts.text_encoder, work.batch, base.config.subtoken_pooling)
            labels = label_vectors(parts, work.labels, encoded.labels)
            # In a uni-encoder each passage has read the labels of its group for itself.
            own = [g.labels * (len(g.lengths) if base.architecture == "uni" else 1) for g in work.groups]
            words = encoded.words.split([g.words for g in work.groups])
            losses = []
            for group, of_words, of_labels in zip(work.groups, words, labels.split(own), strict=True):
                if base.architecture == "uni":
                    of_labels = of_labels.unflatten(0, (len(group.lengths), group.labels))
                logits = score_spans(parts.span_head, of_words, group.lengths, of_labels, base.max_width)
                targets = group.targets.to(logits.dtype)
                loss = span_loss(logits, targets, group.lengths, self.config, group.known, group.valid)
                losses.append(loss * group.share)
        total = torch.stack(losses).sum()
        total.backward()
        return total.detach()

    def _key(self) -> str:
        """Digest of all that decides the outcome."""
        settings = {
            "base": self.base.fingerprint,
            "start": fingerprint(self.adapter.trained()),
            "recipe": self.recipe.model_dump(mode="json", exclude={"shipping", "stages", "training"}),
            "config": self.config.model_dump(exclude={"checkpoint_steps"}),
            "torch": torch.__version__,
        }
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
        digest.update(repr(self.plan).encode())
        for source in [each for one in self.sources for each in (one, one.windows) if each is not None]:
            digest.update(source.name.encode())
            for passage, known in zip(source.passages, source.known, strict=True):
                digest.update(passage.ids.tobytes() + passage.starts.tobytes() + repr((passage.spans, known)).encode())
        return digest.hexdigest()
