"""What callers give as texts and labels, as documents and labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gliner_adapters.documents.types import Document, Label
from gliner_adapters.errors import ConfigError, DataError
from gliner_adapters.inputs import described

Texts = str | Document | Iterable[str | Document]
"""A text, a document, or several of them."""

Labels = Iterable[str | Label] | Mapping[str, str | None]
"""Names, labels, or a mapping of name to description."""

_TEXTS = "expected a text, a Document, or a list (or another iterable) of these"


def as_documents(texts: Texts) -> Iterator[Document]:
    """Documents, one at a time; a single text or document is one.

    Raises:
        DataError: at once for what is no text and no iterable; when its turn comes for an item that is neither a text
            nor a document, or a text that holds half a character. Items are counted from 0.
    """
    if isinstance(texts, str | Document):
        return iter([_document(texts, "the text")])
    if isinstance(texts, bytes | bytearray | Mapping) or not isinstance(texts, Iterable):
        raise DataError(f"{_TEXTS}, got {described(texts)}")
    return (_document(each, f"item {number}") for number, each in enumerate(texts))


def _document(value: Any, name: str) -> Document:
    if isinstance(value, str):
        value = Document(str(value))
    if not isinstance(value, Document):
        raise DataError(f"{name}: expected a text or a Document, got {described(value)}")
    try:
        value.text.encode("utf-8")
    except UnicodeEncodeError as error:
        character = ord(value.text[error.start])
        raise DataError(
            f"{name} holds the lone surrogate U+{character:04X} at character {error.start}, which is not Unicode text"
        ) from None
    except AttributeError:
        raise DataError(f"{name}: the text of a Document must be a string, got {described(value.text)}") from None
    return value


def only_documents(documents: Iterable[Document]) -> Iterator[Document]:
    """Documents to be written, one at a time.

    Raises:
        DataError: at once for what is no iterable; when its turn comes for an item that is no document, counted from 1.
    """
    if isinstance(documents, Document | str | Mapping) or not isinstance(documents, Iterable):
        raise DataError(f"expected a list (or another iterable) of documents to write, got {described(documents)}")
    return (_only_document(each, number) for number, each in enumerate(documents, 1))


def _only_document(value: Any, number: int) -> Document:
    if not isinstance(value, Document):
        raise DataError(f"document number {number}: expected a Document, got {described(value)}")
    return value


def as_labels(labels: Labels) -> list[Label]:
    """Labels, checked.

    Raises:
        ConfigError: one string, nothing, something else than names and labels, an empty name, or a name given twice.
    """
    if isinstance(labels, str | Label):
        raise ConfigError("labels must be a list of names or a mapping of name to description, not one string")
    if not isinstance(labels, Iterable):
        raise ConfigError(
            f"labels must be a list of names or a mapping of name to description, got {described(labels)}"
        )
    pairs = labels.items() if isinstance(labels, Mapping) else ((label, None) for label in labels)
    found = [_label(name, description) for name, description in pairs]
    if not found:
        raise ConfigError("no labels given: at least one is needed")
    names = [label.name for label in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(f"labels given twice: {', '.join(twice)}")
    return found


def _label(name: Any, description: Any) -> Label:
    label = name if isinstance(name, Label) else Label(name, description or None)
    if not isinstance(label.name, str):
        raise ConfigError(f"the name of a label must be a string, got {described(label.name)}")
    if not label.name.strip():
        raise ConfigError("a label has an empty name")
    if label.description is not None and not isinstance(label.description, str):
        raise ConfigError(
            f"the description of label {label.name!r} must be a string or None, got {described(label.description)}"
        )
    return label
