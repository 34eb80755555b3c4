"""A corpus: named documents in splits, with the labels that its entities may carry."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from gliner_adapters.corpora.info import SPLITS, CorpusInfo
from gliner_adapters.corpora.neighbours import aligned, marked, with_neighbours
from gliner_adapters.documents import (
    Document,
    Label,
    Labels,
    OnConflict,
    ReadReport,
    WriteReport,
    as_labels,
    read_documents,
)
from gliner_adapters.errors import ConfigError, DataError

if TYPE_CHECKING:
    import datasets


class Corpus:
    """Documents in the splits ``train``, ``devel`` and ``test`` (or some of them), read from files or given.

    Entities carry natural label names (``cell line``), which the files may write as tags (``cell_line``);
    :meth:`tag_of` leads back. A document without an id gets its number in the split, counted from 1.

    Attributes:
        name: canonical name of a registered corpus, or what the user's corpus was called.
        info: the registry's entry; ``None`` for a user's own data.
        files: the file of each split; none where documents are given.
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
        documents: Mapping[str, Iterable[Document]] | None = None,
        abstracts: Callable[[], Corpus] | None = None,
        loader: Callable[[Path], Iterable[Document]] | None = None,
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
            documents: documents of each split, in the place of files.
            abstracts: loads the corpus that holds the same text in whole abstracts, where the files do not mark them.
            loader: reads a file, in the place of a format.
        """
        self.name = name
        self.info = info
        self.files = {split: Path(files[split]) for split in SPLITS if split in files}
        self._format = format
        self._columns, self._tag_names = tuple(columns), tuple(tag_names)
        self._documents: dict[str, list[Document]] = {}
        self._abstracts, self._loader = abstracts, loader
        given = files if documents is None else documents
        self._held = {} if documents is None else {each: list(documents[each]) for each in SPLITS if each in documents}
        if not given or set(given) - set(SPLITS):
            raise ConfigError(f"a corpus has the splits {', '.join(SPLITS)} or some of them, got {list(given)}")
        self._labels = labels if labels is not None else self._found_labels()
        self._tags = {label.name: tag for tag, label in self._labels.items()}

    @property
    def labels(self) -> tuple[Label, ...]:
        """The whole schema: every type, in a stable order."""
        return tuple(self._labels.values())

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits, in the order train, devel, test."""
        return tuple(self._held or self.files)

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
        for document in self._read(split, report):
            yield document.with_entities(
                [replace(entity, label=self._label(entity.label, split, document)) for entity in document.entities]
            )

    def documents(self, split: str, *, neighbours: bool = False) -> list[Document]:
        """All documents of a split, read once and kept; treat the list as read-only.

        Args:
            split: one of :attr:`splits`.
            neighbours: sentences come with what stands around them in their abstract
                (:attr:`~gliner_adapters.documents.Document.before`), where that is known.

        Raises:
            ConfigError: no such split; or the neighbours stand in a corpus that is not there.
            DataError: as for :meth:`read`.
        """
        if split not in self._documents:
            self._documents[split] = list(self.read(split))
        documents = self._documents[split]
        if not neighbours:
            return documents
        if self._abstracts is None:
            return with_neighbours(documents, marked(documents))
        return with_neighbours(documents, aligned(documents, self._abstracts().documents(split)))

    def _read(self, split: str, report: ReadReport | None = None) -> Iterator[Document]:
        """A split's documents as they are, each with an id: predictions are paired with gold by it."""
        if split not in self.splits:
            known = ", ".join(self.splits)
            raise ConfigError(f"the corpus {self.name} has no split {split!r}, it has: {known}")
        documents: Iterable[Document]
        if self._held:
            documents = self._held[split]
        elif self._loader is not None:
            documents = self._loader(self.files[split])
        else:
            documents = read_documents(
                self.files[split], self._format, columns=self._columns, tag_names=self._tag_names, report=report
            )
        for number, document in enumerate(documents, 1):
            yield document if document.id else replace(document, id=str(number))

    def _label(self, tag: str, split: str, document: Document) -> str:
        try:
            return self._labels[tag].name
        except KeyError:
            known = ", ".join(self._labels)
            raise DataError(
                f"document {document.id} has an entity of type {tag!r}; the labels are {known}", self._place(split)
            ) from None

    def _place(self, split: str) -> str:
        """Where a split's documents come from, as messages name it."""
        return str(self.files.get(split, f"{self.name}, {split}"))

    def _found_labels(self) -> dict[str, Label]:
        """What the entities carry. Test data decides nothing: it is read only where nothing else is there."""
        asked = [split for split in self.splits if split != "test"] or ["test"]
        for split in asked:
            self._documents[split] = list(self._read(split))
        names = {e.label for docs in self._documents.values() for doc in docs for e in doc.entities}
        if not names:
            places = ", ".join(self._place(split) for split in asked)
            raise DataError(f"no entities in {places}; give the labels, or annotated data")
        return {name: Label(name) for name in sorted(names)}

    @classmethod
    def from_datasets(
        cls,
        data: datasets.Dataset | Mapping[str, datasets.Dataset],
        *,
        labels: Labels | None = None,
        tag_names: Sequence[str] = (),
        columns: Sequence[str] = (),
        name: str = "user",
        report: ReadReport | None = None,
    ) -> Corpus:
        """A corpus from datasets of the package ``datasets`` (extra ``[datasets]``).

        Args:
            data: a ``DatasetDict`` or another mapping of splits (``validation``, ``valid`` and ``dev`` are ``devel``);
                one ``Dataset`` is the split that it says, else train. Rows may be whatever a Parquet file may hold:
                ``tokens`` and ``ner_tags``, documents with nested entities, a row an entity, GLiNER's training rows.
            labels: as for ``user_corpus``; if left out, what the entities of train and devel carry.
            tag_names: names of tags that are numbers, where the features do not say them.
            columns: ``FIELD=NAME`` of a row an entity, for columns with other names than the usual ones.
            name: what to call the corpus.
            report: receives the counts of what was repaired.

        Raises:
            ConfigError: ``datasets`` or ``pyarrow`` is missing, or a split has another name.
            DataError: a row is malformed; with the split and the row's number, counted from 1.
        """
        from gliner_adapters.corpora.hub_datasets import documents_from

        splits = documents_from(data, name, columns=columns, tag_names=tag_names, report=report)
        schema = None if labels is None else {label.name: label for label in as_labels(labels)}
        return cls(name, {}, labels=schema, documents=splits)

    def to_datasets(
        self,
        kind: Literal["tokens", "documents"] = "tokens",
        *,
        on_conflict: OnConflict = "error",
        report: WriteReport | None = None,
    ) -> datasets.DatasetDict:
        """The corpus as a ``DatasetDict`` (extra ``[datasets]``), with the splits ``train``, ``validation``, ``test``.

        Args:
            kind: ``tokens`` gives ``id``, ``tokens`` and ``ner_tags``, numbers whose names the features say; words are
                the document's own, else those that GLiNER splits. ``documents`` gives a row a document with nested
                entities, and loses nothing.
            on_conflict: what to do with entities that ``tokens`` cannot express, for they overlap or begin or end
                inside a word; see :data:`~gliner_adapters.documents.OnConflict`.
            report: receives the counts of what was written and dropped.

        Raises:
            ConfigError: ``datasets`` or ``pyarrow`` is missing, or there is no such kind.
            DataError: an entity cannot be expressed and ``on_conflict`` is ``error``, or a document has no words.
        """
        from gliner_adapters.corpora.hub_datasets import datasets_of

        return datasets_of(
            {split: self.documents(split) for split in self.splits}, self.labels, kind, on_conflict, report
        )

    def __repr__(self) -> str:
        return f"Corpus({self.name!r}, splits={self.splits}, labels={[label.name for label in self.labels]})"
