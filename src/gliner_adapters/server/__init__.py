"""Reading over HTTP: one base, many adapters, many clients. Needs the extra ``server``.

Each piece is one module: :mod:`.app` puts them together, :mod:`.batching` is the queue before the one thread that
reads, :mod:`.limits` and :mod:`.security` stand before everything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gliner_adapters._lazy import lazy_attributes

_HOMES = {"Settings": "settings", "create_app": "app", "read_keys": "security", "serve": "run"}

__all__ = ["Settings", "create_app", "read_keys", "serve"]

if TYPE_CHECKING:
    from gliner_adapters.server.app import create_app
    from gliner_adapters.server.run import serve
    from gliner_adapters.server.security import read_keys
    from gliner_adapters.server.settings import Settings

__getattr__ = lazy_attributes(__name__, _HOMES)
