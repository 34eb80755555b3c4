"""Documents: text with entities, its words and windows, and the files it comes from.

Everything is in character offsets, end exclusive. Nothing here imports torch or GLiNER.
"""

from gliner_adapters.documents.data_frames import to_arrow, to_pandas
from gliner_adapters.documents.formats import (
    Discontinuous,
    OnConflict,
    ReadOptions,
    ReadReport,
    RepairWarning,
    WriteOptions,
    WriteReport,
    detect_format,
    formats,
    read_documents,
    write_documents,
    written_format,
)
from gliner_adapters.documents.inputs import Labels, Texts, as_documents, as_labels
from gliner_adapters.documents.sentences import sentence_breaks, split_sentences
from gliner_adapters.documents.tags import entities_to_tags, split_tag, tags_to_entities
from gliner_adapters.documents.types import Document, Entity, Label
from gliner_adapters.documents.windows import Window, WordSpan, merge_windows, plan_windows
from gliner_adapters.documents.words import (
    Span,
    entity_words,
    joined_spans,
    refine_words,
    split_words,
    word_spans,
    words_entity,
)

__all__ = [
    "Discontinuous",
    "Document",
    "Entity",
    "Label",
    "Labels",
    "OnConflict",
    "ReadOptions",
    "ReadReport",
    "RepairWarning",
    "Span",
    "Texts",
    "Window",
    "WordSpan",
    "WriteOptions",
    "WriteReport",
    "as_documents",
    "as_labels",
    "detect_format",
    "entities_to_tags",
    "entity_words",
    "formats",
    "joined_spans",
    "merge_windows",
    "plan_windows",
    "read_documents",
    "refine_words",
    "sentence_breaks",
    "split_sentences",
    "split_tag",
    "split_words",
    "tags_to_entities",
    "to_arrow",
    "to_pandas",
    "word_spans",
    "words_entity",
    "write_documents",
    "written_format",
]
