"""Packages that an extra of this one brings; imported when they are needed."""

from __future__ import annotations

import importlib
from types import ModuleType

from gliner_adapters.errors import ConfigError


def require(module: str, extra: str) -> ModuleType:
    """Import an optional package.

    Args:
        module: its import name.
        extra: the extra of this package that brings it.

    Raises:
        ConfigError: it is not installed; the message says how to get it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ConfigError(
            f"this needs the package {module.split('.')[0]} ({error}); install it with "
            f"`pip install 'gliner-adapters[{extra}]'`"
        ) from None
