"""The feature cache: where the text encoder is frozen, its output is computed once.

Vectors lie in one memory-mapped float16 file, passage after passage: in a uni-encoder first the C label vectors
that were read off the text, then the word vectors. An epoch then runs on the heads alone.

A file that is kept for other processes appears whole or not at all, with what it cost to make beside it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from gliner_adapters.inference import Engine, Source
from gliner_adapters.model import Encoded, Passage
from gliner_adapters.storage import map_array, write_text
from gliner_adapters.training.cost import Cost, Meter


class FeatureCache:
    """Encoded passages in a file.

    Args:
        path: the file; written anew, unless it was kept.
        engine: runs the text encoder.
        source: its text encoder is run once over each passage.
        passages: in the order by which they are asked for later.
        on_batch: called with the passages of each batch, twice: as steps and as sentences.
        keep: take the file as it is if another process has kept it, else keep it for others.

    Attributes:
        spared: what it would have cost to make the file, where it was there.
    """

    def __init__(
        self,
        path: Path,
        engine: Engine,
        source: Source,
        passages: Sequence[Passage],
        on_batch: Callable[[int, int], None] = lambda steps, sentences: None,
        *,
        keep: bool = False,
    ) -> None:
        self.device = engine.base.device
        self.labels = len(source.profile.labels) if source.profile.prompt is not None else 0
        self.lengths = [p.words for p in passages]
        rows = np.asarray([n + self.labels for n in self.lengths], dtype=np.int64)
        self.offsets = np.concatenate([[0], np.cumsum(rows)])
        shape = (max(1, int(self.offsets[-1])), engine.base.hidden_size)  # an empty file cannot be mapped
        cost = path.with_suffix(".json")
        self.spared: Cost | None = None
        if keep and path.is_file():
            self.spared = Cost(**json.loads(cost.read_text(encoding="utf-8")))
        else:
            beside = path.with_name(f"{path.name}.{os.getpid()}.part") if keep else path
            meter = Meter()
            self.rows = map_array(beside, np.float16, shape)
            self._fill(engine, source, passages, on_batch)
            if keep:
                self.rows.flush()
                write_text(cost, json.dumps(vars(meter.read())))
                beside.replace(path)
        if keep:
            self.rows = np.memmap(path, dtype=np.float16, mode="r", shape=shape)

    def _fill(
        self, engine: Engine, source: Source, passages: Sequence[Passage], on_batch: Callable[[int, int], None]
    ) -> None:
        """Run the text encoder, batch by batch."""
        for indices, encoded in engine.word_vectors(source, passages):
            words = encoded.words.half().cpu().split(encoded.lengths)
            labels = None if encoded.labels is None else encoded.labels.view(len(indices), self.labels, -1)
            for b, (index, vectors) in enumerate(zip(indices, words, strict=True)):
                start = self.offsets[index]
                if labels is not None:
                    self.rows[start : start + self.labels] = labels[b].half().cpu().numpy()
                self.rows[start + self.labels : self.offsets[index + 1]] = vectors.numpy()
            on_batch(len(indices), len(indices))

    def __call__(self, indices: Sequence[int]) -> Encoded:
        """The text encoder's output for some passages, as float32."""
        blocks = [self.rows[self.offsets[i] : self.offsets[i + 1]] for i in indices]
        words = torch.from_numpy(np.concatenate([b[self.labels :] for b in blocks]).astype(np.float32))
        labels = None
        if self.labels:
            labels = torch.from_numpy(np.stack([b[: self.labels] for b in blocks]).astype(np.float32))
            labels = labels.to(self.device)
        return Encoded(words.to(self.device), labels, [self.lengths[i] for i in indices])
