"""A corpus: named documents in splits, with the labels that its entities may carry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from gliner_adapters.corpora.registry import SPLITS, CorpusInfo
from gliner_adapters.documents import Document, Label, ReadReport, read_documents
from gliner_adapters.errors import ConfigError, DataError


class Corpus:
    """Documents in the splits ``train``, ``devel`` and ``test`` (or some of them), read from files.

    Entities carry natural label names (``cell line``), which the files may write as tags (``cell_line``);
    :meth:`tag_of` leads back. A document without an id gets its number in the split, counted from 1.

    Attributes:
        name: canonical name of a registered corpus, or what the user's corpus was called.
        info: the registry's entry; ``None`` for a user's own data.
        files: the file of each split.
    """

    def __init__(
        self,
        name: str,
        files: Mapping[str, Path],
        *,
        labels: Mapping[str, Label] | None = None,
        info: CorpusInfo | None = None,
        format: str | None = None,  # noqa: A002 - the readers' word for it
        columns: Sequence[str] = (),
        tag_names: Sequence[str] = (),
    ) -> None:
        """Put a corpus together; ``load_corpus`` and ``user_corpus`` are the usual ways.

        Args:
            name: what to call it.
            files: split name to file, splits among train, devel and test.
            labels: the files' tags and what they mean, in the order wanted. If ``None``, the labels are
                what the entities of train and devel carry, sorted; both are read for that. The test split
                says nothing about the labels, unless it is all there is.
            info: the registry's entry, if any.
            format: the files' format; by their endings if ``None``.
            columns: what the files' columns are; see :func:`~gliner_adapters.documents.read_documents`.
            tag_names: names of tags that the files give as numbers.
        """
        self.name = name
        self.info = info
        self.files = {split: Path(files[split]) for split in SPLITS if split in files}
        self._format = format
        self._columns, self._tag_names = tuple(columns), tuple(tag_names)
        self._documents: dict[str, list[Document]] = {}
        if not self.files or set(files) - set(SPLITS):
            raise ConfigError(f"a corpus has the splits {', '.join(SPLITS)} or some of them, got {list(files)}")
        self._labels = labels if labels is not None else self._found_labels()
        self._tags = {label.name: tag for tag, label in self._labels.items()}

    @property
    def labels(self) -> tuple[Label, ...]:
        """The whole schema: every type, in a stable order."""
        return tuple(self._labels.values())

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits, in the order train, devel, test."""
        return tuple(self.files)

    def tag_of(self, label: str) -> str:
        """What the files write for a label name; raises ``ConfigError`` for a name that is not a label."""
        try:
            return self._tags[label]
        except KeyError:
            known = ", ".join(self._tags)
            raise ConfigError(f"{label!r} is not a label of the corpus {self.name} ({known})") from None

    def read(self, split: str, *, report: ReadReport | None = None) -> Iterator[Document]:
        """Stream a split's documents, entities labelled by natural names.

        Args:
            split: one of :attr:`splits`.
            report: collects what the reader repaired. Nothing is left out: what cannot be repaired raises.

        Raises:
            ConfigError: no such split.
            DataError: malformed data, or an entity whose tag is not in the schema.
        """
        path = self._file(split)
        for document in self._read(path, report):
            document.entities = [
                replace(entity, label=self._label(entity.label, path, document)) for entity in document.entities
            ]
            yield document

    def documents(self, split: str) -> list[Document]:
        """All documents of a split, read once and kept; treat the list as read-only."""
        if split not in self._documents:
            self._documents[split] = list(self.read(split))
        return self._documents[split]

    def _read(self, path: Path, report: ReadReport | None = None) -> Iterator[Document]:
        """A file's documents as they are, each with an id: predictions are paired with gold by it."""
        documents = read_documents(path, self._format, columns=self._columns, tag_names=self._tag_names, report=report)
        for number, document in enumerate(documents, 1):
            document.id = document.id or str(number)
            yield document

    def _file(self, split: str) -> Path:
        try:
            return self.files[split]
        except KeyError:
            known = ", ".join(self.files)
            raise ConfigError(f"the corpus {self.name} has no split {split!r}, it has: {known}") from None

    def _label(self, tag: str, path: Path, document: Document) -> str:
        try:
            return self._labels[tag].name
        except KeyError:
            known = ", ".join(self._labels)
            raise DataError(
                f"document {document.id} has an entity of type {tag!r}; the labels are {known}", path
            ) from None

    def _found_labels(self) -> dict[str, Label]:
        """What the entities carry. Test data decides nothing: it is read only where nothing else is there."""
        asked = [split for split in self.files if split != "test"] or ["test"]
        for split in asked:
            self._documents[split] = list(self._read(self.files[split]))
        names = {e.label for docs in self._documents.values() for doc in docs for e in doc.entities}
        if not names:
            files = ", ".join(str(self.files[split]) for split in asked)
            raise DataError(f"no entities in {files}; give the labels, or annotated data")
        return {name: Label(name) for name in sorted(names)}

    def __repr__(self) -> str:
        return f"Corpus({self.name!r}, splits={self.splits}, labels={[label.name for label in self.labels]})"
