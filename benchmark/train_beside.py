"""How long the server's answers take while it trains an adapter beside them.

    one client: request, answer, request, answer ...                 the same texts in both kinds of block
    round: │ the training runs │ it is halted │ it is halted │ it runs │ it runs │ ...     10 requests a block

The training's process is halted and let go by signals, so that the two kinds of block follow each other within
seconds, and whatever else the machine does falls on both (`load_average` says how much that was). The client asks one
text at a time, so that each answer is on its own.
"""

from __future__ import annotations

import os
import secrets
import signal
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import httpx
import psutil
import torch
import typer
from rich.table import Table

from benchmark.harness.script import Output, Rounds, finish, origin, run
from benchmark.harness.server import PATIENCE, serving
from benchmark.harness.timing import interval, middle
from gliner_adapters.cli import options as o
from gliner_adapters.corpora import Corpus, load_corpus
from gliner_adapters.errors import ConfigError
from gliner_adapters.server.security import KEYS_VARIABLE

#: How many times as long an answer may take beside a training.
MOST = 2.0
WARM_UP = 20
#: Requests between two changes.
BLOCK = 10
#: More passes than the measurement can last.
EPOCHS = 500


@dataclass(frozen=True)
class Setting:
    """What is measured.

    Attributes:
        base: as `serve --base` takes it.
        method: what is trained; one that changes the text encoder keeps it busiest.
        threads: that the server reads with.
        train_threads: as `serve --train-threads`.
        requests: in each half of a round, rounded up to whole blocks.
        rounds: how often.
    """

    base: str = "minilm-bi"
    method: str = "lora+head-deltas"
    threads: int = 1
    train_threads: int = 1
    requests: int = 100
    rounds: int = 5


def measure(setting: Setting) -> dict[str, Any]:
    """All rounds on one server.

    Returns:
        The result file's content; ``passed`` says whether median and 95th percentile stay within :data:`MOST`.

    Raises:
        ConfigError: the server does not start or does not train.
    """
    corpus = load_corpus("sample")
    key = secrets.token_hex(16)
    with tempfile.TemporaryDirectory() as name:
        options = ["--base", setting.base, "--rate", "0", "--train", f"{name}/train"]
        options += ["--train-threads", str(setting.train_threads)]
        headers = {"Authorization": f"Bearer {key}"}
        with (
            serving(
                options, Path(name) / "server.log", {KEYS_VARIABLE: key, "OMP_NUM_THREADS": str(setting.threads)}
            ) as (server, address),
            httpx.Client(base_url=address, headers=headers, timeout=PATIENCE) as client,
        ):
            _keep(client, corpus)
            texts = [document.text for document in corpus.documents("test")]
            labels = {label.name: label.description for label in corpus.labels}
            _answers(client, [texts[number % len(texts)] for number in range(WARM_UP)], labels)
            request = {"name": "beside", "method": setting.method, "epochs": EPOCHS}
            _done(client.post("/v1/training", json=request))
            _steps(client, at_least=1)
            rounds = [_round(client, server, texts, labels, setting.requests) for _ in range(setting.rounds)]
            _done(client.delete("/v1/training"))
    ratios = {
        name: middle([each["beside"][name] / each["alone"][name] for each in rounds]) for name in ("p50_ms", "p95_ms")
    }
    return {
        **vars(setting),
        "rounds": rounds,
        "ratio_of_medians": ratios["p50_ms"],
        "ratio_of_p95": ratios["p95_ms"],
        "most": MOST,
        "passed": all(ratio["median"] <= MOST for ratio in ratios.values()),
        "cores": os.cpu_count(),
        **origin(torch.device("cpu")),
    }


def _keep(client: httpx.Client, corpus: Corpus) -> None:
    """Give the server the corpus's training documents as reviewed."""
    documents = [
        {
            "text": document.text,
            "entities": [{"start": e.start, "end": e.end, "label": e.label} for e in document.entities],
        }
        for document in corpus.documents("train")
    ]
    labels = {label.name: label.description for label in corpus.labels}
    _done(client.post("/v1/training/documents", json={"documents": documents, "labels": labels}))


def _round(
    client: httpx.Client,
    server: subprocess.Popen[bytes],
    texts: Sequence[str],
    labels: dict[str, str | None],
    requests: int,
) -> dict[str, Any]:
    """The same requests beside a training that runs and beside one that is halted, block by block."""
    (training,) = psutil.Process(server.pid).children()
    seconds: dict[str, list[float]] = {"alone": [], "beside": []}
    begun = _steps(client, at_least=1)
    for number, start in enumerate(range(0, requests, BLOCK)):
        asked = [texts[index % len(texts)] for index in range(start, start + BLOCK)]
        for half in ("beside", "alone") if number % 2 == 0 else ("alone", "beside"):
            training.send_signal(signal.SIGCONT if half == "beside" else signal.SIGSTOP)
            seconds[half] += _answers(client, asked, labels)
    training.send_signal(signal.SIGCONT)
    return {
        **{half: _told(each) for half, each in seconds.items()},
        "steps_trained_meanwhile": _steps(client, at_least=1) - begun,
        "load_average": round(os.getloadavg()[0], 1),
    }


def _answers(client: httpx.Client, texts: Sequence[str], labels: dict[str, str | None]) -> list[float]:
    """Seconds of each answer."""
    seconds = []
    for text in texts:
        started = time.perf_counter()
        _done(client.post("/v1/annotate", json={"text": text, "labels": labels}))
        seconds.append(time.perf_counter() - started)
    return seconds


def _steps(client: httpx.Client, at_least: int) -> int:
    """Steps of the running training, once there are so many.

    Raises:
        ConfigError: nothing is trained any more.
    """
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        status = _done(client.get("/v1/training"))
        if status["state"] != "running":
            raise ConfigError(f"the training is {status['state']}: {(status['job'] or {}).get('message')}")
        progress = status["progress"]
        if progress["phase"] == "training" and progress["done"] >= at_least:
            return int(progress["done"])
        time.sleep(0.1)
    raise ConfigError(f"no step was trained in {PATIENCE:g} s")


def _done(answer: httpx.Response) -> Any:
    if answer.is_error:
        raise ConfigError(f"the server answered {answer.status_code}: {answer.text}")
    return answer.json()


def _told(seconds: Sequence[float]) -> dict[str, float]:
    ranks = statistics.quantiles(seconds, n=100, method="inclusive")
    return {"p50_ms": round(1000 * ranks[49], 1), "p95_ms": round(1000 * ranks[94], 1)}


def beside_table(result: dict[str, Any]) -> Table:
    """The result for reading, a row a round, and the ratios."""
    table = Table("round", "alone p50, p95 (ms)", "beside a training p50, p95 (ms)", "steps trained meanwhile", "load")
    for number, each in enumerate(result["rounds"], 1):
        halves = (f"{each[half]['p50_ms']:.1f}, {each[half]['p95_ms']:.1f}" for half in ("alone", "beside"))
        table.add_row(str(number), *halves, str(each["steps_trained_meanwhile"]), str(each["load_average"]))
    table.add_row("ratio", interval(result["ratio_of_medians"]), interval(result["ratio_of_p95"]), "p50; p95", "")
    return table


def main(
    base: o.BaseName = "minilm-bi",
    method: Annotated[str, typer.Option(help="What is trained.")] = "lora+head-deltas",
    threads: Annotated[int, typer.Option(min=1, help="Threads that the server reads with.")] = 1,
    train_threads: Annotated[int, typer.Option(min=1, help="Threads of the training.")] = 1,
    requests: Annotated[int, typer.Option(min=2, help="Requests in each half of a round.")] = 100,
    rounds: Rounds = 5,
    output: Output = None,
) -> None:
    """Measure the server's answers alone and while an adapter is trained beside them.

    Exits with 1 if median or 95th percentile take more than twice as long.
    """
    result = measure(Setting(base, method, threads, train_threads, requests, rounds))
    finish(result, beside_table(result), output)
    if not result["passed"]:
        typer.echo(f"answers take more than {MOST:g} times as long beside a training", err=True)
        raise typer.Exit(1)


if __name__ == "__main__":
    run(main)
