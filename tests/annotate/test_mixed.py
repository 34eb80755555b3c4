"""Reading with many adapters at once equals reading with one at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.helpers import Tiny
from annotate.helpers import OTHERS, assert_same, family, moved
from bases import LABELS, RECIPES, TEXTS, build_base, free
from comparing import assert_near
from gliner_adapters.adapters import TrainedAdapter
from gliner_adapters.annotate import Annotator, Request
from gliner_adapters.documents import Document, Label
from gliner_adapters.errors import AdapterError, BaseModelError, ConfigError
from gliner_adapters.inference.label_cache import LabelCache
from gliner_adapters.model import Base, load_base
from gliner_adapters.model.passages import Segmenter

DOCUMENTS = free([*TEXTS, " ".join(TEXTS), ""])
#: Every kind of adapter on these; random mixes of them on BERT.
FAMILIES = ("uni-deberta", "uni-bert-lstm", "bi-modernbert")


@pytest.fixture(scope="module")
def families(tiny: Tiny) -> Callable[[str], dict[str, TrainedAdapter]]:
    """Adapters of all kinds by base, each family made once."""
    made: dict[str, dict[str, TrainedAdapter]] = {}

    def get(name: str) -> dict[str, TrainedAdapter]:
        return made.setdefault(name, {}) or made[name].update(family(tiny(name).base)) or made[name]

    return get


Families = Callable[[str], dict[str, TrainedAdapter]]


@pytest.mark.parametrize("name", FAMILIES)
def test_a_mixed_batch_equals_one_adapter_at_a_time(name: str, tiny: Tiny, families: Families) -> None:
    adapters = families(name)
    alone = {key: Annotator(adapter).annotate(DOCUMENTS) for key, adapter in adapters.items()}
    finders = [key for key, documents in alone.items() if sum(len(document.entities) for document in documents) > 3]
    assert len(finders) > len(adapters) / 2
    annotator = Annotator(tiny(name).base, adapters=adapters)
    by_document = annotator.read([Request(d, (key,)) for d in DOCUMENTS for key in adapters])
    for number, reading in enumerate(by_document):
        index, key = number // len(adapters), list(adapters)[number % len(adapters)]
        assert [found.adapter for found in reading.found] == [key]
        assert list(reading.found[0].entities) == reading.document.entities
        assert_same(reading.document, alone[key][index])
    # And all of them asked about each document at once, in small batches, beside plain labels.
    small = Annotator(tiny(name).base, adapters=adapters, max_passages=3, max_tokens=300)
    plain = Annotator(tiny(name).base, OTHERS).annotate(DOCUMENTS)
    for index, reading in enumerate(small.read([Request(d, tuple(adapters), OTHERS) for d in DOCUMENTS])):
        assert [found.adapter for found in reading.found] == [*adapters, None]
        for found, expected in zip(reading.found, [*(a[index] for a in alone.values()), plain[index]], strict=True):
            assert_same(DOCUMENTS[index].with_entities(found.entities), expected)
        entities = reading.document.entities
        assert len(entities) == sum(len(found.entities) for found in reading.found)
        assert [(e.start, e.end) for e in entities] == sorted((e.start, e.end) for e in entities)


@pytest.mark.parametrize("name", ["uni-bert-markerV1", "bi-deberta-conv"])
def test_heads_that_cannot_be_factorised(name: str, tiny: Tiny) -> None:
    base = tiny(name).base
    methods = ("heads", "full") if name.startswith("uni") else ("heads", "label-embeddings")
    adapters = {m: moved(base, m, labels, {}, 3) for m, labels in zip(methods, (LABELS, OTHERS), strict=True)}
    requests = [Request(d, (m,), OTHERS[:i]) for d in DOCUMENTS for i, m in enumerate(adapters)]
    for request, reading in zip(requests, Annotator(base, adapters=adapters).read(requests), strict=True):
        (expected,) = Annotator(adapters[request.adapters[0]]).annotate([request.document])
        assert_same(request.document.with_entities(reading.found[0].entities), expected)
        if request.labels:
            (expected,) = Annotator(base, request.labels).annotate([request.document])
            assert_same(request.document.with_entities(reading.found[1].entities), expected)


def test_bf16_reads_about_the_same(tiny: Tiny, families: Families) -> None:
    adapters = families("bi-bert")
    requests = [Request(d, (key,), OTHERS, threshold=0.2) for d in DOCUMENTS for key in adapters]
    exact, fast = (
        Annotator(tiny("bi-bert").base, adapters=adapters, precision=precision).read(requests)
        for precision in ("fp32", "bf16")
    )
    keys = [{(i, e.key) for i, r in enumerate(read) for e in r.document.entities} for read in (exact, fast)]
    assert len(keys[0] & keys[1]) > 0.7 * len(keys[0])


def test_words_are_encoded_once_for_all_who_leave_the_text_alone(tiny: Tiny, families: Families) -> None:
    base = tiny("bi-bert").base
    every = families("bi-bert")
    adapters = {key: every[key] for key in ("vectors-too", "descriptions-too", "injection-too", "heads-too")}
    annotator = Annotator(base, adapters=adapters)
    rows = []
    hook = base.parts.text_encoder.register_forward_hook(lambda _, given, __: rows.append(len(given[0])))
    try:
        annotator.read([Request(d, tuple(adapters), OTHERS) for d in DOCUMENTS])
    finally:
        hook.remove()
    assert sum(rows) == len(Segmenter(base, (), "window").passages(DOCUMENTS)), "as many rows as passages"


def test_prompts_of_several_adapters_share_a_batch(tiny: Tiny) -> None:
    base = tiny("uni-bert").base
    sets = [LABELS, OTHERS, OTHERS[1:]]
    adapters = {f"cross{i}": moved(base, "injection-cross", labels, {}, i) for i, labels in enumerate(sets)}
    adapters |= {f"keys{i}": moved(base, "injection-deep", labels, {}, i) for i, labels in enumerate(sets)}
    annotator = Annotator(base, adapters=adapters)
    passes: list[int] = []
    layer = base.parts.text_encoder.transformer.model.encoder.layer[0].attention.self
    hook = layer.register_forward_hook(lambda _, given, __: passes.append(len(given[0])))
    try:
        annotator.read([Request(Document(TEXTS[1]), (key,)) for key in adapters])
    finally:
        hook.remove()
    assert passes == [3, 3], "one pass for prompts in the input, one for prompts at the layers"


def test_thresholds_by_request_and_by_label(tiny: Tiny, families: Families) -> None:
    adapter = families("bi-bert")["heads"]
    annotator = Annotator(tiny("bi-bert").base, adapters={"a": adapter})
    given: list[Any] = [None, 0.2, {"chemical": 0.2, "disease": 1.0}, 0.0]
    own = adapter.config.threshold
    lists = [None, 0.2, [0.2, 1.0, own], 0.0]
    readings = annotator.read([Request(d, ("a",), threshold=t) for t in given for d in DOCUMENTS])
    expected = [read for t in lists for read in Annotator(adapter, threshold=t).annotate(DOCUMENTS)]
    for reading, document in zip(readings, expected, strict=True):
        assert_same(reading.document, document)
    counts = [sum(len(r.document.entities) for r in readings[i * 9 : i * 9 + 9]) for i in range(4)]
    assert 0 < counts[0] < counts[1] < counts[3]


@pytest.mark.parametrize(
    ("request_", "complaint"),
    [
        (Request(Document("a", id="7")), "the request for document '7' names neither adapters nor labels"),
        (Request(Document("a"), ("nobody",)), "no adapter is called 'nobody'; there are: a"),
        (Request(Document("a"), ("a", "a")), "names an adapter twice"),
        (Request(Document("a"), labels=(Label("x"), Label("x"))), "labels given twice: x"),
        (Request(Document("a"), labels=(Label(" "),)), "empty name"),
        (Request(Document("a"), ("a",), threshold=1.5), "between 0 and 1"),
        (Request(Document("a"), ("a",), threshold=float("nan")), "between 0 and 1"),
        (Request(Document("a"), ("a",), threshold={"chemical": -1.0}), "between 0 and 1"),
        (Request(Document("a"), ("a",), threshold={"gene": 0.5}), r"does not ask for: \['gene'\]"),
    ],
)
def test_requests_that_cannot_be_met(request_: Request, complaint: str, tiny: Tiny, families: Families) -> None:
    annotator = Annotator(tiny("bi-bert").base, adapters={"a": families("bi-bert")["vectors"]})
    for method in (annotator.check, lambda request: annotator.read([request])):
        with pytest.raises(ConfigError, match=complaint):
            method(request_)


def test_annotators_that_make_no_sense(tiny: Tiny, families: Families) -> None:
    base, adapter = tiny("bi-bert").base, families("bi-bert")["vectors"]
    with pytest.raises(ConfigError, match="goes with a base"):
        Annotator(adapter, adapters={"a": adapter})
    with pytest.raises(ConfigError, match="threshold and nesting are the request's"):
        Annotator(base, adapters={"a": adapter}, nested=True)
    with pytest.raises(ConfigError, match="another base than the annotator"):
        Annotator(tiny("uni-bert").base, adapters=Annotator(base, adapters={"a": adapter}).library)
    with pytest.raises(AdapterError, match="was trained on"):
        Annotator(tiny("bi-modernbert").base, adapters={"a": adapter})
    with pytest.raises(ConfigError, match="never saved has no name"):
        Annotator(base, adapters=[adapter])
    with pytest.raises(ConfigError, match="say with read"):
        Annotator(base, adapters={"a": adapter}).annotate(["Aspirin"])


@pytest.mark.parametrize("name", ["uni-bert", "bi-bert"])
@pytest.mark.parametrize("nested", [False, True])
def test_long_text_is_windowed_as_for_one_adapter(
    name: str, nested: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    base = load_base(str(build_base(RECIPES[name], tmp_path_factory.mktemp("short"), positions=40)))
    adapters = {
        key: moved(base, method, labels, options, 5, threshold=0.3, segment=segment)
        for key, method, labels, options, segment in (
            ("a", "heads", LABELS[:2], {}, "sentence"),
            ("b", "full", LABELS[:1], {}, "window"),
            ("c", "injection-deep", LABELS[:2], {"kind": "hidden", "prompt_length": 3}, "window"),
        )
    }
    chain = "acgt" * 60
    texts = [Document(" ".join([*TEXTS, "Aspirin helped."] * 3)), Document(f"Aspirin {chain} asthma"), Document("Ok.")]
    annotator = Annotator(base, adapters=adapters)
    readings = annotator.read([Request(d, tuple(adapters), nested=nested) for d in texts])
    for key, adapter in adapters.items():
        for reading, expected in zip(readings, Annotator(adapter, nested=nested).annotate(texts), strict=True):
            (found,) = [each for each in reading.found if each.adapter == key]
            assert_same(reading.document.with_entities(found.entities), expected)
    assert [reading.windowed for reading in readings] == [True, True, False]
    notes = "1 words are longer than an input; their ends are not read"
    assert [reading.notes for reading in readings] == [(), (notes,), ()]
    assert annotator.losses.oversized == 1
    too_long = Request(texts[2], labels=tuple(Label("x" * length) for length in (2, 150)))
    for method in (annotator.check, lambda request: annotator.read([request])):
        with pytest.raises(BaseModelError, match=r"leave .* sub-tokens|longer than the label encoder"):
            method(too_long)


@pytest.fixture(scope="module")
def answers(tiny: Tiny, families: Families) -> dict[tuple[str, int, str | None, bool], Document]:
    """What each source finds in each document on its own."""
    found = {}
    for name in ("uni-bert", "bi-bert"):
        sources: dict[str | None, Any] = {**families(name), None: tiny(name).base}
        for key, source in sources.items():
            for nested in (False, True):
                one = Annotator(source, None if key else OTHERS, nested=nested)
                for index, document in enumerate(one.annotate(DOCUMENTS)):
                    found[name, index, key, nested] = document
    return found


@pytest.mark.parametrize("name", ["uni-bert", "bi-bert"])
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_mix_of_requests(
    name: str, data: st.DataObject, tiny: Tiny, families: Families, answers: dict[Any, Document]
) -> None:
    adapters = families(name)
    asked = st.builds(
        lambda index, chosen, plain, nested: (index, chosen, plain or not chosen, nested),
        st.integers(0, len(DOCUMENTS) - 1),
        st.lists(st.sampled_from(sorted(adapters)), max_size=4, unique=True),
        st.booleans(),
        st.booleans(),
    )
    mix = data.draw(st.lists(asked, min_size=1, max_size=12))
    annotator = Annotator(tiny(name).base, adapters=adapters, max_passages=data.draw(st.integers(1, 8)))
    requests = [
        Request(DOCUMENTS[index], tuple(chosen), OTHERS if plain else (), nested=nested)
        for index, chosen, plain, nested in mix
    ]
    for (index, _, _, nested), reading in zip(mix, annotator.read(requests), strict=True):
        for found in reading.found:
            expected = answers[name, index, found.adapter, nested]
            assert_same(DOCUMENTS[index].with_entities(found.entities), expected)


def test_label_vectors_are_remembered_within_bounds(tiny: Tiny) -> None:
    base: Base = tiny("bi-bert").base
    cache = LabelCache(base, most=4)
    labels = [Label(name) for name in ("a", "bb", "chemical", "a drug or another substance")]
    passes: list[int] = []
    assert base.parts.label_encoder is not None
    hook = base.parts.label_encoder.register_forward_hook(lambda _, given, __: passes.append(len(given[0])))
    try:
        first = cache.vectors(labels, "name")
        assert torch.equal(cache.vectors(labels[1:3], "name"), first[1:3])
        assert passes == [4], "nothing is encoded twice"
        more = cache.vectors([Label("new"), Label("a")], "name")
        assert passes == [4, 1]
        assert len(cache) == 4
        assert_near(more[1], first[0])
        cache.vectors([Label("x", "chemical")], "description")  # the text that is read is what counts
        assert passes == [4, 1]
    finally:
        hook.remove()
    many = [Label(str(number)) for number in range(9)]
    alone = torch.stack([LabelCache(base).vectors([label], "name")[0] for label in many])
    assert_near(cache.vectors(many, "name"), alone)
    assert len(cache) == 4
