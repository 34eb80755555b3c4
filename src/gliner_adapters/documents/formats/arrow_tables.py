"""Files that are tables of Arrow, Parquet among them; what stands in them is in :mod:`.arrow_documents`."""

from __future__ import annotations

import gzip
import shutil
import tempfile
import zlib
from abc import abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, cast

from gliner_adapters.documents.formats.arrow_documents import Kind, arrow, batches_of, documents_of, schema
from gliner_adapters.documents.formats.base import Format, ReadOptions, WriteOptions
from gliner_adapters.documents.formats.report import ReadReport, WriteReport
from gliner_adapters.documents.types import Document
from gliner_adapters.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa


class ArrowTable(Format):
    """A format whose files are tables; a subclass says how batches stand in a file."""

    kind: ClassVar[Kind]
    """What is written. Both are read."""
    takes_columns = True
    takes_tag_names = True
    needs = ("pyarrow", "tables")

    @abstractmethod
    def batches(self, stream: BinaryIO) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        """The columns of a file that can be sought in, and its rows; raises whatever pyarrow does."""

    @abstractmethod
    def writer(self, stream: BinaryIO, made: pa.Schema) -> Any:
        """What writes batches (``write_batch``, ``close``)."""

    def read(self, stream: BinaryIO, path: str, *, options: ReadOptions, report: ReadReport) -> Iterator[Document]:
        """The documents of a table, a batch at a time."""
        arrow()
        with _sought(stream, path) as source:
            try:
                table, batches = self.batches(source)
                _ = table.names  # decoded here, which fails where the file is damaged
            except Exception as error:  # whatever a damaged file makes pyarrow raise
                raise DataError(f"not a readable {self.name} file: {_told(error)}", path) from None
            yield from documents_of(table, _checked(batches, path), path, options=options, report=report)

    def write(
        self, documents: Iterable[Document], stream: BinaryIO, *, options: WriteOptions, report: WriteReport
    ) -> None:
        """A table. Every entity can be expressed, so ``on_conflict`` never applies."""
        writer = self.writer(cast(BinaryIO, _Sink(stream)), schema(self.kind))
        for batch in batches_of(documents, self.kind, report):
            writer.write_batch(batch)
        writer.close()


def _checked(batches: Iterator[pa.RecordBatch], path: str) -> Iterator[pa.RecordBatch]:
    """Batches whose offsets and strings are sound: pyarrow does not look at them as it reads."""
    number = 0
    while True:
        try:
            batch = next(batches, None)
            if batch is None:
                return
            batch.validate()
        except Exception as error:  # whatever a damaged file makes pyarrow raise
            raise DataError(f"the table is damaged from here on: {_told(error)}", path, number + 1) from None
        number += len(batch)
        yield batch


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error)[:200]}"


@contextmanager
def _sought(stream: BinaryIO, path: str) -> Iterator[BinaryIO]:
    """A stream as one in which the end can be sought; what cannot (a pipe, a compressed file) goes to disk first."""
    if stream.seekable() and not isinstance(stream, gzip.GzipFile):
        yield stream
        return
    with tempfile.TemporaryFile() as held:
        try:
            shutil.copyfileobj(stream, held)
        except (OSError, EOFError, zlib.error) as error:
            raise DataError(f"cannot be read: {error}", path) from None
        held.seek(0)
        yield cast(BinaryIO, held)


class _Sink:
    """A stream that knows how much was written to it: pyarrow asks, and a pipe cannot say."""

    closed = False

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._written = 0

    def write(self, data: Any) -> int:
        """Write bytes."""
        self._stream.write(data)
        size = memoryview(data).nbytes
        self._written += size
        return size

    def tell(self) -> int:
        """Bytes written."""
        return self._written

    def flush(self) -> None:
        """Pass it on."""
        self._stream.flush()

    def close(self) -> None:
        """Leave the stream to whoever opened it."""

    def readable(self) -> bool:
        """It is for writing."""
        return False

    def writable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It goes forward only."""
        return False
