"""A mended copy of data: what can be mended without judging what an annotator meant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from gliner_adapters.corpora.checking.texts import is_text_of_its_own, scoring_order
from gliner_adapters.corpora.checking.types import count_types, spellings, trimmed
from gliner_adapters.corpora.splitting import text_key
from gliner_adapters.documents import Document, Entity

SPELLING = "entities whose type got its most frequent spelling"
EDGES = "entities whose edges were trimmed"
VANISHED = "entities of white space and punctuation alone left out"
REPEATED_ENTITY = "entities annotated twice left out"
EMPTY = "documents without text left out"
REPEATED_TEXT = "documents that repeat another one, with the same entities, left out"
SHARED_TEXT = "documents whose text stands in a split that scores left out"
IDS = "documents that got an id of their own"


@dataclass(slots=True)
class MendReport:
    """What was mended, by kind and split.

    Attributes:
        done: for each kind how often, over all splits.
        by_split: the same for each split.
    """

    done: Counter[str] = field(default_factory=Counter)
    by_split: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, split: str, kind: str) -> None:
        """Count one more of a kind in a split."""
        self.done[kind] += 1
        self.by_split.setdefault(split, Counter())[kind] += 1


def mend_documents(splits: Mapping[str, Iterable[Document]]) -> tuple[dict[str, list[Document]], MendReport]:
    """A copy without the problems that can be mended.

    Types get their most frequent spelling, where spellings differ in case, spaces and punctuation alone; white space
    and ``, ; :`` at the edges of entities go; of the same entity twice one stays; documents without text go, and so do
    those that repeat another one of their split with the same entities, and those whose text stands in a split that
    scores (test before devel before train). Ids that stand twice in a split get a number.

    Args:
        splits: documents by split. They are not changed.

    Returns:
        The copies by split, and what was done.
    """
    given = {split: list(documents) for split, documents in splits.items()}
    report = MendReport()
    best = spellings(sum((count_types(documents) for documents in given.values()), Counter()))
    kept: dict[str, list[Document]] = {}
    taken: set[str] = set()
    for split in scoring_order(given):
        kept[split] = _mended(split, given[split], best, taken, report)
        taken |= {text_key(document.text) for document in given[split]}
    return {split: kept[split] for split in given}, report


def _mended(
    split: str, documents: list[Document], best: Mapping[str, str], taken: set[str], report: MendReport
) -> list[Document]:
    """The documents of one split that stay, mended.

    Args:
        taken: texts of splits that score.
    """
    found: list[Document] = []
    seen: set[tuple[str, tuple[tuple[int, int, str], ...]]] = set()
    ids = {document.id for document in documents}
    used: set[str] = set()
    for document in documents:
        key = text_key(document.text)
        if not key:
            report.add(split, EMPTY)
            continue
        if is_text_of_its_own(key) and key in taken:
            report.add(split, SHARED_TEXT)
            continue
        counts: Counter[str] = Counter()
        entities = _entities(document, best, counts)
        content = (document.text, tuple(sorted(entity.key for entity in entities)))
        if is_text_of_its_own(key) and content in seen:
            report.add(split, REPEATED_TEXT)
            continue
        seen.add(content)
        for kind, times in counts.items():
            for _ in range(times):
                report.add(split, kind)
        name = document.id
        if name is not None and name in used:
            number = next(n for n in range(2, len(documents) + 2) if f"{name}-{n}" not in ids | used)
            name = f"{name}-{number}"
            report.add(split, IDS)
        used |= {name} if name is not None else set()
        found.append(replace(document, id=name, entities=entities))
    return found


def _entities(document: Document, best: Mapping[str, str], counts: Counter[str]) -> list[Entity]:
    """The entities of a document, mended."""
    found: dict[tuple[int, int, str], Entity] = {}
    for entity in document.entities:
        start, end = trimmed(document.text, entity)
        if start == end:
            counts[VANISHED] += 1
            continue
        label = best.get(entity.label, entity.label)
        if (label, start, end) != (entity.label, entity.start, entity.end):
            counts[EDGES] += (start, end) != (entity.start, entity.end)
            counts[SPELLING] += label != entity.label
            # What a format keeps of the entity as it was (places, texts) holds no longer.
            entity = replace(entity, start=start, end=end, label=label, meta=None)
        if entity.key in found:
            counts[REPEATED_ENTITY] += 1
            continue
        found[entity.key] = entity
    return list(found.values())
