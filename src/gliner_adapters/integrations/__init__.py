"""Parts of other libraries that read with this one.

spaCy finds its component by an entry point, so that `nlp.add_pipe("gliner_adapters")` needs no import from here.
"""

from gliner_adapters._lazy import lazy_attributes

_HOMES = {
    "AlignmentCounts": "spacy_spans",
    "ComponentSettings": "spacy_settings",
    "SpacyComponent": "spacy_component",
    "span_score": "spacy_spans",
}

__all__ = ["AlignmentCounts", "ComponentSettings", "SpacyComponent", "span_score"]

__getattr__ = lazy_attributes(__name__, _HOMES)
