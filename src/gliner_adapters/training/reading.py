"""How a run reads: the passages that fit beside an adapter, and what reads them with the adapter as it is."""

from __future__ import annotations

from gliner_adapters.inference import Source, single_source
from gliner_adapters.methods import Adapter
from gliner_adapters.model import Base
from gliner_adapters.model.passages import Segmenter
from gliner_adapters.training.config import TrainingConfig


def segmenter_of(base: Base, adapter: Adapter, config: TrainingConfig) -> Segmenter:
    """Cuts documents to what fits beside the adapter's labels and prompts."""
    return Segmenter(
        base,
        adapter.labels,
        config.segment,
        adapter.options.label_style,
        reserve=adapter.text_overhead(),
        context=config.context,
    )


def source_of(base: Base, adapter: Adapter, config: TrainingConfig) -> Source:
    """What reads with the adapter as it is at this moment; its label vectors are those it is baked with."""
    return single_source(
        base,
        adapter.plug(base),
        adapter.labels,
        label_style=adapter.options.label_style,
        reserve=adapter.text_overhead(),
        segment=config.segment,
        context=config.context,
    )
