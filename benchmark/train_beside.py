"""How long the server's answers take while it trains an adapter beside them.

    one client: request, answer, request, answer ...      the same texts in both halves of a round
    round: │ nothing is trained │ a training runs, from its first step on │ it is cancelled      every other round
           │ a training runs, from its first step on │ it is cancelled │ nothing is trained      the other way round

The client asks one text at a time, so that each answer is on its own. Ratios are taken round by round, and the halves
change places, so a machine whose speed drifts favours neither.
"""

from __future__ import annotations

import secrets
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import httpx
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
#: More passes than a round can last.
EPOCHS = 500


@dataclass(frozen=True)
class Setting:
    """What is measured.

    Attributes:
        base: as `serve --base` takes it.
        method: what is trained; one that changes the text encoder keeps it busiest.
        train_threads: as `serve --train-threads`.
        requests: in each half of a round.
        rounds: how often.
    """

    base: str = "minilm-bi"
    method: str = "lora+head-deltas"
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
        with (
            serving(options, Path(name) / "server.log", {KEYS_VARIABLE: key}) as (_, address),
            httpx.Client(base_url=address, headers={"Authorization": f"Bearer {key}"}, timeout=PATIENCE) as client,
        ):
            _keep(client, corpus)
            texts = [document.text for document in corpus.documents("test")]
            asked = [texts[number % len(texts)] for number in range(setting.requests)]
            labels = {label.name: label.description for label in corpus.labels}
            _answers(client, asked[:WARM_UP], labels)
            rounds = [_round(client, asked, labels, setting.method, number) for number in range(setting.rounds)]
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
        "threads": torch.get_num_threads(),
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
    client: httpx.Client, texts: Sequence[str], labels: dict[str, str | None], method: str, number: int
) -> dict[str, Any]:
    """The same requests without and with a training; in every other round with it first."""
    alone = _answers(client, texts, labels) if number % 2 == 0 else []
    _done(client.post("/v1/training", json={"name": f"round-{number}", "method": method, "epochs": EPOCHS}))
    begun = _steps(client, at_least=1)
    beside = _answers(client, texts, labels)
    ended = _steps(client, at_least=0)
    _done(client.delete("/v1/training"))
    alone = alone or _answers(client, texts, labels)
    return {"alone": _told(alone), "beside": _told(beside), "steps_trained_meanwhile": ended - begun}


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
    table = Table("round", "alone p50, p95 (ms)", "beside a training p50, p95 (ms)", "steps trained meanwhile")
    for number, each in enumerate(result["rounds"], 1):
        halves = (f"{each[half]['p50_ms']:.1f}, {each[half]['p95_ms']:.1f}" for half in ("alone", "beside"))
        table.add_row(str(number), *halves, str(each["steps_trained_meanwhile"]))
    table.add_row("ratio", interval(result["ratio_of_medians"]), interval(result["ratio_of_p95"]), "p50; p95")
    return table


def main(
    base: o.BaseName = "minilm-bi",
    method: Annotated[str, typer.Option(help="What is trained.")] = "lora+head-deltas",
    train_threads: Annotated[int, typer.Option(min=1, help="Threads of the training.")] = 1,
    requests: Annotated[int, typer.Option(min=2, help="Requests in each half of a round.")] = 100,
    rounds: Rounds = 5,
    output: Output = None,
) -> None:
    """Measure the server's answers alone and while an adapter is trained beside them.

    Exits with 1 if median or 95th percentile take more than twice as long.
    """
    result = measure(Setting(base, method, train_threads, requests, rounds))
    finish(result, beside_table(result), output)
    if not result["passed"]:
        typer.echo(f"answers take more than {MOST:g} times as long beside a training", err=True)
        raise typer.Exit(1)


if __name__ == "__main__":
    run(main)
