"""The component in a pipeline: what it finds, beside which components, and how it takes documents."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("spacy", reason="needs the extra [spacy]")

import spacy
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example

from adapters.helpers import Tiny, trained_adapter
from bases import LABELS, TEXTS
from gliner_adapters.adapters import load_adapter, save_adapter
from gliner_adapters.annotate import Annotator
from gliner_adapters.errors import ConfigError
from gliner_adapters.integrations.spacy_component import READER
from integrations.conftest import MakePipeline

NAMES = [label.name for label in LABELS]
#: Of all kinds: empty, white space, beyond the basic plane, and longer than an input.
MANY = [*TEXTS, "", " ", "\n\n  Asthma\t\n", "α-synuclein 🧬 and β₂ in naïve mice.", " ".join(TEXTS) * 12]


def found(doc: Doc, key: str = "gliner_adapters") -> list[tuple[int, int, str]]:
    """Entities as they were found, in characters."""
    group = doc.spans[key]
    return [(*where, span.label_) for where, span in zip(group.attrs["offsets"].tolist(), group, strict=True)]


def read(annotator: Annotator, texts: list[str]) -> list[list[tuple[int, int, str]]]:
    return [[entity.key for entity in document.entities] for document in annotator.annotate(texts)]


@pytest.mark.parametrize("size", [1, 3, 256])
def test_the_same_is_found_as_by_the_annotator(pipeline: MakePipeline, adapter_folder: Path, size: int) -> None:
    expected = read(Annotator(load_adapter(adapter_folder)), MANY)
    assert sum(map(len, expected)) > 20
    nlp, component = pipeline(adapter=str(adapter_folder), alignment="expand")
    docs = list(nlp.pipe(MANY, batch_size=size))
    assert [doc.text for doc in docs] == MANY
    assert component.counts.merged == 0
    assert [found(doc) for doc in docs] == expected
    assert [found(nlp(text)) for text in MANY] == expected
    assert component.counts.documents == 2 * len(MANY)
    assert component.counts.found == 2 * sum(map(len, expected))
    for doc in docs:
        ents = [(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents]
        assert Counter(ents) <= Counter((s.start_char, s.end_char, s.label_) for s in doc.spans["gliner_adapters"])
    assert component.losses.oversized == 0


@pytest.mark.parametrize("name", ["bi-bert", "uni-bert"])
def test_zero_shot(pipeline: MakePipeline, tiny: Tiny, name: str) -> None:
    labels = {label.name: label.description for label in LABELS}
    options: dict[str, Any] = {"threshold": 0.3, "label_style": "name: description", "segment": "window"}
    nlp, component = pipeline(base=str(tiny(name).folder), labels=labels, **options)
    assert component.labels == tuple(NAMES)
    expected = read(Annotator(tiny(name).base, labels, **options), MANY)
    assert sum(map(len, expected))
    assert [found(doc) for doc in nlp.pipe(MANY)] == expected


def test_scores(pipeline: MakePipeline, adapter_folder: Path) -> None:
    nlp, _ = pipeline(adapter=str(adapter_folder), extension="probability")
    doc = nlp(MANY[0])
    (document,) = Annotator(load_adapter(adapter_folder)).annotate(MANY[0])
    scores = [entity.score for entity in document.entities]
    assert doc.spans["gliner_adapters"].attrs["scores"].tolist() == pytest.approx(scores)
    assert doc.ents
    assert {ent._.probability for ent in doc.ents} <= set(doc.spans["gliner_adapters"].attrs["scores"].tolist())


def test_thresholds(pipeline: MakePipeline, adapter_folder: Path) -> None:
    trained = load_adapter(adapter_folder)
    for given, own in [(0.7, 0.7), ({"disease": 0.1, "chemical": 0.9}, [0.9, 0.1, 0.4]), (None, 0.4)]:
        nlp, _ = pipeline(adapter=str(adapter_folder), threshold=given)
        assert [found(doc) for doc in nlp.pipe(MANY)] == read(Annotator(trained, threshold=own), MANY)


def test_some_labels_of_an_adapter(pipeline: MakePipeline, adapter_folder: Path) -> None:
    """Those left out displace no other: as if the adapter had these labels alone."""
    trained = load_adapter(adapter_folder)
    nlp, component = pipeline(adapter=str(adapter_folder), labels=["disease"])
    assert component.labels == ("disease",)
    got = [found(doc) for doc in nlp.pipe(MANY)]
    assert component.labels == ("disease",)
    assert got == read(Annotator(trained, threshold=[1.0, 0.4, 1.0]), MANY)
    filtered = [[key for key in keys if key[2] == "disease"] for keys in read(Annotator(trained), MANY)]
    assert sum(map(len, got)) > sum(map(len, filtered)) > 0


def test_nested_entities_are_in_the_group(pipeline: MakePipeline, adapter_folder: Path) -> None:
    nlp, component = pipeline(adapter=str(adapter_folder), nested=True, threshold=0.1)
    docs = list(nlp.pipe(MANY))
    expected = read(Annotator(load_adapter(adapter_folder), nested=True, threshold=0.1), MANY)
    for doc, keys in zip(docs, expected, strict=True):
        assert set(found(doc)) <= set(keys)
    # Entities within one token of spaCy come to lie in the same place.
    assert sum(len(found(doc)) for doc in docs) == sum(map(len, expected)) - component.counts.merged
    assert component.counts.not_in_ents > 0
    spans = sum(len(doc.spans["gliner_adapters"]) for doc in docs)
    assert sum(len(doc.ents) for doc in docs) == spans - component.counts.not_in_ents


# Tokenizers


class Whitespace:
    """Tokens end at spaces alone, so that they hold full stops and brackets."""

    def __init__(self, nlp: Language) -> None:
        self.vocab = nlp.vocab

    def __call__(self, text: str) -> Doc:
        words = text.split(" ")
        return Doc(self.vocab, words=words, spaces=[True] * (len(words) - 1) + [False])


class Characters(Whitespace):
    """Each character is a token."""

    def __call__(self, text: str) -> Doc:
        return Doc(self.vocab, words=list(text), spaces=[False] * len(text))


@pytest.mark.parametrize("alignment", ["strict", "contract", "expand"])
@pytest.mark.parametrize("tokenizer", [Whitespace, Characters])
def test_a_tokenizer_that_splits_otherwise(
    pipeline: MakePipeline, adapter_folder: Path, tokenizer: Any, alignment: str
) -> None:
    nlp, component = pipeline(adapter=str(adapter_folder), alignment=alignment, nested=True)
    nlp.tokenizer = tokenizer(nlp)
    texts = [text for text in TEXTS if text]
    expected = read(Annotator(load_adapter(adapter_folder), nested=True), texts)
    counts = Counter[str]()
    for doc, keys in zip(nlp.pipe(texts), expected, strict=True):
        assert doc.text == texts[len(counts) and counts["documents"]]
        counts["documents"] += 1
        bounds = {token.idx for token in doc}, {token.idx + len(token) for token in doc}
        fitting = [key for key in keys if key[0] in bounds[0] and key[1] in bounds[1]]
        counts["off"] += len(keys) - len(fitting)
        for (start, end, _), span in zip(found(doc), doc.spans["gliner_adapters"], strict=True):
            if alignment == "strict":
                assert (span.start_char, span.end_char) == (start, end)
            elif alignment == "expand":
                assert span.start_char <= start < end <= span.end_char
            else:
                assert start <= span.start_char < span.end_char <= end
        if alignment == "strict":
            assert found(doc) == fitting
    own = component.counts
    assert own.found == sum(map(len, expected))
    if tokenizer is Characters:
        assert counts["off"] == own.moved == own.left_out == 0
    else:
        assert counts["off"] > 0
        assert own.moved + own.left_out == counts["off"]
        assert own.left_out == counts["off"] if alignment == "strict" else True
        assert own.left_out == 0 if alignment == "expand" else True


def test_what_is_left_out_is_told_once(
    pipeline: MakePipeline, adapter_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    nlp, component = pipeline(adapter=str(adapter_folder), alignment="strict")
    nlp.tokenizer = Whitespace(nlp)
    list(nlp.pipe(TEXTS))
    assert component.counts.left_out > 1
    assert [record.getMessage().split(" (")[0] for record in caplog.records if "left out" in record.message] == [
        "component 'gliner_adapters': an entity does not lie on spaCy's tokens and is left out"
    ]


# Beside other components


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("first", [False, True])
def test_beside_a_ruler(pipeline: MakePipeline, adapter_folder: Path, overwrite: bool, first: bool) -> None:
    nlp, _ = pipeline(adapter=str(adapter_folder), overwrite_ents=overwrite, threshold=0.1)
    patterns = [{"label": "DRUG", "pattern": "prednisone", "id": "D1"}, {"label": "CELLS", "pattern": "HeLa cells"}]
    place: dict[str, Any] = {"first": True} if first else {"last": True}
    nlp.add_pipe("entity_ruler", **place).add_patterns(patterns)  # type: ignore[attr-defined]
    for doc in nlp.pipe(TEXTS[:2]):
        ruled = [ent for ent in doc.ents if ent.label_ in ("DRUG", "CELLS")]
        own = [(ent.start, ent.end, ent.label_) for ent in doc.ents if ent not in ruled]
        assert set(own) <= {(s.start, s.end, s.label_) for s in doc.spans["gliner_adapters"]}
        if first and not overwrite:
            assert ruled
            assert all(ent.ent_id_ == "D1" for ent in ruled if ent.label_ == "DRUG")
        for ent in ruled:
            over = [s for s in doc.spans["gliner_adapters"] if s.start < ent.end and ent.start < s.end]
            assert not (first and overwrite and over)


def test_entities_can_be_left_alone(pipeline: MakePipeline, adapter_folder: Path) -> None:
    nlp, _ = pipeline(adapter=str(adapter_folder), annotate_ents=False)
    doc = nlp.make_doc(TEXTS[0])
    doc.ents = [Span(doc, 0, 1, "mine")]
    nlp(doc)
    assert [ent.label_ for ent in doc.ents] == ["mine"]
    assert len(doc.spans["gliner_adapters"])


def test_two_components_share_a_base(pipeline: MakePipeline, tiny: Tiny, adapter_folder: Path, tmp_path: Path) -> None:
    other = save_adapter(trained_adapter(tiny("bi-bert").base, "label-embeddings"), tmp_path / "vectors")
    nlp, drugs = pipeline("drugs", adapter=str(adapter_folder))
    genes = nlp.add_pipe("gliner_adapters", name="genes", config={"adapter": str(other), "spans_key": "more"})
    doc = nlp(TEXTS[4])
    assert set(doc.spans) == {"drugs", "more"}
    for key, folder in {"drugs": adapter_folder, "more": other}.items():
        assert found(doc, key) == read(Annotator(load_adapter(folder)), [TEXTS[4]])[0]
    assert drugs.annotator.model.base is genes.annotator.model.base  # type: ignore[attr-defined]
    docs = list(nlp.pipe(TEXTS, batch_size=2))  # both read at the same time
    assert found(docs[4], "drugs") == found(doc, "drugs")


def test_a_component_of_another_pipeline(pipeline: MakePipeline, adapter_folder: Path) -> None:
    nlp, component = pipeline(adapter=str(adapter_folder))
    other = spacy.blank("en")
    assert other.add_pipe("gliner_adapters", source=nlp) is component
    assert found(other(TEXTS[0])) == found(nlp(TEXTS[0]))
    with other.select_pipes(disable="gliner_adapters"):
        assert not other(TEXTS[0]).spans
    assert "doc.ents" in nlp.analyze_pipes()["summary"]["gliner_adapters"]["assigns"]


def test_evaluation(pipeline: MakePipeline, adapter_folder: Path) -> None:
    nlp, _ = pipeline(adapter=str(adapter_folder))
    gold = list(nlp.pipe(TEXTS))
    examples = [Example(nlp.make_doc(doc.text), doc) for doc in gold]
    scores = nlp.evaluate(examples)
    assert scores["ents_f"] == 1.0
    assert set(scores["ents_per_type"]) <= set(NAMES)
    strict, _ = pipeline(adapter=str(adapter_folder), threshold=0.95)
    assert strict.evaluate(examples)["ents_r"] < 1.0


# Streams


def test_other_components_run_in_the_callers_thread(pipeline: MakePipeline, adapter_folder: Path) -> None:
    seen: list[tuple[str, int]] = []

    @Language.component("notes_thread")
    def notes_thread(doc: Doc) -> Doc:
        seen.append((doc.text, threading.get_ident()))
        return doc

    nlp, _ = pipeline(adapter=str(adapter_folder))
    nlp.add_pipe("notes_thread", first=True)
    nlp.add_pipe("notes_thread", name="after")
    assert len(list(nlp.pipe(TEXTS, batch_size=2))) == len(TEXTS)
    assert Counter(text for text, _ in seen) == Counter(dict.fromkeys(TEXTS, 2))
    assert {thread for _, thread in seen} == {threading.get_ident()}


def reading_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(READER)]


def test_an_endless_stream_is_read_a_few_batches_ahead(pipeline: MakePipeline, adapter_folder: Path) -> None:
    taken = 0

    def endless() -> Iterator[str]:
        nonlocal taken
        while True:
            taken += 1
            yield TEXTS[taken % len(TEXTS)]

    nlp, _ = pipeline(adapter=str(adapter_folder), batch_size=4)
    stream = nlp.pipe(endless(), batch_size=1000)  # the component's own size is the most
    assert len(list(islice(stream, 9))) == 9
    assert taken <= 5 * 4
    assert reading_threads()
    stream.close()  # type: ignore[attr-defined]
    assert not reading_threads()
    assert list(nlp.pipe([])) == []
    with pytest.raises(ConfigError, match="batch_size"):
        list(nlp.pipe(["a"], batch_size=0))


def test_documents_with_contexts(pipeline: MakePipeline, adapter_folder: Path) -> None:
    nlp, _ = pipeline(adapter=str(adapter_folder))
    pairs = list(nlp.pipe(((text, number) for number, text in enumerate(TEXTS)), as_tuples=True, batch_size=2))
    assert [(doc.text, number) for doc, number in pairs] == [(text, n) for n, text in enumerate(TEXTS)]


def test_an_error_upstream_ends_the_stream(pipeline: MakePipeline, adapter_folder: Path) -> None:
    def broken() -> Iterator[str]:
        yield from TEXTS[:3]
        raise OSError("the disk is gone")

    nlp, _ = pipeline(adapter=str(adapter_folder))
    with pytest.raises(OSError, match="the disk is gone"):
        list(nlp.pipe(broken(), batch_size=2))
    assert not reading_threads()


def test_a_batch_that_cannot_be_read_goes_to_the_error_handler(
    pipeline: MakePipeline, tiny: Tiny, tmp_path: Path
) -> None:
    """Only that one: what was sent behind it is read all the same."""
    folder = save_adapter(trained_adapter(tiny("bi-bert").base, "full"), tmp_path / "full")
    nlp, component = pipeline(adapter=str(folder))
    module = component.annotator.model.adapter.plug(component.annotator.model.base).text_encoder
    texts = [f"{number} {text}" for number, text in enumerate(TEXTS)]
    passes = 0

    def fails(*_: Any) -> None:
        nonlocal passes
        passes += 1
        if passes == 2:
            raise MemoryError("no room")

    hooked = [each.register_forward_pre_hook(fails) for each in [next(iter(module.modules()))]]
    try:
        passes = 0
        with pytest.raises(MemoryError, match="no room"):
            list(nlp.pipe(texts, batch_size=2))
        assert not reading_threads()
        passes, failed = 0, list[str]()
        nlp.set_error_handler(lambda name, proc, docs, error: failed.extend(doc.text for doc in docs))
        read_ = [doc.text for doc in nlp.pipe(texts, batch_size=2)]
        assert failed == texts[2:4]
        assert read_ == texts[:2] + texts[4:]
        assert component.get_error_handler() is not spacy.util.raise_error
    finally:
        for each in hooked:
            each.remove()
