"""Parquet files, row group by row group; see :mod:`.arrow_documents`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar

from gliner_adapters.documents.formats.arrow_documents import BATCH_ROWS, Kind
from gliner_adapters.documents.formats.arrow_tables import ArrowTable
from gliner_adapters.extras import require

if TYPE_CHECKING:
    import pyarrow as pa


class Parquet(ArrowTable):
    """Reader and writer for Parquet with a row a document."""

    name = "parquet"
    endings: ClassVar[tuple[str, ...]] = (".parquet",)
    summary = "Parquet, a row a document with nested entities, lossless (extra [tables])"
    kind: ClassVar[Kind] = "documents"

    def recognises(self, head: bytes) -> bool:
        """Whether it begins as Parquet does."""
        return head.startswith(b"PAR1")

    def batches(self, stream: BinaryIO) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        """The columns, and the rows in small batches."""
        file = require("pyarrow.parquet", "tables").ParquetFile(stream, pre_buffer=False)
        return file.schema_arrow, _all_rows(file)

    def writer(self, stream: BinaryIO, made: pa.Schema) -> Any:
        """One row group a batch."""
        return require("pyarrow.parquet", "tables").ParquetWriter(stream, made, compression="zstd")


def _all_rows(file: Any) -> Iterator[pa.RecordBatch]:
    """The rows, of which there have to be as many as the file says: row groups that are damaged may give none."""
    read, there = 0, file.metadata.num_rows
    for batch in file.iter_batches(batch_size=BATCH_ROWS, use_threads=False):
        read += batch.num_rows
        yield batch
    if read != there:
        raise ValueError(f"{there} rows expected, {read} found")


FORMAT = Parquet()
