"""Reads with a set of parts, as tests of a pass need it."""

from gliner_adapters.testing.parts_reader import PartsReader

__all__ = ["PartsReader"]
