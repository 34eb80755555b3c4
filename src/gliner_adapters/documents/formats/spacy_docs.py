"""spaCy's DocBin (``.spacy``), what ``spacy train`` reads: needs the extra ``[spacy]``.

Tokens are spaCy's own and are not read as words, but kept to be written again (``Document.meta["spacy"]["tokens"]``),
unless the file was written from a document with words (for which it has ``doc.user_data["words"] = "given"``): then
those that are no white space are its words. Entities are ``doc.ents`` and the spans of the group ``doc.spans["sc"]``,
which spaCy's span categorizer reads and which may hold overlapping ones; both are written, for training either
with the file. ``doc.user_data["id"]`` is the document's id and an entity's ``kb_id`` its identifier. What is known of
words beyond that (tags, lemmas, ...) is left out and counted.

A DocBin is one packed block, so a file is read and written as a whole, in memory.
"""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, BinaryIO

from gliner_adapters.documents.formats.base import (
    Format,
    OnConflict,
    ReadOptions,
    WriteOptions,
    document_name,
    encode,
    parse_records,
)
from gliner_adapters.documents.formats.json_records import METADATA, SCORES
from gliner_adapters.documents.formats.report import ReadReport, WriteReport
from gliner_adapters.documents.tags import OFF_BOUNDARY, OVERLAPPING, entities_to_tags
from gliner_adapters.documents.types import Document, Entity
from gliner_adapters.documents.words import Span, entity_words, refine_words, split_words
from gliner_adapters.errors import DataError
from gliner_adapters.extras import require

#: The longest content in bytes, unpacked.
MAX_CONTENT = 1 << 30

GROUP = "sc"
#: What the user data say of tokens that are the document's own words.
GIVEN = "given"
OTHER_GROUPS = f"group of spans other than {GROUP!r} left out"
WORD_ANNOTATION = "annotation of words (tags, lemmas, dependencies) left out"
USER_DATA = "user data that JSON cannot hold left out"
GAPS = "text between words written as words"
SENTENCES = "sentence boundaries within words left out"

_READ = ("ORTH", "ENT_IOB", "ENT_TYPE", "ENT_KB_ID", "SENT_START")
_LOST = ("TAG", "DEP", "LEMMA", "POS", "MORPH")


class SpacyDocs(Format):
    """Reader and writer for spaCy's DocBin."""

    name = "spacy"
    endings = (".spacy",)
    summary = "spaCy's DocBin, as `spacy train` reads it (extra [spacy])"
    needs = ("spacy", "spacy")

    def recognises(self, head: bytes) -> bool:
        """Whether the content is packed as a DocBin is, with ``attrs`` or ``version`` as its first name."""
        try:
            start = zlib.decompressobj().decompress(head, 64)
        except zlib.error:
            return False
        return b"version" in start[:16] or b"attrs" in start[:16]

    def read(self, stream: BinaryIO, path: str, *, options: ReadOptions, report: ReadReport) -> Iterator[Document]:
        """The documents of a DocBin. A broken document can be left out, a broken file cannot."""
        bin_ = _Bin(_unpacked(stream, path), path, report)
        return parse_records(range(len(bin_)), bin_.document, skip_bad=options.skip_bad, report=report)

    def write(
        self, documents: Iterable[Document], stream: BinaryIO, *, options: WriteOptions, report: WriteReport
    ) -> None:
        """One DocBin. An entity that begins or ends inside a word is up to ``on_conflict``."""
        tokens = require("spacy.tokens", "spacy")
        vocab = require("spacy.vocab", "spacy").Vocab()
        found = tokens.DocBin(attrs=_READ, store_user_data=True)
        for number, document in enumerate(documents, 1):
            found.add(_doc(document, document_name(document, number), vocab, options.on_conflict, report))
            report.documents += 1
        stream.write(found.to_bytes())


def _unpacked(stream: BinaryIO, path: str) -> bytes:
    """The content of a file, packed anew without what a bomb would add."""
    unpacking = zlib.decompressobj()
    try:
        raw = unpacking.decompress(stream.read(), MAX_CONTENT)
    except (zlib.error, EOFError, OSError) as error:
        raise DataError(f"not a DocBin of spaCy: {error}", path) from None
    if unpacking.unconsumed_tail:
        raise DataError(f"more than {MAX_CONTENT >> 20} MB unpacked; refused, split it into several files", path)
    if not unpacking.eof:
        raise DataError("the DocBin ends early; the file is truncated", path)
    return zlib.compress(raw, 0)


class _Bin:
    """The documents of one DocBin."""

    def __init__(self, raw: bytes, path: str, report: ReadReport) -> None:
        self._tokens = require("spacy.tokens", "spacy")
        attrs = require("spacy.attrs", "spacy").IDS
        self._vocab = require("spacy.vocab", "spacy").Vocab()
        self._path, self._report = path, report
        try:
            self._all = self._tokens.DocBin().from_bytes(raw)
            for string in self._all.strings:
                self._vocab.strings.add(string)
            held = list(self._all.attrs)
            self._columns = [held.index(attrs[name]) for name in _READ if attrs[name] in held]
            self._lost = [held.index(attrs[name]) for name in _LOST if attrs[name] in held]
            self._attrs = [held[column] for column in self._columns]
            whole = all(len(t) == len(s) for t, s in zip(self._all.tokens, self._all.spaces, strict=True))
            found = self._all
            sizes = {len(x) for x in (found.tokens, found.span_groups, found.flags, found.user_data, found.cats)}
        except Exception as error:  # whatever a damaged file makes spaCy and its libraries raise
            raise DataError(f"not a DocBin of spaCy: {type(error).__name__}: {str(error)[:200]}", path) from None
        if not whole or len(sizes) > 1 or attrs["ORTH"] not in held:
            raise DataError("not a DocBin of spaCy: its parts are of different lengths", path)

    def __len__(self) -> int:
        return len(self._all.tokens)

    def document(self, index: int) -> Document:
        """A document by its place."""
        where = f"document number {index + 1}"
        try:
            doc = self._doc(index)
            words = [(token.idx, token.idx + len(token)) for token in doc if not token.text.isspace()]
            # spaCy takes a single token for an annotated sentence in any case.
            sentences = _sentences(doc) if len(doc) > 1 and doc.has_annotation("SENT_START") else None
            ents = [self._entity(span, where) for span in doc.ents]
            spans = [self._entity(span, where) for span in doc.spans[GROUP]] if GROUP in doc.spans else []
            others = sum(1 for key in doc.spans if key != GROUP)
            data = self._user_data(index)
            encode(doc.text, where)
        except DataError as error:
            raise DataError(f"{error.message}", self._path) from None
        except Exception as error:  # as above
            raise DataError(f"{where}: {type(error).__name__}: {str(error)[:200]}", self._path) from None
        for _ in range(others):
            self._note(OTHER_GROUPS)
        if any(self._all.tokens[index][:, column].any() for column in self._lost):
            self._note(WORD_ANNOTATION)
        missing = list((Counter(ents) - Counter(spans)).elements())
        entities = sorted([*ents, *(Counter(spans) - Counter(ents)).elements()], key=_place) if missing else spans
        name = data.pop("id", None)
        given = data.pop("words", None) == GIVEN
        own = [] if given or words == split_words(doc.text) else [list(span) for span in words]
        kept = {key: value for key, value in {"user_data": data, "cats": doc.cats, "tokens": own}.items() if value}
        meta = {"spacy": kept} if kept else {}
        return Document(
            doc.text, entities, None if name is None else str(name), words if given else None, sentences, meta
        )

    def _doc(self, index: int) -> Any:
        one = self._tokens.DocBin()
        one.attrs = self._attrs
        one.tokens = [self._all.tokens[index][:, self._columns].copy(order="C")]
        one.spaces, one.flags = [self._all.spaces[index]], [self._all.flags[index]]
        one.cats, one.span_groups = [self._all.cats[index]], [self._all.span_groups[index]]
        return next(one.get_docs(self._vocab))

    def _entity(self, span: Any, where: str) -> Entity:
        if not span.label_ or not 0 <= span.start_char < span.end_char <= len(span.doc.text):
            raise DataError(f"{where}: an entity without a type, or not within the text")
        return Entity(span.start_char, span.end_char, span.label_, identifier=span.kb_id_ or None)

    def _user_data(self, index: int) -> dict[str, Any]:
        """What a document carries along, as far as JSON can hold it."""
        raw = self._all.user_data[index]
        data = require("srsly", "spacy").msgpack_loads(raw, use_list=False) if raw else {}
        kept = {}
        for key, value in data.items():
            try:
                json.dumps(value, allow_nan=False)
            except (TypeError, ValueError):
                self._note(USER_DATA)
                continue
            if isinstance(key, str):
                kept[key] = value
            else:
                self._note(USER_DATA)
        return kept

    def _note(self, kind: str) -> None:
        self._report.add_repair(kind, self._path, 1)


def _place(entity: Entity) -> tuple[int, int]:
    return entity.start, -entity.end


def _sentences(doc: Any) -> list[Span] | None:
    """Sentences without white space around them."""
    found = []
    for sentence in doc.sents:
        text = doc.text[sentence.start_char : sentence.end_char]
        start = sentence.start_char + len(text) - len(text.lstrip())
        if text.strip():
            found.append((start, start + len(text.strip())))
    return found or None


def _doc(document: Document, name: str, vocab: Any, on_conflict: OnConflict, report: WriteReport) -> Any:
    """A document as spaCy's ``Doc``."""
    tokens = require("spacy.tokens", "spacy")
    encode(document.text, name)
    words = document.words if document.words is not None else _tokens(document)
    if on_conflict == "split":
        words, _ = refine_words(words, document.entities)
    pieces, spaces, starts = _pieces(document.text, words, report)
    begins = None
    if document.sentences is not None and pieces:
        begins = {start for start, _ in document.sentences}
        if not begins <= set(starts):
            report.changes[SENTENCES] += 1
            begins = None
    doc = tokens.Doc(
        vocab,
        words=pieces,
        spaces=spaces,
        sent_starts=None if begins is None else [start in begins or start == starts[0] for start in starts],
    )
    entities = []
    for entity in document.entities:
        if entity_words(words, entity) is not None:
            entities.append(entity)
        elif on_conflict == "error":
            raise DataError(
                f"{name}: entity {entity.key} {document.mention(entity)[:40]!r} cannot be written for spaCy: "
                f"{OFF_BOUNDARY}; drop such entities, or split words at entity boundaries (for training data)"
            )
        else:
            report.dropped[OFF_BOUNDARY] += 1
    report.entities += len(entities)
    spans = [
        doc.char_span(e.start, e.end, label=e.label, kb_id=e.identifier or "", alignment_mode="strict")
        for e in entities
    ]
    _, left_out = entities_to_tags(words, entities)
    overlapping = Counter(id(entity) for entity, reason in left_out if reason == OVERLAPPING)
    flat = [span for entity, span in zip(entities, spans, strict=True) if not overlapping[id(entity)]]
    doc.set_ents(flat, default="outside")
    doc.spans[GROUP] = spans
    kept = document.meta.get("spacy", {})
    doc.user_data.update(kept.get("user_data", {}))
    doc.cats = dict(kept.get("cats", {}))
    if document.id is not None:
        doc.user_data["id"] = document.id
    if document.words is not None:
        doc.user_data["words"] = GIVEN
    report.changes[SCORES] += sum(entity.score is not None for entity in entities)
    report.changes[METADATA] += bool(document.meta.keys() - {"spacy"} or any(e.meta for e in entities))
    report.changes += Counter()  # without zeros
    return doc


def _tokens(document: Document) -> Sequence[Span]:
    """The tokens that a document without words came with, if it did and they are still within its text."""
    kept = document.meta.get("spacy", {}).get("tokens")
    if kept and kept[-1][1] <= len(document.text):
        return [(int(start), int(end)) for start, end in kept]
    return split_words(document.text)


def _pieces(text: str, words: Iterable[Span], report: WriteReport) -> tuple[list[str], list[bool], list[int]]:
    """Tokens that make up the whole text, whether a space follows each, and where each begins."""
    pieces: list[str] = []
    spaces: list[bool] = []
    starts: list[int] = []
    position = 0
    for start, end in (*words, (len(text), len(text))):
        if pieces and text[position:start].startswith(" "):
            spaces[-1] = True
            position += 1
        if gap := text[position:start]:
            if gap.strip():
                report.changes[GAPS] += 1
            pieces.append(gap)
            spaces.append(False)
            starts.append(position)
        if start < end:
            pieces.append(text[start:end])
            spaces.append(False)
            starts.append(start)
        position = end
    return pieces, spaces, starts


FORMAT = SpacyDocs()
