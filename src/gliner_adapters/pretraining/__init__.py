"""Pretraining: a base of one's own from many corpora, shipped as its difference to a public encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gliner_adapters._lazy import lazy_attributes

if TYPE_CHECKING:
    from gliner_adapters.pretraining.recipe import Recipe, read_recipe
    from gliner_adapters.pretraining.run import Pretrained, pretrain

__all__ = ["Pretrained", "Recipe", "pretrain", "read_recipe"]

__getattr__ = lazy_attributes(
    __name__,
    {"Pretrained": "run", "Recipe": "recipe", "pretrain": "run", "read_recipe": "recipe"},
)
