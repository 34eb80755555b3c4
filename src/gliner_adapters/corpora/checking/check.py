"""Looking for what will hurt in data, before any training."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from gliner_adapters.corpora.checking.consistency import missed_mentions
from gliner_adapters.corpora.checking.findings import SEVERITIES, CheckReport, Finding, SplitCounts, place_of
from gliner_adapters.corpora.checking.kinds import KINDS, finding
from gliner_adapters.corpora.checking.texts import is_text_of_its_own, scoring_order
from gliner_adapters.corpora.checking.types import count_types, near, spellings, trimmed
from gliner_adapters.corpora.splitting import text_key
from gliner_adapters.corpora.stats import width_in_words
from gliner_adapters.documents import Document, Entity, ReadReport, entity_words, word_spans

#: Fewer entities of a type than these are few.
FEW = 10
#: The usual cap of a base on the width of an entity, in words.
MAX_WIDTH = 12


def check_documents(
    splits: Mapping[str, Iterable[Document]],
    *,
    max_width: int = MAX_WIDTH,
    reports: Mapping[str, ReadReport] | None = None,
) -> CheckReport:
    """Look for everything in data that makes training or its scores worse than they could be.

    Args:
        splits: documents by split; ``train``, ``devel`` and ``test`` are known by these names.
        max_width: the widest entity, in words, that the base in question can find.
        reports: what reading each split counted, where it was read with one.

    Returns:
        Counts, findings and a verdict. Documents are not changed.
    """
    given = {split: list(documents) for split, documents in splits.items()}
    found = _Findings()
    for split, report in (reports or {}).items():
        for reason in report.reasons:
            found["unreadable"].add(split, detail=reason)
        found["unreadable"].add(split, times=report.skipped - len(report.reasons))
        for kind, times in report.repairs.items():
            found["repaired"].add(split, detail=kind, times=times)
    for split, documents in given.items():
        _look_at_documents(split, documents, found)
        for number, document in enumerate(documents, 1):
            _look_at_entities(split, number, document, max_width, found)
    _look_at_types(given, found)
    _look_between(given, found)
    for split, number, document, entity in missed_mentions(given, max_width):
        found["inconsistent"].add(
            split, place_of(split, document, number, entity), detail=f"{document.mention(entity)} ({entity.label})"
        )
    return CheckReport(max_width, {split: _counts(documents) for split, documents in given.items()}, found.told())


class _Findings:
    """Findings by kind, made when something is counted."""

    def __init__(self) -> None:
        self._found: dict[str, Finding] = {}

    def __getitem__(self, kind: str) -> Finding:
        return self._found.setdefault(kind, finding(kind))

    def told(self) -> tuple[Finding, ...]:
        """Those that were counted, the worst first, details by how often."""
        order = list(KINDS)
        told = [each for each in self._found.values() if each.count]
        for each in told:
            each.details = dict(sorted(each.details.items(), key=lambda item: (-item[1], item[0])))
        return tuple(sorted(told, key=lambda each: (SEVERITIES.index(each.severity), order.index(each.kind))))


def _counts(documents: Sequence[Document]) -> SplitCounts:
    return SplitCounts(
        documents=len(documents),
        annotated=sum(bool(document.entities) for document in documents),
        words=sum(len(word_spans(document)) for document in documents),
        entities=sum(len(document.entities) for document in documents),
        by_type=dict(sorted(count_types(documents).items())),
    )


def _look_at_documents(split: str, documents: Sequence[Document], found: _Findings) -> None:
    """Documents without text or entities, repeated ones, and odd characters."""
    if documents and not any(document.entities for document in documents):
        found["no-entities"].add(split)
    ids: Counter[str] = Counter()
    texts: Counter[str] = Counter()
    for number, document in enumerate(documents, 1):
        place = place_of(split, document, number)
        if document.id is not None:
            ids[document.id] += 1
            if ids[document.id] > 1:
                found["repeated-id"].add(split, place)
        key = text_key(document.text)
        if not key:
            found["empty"].add(split, place)
            continue
        texts[key] += is_text_of_its_own(key)
        if texts[key] > 1:
            found["repeated-text"].add(split, place)
        if not document.entities:
            found["unannotated"].add(split, place)
        for name in sorted(_odd_characters(document.text)):
            found["characters"].add(split, place, detail=name)


def _odd_characters(text: str) -> set[str]:
    """Names of characters that no text should hold."""
    if text.isascii() and text.isprintable():
        return set()
    odd = {each for each in set(text) if each == "\ufffd" or unicodedata.category(each) in ("Cc", "Cf", "Co", "Cn")}
    return {f"U+{ord(each):04X} {unicodedata.name(each, 'control')}" for each in odd - set("\n\r\t")}


def _look_at_entities(split: str, number: int, document: Document, max_width: int, found: _Findings) -> None:
    """The entities of one document against its words and against each other."""
    words = word_spans(document)
    seen: Counter[tuple[int, int, str]] = Counter()
    spans: dict[tuple[int, int], set[str]] = {}
    reach: Entity | None = None
    for entity in sorted(document.entities, key=lambda entity: (entity.start, -entity.end)):
        place = place_of(split, document, number, entity)
        seen[entity.key] += 1
        if seen[entity.key] > 1:
            found["repeated-entity"].add(split, place)
            continue
        types = spans.setdefault((entity.start, entity.end), set())
        if types:
            found["two-types"].add(split, place, detail=" and ".join(sorted((*types, entity.label))))
        elif reach is not None and entity.start < reach.end:
            found["overlap"].add(split, place, detail=" and ".join(sorted((reach.label, entity.label))))
        types.add(entity.label)
        if reach is None or entity.end > reach.end:
            reach = entity
        if trimmed(document.text, entity) != (entity.start, entity.end):
            found["edges"].add(split, place)
        elif entity_words(words, entity) is None:
            found["off-words"].add(split, place)
        if width_in_words(words, entity) > max_width:
            found["too-wide"].add(split, place)


def _look_at_types(splits: Mapping[str, Sequence[Document]], found: _Findings) -> None:
    """Names of types against each other, and between splits."""
    counts = {split: count_types(documents) for split, documents in splits.items()}
    total = sum(counts.values(), Counter())
    for label, best in spellings(total).items():
        for split, each in counts.items():
            if each[label]:
                found["spelling"].add(split, detail=f"{label} for {best}", times=each[label])
    for rarer, other in near(total):
        for split, each in counts.items():
            if each[rarer]:
                found["similar-type"].add(split, detail=f"{rarer} beside {other}", times=each[rarer])
    train = counts.get("train")
    if train is None:
        return
    for label, count in sorted(train.items()):
        if count < FEW:
            found["few"].add("train", detail=label, times=1)
    for split, each in counts.items():
        if split == "train":
            continue
        for label in sorted(each.keys() - train.keys()):
            found["unseen-type"].add(split, detail=label, times=each[label])
        for label in sorted(train.keys() - each.keys() if each else ()):
            found["missing-type"].add(split, detail=label)


def _look_between(splits: Mapping[str, Sequence[Document]], found: _Findings) -> None:
    """Texts that stand in several splits."""
    later: dict[str, str] = {}
    for split in scoring_order(splits):
        own = {}
        for number, document in enumerate(splits[split], 1):
            key = text_key(document.text)
            if not is_text_of_its_own(key):
                continue
            own[key] = split
            if other := later.get(key):
                found["shared-text"].add(split, place_of(split, document, number), detail=f"{split} and {other}")
        later = {**own, **later}
