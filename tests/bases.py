"""The tiny bases that tests are run on; they ship with the package, for tests of methods elsewhere."""

from gliner_adapters.testing.bases import (
    HIDDEN,
    LABELS,
    MAX_WIDTH,
    PLAIN,
    RECIPES,
    TEXTS,
    Recipe,
    TinyBase,
    build_base,
    build_encoder,
    free,
)

__all__ = [
    "HIDDEN",
    "LABELS",
    "MAX_WIDTH",
    "PLAIN",
    "RECIPES",
    "TEXTS",
    "Recipe",
    "TinyBase",
    "build_base",
    "build_encoder",
    "free",
]
