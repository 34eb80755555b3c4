"""The server under load: a process of its own, many clients, and every answer known before.

    in this process    Annotator ──► the answer of each (text, adapter)
                                          ║ the same?
    the server  ◄── 64 clients, each text with another adapter, each request with an id of its own

Three rounds, each with a fresh server: *steady* (as many requests at once as there are clients), *burst* (more than
the queue takes) and *stop* (SIGTERM in the midst). The server's log says which requests it answered; what a client
did not get must not stand there.
"""

from __future__ import annotations

import asyncio
import json
import random
import signal
import statistics
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.table import Table

from benchmark.harness.adapters import write_adapters
from benchmark.harness.load_cases import THRESHOLD, Case, expected
from benchmark.harness.script import Output, finish, origin, run
from benchmark.harness.server import PATIENCE, serving
from gliner_adapters.cli import options as o
from gliner_adapters.model import load_base

#: Statuses that a server may refuse with.
REFUSALS = (429, 503)
#: Requests that each client of the burst sends at once, at most, and how many times more they are than may wait.
BURST, EXCESS = 8, 4


@dataclass(frozen=True)
class Load:
    """What is asked for.

    Attributes:
        base: as `serve --base` takes it.
        adapters: how many.
        clients: that ask at the same time.
        requests: of each client in a round.
        seed: of what is asked in which order.
    """

    base: str = "minilm-bi"
    adapters: int = 100
    clients: int = 64
    requests: int = 20
    seed: int = 0

    @property
    def width(self) -> int:
        """Requests that a client of the burst sends at once."""
        return min(self.requests, BURST)

    @property
    def queue(self) -> int:
        """Requests that the server of the burst lets wait."""
        return max(1, self.clients * self.width // EXCESS)


@dataclass
class Round:
    """What a round gave.

    Attributes:
        statuses: how often each HTTP status came.
        wrong: ids of requests with another answer than the right one.
        refused: ids of requests whose connection was closed or not opened.
        answered: ids of requests that got a 200.
        seconds: from request to answer, of these.
        wall: seconds of the whole round.
        exit_code: of the server.
        logged: ids that the server's log says were answered with 200.
        told: whether the server has been told to stop.
    """

    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    answered: set[str] = field(default_factory=set)
    seconds: list[float] = field(default_factory=list)
    wall: float = 0.0
    exit_code: int | None = None
    logged: set[str] = field(default_factory=set)
    told: bool = False

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        """Tell the server to stop, once: a second signal could meet an interpreter that has taken its handlers down."""
        if not self.told:
            process.send_signal(signal.SIGTERM)
        self.told = True

    def problems(self, *, stopped: bool) -> list[str]:
        """What should not have been; a connection may be refused only by a server that stops."""
        told = {
            f"{len(self.wrong)} wrong answers": self.wrong,
            f"{len(lost := self.logged - self.answered)} answers lost": lost,
            f"{len(extra := self.answered - self.logged)} answers that the log does not have": extra,
            f"{len(self.refused)} connections closed": [] if stopped else self.refused,
            f"statuses {sorted(self.statuses)}": self.statuses.keys() - {200, *REFUSALS},
            f"exit code {self.exit_code}": [self.exit_code] if self.exit_code else [],
            "no request was answered": [] if self.answered else [0],
        }
        return [line for line, found in told.items() if found]

    def record(self) -> dict[str, Any]:
        """For the result file."""
        ranks = statistics.quantiles(self.seconds, n=100) if len(self.seconds) > 1 else [0.0] * 99
        return {
            "requests": self.statuses.total() + len(self.refused),
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            "connections_closed": len(self.refused),
            "wrong": len(self.wrong),
            "lost": len(self.logged - self.answered),
            "p50_ms": round(1000 * ranks[49], 1),
            "p99_ms": round(1000 * ranks[98], 1),
            "answers_per_second": round(len(self.answered) / self.wall, 1),
            "exit_code": self.exit_code,
        }


def load_test(load: Load) -> dict[str, Any]:
    """Run the three rounds.

    Returns:
        The result file's content; ``passed`` says whether no answer was lost, wrong or another's.

    Raises:
        ConfigError: the server does not start.
    """
    base = load_base(load.base)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_adapters(base, folder, load.adapters)
        cases = expected(base, folder)
        rounds = {}
        for kind in ("steady", "burst", "stop"):
            rounds[kind] = _round(kind, load, folder, cases)
    problems = {kind: found.problems(stopped=kind == "stop") for kind, found in rounds.items()}
    if not any(case.answer for case in cases):
        problems["steady"].append("nothing is found in any text, so that all answers are alike")
    if not rounds["burst"].statuses[503]:
        problems["burst"].append("the burst did not fill the queue")
    return {
        **vars(load),
        "queue": load.queue,
        "cases": len(cases),
        "entities": sum(len(case.answer) for case in cases),
        "rounds": {kind: found.record() for kind, found in rounds.items()},
        "problems": problems,
        "passed": not any(problems.values()),
        **origin(base.device),
    }


def _round(kind: str, load: Load, folder: Path, cases: list[Case]) -> Round:
    """One round with a server of its own."""
    found = Round()
    with _server(load, folder, load.queue if kind == "burst" else 2 * load.clients) as (process, address, log):
        asyncio.run(_clients(kind, load, address, cases, process, found))
        found.stop(process)
        found.exit_code = process.wait(PATIENCE)
        lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    found.logged = {line["id"] for line in lines if line["status"] == 200 and line["route"] == "/v1/annotate"}
    return found


async def _clients(
    kind: str, load: Load, address: str, cases: list[Case], process: subprocess.Popen[bytes], found: Round
) -> None:
    """All clients, until each has had its answers or the server stops."""
    total = load.clients * load.requests
    width = load.width if kind == "burst" else 1

    async def one(client: httpx.AsyncClient, number: int, draw: random.Random) -> None:
        case, name = draw.choice(cases), f"{kind}-{number}"
        body = {"text": case.text, "adapter": case.adapter, "threshold": THRESHOLD}
        started = time.perf_counter()
        try:
            answer = await client.post("/v1/annotate", json=body, headers={"X-Request-ID": name})
        except httpx.TransportError:
            found.refused.append(name)
            return
        found.statuses[answer.status_code] += 1
        if answer.status_code == 200:
            found.seconds.append(time.perf_counter() - started)
            found.answered.add(name)
            if not case.answered_by(answer.json()):
                found.wrong.append(name)
            if kind == "stop" and len(found.answered) == total // 3:
                found.stop(process)

    async def client_of(number: int) -> None:
        draw = random.Random(f"{load.seed} {kind} {number}")
        async with httpx.AsyncClient(base_url=address, timeout=PATIENCE) as client:
            for start in range(0, load.requests, width):
                turns = range(start, min(start + width, load.requests))
                await asyncio.gather(*(one(client, number * load.requests + turn, draw) for turn in turns))

    started = time.perf_counter()
    await asyncio.gather(*map(client_of, range(load.clients)))
    found.wall = time.perf_counter() - started


@contextmanager
def _server(load: Load, folder: Path, queue: int) -> Iterator[tuple[subprocess.Popen[bytes], str, Path]]:
    """A server on a free port: its process, its address and its log."""
    log = folder / "server.log"
    options = ["--base", load.base, "--adapters", str(folder), "--rate", "0"]
    options += ["--queue-requests", str(queue), "--max-open-requests", str(2 * BURST * load.clients + queue)]
    options += ["--request-seconds", str(PATIENCE), "--grace-seconds", str(PATIENCE)]
    with serving(options, log) as (process, address):
        yield process, address, log


def load_table(result: dict[str, Any]) -> Table:
    """The result for reading, a column a round."""
    table = Table("", *result["rounds"])
    records = list(result["rounds"].values())
    for name in records[0]:
        values = (found[name] for found in records)
        table.add_row(name.replace("_", " "), *(_told(value) for value in values))
    return table


def _told(value: Any) -> str:
    return ", ".join(f"{key}: {count}" for key, count in value.items()) if isinstance(value, dict) else str(value)


def main(
    base: o.BaseName = "minilm-bi",
    adapters: Annotated[int, typer.Option(min=1, help="Adapters that change labels alone.")] = 100,
    clients: Annotated[int, typer.Option(min=2, help="Clients that ask at the same time.")] = 64,
    requests: Annotated[int, typer.Option(min=2, help="Requests of each client in a round.")] = 20,
    seed: Annotated[int, typer.Option(help="Seed of what is asked when.")] = 0,
    output: Output = None,
) -> None:
    """Put `serve` under load, and compare every answer with the one computed before.

    Three rounds: steady, a burst past the queue, and SIGTERM in the midst. Exits with 1 if an answer is lost, wrong or
    another's, or anything but 200, 429 or 503 comes.
    """
    result = load_test(Load(base, adapters, clients, requests, seed))
    finish(result, load_table(result), output)
    for kind, problems in result["problems"].items():
        for line in problems:
            typer.echo(f"{kind}: {line}", err=True)
    if not result["passed"]:
        raise typer.Exit(1)


if __name__ == "__main__":
    run(main)
