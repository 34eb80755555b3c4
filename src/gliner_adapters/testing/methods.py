"""What every method must keep, for a method on a tiny base: how it starts, what it trains, what it leaves alone.

Each check takes a :class:`~gliner_adapters.testing.cases.MethodCase` and raises
:class:`~gliner_adapters.testing.CheckFailed`. :mod:`.lives` has those that train, save and serve.
"""

from __future__ import annotations

import copy

import torch
from pydantic import ValidationError

from gliner_adapters.documents import Label
from gliner_adapters.errors import ConfigError
from gliner_adapters.methods import Options, get_method
from gliner_adapters.methods.base import PRODUCERS
from gliner_adapters.model.fingerprint import fingerprint
from gliner_adapters.model.passages import Segmenter
from gliner_adapters.testing.bases import free
from gliner_adapters.testing.cases import MethodCase, logits_of, quiet, scores, unlike
from gliner_adapters.testing.expecting import expect, expect_refusal
from gliner_adapters.testing.parts_reader import PartsReader


def check_declaration(case: MethodCase) -> None:
    """It is known by its name, says what it does, and refuses options that it does not have."""
    kind = get_method(case.method)
    expect(kind.name == case.method, f"{case}: its class is called {kind.name!r}")
    expect(
        bool((kind.__doc__ or "").strip()), f"{case}: its class has no docstring; `gliner-adapters methods` shows it"
    )
    expect(issubclass(kind.options_type, Options), f"{case}: options_type is no subclass of Options")
    try:
        kind.options_type.model_validate({"no-such-option": 1})
    except ValidationError:
        pass
    else:
        expect(False, f'{case}: options that do not exist are taken; leave `extra` of the options at "forbid"')
    known = {"uni", "bi"}
    expect(bool(kind.architectures) and set(kind.architectures) <= known, f"{case}: architectures are of {known}")
    missing = set(kind.search_space) - set(kind.options_type.model_fields)
    expect(
        case.method.count("+") > 0 or not missing, f"{case}: search_space names options that do not exist: {missing}"
    )


def check_start(case: MethodCase) -> None:
    """A fresh adapter has the base's own logits, to the bit, exactly where it says so."""
    adapter = case.attach()
    with torch.no_grad():
        own, fresh = scores(case.base, adapter, case.base.parts), quiet(case.base, adapter)
    if adapter.starts_as_base:
        expect(
            torch.equal(fresh, own),
            f"{case}: a fresh adapter says that it starts as the base, and its logits differ by up to "
            f"{float((fresh - own).abs().max()):.3g}; start where it changes nothing, or override starts_as_base",
        )
    else:
        expect(not torch.equal(fresh, own), f"{case}: it says that it does not start as the base, and it does")


def check_label_style(case: MethodCase) -> None:
    """What is read for a label is what ``label_style`` says: its name, its description, or both."""
    for style in ("name", "description", "name: description"):
        adapter = case.attach(label_style=style)
        read = {
            "name": [label.name for label in case.labels],
            "description": [label.description or "" for label in case.labels],
            "name: description": [f"{label.name}: {label.description}" for label in case.labels],
        }[style]
        named = tuple(Label(text, label.description) for text, label in zip(read, case.labels, strict=True))
        if adapter.starts_as_base:
            with torch.no_grad():
                expected = logits_of(case.base, case.base.parts, "name", named)
        else:  # what it adds may be made from the descriptions, which stay
            expected = quiet(case.base, case.attach(named, label_style="name"))
        expect(
            torch.equal(quiet(case.base, adapter), expected),
            f"{case}: with label_style={style!r} it does not read what the same labels written out give",
        )


def check_gradients(case: MethodCase) -> None:
    """What is trained gets a gradient, and nothing else does.

    Seen a step into training: what starts behind a zero (LoRA's A, what a gate lets in) gets its gradient then.
    """
    base = copy.deepcopy(case.base)
    adapter = unlike(MethodCase(base, case.method, case.options, case.labels).attach()).eval()
    trained = adapter.trained()
    if not trained:
        return
    scores(base, adapter, adapter.parts(base.parts)).square().sum().backward()
    without = [name for name, p in trained.items() if p.grad is None or not p.grad.abs().sum() > 0]
    expect(not without, f"{case}: counted as trained, and no gradient reaches them: {', '.join(without)}; freeze them")
    others = {n: p for n, p in adapter.named_parameters() if n not in trained} | dict(base.network.named_parameters())
    loose = [name for name, p in others.items() if p.requires_grad or p.grad is not None]
    expect(not loose, f"{case}: not counted as trained, and a gradient reaches them: {', '.join(loose)}")


def check_counts(case: MethodCase) -> None:
    """Ingredients and trained parameters add up, have learning rates, and are copies, never the base's own."""
    adapter = case.attach()
    ingredients, trained = adapter.ingredients(), adapter.trained()
    missing = sorted(set(ingredients) - set(adapter.learning_rates))
    expect(not missing, f"{case}: learning_rates lacks the ingredients {', '.join(missing)}")
    counted = sorted(id(p) for parameters in ingredients.values() for p in parameters)
    expect(counted == sorted(map(id, trained.values())), f"{case}: a parameter is in two ingredients, or in none")
    own = {p.data_ptr() for p in case.base.network.parameters()}
    shared = [name for name, p in trained.items() if p.data_ptr() in own]
    expect(not shared, f"{case}: it trains the base's own memory: {', '.join(shared)}; take copies (own_copy)")
    idle = set(adapter.fixed()) & set(trained)
    expect(not idle, f"{case}: fixed() and trained() both have {', '.join(sorted(idle))}")
    for name in trained:
        expect(0 < adapter.rate_share(name) < 100, f"{case}: rate_share({name!r}) is no share of a learning rate")


def check_unplugging(case: MethodCase) -> None:
    """A trained adapter says something else than a fresh one, and without it the base is what it was, to the bit."""
    base = case.base
    with torch.no_grad():
        before, weights = logits_of(base, base.parts), fingerprint(base.network.state_dict())
        parts = base.parts
        adapter = case.attach()
        fresh = quiet(base, adapter)
        moved = quiet(base, unlike(adapter))
        if adapter.trained():
            expect(not torch.equal(moved, fresh), f"{case}: what is trained has no effect on the logits")
        expect(base.parts is parts, f"{case}: plugging it in replaces the base's parts; return a copy (replace)")
        expect(torch.equal(logits_of(base, base.parts), before), f"{case}: it changed the base's logits")
        expect(fingerprint(base.network.state_dict()) == weights, f"{case}: it changed the base's weights")


def check_word_vectors(case: MethodCase) -> None:
    """Word vectors are the base's exactly where the method says so, whatever it has trained: they are then cached."""
    base = case.base
    adapter = unlike(case.attach()).eval()
    readers = [PartsReader(base, parts, case.labels) for parts in (base.parts, adapter.parts(base.parts))]
    passages = Segmenter(base, case.labels, "window", reserve=adapter.text_overhead()).passages(free())
    words = [reader.encode(reader.collate(passages)).words for reader in readers]
    expect(
        torch.equal(*words) == adapter.leaves_text_alone(base),
        f"{case}: leaves_text_alone() is {adapter.leaves_text_alone(base)}, and word vectors say otherwise",
    )


def check_baking(case: MethodCase) -> None:
    """Baked label vectors give the same logits, follow the weights, and are all that reading needs (bi-encoders)."""
    base, adapter = case.base, unlike(case.attach())
    if base.architecture == "uni":
        expect(adapter.bake(base).baked is None, f"{case}: a uni-encoder's label vectors depend on the text")
        return
    with expect_refusal(f"{case}: dropping producers before baking", ConfigError):
        adapter.drop_producers()
    expected = quiet(base, adapter)
    for training in (False, True):
        adapter.train(training).bake(base)
        expect(adapter.training == training, f"{case}: baking leaves it in another mode")
        baked = adapter.baked
        shape = (len(case.labels), base.hidden_size)
        expect(baked is not None and tuple(baked.shape) == shape, f"{case}: baked label vectors are not {shape}")
        expect("baked" not in adapter.trained(), f"{case}: baked label vectors are trained")
        expect(torch.equal(quiet(base, adapter), expected), f"{case}: baked and unbaked logits differ")
    expect(torch.equal(quiet(base, adapter.unbake()), expected), f"{case}: unbaked again, its logits differ")
    moved = quiet(base, unlike(adapter.bake(base), seed=5).bake(base))
    expect(torch.equal(moved, quiet(base, adapter.unbake())), f"{case}: baked again, it does not follow its weights")
    before = set(adapter.bake(base).ingredients())
    adapter.drop_producers()
    left = set(adapter.ingredients())
    expect(left == before - set(PRODUCERS), f"{case}: its deployable form keeps {', '.join(sorted(left))}")
    expect(torch.equal(quiet(base, adapter), moved), f"{case}: without what makes label vectors its logits differ")
    with expect_refusal(f"{case}: unbaking the deployable form", ConfigError):
        adapter.unbake()


def check_batches(case: MethodCase) -> None:
    """A document's entities depend neither on what else is in its batch nor on the size of batches."""
    base = case.base
    adapter = unlike(case.attach(), 0.01).eval().bake(base)  # so that scores still spread

    def read(documents: list[str], passages: int) -> list[list[tuple[int, int, str]]]:
        reader = PartsReader(
            base,
            adapter.plug(base),
            case.labels,
            label_style=adapter.options.label_style,
            reserve=adapter.text_overhead(),
            max_passages=passages,
        )
        return [[e.key for e in d.entities] for d in reader.annotate(free(documents), 0.5)[0]]

    texts = [document.text for document in free()]
    together = read(texts, 32)
    expect(any(together), f"{case}: nothing is found, so nothing can be compared")
    expect(
        together == [found for text in texts for found in read([text], 1)], f"{case}: alone, other entities are found"
    )
    expect(together == read(texts[::-1], 3)[::-1], f"{case}: in other batches, other entities are found")
