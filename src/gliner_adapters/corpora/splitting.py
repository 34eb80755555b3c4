"""Parting documents into splits: seeded, stratified by type, documents whole.

Sentences of one abstract (``meta["abstract"]``, which IOB2 files with ``-DOCSTART-`` lines have) and documents with the
same text stay together, so that no text is in two splits. What stays together is dealt out rarest type first, each
to the split that still lacks most of that type, as iterative stratification does (Sechidis, Tsoumakas and Vlahavas,
2011).
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from gliner_adapters.corpora.info import SPLITS
from gliner_adapters.documents import Document
from gliner_adapters.errors import ConfigError

SHARES: Mapping[str, float] = {"train": 0.8, "devel": 0.1, "test": 0.1}


def split_documents(
    documents: Iterable[Document], shares: Mapping[str, float] = SHARES, *, seed: int = 0
) -> dict[str, list[Document]]:
    """Part documents into splits.

    Args:
        documents: all of them.
        shares: for each split (train, devel, test, or some of them) its share of the documents; they add up to 1.
        seed: the same seed gives the same splits.

    Returns:
        For each split its documents, in their order.

    Raises:
        ConfigError: the shares do not add up, or there is not a document for each split.
    """
    shares = {split: shares[split] for split in SPLITS if split in shares} if set(shares) <= set(SPLITS) else {}
    if not shares or any(not 0 < share <= 1 for share in shares.values()) or abs(sum(shares.values()) - 1) > 1e-6:
        raise ConfigError(f"the shares of {', '.join(SPLITS)} (or some of them) must be above 0 and add up to 1")
    given = list(documents)
    units = _units(given)
    if len(units) < len(shares):
        raise ConfigError(f"{len(units)} documents with a text of their own cannot be parted into {len(shares)} splits")
    chosen = _deal(units, [_types(given, unit) for unit in units], shares, random.Random(seed))
    return {split: [given[index] for index in sorted(chosen[split])] for split in shares}


def _units(documents: Sequence[Document]) -> list[list[int]]:
    """Documents that stay together, by their places."""
    root = list(range(len(documents)))

    def find(index: int) -> int:
        while root[index] != index:
            root[index] = root[root[index]]
            index = root[index]
        return index

    first: dict[tuple[str, str], int] = {}
    for index, document in enumerate(documents):
        keys = [("text", text_key(document.text))]
        if abstract := document.meta.get("abstract"):
            keys.append(("abstract", str(abstract)))
        for key in keys:
            root[find(index)] = find(first.setdefault(key, index))
    units: dict[int, list[int]] = {}
    for index in range(len(documents)):
        units.setdefault(find(index), []).append(index)
    return list(units.values())


def text_key(text: str) -> str:
    """What two texts have in common that are the same but for case and white space."""
    return " ".join(text.casefold().split())


def _types(documents: Sequence[Document], unit: Sequence[int]) -> Counter[str]:
    return Counter(entity.label for index in unit for entity in documents[index].entities)


def _deal(
    units: Sequence[Sequence[int]],
    types: Sequence[Counter[str]],
    shares: Mapping[str, float],
    rng: random.Random,
) -> dict[str, list[int]]:
    """Documents of each split."""
    total = sum((Counter(each) for each in types), Counter())
    lacking = {split: {label: share * count for label, count in total.items()} for split, share in shares.items()}
    room = {split: share * sum(map(len, units)) for split, share in shares.items()}
    chosen: dict[str, list[int]] = {split: [] for split in shares}
    order = list(range(len(units)))
    rng.shuffle(order)
    waiting = dict.fromkeys(order)

    def give(number: int, split: str) -> None:
        chosen[split].extend(units[number])
        room[split] -= len(units[number])
        for label, count in types[number].items():
            lacking[split][label] -= count
        del waiting[number]

    left = Counter(label for each in types for label in each)
    while waiting:
        labels = [label for label, count in left.items() if count]
        rarest = min(labels, key=lambda label: (left[label], label)) if labels else None
        batch = [number for number in waiting if rarest is None or types[number][rarest]]
        # Documents with much of the type first, while there is a choice.
        for number in sorted(batch, key=lambda number: -types[number][rarest] if rarest else -len(units[number])):
            # Every split gets a document, however small its share.
            empty = [split for split in shares if not chosen[split]]
            roomy = [split for split in shares if room[split] >= 0.5] or list(shares)
            among = empty if len(waiting) <= len(empty) else roomy
            split = max(among, key=lambda split: (lacking[split][rarest] if rarest else 0.0, room[split]))
            left.subtract(dict.fromkeys(types[number], 1))
            give(number, split)
    return chosen
