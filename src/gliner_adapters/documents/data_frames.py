"""Documents as a table in memory: for data frames and whatever takes Arrow (extra ``[tables]``)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gliner_adapters.documents.formats.arrow_documents import Kind, arrow, batches_of, schema
from gliner_adapters.documents.formats.report import WriteReport
from gliner_adapters.documents.inputs import only_documents
from gliner_adapters.documents.types import Document
from gliner_adapters.errors import ConfigError
from gliner_adapters.extras import require

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def to_arrow(documents: Iterable[Document], kind: Kind = "entities", *, report: WriteReport | None = None) -> pa.Table:
    """Documents as an Arrow table.

    Args:
        documents: any number of documents.
        kind: ``entities`` has a row an entity, with ``document_number``, ``id`` and ``text`` of its document,
            ``start``, ``end`` (exclusive), ``label``, ``mention``, ``score`` and ``identifier``, and one row a document
            that has none, empty but for the first three. ``documents`` has a row a document, with nested columns, and
            loses nothing.
        report: receives the counts of what such a table has no place for (words, sentences and metadata of
            ``entities``).

    Raises:
        ConfigError: pyarrow is missing, or there is no such kind.
        DataError: a document cannot be expressed (half a character, metadata that are no JSON).
    """
    if kind not in ("entities", "documents"):
        raise ConfigError(f"expected the kind entities or documents, got {kind!r}")
    batches = batches_of(only_documents(documents), kind, WriteReport() if report is None else report)
    return arrow().Table.from_batches(batches, schema=schema(kind))


def to_pandas(
    documents: Iterable[Document], kind: Kind = "entities", *, report: WriteReport | None = None
) -> pd.DataFrame:
    """Documents as a data frame of pandas; ``kind`` and ``report`` are those of :func:`to_arrow`.

    Whole numbers stay whole where a document has no entities (``Int64``, with ``NA``).

    Raises:
        ConfigError: pandas or pyarrow is missing, or there is no such kind.
        DataError: a document cannot be expressed.
    """
    pandas = require("pandas", "tables")
    whole = {arrow().int64(): pandas.Int64Dtype()}
    return to_arrow(documents, kind, report=report).to_pandas(types_mapper=whole.get)
