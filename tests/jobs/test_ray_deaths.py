"""Workers that die before they have begun, in place of Ray a cluster on which that can be ordered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gliner_adapters.errors import ConfigError
from gliner_adapters.jobs import JobFolder, JobSettings, ray_engine
from gliner_adapters.jobs.inputs import Input, find_inputs
from gliner_adapters.jobs.ray_engine import NODE_DIED, STILLBORN, RayEngine
from gliner_adapters.jobs.reading import JobReader
from gliner_adapters.jobs.worker import Outcome

exceptions = pytest.importorskip("ray.exceptions")

#: What becomes of a worker: it dies before it has begun, its node does, it dies with its first input in hand, or it
#: does one input and dies with the next.
STILL, NODE, FIRST, SECOND = "died", f"died: {NODE_DIED}", "first", "second"


@dataclass(eq=False)
class Ref:
    """What will be answered to a question, which has been given this."""

    answers: Iterator[Any]
    given: tuple[Any, ...]


class Cluster:
    """As much of Ray as the engine uses. Workers have the fates that are given; those beyond them do all there is."""

    exceptions = exceptions

    def __init__(self, digest: str, fates: list[str]) -> None:
        self.digest, self.begun = digest, 0
        self._fates = chain(fates, repeat("well"))

    def is_initialized(self) -> bool:
        return True

    def put(self, value: Any) -> Any:
        return value

    def remote(self, **options: Any) -> Any:
        return lambda kind: SimpleNamespace(remote=self._worker)

    def _worker(self, *arguments: Any) -> SimpleNamespace:
        fate = next(self._fates)
        self.begun += 1
        answers = self._answers(fate)
        make = SimpleNamespace(remote=lambda *given: Ref(answers, given))
        return SimpleNamespace(ready=make, do=make, close=make)

    def _answers(self, fate: str) -> Iterator[Any]:
        """What a worker answers to one question after the other; the first is whether it is ready."""
        if fate not in (STILL, NODE):
            yield "ready"
            yield from {FIRST: [], SECOND: ["done"]}.get(fate, repeat("done"))
        yield exceptions.RayActorError(error_msg=fate)

    def wait(self, refs: list[Ref], **options: Any) -> tuple[list[Ref], list[Ref]]:
        refs.sort(key=lambda ref: bool(ref.given))  # whether it is ready is known before anything is done
        return refs[:1], refs[1:]

    def get(self, ref: Ref) -> Any:
        answer = next(ref.answers)
        if isinstance(answer, Exception):
            raise answer
        return Outcome(ref.given[0], "done") if ref.given else self.digest

    def kill(self, handle: Any) -> None:
        pass


def done(tmp_path: Path, inputs: Path, settings: JobSettings, monkeypatch: Any, fates: list[str]) -> list[Input]:
    """The inputs that are done where workers have these fates, one worker at a time."""
    folder, reader = JobFolder(tmp_path / "out"), JobReader(settings)
    folder.begin(settings, [str(inputs)], reader.fingerprint)
    cluster = Cluster(reader.digest, fates)
    monkeypatch.setattr(ray_engine, "require", lambda *names: cluster)
    outcomes = list(RayEngine(folder, settings, reader, 1).run(find_inputs([str(inputs)])))
    assert cluster.begun == len(fates) + 1
    return [outcome.input for outcome in outcomes]


@pytest.mark.parametrize(
    "fates",
    [
        [],
        [STILL] * (STILLBORN - 1),
        [NODE] * 3 * STILLBORN,
        [*[STILL] * (STILLBORN - 1), FIRST] * 3,
        [*[STILL] * (STILLBORN - 1), SECOND, *[STILL] * (STILLBORN - 1)],
        [FIRST] * 3 * STILLBORN,
    ],
)
def test_a_job_outlives_its_workers(
    fates: list[str], tmp_path: Path, inputs: Path, settings: JobSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = done(tmp_path, inputs, settings, monkeypatch, fates)
    assert sorted(given.path for given in found) == [given.path for given in find_inputs([str(inputs)])]


def test_workers_that_cannot_begin_end_it(
    tmp_path: Path, inputs: Path, settings: JobSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    fates = [STILL, NODE, SECOND, *[STILL, NODE] * (STILLBORN - 1), STILL]
    with pytest.raises(ConfigError, match=r"workers die before they can begin: died$"):
        done(tmp_path, inputs, settings, monkeypatch, fates)
