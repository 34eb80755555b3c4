"""Checking an adapter in full."""

from __future__ import annotations

from pathlib import Path

from gliner_adapters.adapters.artifact import load_adapter
from gliner_adapters.errors import AdapterError
from gliner_adapters.model import Base


def verify_adapter(source: str | Path, base: Base | None = None) -> list[str]:
    """Check a folder in full: digest, strict load, base, and that the baked label vectors are the producers' own.

    Args:
        source: the folder, or a hub id.
        base: if it is in memory already.

    Returns:
        what was checked, a line each.

    Raises:
        AdapterError: a check failed.
    """
    trained = load_adapter(source, base)
    done = [
        f"weights match their sha256 ({trained.config.weights_sha256[:12]})",
        f"tensors load strictly into method {trained.config.method!r}",
        f"base {trained.base.id} has the fingerprint {trained.base.fingerprint[:12]}",
    ]
    saved = trained.adapter.baked
    if saved is not None and not trained.config.deployable:
        trained.adapter.bake(trained.base)
        assert trained.adapter.baked is not None
        difference = float((trained.adapter.baked - saved).abs().max())
        trained.adapter.baked = saved
        if difference > 1e-4:
            raise AdapterError(f"baked label vectors differ from their producer's by {difference:.2g}; save it anew")
        done.append(f"baked label vectors agree with their producer (largest difference {difference:.1g})")
    return done
