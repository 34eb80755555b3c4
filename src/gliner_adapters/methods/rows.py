"""A vocabulary of which only the rows in use are trained.

The descriptions of a handful of labels read a few dozen of thirty thousand rows; no gradient ever reaches the others.
Handing all of them to the optimiser would move the whole table at every step (its moments, its weight decay), count
what is not trained, and save it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class RowsInUse(nn.Module):
    """An embedding table with rows of its own for some ids; the others are those of the table that it stands for.

    Args:
        table: ``(V, H)``, frozen; its memory is shared.
        ids: any shape, with repetitions; their rows are trained, in the order of the ids.
    """

    ids: Tensor
    place: Tensor
    table: Tensor

    def __init__(self, table: nn.Embedding, ids: Tensor) -> None:
        super().__init__()
        ids = torch.unique(ids)
        own = torch.full((table.num_embeddings,), -1, dtype=torch.long, device=table.weight.device)
        own[ids] = torch.arange(len(ids), device=own.device)
        # They follow from the base and the labels, so no adapter carries them.
        self.register_buffer("ids", ids, persistent=False)
        self.register_buffer("place", own, persistent=False)
        self.register_buffer("table", table.weight.detach(), persistent=False)
        self.rows = nn.Parameter(table.weight.detach()[self.ids].clone())

    @property
    def weight(self) -> Tensor:
        """The whole table ``(V, H)`` as it reads now; a new tensor."""
        whole = self.table.clone()
        whole[self.ids] = self.rows.to(whole.dtype)
        return whole

    def forward(self, input_ids: Tensor) -> Tensor:
        """Look up ``(C, T)`` ids: ``(C, T, H)``."""
        place = self.place[input_ids]
        own = nn.functional.embedding(place.clamp(min=0), self.rows)
        return torch.where((place >= 0).unsqueeze(-1), own, nn.functional.embedding(input_ids, self.table))

    @torch.no_grad()
    def follow(self, other: RowsInUse) -> None:
        """Read as another one does that was trained on other ids, whatever it has learnt about these."""
        self.table = other.weight
        self.rows.copy_(self.table[self.ids])
