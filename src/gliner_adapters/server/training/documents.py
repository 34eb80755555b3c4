"""What people reviewed, kept as one file of documents in the project's own format.

A document is known by its text (case and white space aside): reviewed again, it takes the place of what was there. With
each goes what it was reviewed for, its labels: a type that nobody looked for in it is unknown there, not absent. And
its split, once it has one: a document that was held out is never trained on later, nor the other way round, so that an
older adapter and a newer one can be scored on the same documents.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from gliner_adapters.api import FEWEST_TO_PART, HOLD_OUT
from gliner_adapters.corpora import split_documents
from gliner_adapters.corpora.splitting import text_key
from gliner_adapters.documents import Document, Label, read_documents, write_documents
from gliner_adapters.errors import ConfigError, DataError

Split = Literal["train", "devel"]
#: Where in a document's ``meta`` its labels and its split stand.
REVIEWED = "reviewed"
#: Of fewer documents nothing is trained: what would come of it is chance.
FEWEST_TO_TRAIN = 5
#: What is chosen on a single document says nothing.
FEWEST_HELD_OUT = 2


@dataclass(frozen=True)
class Reviewed:
    """A document that somebody reviewed.

    Attributes:
        document: text and entities.
        labels: what it was reviewed for, with descriptions.
        split: whether it trains or chooses; ``None`` until a training needs to know.
    """

    document: Document
    labels: Mapping[str, str | None]
    split: Split | None = None


@dataclass(frozen=True)
class Parts:
    """What one training reads.

    Attributes:
        labels: those with an entity to learn from.
        train: documents that train.
        devel: documents that choose epoch and threshold, maybe none.
        left_out: documents that were not reviewed for all labels.
        without: labels that no training document has an entity of; they are not trained.
    """

    labels: tuple[Label, ...]
    train: list[Document]
    devel: list[Document]
    left_out: int
    without: tuple[str, ...]


class ReviewedDocuments:
    """The documents in a file. To be used by one thread at a time.

    Args:
        path: the file; it need not be there.
        most_documents: how many are kept at most.
        most_chars: how many characters of text they have at most.

    Raises:
        DataError: the file is not what was written here.
    """

    def __init__(self, path: Path, most_documents: int, most_chars: int) -> None:
        self.path, self.most_documents, self.most_chars = path, most_documents, most_chars
        self._kept: dict[str, Reviewed] = {}
        if path.is_file():
            for number, document in enumerate(read_documents(path, "jsonl"), 1):
                self._kept[text_key(document.text)] = _from_file(document, path, number)

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[Reviewed]:
        return iter(self._kept.values())

    def count(self) -> dict[str, int]:
        """How many documents train, choose, and have no split yet."""
        splits = Counter(each.split or "open" for each in self._kept.values())
        return {name: splits[name] for name in ("train", "devel", "open")}

    def labels(self) -> dict[str, int]:
        """Every label that a document was reviewed for, with the number of its entities."""
        counts: Counter[str] = Counter()
        for each in self._kept.values():
            counts.update(dict.fromkeys(each.labels, 0))
            counts.update(entity.label for entity in each.document.entities)
        return dict(sorted(counts.items()))

    def add(
        self, documents: Sequence[Document], labels: Mapping[str, str | None], split: Split | None
    ) -> tuple[int, int]:
        """Keep documents; one whose text is there already takes its place and keeps its split.

        Args:
            documents: whose entities carry these labels alone.
            labels: what they were reviewed for.
            split: what they are for, if that is settled.

        Returns:
            How many are new, and how many were replaced.

        Raises:
            ConfigError: too many, or a document that has another split already.
            StorageError: the file cannot be written; nothing has changed.
        """
        kept = dict(self._kept)
        for document in documents:
            key = text_key(document.text)
            before = kept[key].split if key in kept else None
            if before and split and before != split:
                raise ConfigError(
                    f"a document is in {before} already and cannot be moved to {split}: one adapter was trained on "
                    "what another would be scored on; delete the documents to begin anew"
                )
            kept[key] = Reviewed(document, dict(labels), before or split)
        chars = sum(len(each.document.text) for each in kept.values())
        if len(kept) > self.most_documents or chars > self.most_chars:
            raise ConfigError(
                f"at most {self.most_documents:,} documents of {self.most_chars:,} characters in all are kept, these "
                f"would make {len(kept):,} of {chars:,}; see --max-train-documents and --max-train-chars"
            )
        added = len(kept) - len(self._kept)
        self._write(kept)
        return added, len(documents) - added

    def clear(self) -> int:
        """Delete all documents; how many there were."""
        number = len(self._kept)
        self._kept = {}
        self.path.unlink(missing_ok=True)
        return number

    def parts(self, asked: Sequence[str] | None, seed: int) -> Parts:
        """What a training reads; documents without a split get one, for good.

        Without enough documents to choose by, a share of those without a split is held out
        (:data:`~gliner_adapters.api.HOLD_OUT`), drawn by the seed and stratified by type; of fewer than
        :data:`~gliner_adapters.api.FEWEST_TO_PART` none is.

        Args:
            asked: the labels to train; ``None`` for all that any document was reviewed for.
            seed: of the draw.

        Raises:
            ConfigError: an unknown label, too few documents, or no entity to learn from.
        """
        known: dict[str, str | None] = {}
        for each in self._kept.values():
            known.update({name: text or known.get(name) for name, text in each.labels.items()})
        names = list(known) if asked is None else list(asked)
        if unknown := [name for name in names if name not in known]:
            raise ConfigError(f"no document was reviewed for {unknown[0]!r}; reviewed: {', '.join(known) or 'nothing'}")
        used = {key: each for key, each in self._kept.items() if set(names) <= set(each.labels)}
        left_out = len(self._kept) - len(used)
        trained = sum(each.split != "devel" for each in used.values())
        if trained < FEWEST_TO_TRAIN:
            raise ConfigError(_too_few(trained, left_out, names))
        held = self._held_out(used, seed)
        splits: dict[str, Split] = {
            key: each.split or ("devel" if key in held else "train") for key, each in used.items()
        }
        in_split = {
            split: [each.document for key, each in used.items() if splits[key] == split] for split in ("train", "devel")
        }
        learned = {entity.label for document in in_split["train"] for entity in document.entities}
        labels = tuple(Label(name, known[name]) for name in names if name in learned)
        if not labels:
            raise ConfigError("no training document has an entity of these labels; accept or add some")
        self._write({key: replace(each, split=splits.get(key, each.split)) for key, each in self._kept.items()})
        kept = {label.name for label in labels}
        train, devel = (
            [_plain(document, kept, number) for number, document in enumerate(in_split[split], 1)]
            for split in ("train", "devel")
        )
        return Parts(labels, train, devel, left_out, tuple(name for name in names if name not in kept))

    def _held_out(self, used: Mapping[str, Reviewed], seed: int) -> set[str]:
        """Keys of the documents that are held out from now on."""
        fresh = {key: each.document for key, each in used.items() if each.split is None}
        devel = sum(each.split == "devel" for each in used.values())
        number = min(round(HOLD_OUT * len(used)) - devel, len(fresh) // 2)
        if len(used) < FEWEST_TO_PART or number < 1 or devel + number < FEWEST_HELD_OUT:
            return set()
        share = number / len(fresh)
        drawn = split_documents(fresh.values(), {"train": 1 - share, "devel": share}, seed=seed)["devel"]
        return {text_key(document.text) for document in drawn}

    def _write(self, kept: dict[str, Reviewed]) -> None:
        write_documents(map(_to_file, kept.values()), self.path, "jsonl")
        self._kept = kept


def _too_few(trained: int, left_out: int, labels: Sequence[str]) -> str:
    message = f"{FEWEST_TO_TRAIN} reviewed documents are needed to train on, there are {trained}"
    if left_out:
        message += f" ({left_out} more were not reviewed for all of {', '.join(labels)})"
    return f"{message}; review {FEWEST_TO_TRAIN - trained} more"


def _plain(document: Document, labels: set[str], number: int) -> Document:
    """A document for a training: its number for an id, for people may name two alike, and the trained labels alone."""
    entities = [entity for entity in document.entities if entity.label in labels]
    return Document(document.text, entities, str(number))


def _to_file(each: Reviewed) -> Document:
    return replace(each.document, meta={REVIEWED: {"labels": dict(each.labels), "split": each.split}})


def _from_file(document: Document, path: Path, number: int) -> Reviewed:
    reviewed: Any = document.meta.get(REVIEWED)
    match reviewed:
        case {"labels": dict() as labels, "split": None | "train" | "devel" as split}:
            pass
        case _:
            raise DataError(
                f"expected meta.{REVIEWED} with labels and a split; files of others go to `adapt`", path, number
            )
    if strange := sorted({entity.label for entity in document.entities} - labels.keys()):
        raise DataError(f"an entity has the label {strange[0]!r}, which meta.{REVIEWED} does not name", path, number)
    return Reviewed(replace(document, meta={}), labels, split)
