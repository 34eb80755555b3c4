"""The shared checks fail where they should: each is given something that breaks what it is about."""

from __future__ import annotations

import copy
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gliner_adapters.documents import Document, Entity, ReadReport, WriteReport
from gliner_adapters.documents.formats import Format, builtin_formats
from gliner_adapters.documents.formats.base import parse_records
from gliner_adapters.errors import DataError
from gliner_adapters.methods import METHODS, Adapter, Options
from gliner_adapters.model import Base, Parts
from gliner_adapters.testing import (
    FORMAT_CHECKS,
    METHOD_CHECKS,
    CheckFailed,
    FormatCase,
    MethodCase,
    check_format,
    check_method,
    corpora,
    formats,
    lives,
    methods,
    tiny_base,
)
from plugins.helpers import corpus_package


class Scale(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.factors = nn.Parameter(torch.ones(width))

    def forward(self, vectors: Tensor) -> Tensor:
        return vectors * self.factors


class Good(Adapter):
    """A factor for each dimension of the label vectors."""

    name = "toy"
    learning_rates = {"label_transform": 1e-2}  # noqa: RUF012

    def build(self, base: Base) -> None:
        self.label_transform: Any = Scale(base.hidden_size)

    def parts(self, parts: Parts) -> Parts:
        if self.label_transform is None or parts.label_head is None:
            return parts
        return replace(parts, label_head=nn.Sequential(parts.label_head, self.label_transform))


class Undocumented(Good):
    __doc__ = ""


class StartsElsewhere(Good):
    """Says that it starts as the base, and does not."""

    def build(self, base: Base) -> None:
        super().build(base)
        nn.init.constant_(self.label_transform.factors, 2.0)


class StartsAsBase(Good):
    """Says that it does not start as the base, and does."""

    @property
    def starts_as_base(self) -> bool:
        return False


class ReadsNames(Good):
    """Reads names, whatever is asked for."""

    def label_inputs(self, base: Base) -> Any:
        return None if base.architecture == "uni" or self.baked is not None else base.label_inputs(self.labels, "name")

    def build(self, base: Base) -> None:
        super().build(base)
        self.options = Options()


class TrainsMore(Good):
    """Counts a parameter that nothing reaches."""

    def build(self, base: Base) -> None:
        super().build(base)
        self.label_transform.more = nn.Parameter(torch.zeros(3))


class NoRate(Good):
    """An ingredient without a learning rate."""

    learning_rates = {}  # noqa: RUF012


class TrainsTheBase(Good):
    """Trains the base's own label head."""

    learning_rates = {"label_head": 1e-3}  # noqa: RUF012

    def build(self, base: Base) -> None:
        self.label_head = base.parts.label_head

    def parts(self, parts: Parts) -> Parts:
        return parts

    def trained(self) -> Any:
        return dict(self.named_parameters())


class ChangesTheBase(Good):
    """Scales in place what it was given."""

    def parts(self, parts: Parts) -> Parts:
        with torch.no_grad():
            for parameter in parts.span_head.parameters():
                parameter.mul_(1.01)
        return super().parts(parts)


class SaysTextIsLeftAlone(Good):
    """Says that word vectors are its own, and they are the base's."""

    def leaves_text_alone(self, base: Base) -> bool:
        return False


class KeepsProducers(Good):
    """Keeps what makes label vectors in the deployable form."""

    def _let_go(self, ingredients: Any) -> None:
        pass


class ForgetsState(Good):
    """Has numbers that decide scores, come from elsewhere than torch, and are not saved."""

    def build(self, base: Base) -> None:
        super().build(base)
        self.register_buffer("shift", torch.full((base.hidden_size,), random.random()), persistent=False)

    @property
    def starts_as_base(self) -> bool:
        return False

    def parts(self, parts: Parts) -> Parts:
        parts = super().parts(parts)
        if parts.label_head is None:
            return parts
        return replace(parts, label_head=nn.Sequential(parts.label_head, Moved(self.shift)))


class Moved(nn.Module):
    def __init__(self, shift: Any) -> None:
        super().__init__()
        self.shift = shift

    def forward(self, vectors: Tensor) -> Tensor:
        return vectors + self.shift


class LooksAround(Good):
    """A label's vector in one text depends on the other texts of the batch (uni-encoders)."""

    def parts(self, parts: Parts) -> Parts:
        parts = super().parts(parts)
        return parts if parts.label_head is None else replace(parts, label_head=nn.Sequential(parts.label_head, Less()))


class Less(nn.Module):
    def forward(self, vectors: Tensor) -> Tensor:
        return vectors - 0.5 * vectors.mean(0, keepdim=True)


class Unlearns(Good):
    """Its gradient leads uphill."""

    def build(self, base: Base) -> None:
        super().build(base)
        self.label_transform = Uphill(base.hidden_size)


class Uphill(Scale):
    def forward(self, vectors: Tensor) -> Tensor:
        return vectors * (2 * self.factors.detach() - self.factors)


class DropsTooMuch(Good):
    """Its baked vectors are others once what made them is gone."""

    def _let_go(self, ingredients: Any) -> None:
        super()._let_go(ingredients)
        assert self.baked is not None
        self.baked = self.baked * 2


BROKEN: list[tuple[type[Adapter], Any, str, str]] = [
    (Undocumented, methods.check_declaration, "bi-bert", "no docstring"),
    (StartsElsewhere, methods.check_start, "uni-bert", "says that it starts as the base, and its logits differ"),
    (StartsAsBase, methods.check_start, "bi-bert", "says that it does not start as the base, and it does"),
    (ReadsNames, methods.check_label_style, "bi-bert", "label_style='description'"),
    (TrainsMore, methods.check_gradients, "bi-bert", "no gradient reaches them: label_transform.more"),
    (NoRate, methods.check_counts, "bi-bert", "learning_rates lacks the ingredients label_transform"),
    (TrainsTheBase, methods.check_counts, "bi-bert", "trains the base's own memory"),
    (ChangesTheBase, methods.check_unplugging, "bi-bert", "changed the base's logits"),
    (SaysTextIsLeftAlone, methods.check_word_vectors, "bi-bert", "word vectors say otherwise"),
    (KeepsProducers, methods.check_baking, "bi-bert", "its deployable form keeps label_transform"),
    (LooksAround, methods.check_batches, "uni-bert", "other entities are found"),
    (ForgetsState, lives.check_saving, "uni-bert", "saved and loaded, its logits differ"),
    (DropsTooMuch, lives.check_deployable, "bi-bert", "its deployable form has other logits"),
    (LooksAround, lives.check_serving, "uni-bert", "finds something else"),
    (Unlearns, lives.check_training, "bi-bert", "loss of a short run does not fall"),
    (ForgetsState, lives.check_resuming, "bi-bert", "the same seed gives another adapter"),
]


@pytest.mark.parametrize(("kind", "check", "base", "complaint"), BROKEN)
def test_checks_of_methods_fail(
    kind: type[Adapter], check: Any, base: str, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(METHODS, "toy", kind)
    case = MethodCase(copy.deepcopy(tiny_base(base).base), "toy", where=base)
    with pytest.raises(CheckFailed, match=complaint) as caught:
        check(case)
    assert str(caught.value).startswith(f"method 'toy' on {base}: ")


def test_every_check_of_methods_can_fail_and_the_good_one_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {check for _, check, _, _ in BROKEN} == set(METHOD_CHECKS)
    monkeypatch.setitem(METHODS, "toy", Good)
    assert check_method("toy", bases=["bi-bert"]) == len(METHOD_CHECKS)


class Rows(Format):
    """A JSON array a line: id, text, entities."""

    name = "toy"
    endings = (".toy",)
    summary = "arrays"

    def read(self, stream: Any, path: str, *, options: Any, report: ReadReport) -> Iterator[Document]:
        """The lines that are not empty."""
        lines = ((number, line) for number, line in enumerate(stream, 1) if line.strip())
        return parse_records(lines, lambda given: self.parse(*given, path), skip_bad=options.skip_bad, report=report)

    def parse(self, number: int, line: bytes, path: str) -> Document | None:
        """One line."""
        try:
            name, text, entities = json.loads(line)
            text.encode()
            return Document(text, [Entity(*map(int, each[:2]), str(each[2]) or "x") for each in entities], str(name))
        except (ValueError, TypeError, IndexError, AttributeError, KeyError, RecursionError, OverflowError) as error:
            raise DataError(f"no array of an id, a text and entities: {error}", path, number) from None

    def kept(self, document: Document, options: Any, report: WriteReport) -> list[Entity]:
        """What is written."""
        return list(document.entities)

    def write(self, documents: Any, stream: Any, *, options: Any, report: WriteReport) -> None:
        """A line each."""
        for document in documents:
            entities = self.kept(document, options, report)
            rows = [[each.start, each.end, each.label] for each in entities]
            stream.write(json.dumps([document.id, document.text, rows]).encode() + b"\n")
            report.documents += 1
            report.entities += len(entities)


class Silent(Rows):
    summary = ""


class Lossy(Rows):
    def kept(self, document: Document, options: Any, report: WriteReport) -> list[Entity]:
        return list(document.entities)[:1]


class Shifted(Rows):
    def parse(self, number: int, line: bytes, path: str) -> Document | None:
        document = super().parse(number, line, path)
        assert document is not None
        size = len(document.text)
        return document.with_entities([replace(e, end=min(e.end + 1, size)) for e in document.entities])


class Foreign(Rows):
    def parse(self, number: int, line: bytes, path: str) -> Document | None:
        json.loads(line)
        return super().parse(number, line, path)


class Swallows(Rows):
    def read(self, stream: Any, path: str, *, options: Any, report: ReadReport) -> Iterator[Document]:
        return super().read((line for line in stream if line.startswith(b"[")), path, options=options, report=report)


class Overlapping(Rows):
    def kept(self, document: Document, options: Any, report: WriteReport) -> list[Entity]:
        kept: list[Entity] = []
        for each in document.entities:
            if not any(other.start < each.end and each.start < other.end for other in kept):
                kept.append(each)
        return kept


class Shared(Rows):
    endings = (".csv",)


class Grows(Rows):
    def parse(self, number: int, line: bytes, path: str) -> Document | None:
        try:
            return super().parse(number, line, path)
        except DataError:
            return Document("ha" * 10_000)


def there(raw: bytes) -> int:
    return sum(bool(line.strip()) for line in raw.split(b"\n"))


BROKEN_FORMATS: list[tuple[type[Format], Any, str]] = [
    (Silent, formats.check_declaration, "its summary is no line"),
    (Lossy, formats.check_round_trip, "entities"),
    (Shifted, formats.check_round_trip, "where none was written"),
    (Shared, formats.check_files, "is not known by its ending"),
    (Overlapping, formats.check_overlaps, "one is lost, and nothing is raised"),
    (Foreign, formats.check_damaged_files, "Error .* where a DataError with file and line should say"),
    (Swallows, formats.check_damaged_files, "documents are read or left out, and"),
    (Grows, formats.check_nothing_expanded, "expands entities"),
]


@pytest.mark.parametrize(("kind", "check", "complaint"), BROKEN_FORMATS)
def test_checks_of_formats_fail(
    kind: type[Format], check: Any, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(builtin_formats(), "toy", kind())
    with pytest.raises(CheckFailed, match=f"format 'toy': (?s:.*){complaint}"):
        check(FormatCase("toy", there=there))


def test_every_check_of_formats_can_fail_and_the_good_one_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {check for _, check, _ in BROKEN_FORMATS} == set(FORMAT_CHECKS)
    monkeypatch.setitem(builtin_formats(), "toy", Rows())
    assert check_format(FormatCase("toy", there=there)) == len(FORMAT_CHECKS)


LABEL = {"tag": "Drug", "name": "drug", "description": "a drug that helps"}
NONE = {"name": "", "redistribution": None}


@pytest.mark.parametrize(
    ("changes", "loader", "check", "complaint"),
    [
        ({"licence": NONE}, "read", corpora.check_entry, "names no licence"),
        ({"title": " "}, "read", corpora.check_entry, "has no title"),
        ({"labels": [LABEL, {**LABEL, "tag": "x", "name": "y"}]}, "read", corpora.check_entry, "the same description"),
        ({"folder": "elsewhere"}, "read", corpora.check_files, "lacks its train split"),
        ({}, "lambda path: []", corpora.check_documents, "train split is empty"),
        ({}, "lambda path: [Document('a', id='1')] * 2", corpora.check_documents, "the same id"),
        ({}, "lambda path: [Document('a')]", corpora.check_documents, r"have the labels \[\], its description"),
        ({}, "lambda path: [Document('a b', [Entity(0, 2, 'Drug')])]", corpora.check_documents, "has white edges"),
    ],
)
def test_checks_of_corpora_fail(
    changes: dict[str, Any],
    loader: str,
    check: Any,
    complaint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    name = f"bad-{request.node.callspec.indices['complaint']}"
    corpus_package(tmp_path, name, name, loader, **changes)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert check in corpora.CORPUS_CHECKS
    with pytest.raises(CheckFailed, match=f"corpus '{name}': .*{complaint}"):
        check(corpora.CorpusCase(name))


def test_checks_of_formats_and_corpora_need_neither_torch_nor_pytest() -> None:
    code = (
        "import sys\n"
        "from gliner_adapters.testing import FormatCase, check_corpus, check_format\n"
        "check_format(FormatCase('jsonl', damaged=3)), check_corpus('sample')\n"
        "print([name for name in ('torch', 'pytest', 'gliner') if name in sys.modules])"
    )
    source = str(Path(__file__).resolve().parent.parent.parent / "src")
    done = subprocess.run(
        [sys.executable, "-O", "-c", code],
        env={**os.environ, "PYTHONPATH": source},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr
