"""Checks that every method, format and corpus has to pass, for tests of this package and of those that add to it.

    from gliner_adapters.testing import FormatChecks, MethodChecks

    class TestMine(MethodChecks):
        method = "my-method"

needs pytest (extra ``[testing]``); :func:`check_method`, :func:`check_format` and :func:`check_corpus` need none. Tiny
random bases are built on the spot: no check needs a network, a hub or a GPU.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gliner_adapters._lazy import lazy_attributes

# Imported when they are first used: checks of formats need no model library.
_HOMES = {
    "BASES": "cases",
    "CORPUS_CHECKS": "corpora",
    "CheckFailed": "expecting",
    "CorpusChecks": "suites",
    "FORMAT_CHECKS": "formats",
    "FormatCase": "formats",
    "FormatChecks": "suites",
    "LABELS": "bases",
    "METHOD_CHECKS": "method_checks",
    "MethodCase": "cases",
    "MethodChecks": "suites",
    "RECIPES": "bases",
    "TEXTS": "bases",
    "TinyBase": "bases",
    "check_corpus": "corpora",
    "check_format": "formats",
    "check_method": "method_checks",
    "expect": "expecting",
    "method_cases": "cases",
    "tiny_base": "bases",
    "toy_corpus": "toys",
}

__all__ = [
    "BASES",
    "CORPUS_CHECKS",
    "FORMAT_CHECKS",
    "LABELS",
    "METHOD_CHECKS",
    "RECIPES",
    "TEXTS",
    "CheckFailed",
    "CorpusChecks",
    "FormatCase",
    "FormatChecks",
    "MethodCase",
    "MethodChecks",
    "TinyBase",
    "check_corpus",
    "check_format",
    "check_method",
    "expect",
    "method_cases",
    "tiny_base",
    "toy_corpus",
]

if TYPE_CHECKING:
    from gliner_adapters.testing.bases import LABELS, RECIPES, TEXTS, TinyBase, tiny_base
    from gliner_adapters.testing.cases import BASES, MethodCase, method_cases
    from gliner_adapters.testing.corpora import CORPUS_CHECKS, check_corpus
    from gliner_adapters.testing.expecting import CheckFailed, expect
    from gliner_adapters.testing.formats import FORMAT_CHECKS, FormatCase, check_format
    from gliner_adapters.testing.method_checks import METHOD_CHECKS, check_method
    from gliner_adapters.testing.suites import CorpusChecks, FormatChecks, MethodChecks
    from gliner_adapters.testing.toys import toy_corpus

__getattr__ = lazy_attributes(__name__, _HOMES)


def __dir__() -> list[str]:
    return __all__
