"""The loop learns, chooses by devel, repeats itself exactly, and says what it cannot do."""

from __future__ import annotations

import inspect
import io
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from rich.console import Console

from bases import LABELS, TinyBase, build_encoder
from gliner_adapters.documents import Document, Entity
from gliner_adapters.errors import ConfigError
from gliner_adapters.evaluation import score_documents
from gliner_adapters.methods import attach
from gliner_adapters.model import load_base
from gliner_adapters.training import Reporter, TrainingConfig, TrainingResult, train
from gliner_adapters.training.features import FeatureCache
from gliner_adapters.training.module import set_head_dropout
from parts_reader import PartsReader
from training.toy import numbered, quick, snapshot, tensors_equal, toy_corpus

RUNS = [
    ("full", "uni-bert"),
    ("full", "bi-modernbert"),
    ("heads", "uni-deberta"),
    ("heads", "bi-bert"),
    ("label-embeddings", "bi-deberta"),
]
#: Learning rates under which a tiny base learns within seconds; the share of the first loss that is left at most; and
#: the devel F1 that is reached at least. Label vectors alone can do little about a random text encoder and span head.
FAST = {
    "full": ({"text_encoder": 1e-3, "span_head": 2e-3, "label_head": 5e-3}, 0.7, 0.7),
    "heads": ({"span_head": 5e-3, "label_head": 5e-3}, 0.5, 0.8),
    "label-embeddings": ({"label_table": 2e-2, "label_head": 2e-2}, 0.95, 0.15),
}


@pytest.mark.parametrize(("method", "name"), RUNS)
def test_a_run_learns(method: str, name: str, tiny: Callable[[str], TinyBase], tmp_path: Path) -> None:
    base = tiny(name).base
    corpus = toy_corpus()
    adapter = attach(method, base, LABELS)
    rates, left, enough = FAST[method]
    config = quick(epochs=48, evaluate_every=16, learning_rates=rates)
    result = train(base, adapter, corpus, corpus, config, folder=tmp_path)
    assert [row["epoch"] for row in result.curve] == [16, 32, 48]
    losses = [row["loss"] for row in result.curve]
    scores = [row["macro_f1"] for row in result.curve]
    assert losses[-1] < left * losses[0]
    assert scores[0] < scores[-1]
    assert result.best is not None
    assert result.best["macro_f1"] == max(scores)
    assert result.best["macro_f1"] > enough
    assert result.steps == 48 * 4
    assert result.sentences == 20
    assert not result.losses.lines()
    assert result.cost.seconds > 0
    assert result.threshold == result.best["threshold"]
    # The weights that are left are those of the best evaluation, and the threshold goes with them.
    adapter.eval().bake(base)
    predictor = PartsReader(base, adapter.plug(base), LABELS, label_style=adapter.options.label_style)
    found, _ = predictor.annotate(corpus, result.threshold)
    again = score_documents(numbered(corpus), numbered(found), [label.name for label in LABELS])
    assert again.macro_f1 == pytest.approx(result.best["macro_f1"], abs=0.02)  # devel was read off float16 vectors


def run(
    tiny_base: TinyBase, method: str, folder: Path, config: TrainingConfig
) -> tuple[TrainingResult, dict[str, torch.Tensor]]:
    base = tiny_base.base
    adapter = attach(method, base, LABELS)
    corpus = toy_corpus()
    return train(base, adapter, corpus, corpus[:8], config, folder=folder), snapshot(adapter)


@pytest.mark.parametrize(
    ("method", "name"), [("full", "uni-bert"), ("heads", "bi-bert"), ("label-embeddings", "bi-bert")]
)
def test_the_seed_decides(method: str, name: str, tiny: Callable[[str], TinyBase], tmp_path: Path) -> None:
    first, tensors = run(tiny(name), method, tmp_path / "a", quick(seed=3))
    torch.manual_seed(99)  # the caller's generator has no say
    again, same = run(tiny(name), method, tmp_path / "b", quick(seed=3))
    _, other = run(tiny(name), method, tmp_path / "c", quick(seed=4))
    assert tensors_equal(tensors, same)
    assert [row | {"seconds": 0} for row in first.curve] == [row | {"seconds": 0} for row in again.curve]
    assert not tensors_equal(tensors, other)


def test_the_interval_of_checkpoints_has_no_say(tiny: Callable[[str], TinyBase], tmp_path: Path) -> None:
    _, often = run(tiny("bi-bert"), "full", tmp_path / "a", quick(checkpoint_steps=1))
    _, never = run(tiny("bi-bert"), "full", tmp_path / "b", quick(checkpoint_steps=1000))
    assert tensors_equal(often, never)


def test_zero_shot_only_chooses_a_threshold(tiny: Callable[[str], TinyBase], tmp_path: Path) -> None:
    base = tiny("bi-bert").base
    corpus = toy_corpus()
    result = train(base, attach("zero-shot", base, LABELS), corpus, corpus, quick(), folder=tmp_path / "run")
    assert (result.steps, len(result.curve)) == (0, 1)
    assert result.best is result.curve[0]
    assert 0 < result.threshold < 1


@pytest.mark.parametrize("method", ["full", "heads"])
def test_without_devel_the_last_weights_stay(method: str, tiny: Callable[[str], TinyBase], tmp_path: Path) -> None:
    base, corpus = tiny("uni-bert").base, toy_corpus()
    adapter = attach(method, base, LABELS)
    fresh = snapshot(adapter)
    result = train(base, adapter, corpus, config=quick(epochs=1), folder=tmp_path)
    assert (result.best, result.curve, result.threshold) == (None, [], 0.5)
    assert not tensors_equal(snapshot(adapter), fresh)


def test_early_stopping_keeps_the_best(tiny: Callable[[str], TinyBase], tmp_path: Path) -> None:
    """Rates that wreck the model: the first evaluation is the best, and the run ends after two worse ones."""
    base, corpus = tiny("bi-bert").base, toy_corpus()
    config = quick(
        epochs=12, patience=2, decay="constant", warmup=0.0, learning_rates={"span_head": 5e-3, "label_head": 5e-3}
    )
    adapter = attach("heads", base, LABELS)
    result = train(base, adapter, corpus, corpus, config, folder=tmp_path)
    scores = [row["macro_f1"] for row in result.curve]
    best = scores.index(max(scores))
    assert result.best == result.curve[best]
    if len(scores) < 12:
        assert len(scores) == best + 3
    wild = quick(
        epochs=12, patience=2, decay="constant", warmup=0.0, learning_rates={"span_head": 3.0, "label_head": 3.0}
    )
    adapter = attach("heads", base, LABELS)
    result = train(base, adapter, corpus, corpus, wild, folder=tmp_path)
    scores = [row["macro_f1"] for row in result.curve]
    assert len(scores) == scores.index(max(scores)) + 3 < 12
    assert [row["best"] for row in result.curve][-2:] == [False, False]


def test_the_untrained_adapter_competes(tiny: Callable[[str], TinyBase], tmp_path: Path) -> None:
    """Trained well once, wrecked by a second training: what it started from is kept, and that is said."""
    corpus = toy_corpus()
    rates, _, _ = FAST["heads"]
    base = load_base(str(tiny("bi-bert").folder))
    adapter = attach("heads", base, LABELS)
    learnt = train(base, adapter, corpus, corpus, quick(epochs=48, learning_rates=rates), folder=tmp_path / "a")
    assert learnt.untrained is not None
    assert (learnt.untrained["epoch"], learnt.untrained["step"], learnt.helped) == (0, 0, True)
    good = snapshot(adapter)
    wild = quick(epochs=2, decay="constant", warmup=0.0, learning_rates={"span_head": 3.0, "label_head": 3.0})
    lines = io.StringIO()
    wrecked = train(
        base, adapter, corpus, corpus, wild, folder=tmp_path / "b", reporter=Reporter(Console(file=lines, width=200))
    )
    assert wrecked.best == wrecked.untrained
    assert wrecked.helped is False
    assert wrecked.untrained is not None
    assert wrecked.threshold == wrecked.untrained["threshold"]
    assert tensors_equal(snapshot(adapter), good)
    assert "training did not help" in lines.getvalue()


@pytest.mark.parametrize("threshold", [0.02, 0.3])
def test_a_threshold_can_be_fixed_beforehand(threshold: float, tiny: Callable[[str], TinyBase], tmp_path: Path) -> None:
    base, corpus = tiny("bi-bert").base, toy_corpus()
    adapter = attach("heads", base, LABELS)
    result = train(base, adapter, corpus, corpus[:8], quick(threshold=threshold), folder=tmp_path)
    assert result.threshold == threshold
    assert {row["threshold"] for row in result.curve} == {threshold}
    assert result.best is not None
    adapter.bake(base)
    predictor = PartsReader(base, adapter.plug(base), LABELS, label_style=adapter.options.label_style)
    found, _ = predictor.annotate(corpus[:8], threshold)
    again = score_documents(numbered(corpus[:8]), numbered(found), [label.name for label in LABELS])
    assert again.macro_f1 == pytest.approx(result.best["macro_f1"], abs=0.02)


def test_random_heads_do_not_compete(tmp_path: Path) -> None:
    base = load_base(f"encoder:{build_encoder('bert', tmp_path / 'encoder')}", architecture="bi")
    adapter = attach("heads", base, LABELS)
    result = train(base, adapter, toy_corpus(), toy_corpus(8), quick(epochs=1), folder=tmp_path / "run")
    assert (base.fresh, result.untrained, result.helped) == (True, None, None)


@pytest.mark.parametrize(
    ("method", "name"), [("heads", "uni-bert"), ("heads", "bi-bert"), ("label-embeddings", "bi-deberta-conv")]
)
def test_cached_features_are_nearly_the_words(
    method: str, name: str, tiny: Callable[[str], TinyBase], tmp_path: Path
) -> None:
    base, corpus = tiny(name).base, toy_corpus()
    adapter = attach(method, base, LABELS).eval().bake(base)
    style = adapter.options.label_style
    predictor = PartsReader(base, adapter.plug(base), LABELS, label_style=style, max_passages=7)
    from gliner_adapters.model import valid_spans
    from gliner_adapters.model.passages import Segmenter

    passages = Segmenter(base, LABELS, label_style=style).passages(corpus)
    counted: list[int] = []
    cache = FeatureCache(
        tmp_path / "features.f16",
        predictor.engine,
        predictor.source,
        passages,
        lambda steps, sentences: counted.append(sentences),
    )
    assert sum(counted) == len(passages)
    picked = [5, 0, len(passages) - 1, 5]
    kept = cache(picked)
    batch = predictor.collate([passages[i] for i in picked])
    fresh = predictor.encode(batch)
    assert kept.lengths == fresh.lengths
    assert kept.words.dtype == torch.float32
    torch.testing.assert_close(kept.words, fresh.words, atol=2e-3, rtol=1e-3)
    assert (kept.labels is None) == (base.architecture == "bi")
    if kept.labels is not None:
        torch.testing.assert_close(kept.labels, fresh.labels, atol=2e-3, rtol=1e-3)
    valid = valid_spans(batch.lengths, base.max_width)
    near, exact = predictor.logits(kept)[valid], predictor.logits(batch)[valid]
    torch.testing.assert_close(near, exact, atol=0.05, rtol=0.01)


@pytest.mark.parametrize("name", ["uni-bert", "bi-bert"])
def test_a_cached_run_is_nearly_an_uncached_one(name: str, tiny: Callable[[str], TinyBase], tmp_path: Path) -> None:
    cached, _ = run(tiny(name), "heads", tmp_path / "a", quick(cache_features=True))
    uncached, _ = run(tiny(name), "heads", tmp_path / "b", quick(cache_features=False))
    assert list((tmp_path / "a").glob("features-*.f16"))
    assert not list((tmp_path / "b").glob("features-*"))
    for one, other in zip(cached.curve, uncached.curve, strict=True):
        assert one["loss"] == pytest.approx(other["loss"], rel=0.02)
        assert one["loss"] != other["loss"]


@pytest.mark.parametrize("loss", ["bce", "focal", "balanced-focal"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_every_loss_and_precision_runs(
    loss: str, precision: str, tiny: Callable[[str], TinyBase], tmp_path: Path
) -> None:
    result, tensors = run(tiny("bi-bert"), "full", tmp_path, quick(loss=loss, precision=precision, segment="window"))
    assert result.curve[-1]["loss"] < result.curve[0]["loss"]
    assert all(t.isfinite().all() and t.dtype == torch.float32 for t in tensors.values())


def test_a_loss_that_is_no_number_ends_the_run(tiny: Callable[[str], TinyBase], tmp_path: Path) -> None:
    base, corpus = tiny("bi-bert").base, toy_corpus()
    adapter = attach("heads", base, LABELS)
    with torch.no_grad():
        next(iter(adapter.trained().values()))[0] = float("nan")
    with pytest.raises(ConfigError, match="not a number any more; lower the learning rates"):
        train(base, adapter, corpus, corpus, quick(), folder=tmp_path)


def test_the_base_and_the_caller_are_left_as_they_were(tiny: Callable[[str], TinyBase], tmp_path: Path) -> None:
    base, corpus = tiny("uni-bert").base, toy_corpus()
    before = {name: t.clone() for name, t in base.network.state_dict().items()}
    entities = [list(d.entities) for d in corpus]
    train(base, attach("full", base, LABELS), corpus, corpus, quick(), folder=tmp_path)
    assert tensors_equal(before, dict(base.network.state_dict()))
    assert not any(m.training for m in base.network.modules())
    assert not any(p.requires_grad or p.grad is not None for p in base.network.parameters())
    assert [d.entities for d in corpus] == entities


def test_training_entities_that_cannot_be_used_are_told(tiny: Callable[[str], TinyBase], tmp_path: Path) -> None:
    base = tiny("bi-bert").base
    lines: list[str] = []

    class Listener(Reporter):
        def say(self, line: str) -> None:
            lines.append(line)

    text = "One two three four five six seven asthma"
    documents = [
        Document(text, [Entity(0, len(text), "disease"), Entity(34, 40, "symptom"), Entity(34, 40, "disease")])
    ]
    result = train(
        base,
        attach("heads", base, LABELS),
        documents,
        config=quick(epochs=1),
        folder=tmp_path,
        reporter=Listener(quiet=True),
    )
    assert (result.losses.too_wide, result.losses.other_labels) == (1, 1)
    assert sum("entities" in line for line in lines) == 2
    assert not any("asthma" in line for line in lines), "text never reaches a log"


def test_nothing_to_train_on(tiny: Callable[[str], TinyBase], tmp_path: Path) -> None:
    base = tiny("bi-bert").base
    for documents in ([], [Document(" ")]):
        with pytest.raises(ConfigError, match="no training text"):
            train(base, attach("heads", base, LABELS), documents, config=quick(), folder=tmp_path)


def test_train_cannot_see_test_data() -> None:
    """No parameter through which a test split could reach the loop."""
    assert list(inspect.signature(train).parameters) == [
        "base",
        "adapter",
        "train_documents",
        "devel_documents",
        "config",
        "folder",
        "resume",
        "reporter",
        "on_evaluation",
        "store",
    ]


def test_head_dropout_is_set_in_trained_heads_only(tiny: Callable[[str], TinyBase]) -> None:
    base = tiny("bi-bert").base
    adapter = attach("full", base, LABELS)
    rates = {name: m.p for name, m in adapter.named_modules() if isinstance(m, torch.nn.Dropout)}
    set_head_dropout(adapter, None)
    assert rates == {name: m.p for name, m in adapter.named_modules() if isinstance(m, torch.nn.Dropout)}
    set_head_dropout(adapter, 0.25)
    for name, module in adapter.named_modules():
        if isinstance(module, torch.nn.Dropout):
            assert module.p == (0.25 if name.startswith(("span_head.", "label_head.")) else rates[name])
    assert all(m.p != 0.25 for m in base.network.modules() if isinstance(m, torch.nn.Dropout))
