"""The checks as classes that pytest collects: a subclass named ``Test...`` says what is checked.

pytest itself is not imported here; it calls ``pytest_generate_tests`` of each class, and each check becomes a test.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from gliner_adapters.testing.corpora import CORPUS_CHECKS, CorpusCase
from gliner_adapters.testing.formats import DOCUMENTS, FORMAT_CHECKS, FormatCase

if TYPE_CHECKING:
    import pytest

    from gliner_adapters.documents import Document
    from gliner_adapters.testing.cases import MethodCase


class MethodChecks:
    """Every check of a method, on each tiny base that it works on.

    Attributes:
        method: its name; may be a combination.
        options: of the method.
        bases: the tiny bases, names of ``RECIPES``; ``BASES`` if empty.
        training: fields of the training configuration, where a short run with the usual ones does not learn.
    """

    method: ClassVar[str]
    options: ClassVar[Mapping[str, Any]] = {}
    bases: ClassVar[Sequence[str]] = ()
    training: ClassVar[Mapping[str, Any]] = {}

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """A test for each check on each base."""
        if "method_check" not in metafunc.fixturenames:
            return
        from gliner_adapters.methods import get_method
        from gliner_adapters.testing.bases import RECIPES
        from gliner_adapters.testing.cases import BASES
        from gliner_adapters.testing.method_checks import METHOD_CHECKS

        fitting = get_method(self.method).architectures
        bases = [name for name in self.bases or BASES if RECIPES[name].architecture in fitting]
        pairs = [(check, base) for base in bases for check in METHOD_CHECKS]
        ids = [f"{check.__name__.removeprefix('check_')}-{base}" for check, base in pairs]
        metafunc.parametrize(("method_check", "base_name"), pairs, ids=ids)

    def test_method(self, method_check: Callable[[MethodCase], None], base_name: str) -> None:
        """One ``method_check`` on the base of a ``base_name``."""
        from gliner_adapters.testing.cases import method_cases

        (case,) = method_cases(self.method, self.options, [base_name], training=dict(self.training))
        method_check(case)


class FormatChecks:
    """Every check of a file format.

    Attributes:
        format: its name.
        documents: that it is tried with; fewer where it parts or refuses some of the usual ones.
        sample: a file of these documents, for a format that is only read.
        there: a static method: how many documents a damaged file holds, told without the reader.
        told: share of the damaged files, at least, of which ``there`` can tell.
        left_out: repairs that leave a document out.
        damaged: how many damaged files are read.
    """

    format: ClassVar[str]
    documents: ClassVar[Sequence[Document]] = DOCUMENTS
    sample: ClassVar[bytes | None] = None
    there: ClassVar[Callable[[bytes], int | range | None] | None] = None
    told: ClassVar[float] = 0.1
    left_out: ClassVar[Sequence[str]] = ()
    damaged: ClassVar[int] = 2000

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """A test for each check."""
        if "format_check" in metafunc.fixturenames:
            ids = [check.__name__.removeprefix("check_") for check in FORMAT_CHECKS]
            metafunc.parametrize("format_check", FORMAT_CHECKS, ids=ids)

    def test_format(self, format_check: Callable[[FormatCase], None]) -> None:
        """One check."""
        kind = type(self)
        format_check(
            FormatCase(kind.format, kind.documents, kind.sample, kind.there, kind.told, kind.left_out, kind.damaged)
        )


class CorpusChecks:
    """Every check of a corpus.

    Attributes:
        corpus: its name.
        data_dir: where its files lie, if they do not come with its package.
    """

    corpus: ClassVar[str]
    data_dir: ClassVar[Path | None] = None

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """A test for each check."""
        if "corpus_check" in metafunc.fixturenames:
            ids = [check.__name__.removeprefix("check_") for check in CORPUS_CHECKS]
            metafunc.parametrize("corpus_check", CORPUS_CHECKS, ids=ids)

    def test_corpus(self, corpus_check: Callable[[CorpusCase], None]) -> None:
        """One check."""
        corpus_check(CorpusCase(self.corpus, self.data_dir))
