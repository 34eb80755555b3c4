"""The kinds of problems that a check looks for: how bad each is, what it does, and what to do about it."""

from __future__ import annotations

from gliner_adapters.corpora.checking.findings import Finding, Severity

#: Kind to severity, title, advice, and whether a mended copy is without it; in the order of a report.
KINDS: dict[str, tuple[Severity, str, str, bool]] = {
    "unreadable": (
        "error", "records that cannot be read",
        "They are not trained on. Mend them in the file; the message says what was expected.", True,
    ),
    "no-entities": (
        "error", "splits without a single entity",
        "There is nothing to learn or to score. Was the annotation exported, and is this the right format?", False,
    ),
    "shared-text": (
        "error", "documents whose text stands in another split too",
        "Scores on them are flattered, for the answer was trained on. The copy keeps them in the split that scores "
        "(test, then devel) alone.", True,
    ),
    "unseen-type": (
        "error", "entities of types that the training split has not",
        "They cannot be learned and count as misses. Split anew by type (gliner-adapters data split), or drop them.",
        False,
    ),
    "spelling": (
        "error", "entities of types that differ in case, spaces or punctuation alone",
        "They are trained as different types, against each other. The copy takes the most frequent spelling.", True,
    ),
    "similar-type": (
        "warning", "entities of types whose names are one letter apart",
        "If they are the same type, give them one name; if not, give names that tell them apart.", False,
    ),
    "missing-type": (
        "warning", "types of the training split that another split has not",
        "Nothing tells how well they are found. Split anew by type (gliner-adapters data split).", False,
    ),
    "repeated-entity": (
        "warning", "entities that are annotated twice",
        "One of the two is always a miss. The copy keeps one.", True,
    ),
    "two-types": (
        "warning", "stretches of text with several types",
        "Without nested reading only one of them can be found. Decide for one type, where it is no matter of taste.",
        False,
    ),
    "overlap": (
        "warning", "entities that overlap another one",
        "Without nested reading the better scored of two is found. Keep the outermost, or read with --nested.", False,
    ),
    "edges": (
        "warning", "entities with white space or stray punctuation at an edge",
        "Exact matches fail on them. The copy trims white space and , ; : at edges.", True,
    ),
    "off-words": (
        "warning", "entities that begin or end inside a word",
        "For training the word is cut there; in new text it is not, so such entities are missed. Annotate whole words, "
        "where the task allows it.", False,
    ),
    "too-wide": (
        "warning", "entities that are wider than the base can find",
        "They are left out of training and count as misses. Annotate shorter ones, or take a base with a wider cap.",
        False,
    ),
    "inconsistent": (
        "warning", "mentions of strings that are annotated elsewhere",
        "The same string is an entity in some places and none in others, which teaches to miss it. Look at the places.",
        False,
    ),
    "empty": (
        "warning", "documents without text",
        "They teach nothing. The copy leaves them out.", True,
    ),
    "repeated-text": (
        "warning", "documents that repeat another one of their split",
        "They count twice in training and in scores. The copy leaves out those with the same entities; of others, "
        "decide which annotation is right.", True,
    ),
    "repeated-id": (
        "warning", "documents with the id of another one",
        "Predictions are paired with annotation by id. The copy numbers them.", True,
    ),
    "characters": (
        "warning", "odd characters in texts",
        "Control, invisible and replacement characters come from a broken conversion and keep words from being known. "
        "Convert the texts anew.", False,
    ),
    "few": (
        "note", "types with few entities in the training split",
        "Below ten examples, scores are luck. Annotate more, or describe the type (method label-descriptions).",
        False,
    ),
    "unannotated": (
        "note", "documents without an entity",
        "Good if there is none in them; if nobody has annotated them, they teach to miss.", False,
    ),
    "repaired": (
        "note", "repairs made while reading",
        "What the file itself proves was taken as it is meant; the copy is written that way.", True,
    ),
}  # fmt: skip


def finding(kind: str) -> Finding:
    """An empty finding of a kind."""
    severity, title, advice, fixable = KINDS[kind]
    return Finding(kind, severity, title, advice, fixable)
