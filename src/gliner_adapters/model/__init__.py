"""A base and its forward pass: encode, score, decode. It knows no technique."""

import gliner_adapters._imports  # noqa: F401 - first, for what it imports faster
from gliner_adapters.model.base import Architecture, Base
from gliner_adapters.model.batches import Batch, by_length, collate
from gliner_adapters.model.decode import Span, decode, greedy
from gliner_adapters.model.encode import Encoded, encode_text
from gliner_adapters.model.forward import forward
from gliner_adapters.model.loading import load_base
from gliner_adapters.model.parts import Parts
from gliner_adapters.model.passages import Passage
from gliner_adapters.model.score import score_spans, valid_spans

__all__ = [
    "Architecture",
    "Base",
    "Batch",
    "Encoded",
    "Parts",
    "Passage",
    "Span",
    "by_length",
    "collate",
    "decode",
    "encode_text",
    "forward",
    "greedy",
    "load_base",
    "score_spans",
    "valid_spans",
]
