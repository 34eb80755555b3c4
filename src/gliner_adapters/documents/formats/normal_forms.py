"""Normal forms of mentions: what an annotation says that it stands for, and what stands in the text.

PubTator gives the text of an annotation in a form of its own: Greek letters as Latin ones, a dash of any kind as a
hyphen or a space, letters without marks. Two texts that differ in no more than this are the same mention.
"""

from __future__ import annotations

import unicodedata

_LETTERS = "αβγδεζηθικλμνξοπρστυφχψω"
_LATIN = "abgdezhqiklmnxoprstufcyw"
_NAMES = (
    *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu"),
    *("nu", "xi", "omicron", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega"),
)
_AS_LATIN = str.maketrans(dict(zip(_LETTERS, _LATIN, strict=True)))
_AS_NAMES = str.maketrans(dict(zip(_LETTERS, _NAMES, strict=True)))


def same_when_normalised(one: str, other: str) -> bool:
    """Whether two texts have a normal form in common."""
    return bool(_forms(one) & _forms(other))


def _forms(text: str) -> set[str]:
    """The normal forms of a text: without marks, spaces and dashes; Greek letters as Latin ones, and by their names."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text).casefold() if not _is_dropped(c))
    return {plain.translate(_AS_LATIN), plain.translate(_AS_NAMES)} - {""}


def _is_dropped(character: str) -> bool:
    category = unicodedata.category(character)
    return category in ("Mn", "Pd", "Cf") or character.isspace() or character == "\N{MINUS SIGN}"
