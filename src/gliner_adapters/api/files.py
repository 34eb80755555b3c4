"""What the jobs leave behind: where it lies, how large it is, which packages it came from."""

from __future__ import annotations

from pathlib import Path

from gliner_adapters.adapters.config import CONFIG_FILE
from gliner_adapters.corpora import Corpus
from gliner_adapters.corpora.registry import corpus_package
from gliner_adapters.methods import package_versions

RUN_FOLDER = "run"
RUN_FILE = "run.json"


def packages_of(method: str, corpus: Corpus) -> dict[str, str]:
    """Versions of the packages that brought a method or a corpus; none for this package's own."""
    found = package_versions(method)
    plugin = corpus_package(corpus.name) if corpus.info is not None else None
    return found if plugin is None else {**found, plugin.package: plugin.version}


def shipped_bytes(folder: str | Path) -> int:
    """Size of the files that make an adapter, its card left out."""
    return sum((Path(folder) / name).stat().st_size for name in (CONFIG_FILE, "adapter_model.safetensors"))
