"""A run that is killed with SIGKILL, wherever, and resumed gives the same adapter, byte for byte."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from bases import LABELS, TinyBase
from gliner_adapters.documents import Document, Entity, Label
from gliner_adapters.errors import ConfigError
from gliner_adapters.methods import Adapter, attach
from gliner_adapters.training import TrainingConfig, train
from gliner_adapters.training.checkpoints import Checkpoints, Progress
from gliner_adapters.training.optimiser import build_optimiser
from training.toy import outcome, quick, snapshot, tensors_equal, toy_corpus

#: Steps in an epoch of the toy corpus (20 sentences in batches of 6); runs have three epochs.
EPOCH = 4
RUNS = [("full", "bi-bert"), ("heads", "uni-bert"), ("label-embeddings", "bi-bert")]

#: Where a run is killed, again and again until it comes through: the checkpoint interval and the kills.
KILLS: dict[str, tuple[int, list[dict[str, int]]]] = {
    "before-the-first-checkpoint": (100, [{"step": 1}, {"step": 3}]),
    "between-checkpoints": (2, [{"step": 3}, {"step": 6}]),
    "at-every-step": (1, [{"step": k} for k in range(2, 13)]),
    "at-checkpoints": (3, [{"step": 3}, {"step": 9}]),
    "in-the-second-epoch": (100, [{"step": EPOCH + 2}]),
    "after-the-first-evaluation": (100, [{"evaluation": 1}]),
    "after-the-last-evaluation": (2, [{"evaluation": 2}, {"evaluation": 3}]),
    "at-the-last-step": (100, [{"step": 3 * EPOCH}]),
}


@pytest.fixture(scope="module")
def uninterrupted(tiny: Callable[[str], TinyBase], tmp_path_factory: pytest.TempPathFactory, processes: Any) -> Any:
    """The bytes of an adapter whose run nothing disturbed."""
    known: dict[tuple[str, str], bytes] = {}

    def get(method: str, name: str) -> bytes:
        if (method, name) not in known:
            folder = tmp_path_factory.mktemp("whole") / "run"
            assert outcome(processes, str(tiny(name).folder), method, quick(), folder) == 0
            known[method, name] = folder.with_suffix(".safetensors").read_bytes()
        return known[method, name]

    return get


#: Every kill of a full run; of the others those that differ (caches to be filled again), the rest when there is time.
QUICK = ("before-the-first-checkpoint", "between-checkpoints", "after-the-first-evaluation")
CASES = [
    pytest.param(
        where,
        method,
        name,
        marks=[] if where in QUICK or method == "full" else [pytest.mark.slow],
        id=f"{where}-{method}-{name}",
    )
    for method, name in RUNS
    for where in KILLS
]


@pytest.mark.parametrize(("where", "method", "name"), CASES)
def test_killed_and_resumed(
    where: str,
    method: str,
    name: str,
    tiny: Callable[[str], TinyBase],
    tmp_path: Path,
    processes: Any,
    uninterrupted: Any,
) -> None:
    interval, kills = KILLS[where]
    arguments = (str(tiny(name).folder), method, quick(checkpoint_steps=interval), tmp_path / "run")
    for kill in kills:
        assert outcome(processes, *arguments, kill) == -signal.SIGKILL
        assert not (tmp_path / "run.safetensors").exists()
    assert outcome(processes, *arguments) == 0
    assert (tmp_path / "run.safetensors").read_bytes() == uninterrupted(method, name)


@pytest.mark.parametrize(
    ("method", "name"),
    [("injection-cross", "uni-bert"), ("injection-deep", "bi-modernbert"), ("lora+heads", "uni-deberta")],
)
def test_what_starts_at_random_or_drops_out_resumes_too(
    method: str, name: str, tiny: Callable[[str], TinyBase], tmp_path: Path, processes: Any, uninterrupted: Any
) -> None:
    """Prompts and deltas are drawn when attached, and deltas have dropout; both are as in the run that was killed."""
    arguments = (str(tiny(name).folder), method, quick(checkpoint_steps=2), tmp_path / "run")
    assert outcome(processes, *arguments, {"step": 7}) == -signal.SIGKILL
    assert outcome(processes, *arguments) == 0
    assert (tmp_path / "run.safetensors").read_bytes() == uninterrupted(method, name)


@pytest.mark.parametrize("kills", [[{"evaluation": 0}], [{"evaluation": 0}, {"step": 1}, {"step": 7}]], ids=str)
def test_the_untrained_state_is_scored_once_more_or_remembered(
    kills: list[dict[str, int]], tiny: Callable[[str], TinyBase], tmp_path: Path, processes: Any
) -> None:
    """Killed after it was scored, and after a checkpoint that holds its row."""
    given = (str(tiny("bi-bert").folder), "heads", quick(checkpoint_steps=2))
    assert outcome(processes, *given, tmp_path / "whole", None, None, True) == 0
    for kill in kills:
        assert outcome(processes, *given, tmp_path / "run", kill, None, True) == -signal.SIGKILL
    assert outcome(processes, *given, tmp_path / "run", None, None, True) == 0
    whole, resumed = (json.loads((tmp_path / name / "result.json").read_text()) for name in ("whole", "run"))
    assert whole["untrained"]["epoch"] == 0
    assert resumed == whole
    assert (tmp_path / "run.safetensors").read_bytes() == (tmp_path / "whole.safetensors").read_bytes()


@pytest.mark.parametrize("renames", [[1], [2], [3], [2, 1], [4, 2, 2]], ids=str)
def test_killed_while_a_checkpoint_is_written(
    renames: list[int], tiny: Callable[[str], TinyBase], tmp_path: Path, processes: Any, uninterrupted: Any
) -> None:
    """Between the renames by which a checkpoint takes its predecessor's place."""
    arguments = (str(tiny("bi-bert").folder), "full", quick(checkpoint_steps=2), tmp_path / "run")
    for number in renames:
        assert outcome(processes, *arguments, None, number) == -signal.SIGKILL
    assert outcome(processes, *arguments) == 0
    assert (tmp_path / "run.safetensors").read_bytes() == uninterrupted("full", "bi-bert")


def test_a_resumed_run_goes_on_instead_of_starting_anew(
    tiny: Callable[[str], TinyBase], tmp_path: Path, processes: Any
) -> None:
    """Killed at step 7 with a checkpoint at 6; a second kill at step 6 therefore never strikes."""
    arguments = (str(tiny("bi-bert").folder), "heads", quick(checkpoint_steps=3), tmp_path / "run")
    assert outcome(processes, *arguments, {"step": 7}) == -signal.SIGKILL
    assert outcome(processes, *arguments, {"step": 6}) == 0


def started(tiny_base: TinyBase, folder: Path, config: TrainingConfig | None = None) -> tuple[Adapter, Any]:
    """A finished run whose checkpoint is still there."""
    adapter = attach("heads", tiny_base.base, LABELS)
    result = train(tiny_base.base, adapter, toy_corpus(), toy_corpus(8), config or quick(epochs=1), folder=folder)
    return adapter, result


def test_a_finished_run_resumes_to_its_end(tiny: Callable[[str], TinyBase], tmp_path: Path) -> None:
    adapter, result = started(tiny("bi-bert"), tmp_path)
    again = attach("heads", tiny("bi-bert").base, LABELS)
    resumed = train(
        tiny("bi-bert").base, again, toy_corpus(), toy_corpus(8), quick(epochs=1), folder=tmp_path, resume=True
    )
    assert tensors_equal(snapshot(again), snapshot(adapter))
    assert (resumed.steps, resumed.curve, resumed.threshold) == (result.steps, result.curve, result.threshold)


def test_without_resume_a_run_starts_anew(tiny: Callable[[str], TinyBase], tmp_path: Path) -> None:
    adapter, _ = started(tiny("bi-bert"), tmp_path)
    again, result = started(tiny("bi-bert"), tmp_path)
    assert tensors_equal(snapshot(again), snapshot(adapter))
    assert result.steps == EPOCH


def test_resuming_where_nothing_is_starts(tiny: Callable[[str], TinyBase], tmp_path: Path) -> None:
    base = tiny("bi-bert").base
    adapter = attach("heads", base, LABELS)
    assert (
        train(base, adapter, toy_corpus(), config=quick(epochs=1), folder=tmp_path / "new", resume=True).steps == EPOCH
    )


OTHER_RUNS = {
    "another seed": {"config": quick(epochs=1, seed=2)},
    "more epochs": {"config": quick(epochs=2)},
    "another loss": {"config": quick(epochs=1, loss="focal")},
    "other text": {"train": [*toy_corpus(19), Document("Naloxone was given.", [Entity(0, 8, "chemical")])]},
    "other gold": {"train": [*toy_corpus(19), toy_corpus(20)[-1].with_entities([])]},
    "other devel gold": {"devel": [*toy_corpus(7), toy_corpus(8)[-1].with_entities([])]},
    "less devel": {"devel": toy_corpus(7)},
    "another order of labels": {"labels": LABELS[::-1]},
    "another description": {"labels": [Label("chemical", "a compound"), *LABELS[1:]]},
    "another option": {"options": {"label_style": "description"}},
    "another base": {"name": "bi-modernbert"},
    "another method": {"method": "label-embeddings"},
}


@pytest.mark.parametrize("what", OTHER_RUNS)
def test_the_checkpoint_of_another_run_is_refused(what: str, tiny: Callable[[str], TinyBase], tmp_path: Path) -> None:
    started(tiny("bi-bert"), tmp_path)
    other = OTHER_RUNS[what]
    base = tiny(other.get("name", "bi-bert")).base
    adapter = attach(other.get("method", "heads"), base, other.get("labels", LABELS), other.get("options"))
    fresh = snapshot(adapter)
    with pytest.raises(ConfigError, match="belongs to a run with other data, labels, base or options"):
        train(
            base,
            adapter,
            other.get("train", toy_corpus()),
            other.get("devel", toy_corpus(8)),
            other.get("config", quick(epochs=1)),
            folder=tmp_path,
            resume=True,
        )
    assert tensors_equal(snapshot(adapter), fresh)


def test_the_interval_of_checkpoints_may_change(tiny: Callable[[str], TinyBase], tmp_path: Path) -> None:
    started(tiny("bi-bert"), tmp_path)
    base = tiny("bi-bert").base
    adapter = attach("heads", base, LABELS)
    config = quick(epochs=1, checkpoint_steps=1)
    assert train(base, adapter, toy_corpus(), toy_corpus(8), config, folder=tmp_path, resume=True).steps == EPOCH


def test_checkpoints_hold_no_pickle_and_can_be_cleared(tiny: Callable[[str], TinyBase], tmp_path: Path) -> None:
    started(tiny("bi-bert"), tmp_path)
    kept = {path.name for path in (tmp_path / "checkpoint").iterdir()}
    assert {Path(name).suffix for name in kept} == {".safetensors", ".json"}
    Checkpoints(tmp_path, "").clear()
    assert not [path for path in tmp_path.iterdir() if not path.name.startswith("features-")]


def test_an_old_checkpoint_survives_a_kill_between_the_renames(tiny: Callable[[str], TinyBase], tmp_path: Path) -> None:
    adapter = attach("heads", tiny("bi-bert").base, LABELS)
    optimiser = build_optimiser(adapter, quick())
    checkpoints = Checkpoints(tmp_path, "key")
    checkpoints.save(Progress(step=5), adapter, optimiser)
    checkpoints.current.rename(tmp_path / "checkpoint.old")
    assert checkpoints.load(adapter, optimiser) == Progress(step=5)
    checkpoints.save(Progress(step=6), adapter, optimiser)
    assert checkpoints.load(adapter, optimiser) == Progress(step=6)
    assert not (tmp_path / "checkpoint.old").exists()


def test_a_checkpoint_restores_weights_moments_and_generator(tiny: Callable[[str], TinyBase], tmp_path: Path) -> None:
    import torch

    adapter = attach("heads", tiny("bi-bert").base, LABELS)
    optimiser = build_optimiser(adapter, quick())
    for parameter in adapter.trained().values():
        parameter.grad = torch.randn_like(parameter)
    optimiser.step()
    torch.manual_seed(8)
    Checkpoints(tmp_path, "key").save(Progress(step=1), adapter, optimiser)
    expected = torch.rand(3)

    again = attach("heads", tiny("bi-bert").base, LABELS)
    fresh = build_optimiser(again, quick())
    torch.manual_seed(1)
    Checkpoints(tmp_path, "key").load(again, fresh)
    assert torch.equal(torch.rand(3), expected)
    assert tensors_equal(snapshot(again), snapshot(adapter))
    before, after = optimiser.state_dict()["state"], fresh.state_dict()["state"]
    assert before.keys() == after.keys()
    for index, entry in before.items():
        assert entry.keys() == after[index].keys()
        assert all(torch.equal(entry[key], after[index][key]) for key in entry)


def test_saved_tensors_of_another_kind_are_refused(tiny: Callable[[str], TinyBase], tmp_path: Path) -> None:
    base = tiny("bi-bert").base
    heads, table = attach("heads", base, LABELS), attach("label-embeddings", base, LABELS)
    checkpoints = Checkpoints(tmp_path, "key")
    checkpoints.save_best(heads)
    assert set(load_file(checkpoints.best)) == set(heads.trained())
    with pytest.raises(ConfigError, match="not those that the method trains"):
        checkpoints.restore_best(table)
    shutil.rmtree(tmp_path)
