"""The pretraining loop: steps of groups, each scored against its own labels; resumable at any step."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gliner_adapters.documents import Label
from gliner_adapters.errors import ConfigError
from gliner_adapters.methods import Adapter
from gliner_adapters.model import Base, Passage, collate, forward
from gliner_adapters.model.fingerprint import fingerprint
from gliner_adapters.model.precision import autocast
from gliner_adapters.model.tokens import LabelPrompt
from gliner_adapters.pretraining.data import Source
from gliner_adapters.pretraining.drawing import Group, draw_labels, plan_steps
from gliner_adapters.pretraining.recipe import Recipe
from gliner_adapters.training.checkpoints import Checkpoints, Progress
from gliner_adapters.training.config import TrainingConfig
from gliner_adapters.training.cost import Cost, Meter
from gliner_adapters.training.losses import span_loss, span_targets
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
        self.plan = plan_steps(sources, recipe, config.seed)
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
        for step in range(progress.step, len(self.plan)):
            set_learning_rates(optimiser, self.config, step, len(self.plan))
            loss = sum(self._backward(step, number, group) for number, group in enumerate(self.plan[step]))
            if loss != loss:
                raise ConfigError("the loss is not a number any more; lower the recipe's learning rates")
            torch.nn.utils.clip_grad_norm_(parameters, self.config.clip)
            optimiser.step()
            optimiser.zero_grad()
            progress.step += 1
            progress.loss_sum += loss
            progress.batch += 1
            if progress.step % CURVE_STEPS == 0 or progress.step == len(self.plan):
                row = {"step": progress.step, "loss": round(progress.loss_sum / progress.batch, 4)}
                progress.curve.append(row)
                self.reporter.devel = f"mean {row['loss']:.3f}  "
                progress.loss_sum, progress.batch = 0.0, 0
            self.reporter.advance(1, sum(len(group.passages) for group in self.plan[step]), loss)
            if progress.step % self.config.checkpoint_steps == 0 or progress.step == len(self.plan):
                progress.cost = vars(meter.read())
                self.checkpoints.save(progress, self.adapter, optimiser)
        self.adapter.eval()
        sentences = sum(len(group.passages) for groups in self.plan for group in groups)
        return LoopResult(progress.step, sentences, progress.curve, meter.read())

    def _backward(self, step: int, number: int, group: Group) -> float:
        """Loss and gradient of one group, weighed so that a step's groups sum to the mean over its sentences."""
        source = self.sources[group.source]
        generator = np.random.default_rng([self.config.seed, 1, step, number])
        labels = draw_labels(source, group, self.recipe.drawing, generator)
        passages = [source.passages[i] for i in group.passages]
        named = [Label(text) for text in labels.texts]
        bi = self.base.architecture == "bi"
        prompt = None if bi else self._prompt(named, passages)
        batch = collate(passages, self.base.text_tokens, prompt, self.base.config.subtoken_pooling)
        batch = batch.to(self.base.device)
        with autocast(self.base.device, self.config.precision):
            parts = self.adapter.parts(self.base.parts)
            inputs = self.base.label_inputs(named) if bi else None
            logits = forward(parts, batch, inputs, self.base.max_width, self.base.config.subtoken_pooling)
        targets, known = group_targets(source, group, passages, labels.types, self.base.max_width)
        loss = span_loss(
            logits, targets.to(logits.device), batch.lengths, self.config, known.to(logits.device).unsqueeze(1)
        )
        share = len(passages) / sum(len(g.passages) for g in self.plan[step])
        (loss * share).backward()
        return float(loss.detach()) * share

    def _prompt(self, labels: Sequence[Label], passages: Sequence[Passage]) -> LabelPrompt:
        """The labels as they stand before the text; both must fit in one input.

        Raises:
            ConfigError: they do not.
        """
        room = self.base.sub_token_budget(labels)
        longest = max(passage.ids.size for passage in passages)
        if longest > room:
            raise ConfigError(
                f"{len(labels)} labels leave room for {room} sub-tokens, and a sentence has {longest}; lower the "
                "recipe's drawing.most, drawing.description or sampling.most_tokens"
            )
        return self.base.prompt(labels)

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
        for source in self.sources:
            digest.update(source.name.encode())
            for passage, known in zip(source.passages, source.known, strict=True):
                digest.update(passage.ids.tobytes() + passage.starts.tobytes() + repr((passage.spans, known)).encode())
        return digest.hexdigest()


def group_targets(
    source: Source, group: Group, passages: Sequence[Passage], types: Sequence[int], max_width: int
) -> tuple[Tensor, Tensor]:
    """Targets ``(N, K, C)`` of a group, and which labels are known at each word, ``(N, C)`` of 0 and 1."""
    place = {label: column for column, label in enumerate(types)}
    targets = span_targets(passages, max_width, len(source.texts))[:, :, list(types)]
    rows = torch.zeros(len(passages), len(types))
    for row, index in enumerate(group.passages):
        for label in source.known[index]:
            for column in (label, *source.split.get(label, ())):  # a kind is known where its type is
                if column in place:
                    rows[row, place[column]] = 1.0
    lengths = torch.tensor([passage.words for passage in passages])
    return targets, rows.repeat_interleave(lengths, 0)
