"""A look at one's own data before training: what will hurt, what to do about it, and a mended copy."""

from gliner_adapters.corpora.checking.check import check_documents
from gliner_adapters.corpora.checking.findings import CheckReport, Finding, Place, SplitCounts
from gliner_adapters.corpora.checking.mend import MendReport, mend_documents
from gliner_adapters.corpora.checking.page import check_page

__all__ = [
    "CheckReport",
    "Finding",
    "MendReport",
    "Place",
    "SplitCounts",
    "check_documents",
    "check_page",
    "mend_documents",
]
