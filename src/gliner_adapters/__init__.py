"""Adapt GLiNER to biomedical text with small adapters, compare the techniques, annotate literature.

import gliner_adapters as ga

trained = ga.adapt("minilm-bi", "sample", method="full", output="my-adapter")
print(ga.evaluate(trained, "sample").report.macro_f1)
print(ga.Annotator(trained).annotate(["Cisplatin induced apoptosis in HeLa cells."])[0].entities)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gliner_adapters._lazy import lazy_attributes

__version__ = "0.1.0"

# What is public and where it lives. Names are imported when they are first used: `import gliner_adapters` takes
# milliseconds, and what only handles documents never loads torch.
_HOMES = {
    "AdapterConfig": "adapters",
    "AdapterLibrary": "annotate",
    "Annotator": "annotate",
    "Base": "model",
    "Corpus": "corpora",
    "Document": "documents",
    "Entity": "documents",
    "GlinerAdaptersError": "errors",
    "Label": "documents",
    "Reading": "annotate",
    "Request": "annotate",
    "TrainedAdapter": "adapters",
    "TrainingConfig": "training",
    "adapt": "api",
    "check_documents": "corpora",
    "evaluate": "api",
    "jobs": "jobs",
    "load_adapter": "adapters",
    "load_base": "model",
    "load_corpus": "corpora",
    "mend_documents": "corpora",
    "push_adapter": "adapters",
    "read_documents": "documents",
    "save_adapter": "adapters",
    "split_documents": "corpora",
    "to_arrow": "documents",
    "to_pandas": "documents",
    "user_corpus": "corpora",
    "write_documents": "documents",
}

__all__ = [
    "AdapterConfig",
    "AdapterLibrary",
    "Annotator",
    "Base",
    "Corpus",
    "Document",
    "Entity",
    "GlinerAdaptersError",
    "Label",
    "Reading",
    "Request",
    "TrainedAdapter",
    "TrainingConfig",
    "__version__",
    "adapt",
    "check_documents",
    "evaluate",
    "jobs",
    "load_adapter",
    "load_base",
    "load_corpus",
    "mend_documents",
    "push_adapter",
    "read_documents",
    "save_adapter",
    "split_documents",
    "to_arrow",
    "to_pandas",
    "user_corpus",
    "write_documents",
]

if TYPE_CHECKING:
    from gliner_adapters import jobs
    from gliner_adapters.adapters import AdapterConfig, TrainedAdapter, load_adapter, push_adapter, save_adapter
    from gliner_adapters.annotate import AdapterLibrary, Annotator, Reading, Request
    from gliner_adapters.api import adapt, evaluate
    from gliner_adapters.corpora import (
        Corpus,
        check_documents,
        load_corpus,
        mend_documents,
        split_documents,
        user_corpus,
    )
    from gliner_adapters.documents import Document, Entity, Label, read_documents, to_arrow, to_pandas, write_documents
    from gliner_adapters.errors import GlinerAdaptersError
    from gliner_adapters.model import Base, load_base
    from gliner_adapters.training import TrainingConfig

__getattr__ = lazy_attributes(__name__, _HOMES)


def __dir__() -> list[str]:
    return __all__
