"""Reading text with a base and an adapter."""

from gliner_adapters.annotate.annotator import Annotator

__all__ = ["Annotator"]
