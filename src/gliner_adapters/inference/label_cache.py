"""Vectors of plain labels, encoded once and remembered."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor

from gliner_adapters.documents import Label
from gliner_adapters.model import Base
from gliner_adapters.model.encode import label_vectors
from gliner_adapters.model.precision import Precision, autocast
from gliner_adapters.model.tokens import label_texts

#: Label texts remembered; at D = 384 some 1.5 kB each.
MOST_LABELS = 16_384
#: Label texts that are encoded together.
BATCH = 256


class LabelCache:
    """Label texts to vectors of a bi-encoder, the most recently used ones in memory.

    Args:
        base: a bi-encoder.
        precision: of the label encoder's pass.
        most: label texts remembered at most.
    """

    def __init__(self, base: Base, precision: Precision = "fp32", most: int = MOST_LABELS) -> None:
        self.base = base
        self.precision = precision
        self.most = most
        self._vectors: OrderedDict[str, Tensor] = OrderedDict()

    def __len__(self) -> int:
        return len(self._vectors)

    @torch.inference_mode()
    def vectors(self, labels: Sequence[Label], style: str) -> Tensor:
        """``(C, D)`` vectors of labels.

        Raises:
            BaseModelError: a label text is longer than the label encoder reads.
        """
        texts = label_texts(labels, style)
        found = {text: self._vectors[text] for text in texts if text in self._vectors}
        missing = [text for text in dict.fromkeys(texts) if text not in found]
        for start in range(0, len(missing), BATCH):
            some = missing[start : start + BATCH]
            with autocast(self.base.device, self.precision):
                made = label_vectors(self.base.parts, self.base.label_inputs([Label(text) for text in some]), None)
            # A copy each: a view would keep the whole batch alive.
            found |= {text: vector.clone() for text, vector in zip(some, made, strict=True)}
        for text in texts:
            self._vectors[text] = found[text]
            self._vectors.move_to_end(text)
        while len(self._vectors) > self.most:
            self._vectors.popitem(last=False)
        return torch.stack([found[text] for text in texts])
