"""Predictions are a file, so that scoring never needs the model.

JSON Lines, one document a line, as the package ``documents`` writes it; every document has an id and every
entity a score. Any other readable format can be scored as well, through ``read_documents``.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from pathlib import Path

from gliner_adapters.documents.formats import read_documents, write_documents
from gliner_adapters.documents.types import Document
from gliner_adapters.errors import DataError
from gliner_adapters.evaluation.bootstrap import PairedTest, paired_test
from gliner_adapters.evaluation.matching import Match, count_documents
from gliner_adapters.evaluation.metrics import METRICS
from gliner_adapters.evaluation.scored import require_score

FORMAT = "jsonl"


def write_predictions(path: str | Path, documents: Iterable[Document]) -> int:
    """Writes predicted documents as a stream; the file appears only when it is complete.

    Args:
        path: the file; compressed if it ends in ``.gz``.
        documents: documents with ids, every entity with a score.

    Returns:
        How many documents were written.

    Raises:
        DataError: a document has no id, or an entity has no score in [0, 1].
    """
    return write_documents(_checked(documents, None), path, FORMAT).documents


def read_predictions(path: str | Path) -> Iterator[Document]:
    """Reads predictions, one document at a time.

    Raises:
        DataError: malformed JSON Lines (with file and line), or what :func:`write_predictions` refuses.
    """
    return _checked(read_documents(path, FORMAT), path)


def _checked(documents: Iterable[Document], path: str | Path | None) -> Iterator[Document]:
    for number, document in enumerate(documents, start=1):
        if not document.id:
            raise DataError(f"predicted document {number} has no id; predictions are paired with gold by id", path)
        for entity in document.entities:
            require_score(document, entity, path)
        yield document


def compare_predictions(
    gold: Iterable[Document],
    a: Iterable[Document],
    b: Iterable[Document],
    labels: Sequence[str],
    *,
    match: Match = "strict",
    groups: Sequence[Hashable] | None = None,
    resamples: int = 10_000,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, PairedTest]:
    """Is b better than a on the same gold? For micro and macro F1 (``micro_f1``, ``macro_f1``).

    Args:
        gold: annotated documents.
        a: predictions of the first system, as :func:`read_predictions` gives them.
        b: predictions of the second.
        labels: the schema.
        match: what counts as right.
        groups: one value for each gold document, in order; see :func:`~.bootstrap.paired_test`.
        resamples: number of resamples, and of random exchanges.
        level: confidence of the intervals.
        seed: of the random generator.

    Raises:
        DataError: either set of predictions does not pair up with gold, or ``groups`` does not fit.
        ConfigError: an unknown match, or resampling that cannot be done.
    """
    gold = list(gold)
    first = count_documents(gold, a, labels, match=match).table
    second = count_documents(gold, b, labels, match=match).table
    return {
        name: paired_test(first, second, metric, groups=groups, resamples=resamples, level=level, seed=seed)
        for name, metric in METRICS.items()
    }
