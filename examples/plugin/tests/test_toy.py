"""What every method, every format and every corpus of gliner-adapters has to pass, for those of this package."""

from __future__ import annotations

from gliner_adapters.testing import CorpusChecks, FormatChecks, MethodChecks


class TestLabelScale(MethodChecks):
    """The factors start at one."""

    method = "label-scale"


class TestLabelScaleElsewhere(MethodChecks):
    """The factors start elsewhere, so not as the base; the checks hold it to that."""

    method = "label-scale"
    options = {"initial": 0.5}  # noqa: RUF012


class TestInline(FormatChecks):
    """A line that is not empty is a document, or left out and counted."""

    format = "inline"

    @staticmethod
    def there(raw: bytes) -> int:
        """Lines that hold more than white space."""
        return sum(bool(line.strip()) for line in raw.split(b"\n"))


class TestToyTrials(CorpusChecks):
    """Its files come with the package."""

    corpus = "toy-trials"
