"""Readings of several adapters as one document."""

from __future__ import annotations

from dataclasses import replace

from gliner_adapters.annotate.requests import Reading
from gliner_adapters.documents import Document


def marked(reading: Reading) -> Document:
    """The document of a reading, in which each entity says which adapter found it (``meta["adapter"]``)."""
    entities = [replace(each, meta={"adapter": found.adapter}) for found in reading.found for each in found.entities]
    return reading.document.with_entities(sorted(entities, key=lambda e: (e.start, e.end)))
