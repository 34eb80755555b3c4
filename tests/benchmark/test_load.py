"""The load test on a small scale: it passes on a good server, and it notices a bad answer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adapters.helpers import Tiny
from benchmark.harness.load_cases import TOLERANCE, Case
from benchmark.load import Load, Round, load_table, load_test


@pytest.mark.slow
def test_a_small_load(tiny: Tiny) -> None:
    result = load_test(Load(base=str(tiny("bi-bert").folder), adapters=3, clients=4, requests=8))
    assert result["passed"], result["problems"]
    assert result["entities"]
    assert result["rounds"]["steady"]["statuses"] == {"200": 32}
    assert result["rounds"]["burst"]["statuses"].keys() == {"200", "503"}
    for found in result["rounds"].values():
        assert (found["requests"], found["wrong"], found["lost"], found["exit_code"]) == (32, 0, 0, 0)
    assert load_table(result).row_count == len(result["rounds"]["stop"])


def test_whose_answer_it_is() -> None:
    case = Case("HeLa cells", "a001", ((0, 4, "cell type 1", 0.5),))
    entity = {"start": 0, "end": 4, "label": "cell type 1", "adapter": "a001", "score": 0.5 + TOLERANCE / 2}

    def answer(*entities: dict) -> dict:
        return {"results": [{"entities": list(entities)}]}

    assert case.answered_by(answer(entity))
    assert replace(case, answer=()).answered_by(answer())
    others = ({"adapter": "a002"}, {"label": "cell type 2"}, {"score": 0.5 + 2 * TOLERANCE}, {"start": 1})
    for other in others:
        assert not case.answered_by(answer({**entity, **other}))
    assert not case.answered_by(answer())
    assert not case.answered_by(answer(entity, entity))


def good_round() -> Round:
    found = Round(answered={"a", "b"}, logged={"a", "b"}, exit_code=0)
    found.statuses.update({200: 2, 429: 1, 503: 1})
    return found


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda r: r.wrong.append("a"), "1 wrong answers"),
        (lambda r: r.logged.add("c"), "1 answers lost"),
        (lambda r: r.answered.add("c"), "1 answers that the log does not have"),
        (lambda r: r.refused.append("c"), "1 connections closed"),
        (lambda r: r.statuses.update([500]), "statuses [200, 429, 500, 503]"),
        (lambda r: setattr(r, "exit_code", 1), "exit code 1"),
        (lambda r: (r.answered.clear(), r.logged.clear()), "no request was answered"),
    ],
)
def test_what_should_not_be(change, problem: str) -> None:
    found = good_round()
    assert found.problems(stopped=False) == []
    change(found)
    assert found.problems(stopped=False) == [problem]


def test_a_server_that_stops_may_close_connections() -> None:
    found = good_round()
    found.refused.append("c")
    assert found.problems(stopped=True) == []
