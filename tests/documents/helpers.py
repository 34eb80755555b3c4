"""Reading from and writing to bytes, and hypothesis strategies for documents."""

from __future__ import annotations

from hypothesis import strategies as st

from gliner_adapters.documents import Document, Entity
from gliner_adapters.documents.words import joined_spans
from gliner_adapters.testing.formats import read_bytes, write_bytes

__all__ = ["any_documents", "identity", "read_bytes", "tagged_sentences", "write_bytes"]

LABELS = ("Chemical", "Disease", "cell line", "GO:Process")

# Whatever UTF-8 can carry in a column: odd white space included, line ends, tabs and NUL excluded.
column_characters = st.characters(codec="utf-8", exclude_characters="\0\n\r\t")
tokens = st.text(column_characters, min_size=1, max_size=6).filter(
    lambda token: " " not in token and token != "-DOCSTART-" and not token.startswith("\ufeff")
)


def identity(document: Document) -> tuple[object, ...]:
    """All of a document, the metadata of its entities included (which ``==`` leaves out)."""
    return (
        document.id,
        document.text,
        [(entity, entity.meta) for entity in document.entities],
        None if document.words is None else [tuple(span) for span in document.words],
        None if document.sentences is None else [tuple(span) for span in document.sentences],
        document.meta,
    )


@st.composite
def flat_word_spans(draw: st.DrawFn, size: int) -> list[tuple[int, int]]:
    """Word spans (last inclusive) in order that do not overlap."""
    edges = sorted(draw(st.sets(st.integers(0, size), max_size=6)))
    return [(start, end - 1) for start, end in zip(edges[::2], edges[1::2], strict=False)]


@st.composite
def tagged_sentences(draw: st.DrawFn) -> Document:
    """A document as an IOB2 file gives it, without an id."""
    words = draw(st.lists(tokens, min_size=1, max_size=8))
    spans = joined_spans(words)
    entities = [
        Entity(spans[first][0], spans[last][1], draw(st.sampled_from(LABELS)))
        for first, last in draw(flat_word_spans(len(words)))
    ]
    return Document(" ".join(words), entities, words=spans)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
metas = st.dictionaries(st.text(), json_values, max_size=3)


@st.composite
def any_documents(draw: st.DrawFn) -> Document:
    """Free text with entities that may overlap, scores, ids and metadata."""
    text = draw(st.text(st.characters(codec="utf-8"), max_size=30))
    entities = []
    if text:
        for _ in range(draw(st.integers(0, 4))):
            start = draw(st.integers(0, len(text) - 1))
            entities.append(
                Entity(
                    start,
                    draw(st.integers(start + 1, len(text))),
                    draw(st.sampled_from(LABELS)),
                    draw(st.none() | st.floats(0, 1)),
                    draw(st.none() | st.text(max_size=5)),
                    draw(st.none() | metas),
                )
            )
    return Document(text, entities, draw(st.none() | st.text(min_size=1, max_size=5)), meta=draw(metas))
