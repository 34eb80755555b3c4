"""Parts of other libraries that read with this one.

spaCy finds its component by an entry point, so that `nlp.add_pipe("gliner_adapters")` needs no import from here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gliner_adapters._lazy import lazy_attributes

_HOMES = {
    "AlignmentCounts": "spacy_spans",
    "ComponentSettings": "spacy_settings",
    "SpacyComponent": "spacy_component",
    "span_score": "spacy_spans",
}

__all__ = ["AlignmentCounts", "ComponentSettings", "SpacyComponent", "span_score"]

if TYPE_CHECKING:
    from gliner_adapters.integrations.spacy_component import SpacyComponent
    from gliner_adapters.integrations.spacy_settings import ComponentSettings
    from gliner_adapters.integrations.spacy_spans import AlignmentCounts, span_score

__getattr__ = lazy_attributes(__name__, _HOMES)
