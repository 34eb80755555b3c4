"""An adapter's trained pieces with other labels: how it reads what it was not trained for."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from gliner_adapters.documents import Label
from gliner_adapters.errors import ConfigError
from gliner_adapters.methods.base import Adapter
from gliner_adapters.methods.rows import RowsInUse
from gliner_adapters.model import Base

#: Ingredients that hold numbers of single labels, and mean nothing for others.
LABEL_BOUND = ("label_table",)


@torch.no_grad()
def carry_over(adapter: Adapter, base: Base, labels: Sequence[Label]) -> Adapter:
    """A copy of an adapter that reads other labels, in whatever way the technique reads labels.

    What belongs to single labels (a table of label vectors) starts anew from the other labels; all else is as it
    was trained, the rows of a vocabulary too that the other labels share. The adapter itself stays as it is.

    Args:
        adapter: trained, and not in its deployable form.
        base: the base that it is plugged into.
        labels: what to read instead.

    Returns:
        an adapter in eval mode, not baked.

    Raises:
        ConfigError: the adapter is in its deployable form.
    """
    if adapter.deployable:
        raise ConfigError(
            "an adapter in its deployable form has lost what makes label vectors; it knows no other labels"
        )
    other = type(adapter)(base, labels, adapter.options).to(base.device)
    trained, vocabularies = adapter.trained(), _vocabularies(adapter)
    for name, parameter in other.trained().items():
        if name.split(".", 1)[0] not in LABEL_BOUND and name.rpartition(".")[0] not in vocabularies:
            parameter.copy_(trained[name])
    for name, tensor in other.fixed().items():
        tensor.copy_(adapter.fixed()[name])
    for name, rows in _vocabularies(other).items():
        rows.follow(vocabularies[name])
    return other.eval()


def _vocabularies(adapter: Adapter) -> dict[str, RowsInUse]:
    return {name: module for name, module in adapter.named_modules() if isinstance(module, RowsInUse)}
