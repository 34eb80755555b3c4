"""Corpora as datasets of the package ``datasets``, and back (extra ``[datasets]``)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gliner_adapters.documents import Document, Label, OnConflict, ReadOptions, ReadReport, WriteReport, to_arrow
from gliner_adapters.documents.formats.arrow_documents import BATCH_ROWS, documents_of
from gliner_adapters.documents.formats.base import document_name
from gliner_adapters.documents.formats.hf_tokens import TAGS, TOKENS
from gliner_adapters.documents.formats.json_records import count_unkept
from gliner_adapters.documents.formats.tagged_words import tags_of
from gliner_adapters.errors import ConfigError
from gliner_adapters.extras import require
from gliner_adapters.inputs import as_names, described

if TYPE_CHECKING:
    import datasets
    import pyarrow as pa

#: How datasets call the splits.
_SPLITS = {"train": "train", "validation": "devel", "valid": "devel", "dev": "devel", "devel": "devel", "test": "test"}
_NAMES = {"train": "train", "devel": "validation", "test": "test"}


def documents_from(
    data: datasets.Dataset | Mapping[str, datasets.Dataset],
    name: str,
    *,
    columns: Sequence[str] = (),
    tag_names: Sequence[str] = (),
    report: ReadReport | None = None,
) -> dict[str, list[Document]]:
    """The documents of each split; see :meth:`.Corpus.from_datasets`."""
    package = require("datasets", "datasets")
    counts = ReadReport() if report is None else report
    if isinstance(data, package.Dataset):
        split = str(data.split) if data.split is not None else "train"
        data = {split if split in _SPLITS else "train": data}
    if not isinstance(data, Mapping):
        raise ConfigError(f"expected a Dataset, or a DatasetDict or another mapping of splits, got {described(data)}")
    found: dict[str, list[Document]] = {}
    for given, rows in data.items():
        split = _SPLITS.get(str(given), "")
        if not split or split in found:
            problem = "is there twice" if split else f"is none of {', '.join(_SPLITS)}"
            raise ConfigError(f"the split {str(given)!r} {problem}; rename it")
        if not isinstance(rows, package.Dataset):
            raise ConfigError(f"expected the split {str(given)!r} to be a Dataset, got {described(rows)}")
        options = ReadOptions(
            columns=as_names(columns, "columns"),
            tag_names=as_names(tag_names, "tag_names") or _feature_names(rows),
        )
        place = f"{name}, {given}"
        found[split] = list(
            documents_of(rows.features.arrow_schema, _batches(rows), place, options=options, report=counts)
        )
    return found


def _batches(rows: datasets.Dataset) -> Iterator[pa.RecordBatch]:
    """The rows in their order, as Arrow holds them."""
    for table in rows.with_format("arrow").iter(batch_size=BATCH_ROWS):
        yield from table.to_batches()


def _feature_names(rows: datasets.Dataset) -> tuple[str, ...]:
    """The names of tags that the features of a dataset say."""
    for name in TAGS:
        if TOKENS in rows.features and (
            names := getattr(getattr(rows.features.get(name), "feature", None), "names", ())
        ):
            return tuple(names)
    return ()


def datasets_of(
    splits: Mapping[str, list[Document]],
    labels: Sequence[Label],
    kind: str,
    on_conflict: OnConflict = "error",
    report: WriteReport | None = None,
) -> datasets.DatasetDict:
    """Datasets of each split; see :meth:`.Corpus.to_datasets`."""
    counts = WriteReport() if report is None else report
    package = require("datasets", "datasets")
    if kind not in ("tokens", "documents"):
        raise ConfigError(f"expected the kind tokens or documents, got {kind!r}")
    made: dict[str, Any] = {}
    for split, documents in splits.items():
        if kind == "documents":
            made[_NAMES[split]] = package.Dataset(to_arrow(documents, "documents", report=counts), split=_NAMES[split])
            continue
        names = ["O", *(f"{prefix}-{label.name}" for label in labels for prefix in "BI")]
        features = package.Features(
            {
                "id": package.Value("string"),
                TOKENS: package.Sequence(package.Value("string")),
                TAGS[0]: package.Sequence(package.ClassLabel(names=names)),
            }
        )
        rows = [_tagged(document, number, on_conflict, counts) for number, document in enumerate(documents, 1)]
        columns = {key: [row[key] for row in rows] for key in features}
        made[_NAMES[split]] = package.Dataset.from_dict(columns, features=features, split=_NAMES[split])
    return package.DatasetDict(made)


def _tagged(document: Document, number: int, on_conflict: OnConflict, report: WriteReport) -> dict[str, Any]:
    words, tags, left_out = tags_of(document, document_name(document, number), "tags of words", on_conflict, report)
    report.documents += 1
    report.entities += len(document.entities) - left_out
    count_unkept(document, report, score=True, identifier=True)
    return {
        "id": document.id,
        TOKENS: [document.text[start:end] for start, end in words],
        TAGS[0]: tags,
    }
