"""Tuning on a tiny base: what is tried, what is kept, what is never read."""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from bases import LABELS, TinyBase
from gliner_adapters.cli import app
from gliner_adapters.comparison.plan import read_plan
from gliner_adapters.comparison.specs import expand
from gliner_adapters.comparison.tuning import Setting, Trial, Tuning, overview, tune, tuning_setting, write_tuning
from gliner_adapters.comparison.tuning.report import best_override, report
from gliner_adapters.corpora import load_corpus
from gliner_adapters.documents import write_documents
from gliner_adapters.errors import ConfigError, DataError
from gliner_adapters.methods import METHODS, attach, get_method
from gliner_adapters.methods.search import Choice
from gliner_adapters.model import load_base
from gliner_adapters.training import Reporter
from training.toy import toy_corpus
from warm import warm_context

Tiny = Callable[[str], TinyBase]
FIXED = {"epochs": 1, "batch_size": 10, "precision": "fp32"}


@pytest.fixture(autouse=True)
def _one_thread(one_thread: None) -> None:
    """In every test of this file."""


@pytest.fixture(scope="module")
def corpus_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Without a test split."""
    folder = tmp_path_factory.mktemp("corpus")
    write_documents(toy_corpus(8), folder / "train.jsonl")
    write_documents(toy_corpus(4), folder / "devel.jsonl")
    return folder


def setting_of(tiny: Tiny, corpus: Path, method: str = "heads", seed: int = 1, **fixed: Any) -> Setting:
    return tuning_setting(tiny("bi-bert").base, load_corpus(corpus), method, seed=seed, fixed={**FIXED, **fixed})


@pytest.fixture(scope="module")
def tuned(tiny: Tiny, corpus_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Tuning]:
    """Four trials of heads in one go."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("tuned")
    return folder, tune(setting_of(tiny, corpus_folder), folder, trials=4)


def test_the_defaults_are_the_first_trial(tuned: tuple[Path, Tuning]) -> None:
    folder, tuning = tuned
    first, *others = tuning.trials
    assert first.parameters == {f"learning_rates.{n}": r for n, r in METHODS["heads"].learning_rates.items()}
    assert tuning.default == first
    assert all(trial.parameters != first.parameters for trial in others)
    assert [trial.number for trial in tuning.trials] == [0, 1, 2, 3]
    assert all(trial.macro_f1 == max(trial.curve.values()) for trial in tuning.trials)
    assert tuning.best is not None
    assert tuning.best.score == max(trial.score for trial in tuning.trials)
    assert sorted(path.name for path in folder.iterdir() if path.name != "tuning.lock") == ["study.db"]


def test_going_on_gives_the_same_trials(
    tuned: tuple[Path, Tuning], tiny: Tiny, corpus_folder: Path, tmp_path: Path
) -> None:
    """Stopped after two trials, on a corpus whose test split is damaged."""
    damaged = tmp_path / corpus_folder.name
    damaged.mkdir()
    for path in corpus_folder.iterdir():
        (damaged / path.name).write_bytes(path.read_bytes())
    (damaged / "test.jsonl").write_bytes(b"\x00 this is no JSON\n")
    setting = setting_of(tiny, damaged)
    assert len(tune(setting, tmp_path / "out", trials=2).trials) == 2
    assert len(tune(setting, tmp_path / "out", trials=4, minutes=0).trials) == 2
    again = tune(setting, tmp_path / "out", trials=4)
    assert tried(again) == tried(tuned[1])
    assert tried(tune(setting, tmp_path / "out", trials=3)) == tried(tuned[1])  # there already


def tried(tuning: Tuning) -> list[tuple[dict[str, Any], dict[int, float], str]]:
    return [(t.parameters, t.curve, t.state) for t in tuning.trials if t.state != "killed"]


class Doomed(Reporter):
    """Ends its own process at an evaluation, counted over all trials."""

    def __init__(self, evaluation: int) -> None:
        super().__init__(quiet=True)
        self.left = evaluation

    def evaluated(self, row: dict[str, Any]) -> None:
        self.left -= row["epoch"] > 0
        if not self.left:
            os.kill(os.getpid(), signal.SIGKILL)


def doomed_tuning(base: str, corpus: Path, folder: Path) -> None:
    torch.set_num_threads(1)
    setting = tuning_setting(load_base(base), load_corpus(corpus), "heads", fixed=FIXED)
    tune(setting, folder, trials=4, reporter=Doomed(2))


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_killed_trial_is_tried_again(
    tuned: tuple[Path, Tuning], tiny: Tiny, corpus_folder: Path, tmp_path: Path
) -> None:
    process = warm_context().Process(target=doomed_tuning, args=(str(tiny("bi-bert").folder), corpus_folder, tmp_path))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    tuning = tune(setting_of(tiny, corpus_folder), tmp_path, trials=4)
    assert [trial.state for trial in tuning.trials] == ["completed", "killed", *["completed"] * 3]
    killed, retried = tuning.trials[1:3]
    assert (retried.parameters, retried.note) == (killed.parameters, "trial 1 again")
    assert tried(tuning) == tried(tuned[1])


class Counting(Reporter):
    """How many sentences' word vectors each trial computes."""

    def __init__(self) -> None:
        super().__init__(quiet=True)
        self.encoded: list[int] = []

    def begin(self, what: str, total: int, done: int = 0) -> None:
        super().begin(what, total, done)
        if what == "word vectors":
            self.encoded.append(0)

    def advance(self, steps: int, sentences: int, loss: float | None = None) -> None:
        super().advance(steps, sentences, loss)
        if self.what == "word vectors":
            self.encoded[-1] += sentences


def test_word_vectors_are_computed_once(tiny: Tiny, corpus_folder: Path, tmp_path: Path) -> None:
    reporter = Counting()
    tune(setting_of(tiny, corpus_folder), tmp_path, trials=2, reporter=reporter)
    first, second = reporter.encoded
    assert first > 0
    assert second == 0


def test_pruning_stops_a_trial(tiny: Tiny, corpus_folder: Path, tmp_path: Path) -> None:
    """A learning rate that teaches nothing falls behind; a trial that is stopped sees no later epoch."""
    setting = setting_of(tiny, corpus_folder, epochs=4, batch_size=2)
    tuning = tune(setting, tmp_path, trials=9)
    pruned = [trial for trial in tuning.trials if trial.state == "pruned"]
    assert pruned
    for trial in pruned:
        assert list(trial.curve) == list(range(1, len(trial.curve) + 1))
        assert 2 <= len(trial.curve) < 4
        before = [t for t in tuning.completed if t.number < trial.number]
        assert len(before) >= 3
    assert all(list(trial.curve) == [1, 2, 3, 4] for trial in tuning.completed)


def test_another_tuning_in_the_folder(tuned: tuple[Path, Tuning], tiny: Tiny, corpus_folder: Path) -> None:
    before = (tuned[0] / "study.db").read_bytes()
    for other, differs in (
        (setting_of(tiny, corpus_folder, "bitfit"), "method"),
        (setting_of(tiny, corpus_folder, seed=2), "training"),
        (setting_of(tiny, corpus_folder, **{"learning_rates.span_head": 1e-3}), "training, space, defaults"),
    ):
        with pytest.raises(ConfigError, match=rf"holds another tuning \(heads on .*differs in {differs}"):
            tune(other, tuned[0], trials=5)
    assert (tuned[0] / "study.db").read_bytes() == before


def test_settings_that_do_not_work_are_on_record(tiny: Tiny, corpus_folder: Path, tmp_path: Path) -> None:
    """The tiny base's layers have 32 dimensions, and ranks up to 64 are tried."""
    tuning = tune(setting_of(tiny, corpus_folder, "lora"), tmp_path, trials=6)
    for trial in tuning.trials:
        too_large = trial.parameters["options.rank"] > 32
        assert trial.state == ("refused" if too_large else "completed")
        assert ("is no low rank" in trial.note) is too_large
    assert {trial.state for trial in tuning.trials} == {"refused", "completed"}


def test_what_cannot_be_tuned(tiny: Tiny, corpus_folder: Path, tmp_path: Path) -> None:
    for method, fixed, message in (
        ("zero-shot", {}, "trains nothing"),
        ("heads", {"learning_rates.span_head": 1e-3, "learning_rates.label_head": 1e-3}, "is fixed"),
        ("heads", {"learning_rates.prompts": 1e-3}, "does not train prompts"),
        ("heads", {"batch": 3}, "fixed settings: batch"),
        ("heads", {"options.rank": 3}, "options of method 'heads': rank"),
        ("heads", {"epochs": 0}, "at least one epoch"),
        ("heads", {"train_on": "train+devel"}, "trials are judged on devel"),
    ):
        with pytest.raises(ConfigError, match=message):
            setting_of(tiny, corpus_folder, method, **fixed)
    with pytest.raises(ConfigError, match="the seed has an option of its own"):
        tuning_setting(tiny("bi-bert").base, load_corpus(corpus_folder), "heads", fixed={"seed": 3})
    write_documents(toy_corpus(4), tmp_path / "train.jsonl")
    with pytest.raises(ConfigError, match="has no devel split"):
        setting_of(tiny, tmp_path)


def test_fixed_options_are_not_searched(tiny: Tiny, corpus_folder: Path) -> None:
    rates = ["learning_rates.text_deltas"]
    free = setting_of(tiny, corpus_folder, "lora")
    assert list(free.space) == ["options.rank", "options.alpha", "options.dropout", *rates]
    assert free.defaults["options.rank"] == 16
    without_rank = setting_of(tiny, corpus_folder, "lora", **{"options.tuner": "oft"})
    assert list(without_rank.space) == ["options.dropout", *rates]
    together = setting_of(tiny, corpus_folder, "lora+heads", **{"options.rank": 8})
    assert [name for name in together.space if name.startswith("options.")] == [
        "options.lora.alpha",
        "options.lora.dropout",
    ]
    options, training = together.chosen(together.defaults)
    assert options == {"rank": 8, "lora.alpha": 32.0, "lora.dropout": 0.05}
    assert set(training.learning_rates) == {"text_deltas", "span_head", "label_head"}


@pytest.mark.parametrize("method", sorted(METHODS))
def test_search_spaces_fit_their_methods(method: str, tiny: Tiny) -> None:
    """Each option exists, its default is in the range, and what is trained depends on none of them."""
    kind = get_method(method)
    base = tiny(f"{kind.architectures[-1]}-bert").base
    plain = attach(method, base, LABELS)
    for name, tried in kind.search_space.items():
        default = getattr(plain.options, name)
        if isinstance(tried, Choice):
            assert default in tried.values
            values = list(tried.values)
        else:
            assert tried.low <= default <= tried.high
            values = [tried.low]
        for value in values:
            assert attach(method, base, LABELS, {name: value}).ingredients().keys() == plain.ingredients().keys()


def made_up(setting: Setting) -> Tuning:
    """Trials of any number, without training."""
    rates = (setting.defaults, *(dict.fromkeys(setting.space, 0.0001 * (i + 1)) for i in range(4)))
    trials = [
        Trial(i, "completed", f1, dict(p), {1: f1}, 1.5)
        for i, (p, f1) in enumerate(zip(rates, (0.5, 0.25, 0.75, 0.5, 0.625), strict=True))
    ]
    trials += [Trial(5, "pruned", 0.125, dict(rates[1]), {1: 0.125}, 0.5), Trial(6, "killed", None, dict(rates[1]))]
    return Tuning(setting.identity(), trials, {"learning_rates.span_head": 0.75, "learning_rates.label_head": 0.25})


def test_the_files(tiny: Tiny, corpus_folder: Path, tmp_path: Path) -> None:
    setting = setting_of(tiny, corpus_folder)
    tuning = made_up(setting)
    written = write_tuning(setting, tuning, tmp_path)
    names = {path.name for path in written}
    assert names == {path.name for path in tmp_path.iterdir()}
    assert names == {"trials.json", "best.toml", "report.md"} | {
        f"{plot}.{kind}" for plot, kind in itertools.product(("history", "importance"), ("png", "svg"))
    }
    kept = json.loads((tmp_path / "trials.json").read_text())
    assert (kept["best"], len(kept["trials"]), kept["tuning"]["method"]) == (2, 7, "heads")
    assert kept["trials"][5]["state"] == "pruned"
    text = report(tuning)
    assert "trial 2 with **0.7500**, +0.2500 against the method's own settings (0.5000)" in text
    assert "| 5 | pruned | 0.1250 | 1 | 0.5 | 0.0001 | 0.0001 |  |" in text
    first = {path.name: path.read_bytes() for path in written}
    again = {path.name: path.read_bytes() for path in write_tuning(setting, tuning, tmp_path)}
    assert again == first


def test_several_tunings_in_one_table(tiny: Tiny, corpus_folder: Path, tmp_path: Path) -> None:
    setting = setting_of(tiny, corpus_folder)
    searched, alone = made_up(setting), made_up(setting).trials[:1]
    for name, tuning in (("b", searched), ("a", Tuning(setting.identity(), alone, {}))):
        (tmp_path / name).mkdir()
        write_tuning(setting, tuning, tmp_path / name)
    done = CliRunner().invoke(app, ["comparison", "tunings", str(tmp_path), "-o", str(tmp_path / "README.md")])
    assert done.exit_code == 0, done.output
    first, second = (tmp_path / "README.md").read_text().splitlines()[-2:]
    size, epochs = setting.identity()["documents"]["train"], setting.training.epochs
    base = f"`{setting.base.id}` | {size} | {epochs}"
    assert first == f"| [a](a/report.md) | {base} | 1 of 1 completed | 0.5000 | 0.5000 | +0.0 | own settings |"
    best = "span_head 0.0002, label_head 0.0002"
    assert second == f"| [b](b/report.md) | {base} | 5 of 7 completed | 0.5000 | 0.7500 | +25.0 | {best} |"
    with pytest.raises(DataError, match="no tuning here"):
        overview(tmp_path / "a")


def test_the_best_goes_into_a_plan(tiny: Tiny, corpus_folder: Path, tmp_path: Path) -> None:
    setting = setting_of(tiny, corpus_folder, "lora+heads", **{"options.rank": 8, "loss": "focal"})
    parameters = {**setting.defaults, "options.lora.dropout": 0.125, "learning_rates.span_head": 1.25e-05}
    best = Trial(3, "completed", 0.5, parameters, {1: 0.5}, 1.0)
    override = best_override(setting, Tuning(setting.identity(), [best], {}), best)
    plan = tmp_path / "plan.toml"
    plan.write_text(
        'methods = ["lora+heads"]\ncorpora = ["sample"]\nseeds = [1]\n'
        f'[[bases]]\nname = "tiny"\nload = "{tiny("bi-bert").folder}"\narchitecture = "bi"\n{override}'
    )
    (run,) = expand(read_plan(plan)).runs
    options, training = setting.chosen(parameters)
    assert (run.options, run.training) == (options, training)


def test_the_command(tiny: Tiny, corpus_folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    command = ["comparison", "tune", "heads", "--base", str(tiny("bi-bert").folder), "--corpus", str(corpus_folder)]
    command += ["-o", str(output), "--trials", "1", "--epochs", "1", "--limit", "6", "--set", "precision=fp32"]
    done = CliRunner().invoke(app, [*command, "--quiet"])
    assert done.exit_code == 0, done.output
    kept = json.loads((output / "trials.json").read_text())
    assert kept["tuning"]["documents"] == {"train": 6, "devel": 4}
    assert [trial["state"] for trial in kept["trials"]] == ["completed"]
    assert "Too few completed trials to tell." in (output / "report.md").read_text()
    assert not (output / "importance.svg").exists()


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("gliner_adapters.comparison.tuning")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "optuna", None)
    done = CliRunner().invoke(app, ["comparison", "tune", "heads", "--corpus", "sample", "-o", "nowhere"])
    assert isinstance(done.exception, ConfigError)
    assert r"pip install 'gliner-adapters[comparison]'" in str(done.exception)
