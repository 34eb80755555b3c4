"""What a caller gives by mistake is named where it comes in, by every public function."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import gliner_adapters as ga
from adapters.helpers import Tiny
from bases import LABELS, TEXTS
from gliner_adapters.errors import ConfigError, DataError

SURROGATE = "Aspirin \ud83d helps."

NO_TEXTS: dict[str, tuple[Any, str]] = {
    "nothing": (None, "expected a text, a Document, or a list .* got None"),
    "number": (7, "got an int"),
    "mapping": ({"text": "Aspirin"}, "got a dict"),
    "bytes": (b"Aspirin", "got a bytes"),
    "a number among texts": (["Aspirin", 7], "item 1: expected a text or a Document, got an int"),
    "nothing among texts": (["Aspirin", None], "item 1: .* got None"),
    "half a character": (["a", SURROGATE], r"item 1 holds the lone surrogate U\+D83D at character 8"),
    "half a character alone": (SURROGATE, "the text holds the lone surrogate"),
}


@pytest.fixture(scope="module")
def annotator(tiny: Tiny) -> ga.Annotator:
    return ga.Annotator(tiny("bi-bert").base, LABELS, threshold=0.3)


def test_a_single_text_is_one_document(annotator: ga.Annotator) -> None:
    expected = annotator.annotate([TEXTS[0]])
    assert expected[0].entities
    for given in (TEXTS[0], ga.Document(TEXTS[0]), (TEXTS[0],), iter([TEXTS[0]])):
        assert annotator.annotate(given) == expected
    assert list(annotator.stream(TEXTS[0])) == expected


@pytest.mark.parametrize("name", NO_TEXTS)
def test_what_is_no_text_is_refused(name: str, annotator: ga.Annotator) -> None:
    given, complaint = NO_TEXTS[name]
    with pytest.raises(DataError, match=complaint):
        annotator.annotate(given)
    with pytest.raises(DataError, match=complaint):
        list(annotator.stream(given))


MISTAKES: dict[str, tuple[Callable[[Tiny, Path], Any], str]] = {
    "annotator of a path": (lambda tiny, _: ga.Annotator("my-adapter"), "got a str; load one with load_adapter"),  # type: ignore[arg-type]
    "labels as one string": (lambda tiny, _: ga.Annotator(tiny("bi-bert").base, "chemical"), "not one string"),
    "labels as a number": (lambda tiny, _: ga.Annotator(tiny("bi-bert").base, 7), "labels must be .* got an int"),  # type: ignore[arg-type]
    "a label as a number": (lambda tiny, _: ga.Annotator(tiny("bi-bert").base, [7]), "name of a label .* got an int"),  # type: ignore[list-item]
    "a label as nothing": (lambda tiny, _: ga.Annotator(tiny("bi-bert").base, [None]), "name of a label .* got None"),  # type: ignore[list-item]
    "a description as a list": (
        lambda tiny, _: ga.Annotator(tiny("bi-bert").base, {"a": ["b"]}),  # type: ignore[dict-item]
        "description of label 'a' .* got a list",
    ),
    "a threshold as a text": (
        lambda tiny, _: ga.Annotator(tiny("bi-bert").base, LABELS, threshold="0.5"),  # type: ignore[arg-type]
        "a threshold is a probability between 0 and 1, got a str",
    ),
    "a threshold that is no number": (
        lambda tiny, _: ga.Annotator(tiny("bi-bert").base, LABELS, threshold=float("nan")),
        "a threshold is a probability between 0 and 1, got nan",
    ),
    "request with one adapter's name": (lambda tiny, _: ga.Request(ga.Document("a"), "drugs"), "adapters of a request"),  # type: ignore[arg-type]
    "request with one label": (lambda tiny, _: ga.Request(ga.Document("a"), labels="drug"), "labels of a request"),  # type: ignore[arg-type]
    "request for nothing": (lambda tiny, _: ga.Request(None), "item 0: .* got None"),  # type: ignore[arg-type]
    "base as a number": (lambda tiny, _: ga.load_base(7), "the base: expected a path, got an int"),  # type: ignore[arg-type]
    "base as an empty string": (lambda tiny, _: ga.load_base(""), "the base: expected a path, got an empty string"),
    "adapter as nothing": (lambda tiny, _: ga.load_adapter(None), "the adapter: expected a path, got None"),  # type: ignore[arg-type]
    "corpus as a list": (lambda tiny, _: ga.load_corpus(["a"]), "the corpus: expected a path, got a list"),  # type: ignore[arg-type]
    "split as a list": (lambda tiny, _: ga.user_corpus(["a"]), "the train split: expected a path, got a list"),  # type: ignore[arg-type]
    "a corpus's labels as one string": (lambda tiny, out: ga.user_corpus(out / "a", labels="drug"), "no file"),
    "file to read as nothing": (lambda tiny, _: ga.read_documents(None), "the file to read: expected a path"),  # type: ignore[arg-type]
    "file to write as a number": (lambda tiny, _: ga.write_documents([], 7), "the file to write: expected a path"),  # type: ignore[arg-type]
    "one document to write": (
        lambda tiny, out: ga.write_documents(ga.Document("a"), out / "a.jsonl"),  # type: ignore[arg-type]
        "expected a list .* of documents to write, got a Document",
    ),
    "a number among documents to write": (
        lambda tiny, out: ga.write_documents([ga.Document("a"), 5], out / "a.jsonl"),  # type: ignore[list-item]
        "document number 2: expected a Document, got an int",
    ),
    "a text among documents of a table": (
        lambda tiny, _: ga.to_arrow(["a"]),  # type: ignore[list-item]
        "document number 1: expected a Document, got",
    ),
    "output as nothing": (
        lambda tiny, _: ga.adapt(tiny("bi-bert").base, "sample", output=None),  # type: ignore[arg-type]
        "the output: expected a path, got None",
    ),
    "training configuration as a mapping": (
        lambda tiny, out: ga.adapt(tiny("bi-bert").base, "sample", output=out / "x", config={"epochs": 1}),  # type: ignore[arg-type]
        "config: expected a TrainingConfig, got a dict",
    ),
    "evaluation of a number": (lambda tiny, _: ga.evaluate(7, "sample"), "the adapter: expected a path, got an int"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named(name: str, tiny: Tiny, tmp_path: Path) -> None:
    call, complaint = MISTAKES[name]
    with pytest.raises((ConfigError, DataError), match=complaint):
        call(tiny, tmp_path)


def test_a_request_takes_texts_and_names(tiny: Tiny) -> None:
    request = ga.Request("Aspirin helps.", labels=["chemical"])  # type: ignore[arg-type]
    assert request == ga.Request(ga.Document("Aspirin helps."), labels=(ga.Label("chemical"),))
