"""How well mentions are found that never stood in training.

More than half of the test mentions of JNLPBA and BC5CDR are strings that training has shown. A model that
only remembers strings does well on those; the rest shows what it has learned.

Definition. A mention is *seen* if its normalised string is among the normalised strings of the training
mentions, whatever their labels. Recall is over the unseen gold mentions, precision over the predicted
mentions whose string is unseen, with strict matching. Both sides are filtered alike, and that is consistent:
an exact match has the same string on both sides, so a hit is never split. A seen string that is predicted
wrongly costs nothing here; it costs in the overall score.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from gliner_adapters.documents.types import Document
from gliner_adapters.evaluation.counts import Scores
from gliner_adapters.evaluation.matching import score_documents


def normalise_mention(text: str) -> str:
    """The string by which mentions are compared: case folded, runs of whitespace one space, ends stripped.

    Nothing else is folded. Strings of tokenised text ("anti - CD3") and of running text ("anti-CD3") differ,
    so training mentions should come from the same corpus format as the test documents.
    """
    return " ".join(text.casefold().split())


def mention_strings(documents: Iterable[Document]) -> frozenset[str]:
    """The normalised strings of all mentions, of the training split for one."""
    return frozenset(
        normalise_mention(document.mention(entity)) for document in documents for entity in document.entities
    )


def keep_unseen(documents: Iterable[Document], seen: Collection[str]) -> Iterator[Document]:
    """The same documents with only the entities whose normalised string is not in ``seen``.

    Args:
        documents: gold or predicted documents.
        seen: normalised strings, as :func:`mention_strings` returns them; a set, for speed.
    """
    for document in documents:
        unseen = [entity for entity in document.entities if normalise_mention(document.mention(entity)) not in seen]
        yield document.with_entities(unseen)


def score_unseen(
    gold: Iterable[Document],
    predicted: Iterable[Document],
    labels: Sequence[str],
    training_mentions: Iterable[str],
) -> Scores:
    """Strict scores on mentions unseen in training (definition at the top of this module).

    Args:
        gold: annotated documents.
        predicted: the same documents with predicted entities.
        labels: the schema.
        training_mentions: the strings of the training mentions, normalised here once more, so that plain
            strings do as well.

    Raises:
        DataError: as :func:`~.matching.score_documents`.
    """
    seen = frozenset(map(normalise_mention, training_mentions))
    return score_documents(keep_unseen(gold, seen), keep_unseen(predicted, seen), labels)
