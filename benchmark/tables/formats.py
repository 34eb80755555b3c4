"""What each file format keeps and what it loses, found by writing documents and reading them again."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from gliner_adapters.documents import Document, Entity, ReadOptions, ReadReport, WriteOptions, WriteReport
from gliner_adapters.documents.formats import Format, builtin_formats
from gliner_adapters.errors import DataError
from gliner_adapters.markdown import markdown_table

_TEXT = "Naloxone reverses opioid overdose."
_SPACED = "Naloxone  reverses opioid overdose.\n\nIt acts fast."
_NALOXONE = Entity(0, 8, "Chemical")


def _probe(*entities: Entity, text: str = _TEXT, **more: Any) -> Document:
    return Document(text, [*entities], "PMC-7", **more)


#: What a document may have, a document that has it, and what of it is compared.
PROBES: dict[str, tuple[Document, Callable[[Document], object]]] = {
    "white space of the text": (_probe(_NALOXONE, text=_SPACED), lambda document: document.text),
    "document ids": (_probe(_NALOXONE), lambda document: document.id),
    "entities": (_probe(_NALOXONE), lambda document: [document.mention(entity) for entity in document.entities]),
    "overlapping entities": (
        _probe(Entity(18, 33, "Disease"), Entity(18, 24, "Chemical")),
        lambda document: [document.mention(entity) for entity in document.entities],
    ),
    "entities inside words": (
        _probe(Entity(0, 3, "Part")),
        lambda document: [document.mention(entity) for entity in document.entities],
    ),
    "types with spaces": (_probe(Entity(0, 8, "cell line")), lambda document: [e.label for e in document.entities]),
    "scores": (_probe(Entity(0, 8, "Chemical", 0.5)), lambda document: [e.score for e in document.entities]),
    "concept ids": (
        _probe(Entity(0, 8, "Chemical", identifier="MESH:D009270")),
        lambda document: [entity.identifier for entity in document.entities],
    ),
    "words": (
        _probe(_NALOXONE, words=[(0, 8), (9, 17), (18, 24), (25, 29), (29, 34)]),
        lambda document: [document.text[start:end] for start, end in document.words or ()],
    ),
    "sentences": (
        _probe(_NALOXONE, text=_SPACED, sentences=[(0, 35), (37, 50)]),
        lambda document: [document.text[start:end] for start, end in document.sentences or ()],
    ),
    "metadata": (_probe(_NALOXONE, meta={"journal": "x"}), lambda document: document.meta.get("journal")),
}


def format_table() -> str:
    """A Markdown table: each format with its endings, what it is, and what of :data:`PROBES` it keeps and loses."""
    rows = []
    for name, each in builtin_formats().items():
        endings = " ".join(f"`{ending}`" for ending in (*each.endings, *each.shared_endings))
        if each.readable and each.writable:
            kept = [what for what in PROBES if keeps(each, what)]
            told = ", ".join(kept), ", ".join(what for what in PROBES if what not in kept) or "nothing"
        else:
            told = "(read only)" if each.readable else "(written only)", ""
        rows.append([f"`{name}`", endings, each.summary, *told])
    return markdown_table(["name", "endings", "what it is", "kept", "lost"], rows) + "\n"


def keeps(each: Format, what: str) -> bool:
    """Whether what a document has is there again when it was written in a format and read."""
    document, of = PROBES[what]
    stream = io.BytesIO()
    try:
        each.write([document], stream, options=WriteOptions(on_conflict="drop"), report=WriteReport())
    except DataError:
        return False
    stream.seek(0)
    read = list(each.read(stream, "probe", options=ReadOptions(), report=ReadReport()))
    return len(read) == 1 and of(read[0]) == of(document)
