"""Sentences of free text: a small rule-based splitter for biomedical prose.

The result decides only where a long text may be cut into windows and how a document is laid out in IOB2, so
the rules prefer to miss a boundary over inventing one: a window that ends in mid-sentence overlaps the next,
one that ends at a sentence does not.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence

from gliner_adapters.documents.types import Document
from gliner_adapters.documents.words import Span

# A full stop after these does not end a sentence. In lower case, without the last full stop.
_LISTED = """
al approx b.i.d ca cf conc dept dr e.g eq eqs et etc exp fig figs i.d i.e i.m i.n i.p i.t i.v inc ltd mr mrs
ms no nos p.o pp prof q.d ref refs resp s.c s.d s.e s.e.m sect sp spp st subsp suppl t.i.d u.k u.s univ v.s
var vol vols vs wk wt
"""
_ABBREVIATIONS = frozenset(_LISTED.split())

# An end mark with closing quotes or brackets, white space, and what may open a sentence; or a blank line.
_CANDIDATE = re.compile(r"""(?P<mark>[.!?])["'”’)\]]*(?P<gap>\s+)(?=["'“‘(\[]*[A-Z0-9\u0391-\u03A9])|\n[ \t]*\n\s*""")
_LAST_TOKEN = re.compile(r"[^\s(\[\"'“‘]+\Z")


def split_sentences(text: str) -> list[Span]:
    """Character spans of the sentences, in order, without the white space around them.

    A sentence ends at ``.``, ``!`` or ``?`` before white space and a capital or a digit, and at a blank line.
    A full stop does not end it after an abbreviation ("Fig.", "et al.", "i.p."), after a single letter
    ("E. coli") or within a spaced number. Every character but white space lies in exactly one sentence.
    """
    spans: list[Span] = []
    start = 0
    for match in _CANDIDATE.finditer(text):
        if match["mark"] == "." and _is_abbreviation(text, match.start(), match.end()):
            continue
        end = match.start("gap") if match["mark"] else match.start()
        _append(spans, text, start, end)
        start = match.end()
    _append(spans, text, start, len(text))
    return spans


def sentence_breaks(document: Document, words: Sequence[Span]) -> list[int]:
    """Indices of the words that begin a sentence, ascending and without word 0.

    Sentences are those of the document's source where it gives them, else those of :func:`split_sentences`.
    """
    sentences = document.sentences if document.sentences is not None else split_sentences(document.text)
    breaks = {bisect_left(words, (start,)) for start, _ in sentences}
    return sorted(index for index in breaks if 0 < index < len(words))


def _append(spans: list[Span], text: str, start: int, end: int) -> None:
    piece = text[start:end]
    if stripped := piece.strip():
        begin = start + len(piece) - len(piece.lstrip())
        spans.append((begin, begin + len(stripped)))


def _is_abbreviation(text: str, stop: int, following: int) -> bool:
    """Whether the full stop at ``stop``, with the next word at ``following``, goes on with its sentence."""
    found = _LAST_TOKEN.search(text, max(0, stop - 20), stop)
    if found is None:  # tokenised text: the full stop stands alone
        return False
    token = found.group()
    if token.isdigit() and text[following].isdigit():
        return True
    if len(token) == 1 and token.isalpha():
        return True
    return token.lower() in _ABBREVIATIONS
