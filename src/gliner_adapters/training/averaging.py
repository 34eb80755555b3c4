"""An exponential moving average of the trained weights: steadier than the last step's, at no cost in reading."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from gliner_adapters.methods import Adapter


class MovingAverage:
    """The average of an adapter's trained weights over the steps of a run.

    After step *t*, counted from 1, the average moves towards the weights by ``1 - min(decay, (1 + t) / (10 + t))``:
    early steps, which start far from where the run ends, are forgotten soon.

    Args:
        adapter: the adapter; its weights at this moment are the first average.
        decay: how much of the average a step keeps, between 0 and 1.
    """

    def __init__(self, adapter: Adapter, decay: float) -> None:
        self.decay = decay
        self.parameters: list[Tensor] = list(adapter.trained().values())
        self.averages = [parameter.detach().clone() for parameter in self.parameters]
        self._names = list(adapter.trained())

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Move towards the weights as they are after a step."""
        keep = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self.averages, self.parameters, 1 - keep)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within, the adapter holds the average; afterwards its own weights again."""
        own = [parameter.detach().clone() for parameter in self.parameters]
        self.give()
        try:
            yield
        finally:
            self._copy(own)

    def give(self) -> None:
        """Leave the average in the adapter."""
        self._copy(self.averages)

    def tensors(self) -> dict[str, Tensor]:
        """The average by the names of the parameters, on the CPU."""
        return {n: average.cpu().contiguous() for n, average in zip(self._names, self.averages, strict=True)}

    @torch.no_grad()
    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Take up an average that :meth:`tensors` gave."""
        for name, average in zip(self._names, self.averages, strict=True):
            average.copy_(tensors[name])

    @torch.no_grad()
    def _copy(self, tensors: list[Tensor]) -> None:
        for parameter, tensor in zip(self.parameters, tensors, strict=True):
            parameter.copy_(tensor)
