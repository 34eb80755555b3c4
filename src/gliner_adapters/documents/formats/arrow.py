"""Arrow files (IPC, Feather), batch by batch; see :mod:`.arrow_documents`. Arrow streams are read, too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar

from gliner_adapters.documents.formats.arrow_documents import BATCH_ROWS, Kind, arrow
from gliner_adapters.documents.formats.arrow_tables import ArrowTable
from gliner_adapters.extras import require

if TYPE_CHECKING:
    import pyarrow as pa

_FILE = b"ARROW1"
#: How a stream begins: a mark, and the length of its schema.
_STREAM = b"\xff\xff\xff\xff"


class Arrow(ArrowTable):
    """Reader and writer for Arrow files with a row a document."""

    name = "arrow"
    endings: ClassVar[tuple[str, ...]] = (".arrow", ".feather")
    summary = "Arrow (Feather), a row a document with nested entities, lossless (extra [tables])"
    kind: ClassVar[Kind] = "documents"

    def recognises(self, head: bytes) -> bool:
        """Whether it begins as an Arrow file or stream does."""
        return head.startswith((_FILE, _STREAM))

    def batches(self, stream: BinaryIO) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        """The columns, and the rows in small batches."""
        ipc = require("pyarrow.ipc", "tables")
        start = stream.read(len(_FILE))
        stream.seek(0)
        if start != _FILE:
            source = ipc.open_stream(stream)
            return source.schema, _parts(iter(source))
        file = ipc.open_file(stream)
        return file.schema, _parts(file.get_batch(number) for number in range(file.num_record_batches))

    def writer(self, stream: BinaryIO, made: pa.Schema) -> Any:
        """One batch after the other, compressed."""
        options = arrow().ipc.IpcWriteOptions(compression="zstd")
        return require("pyarrow.ipc", "tables").new_file(stream, made, options=options)


def _parts(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Small pieces of batches that are sound; a file's offsets are taken as they stand unless they are looked at."""
    for batch in batches:
        batch.validate(full=True)
        for start in range(0, len(batch), BATCH_ROWS):
            yield batch.slice(start, BATCH_ROWS)


FORMAT = Arrow()
