"""What a run found, without the text: a corpus is not passed on with the results on it.

One line of JSON a document: its id and its entities as ``[start, end, label, score]``. With the corpus at hand they
are documents again.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from gliner_adapters.documents import Document, Entity
from gliner_adapters.errors import DataError
from gliner_adapters.storage import atomic


def write_found(path: Path, documents: Iterable[Document]) -> None:
    """Write the entities of documents, compressed; the file appears only when it is complete.

    Args:
        path: ends in ``.gz``.
        documents: with ids; every entity with a score.
    """
    # No time and no name in the header: the same findings are the same bytes.
    with atomic(path) as fresh, fresh.open("wb") as raw, gzip.GzipFile("", "wb", mtime=0, fileobj=raw) as file:
        for document in documents:
            entities = [[e.start, e.end, e.label, round(e.score or 0.0, 6)] for e in document.entities]
            file.write((json.dumps([document.id, entities], separators=(",", ":")) + "\n").encode())


def read_found(path: Path, gold: Sequence[Document]) -> list[Document]:
    """The corpus's documents with what a run found in them.

    Args:
        path: what :func:`write_found` wrote.
        gold: the documents that were read, in their order.

    Raises:
        DataError: it was made on other documents, or is damaged.
    """
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
        if [line[0] for line in lines] != [document.id for document in gold]:
            raise DataError(f"holds {len(lines)} documents, not the {len(gold)} of this corpus's split", path)
        return [
            document.with_entities([Entity(start, end, label, score=score) for start, end, label, score in entities])
            for document, (_, entities) in zip(gold, lines, strict=True)
        ]
    except (OSError, EOFError, ValueError, TypeError, IndexError) as error:
        raise DataError(f"is no file of findings: {error}", path) from None
