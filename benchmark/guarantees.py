"""What the library promises of an adapter's bytes, shown on a real base with the real command.

    adapt ────────────────────────────► adapter A ─► logits ═╗
                                            │ save           ║ the same bytes?
                                            └─► another process: load ─► logits (also of the deployable form)
    adapt ─► SIGKILL ─► adapt --resume ─► SIGKILL ─► adapt --resume ─► adapter B ═ the same files as A?

Training runs are processes of their own, killed from outside as soon as a checkpoint of the wanted step appears; the
step that was under way is lost and done again.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.console import Console
from rich.table import Table

from benchmark.harness.script import SCRIPTS, Output, finish, origin, run
from gliner_adapters.adapters import AdapterConfig, TrainedAdapter, load_adapter, save_adapter
from gliner_adapters.adapters.config import CONFIG_FILE, WEIGHTS_FILE
from gliner_adapters.api.files import RUN_FOLDER, shipped_bytes
from gliner_adapters.cli import options as o
from gliner_adapters.comparison.measures import span_logits
from gliner_adapters.documents import Document
from gliner_adapters.errors import ConfigError
from gliner_adapters.model import Base, load_base

METHODS = ("heads", "full", "label-embeddings")
#: Steps between checkpoints: few, so that a short run has several.
CHECKPOINT_STEPS = 3
#: Where runs are killed, as shares of their steps: in two epochs, in the middle of each.
KILLS = (0.25, 0.75)
#: Seconds between two looks at a run's checkpoint, and the most that one process may take.
LOOK, PATIENCE = 0.002, 600.0
TEXTS = (
    "Cisplatin induced apoptosis in HeLa cells.",
    "Loss of TP53 made tumours of the pancreas resistant to gemcitabine, as patients with type 2 diabetes showed.",
)


@dataclass(frozen=True)
class Training:
    """The options of the training runs.

    Attributes:
        base: as `adapt --base` takes it.
        corpus: as `adapt --corpus` takes it.
        epochs: passes over the training data.
        batch_size: passages in a step.
        limit: training documents; all if ``None``.
        data_dir: where registered corpora lie.
    """

    base: str = "encoder:minilm"
    corpus: str = "sample"
    epochs: int = 2
    batch_size: int = 8
    limit: int | None = 8
    data_dir: Path | None = None

    def arguments(self, method: str) -> list[str]:
        """`adapt` and its options, the output left out."""
        options = ["adapt", "--base", self.base, "--corpus", self.corpus, "--method", method]
        options += ["--epochs", str(self.epochs), "--batch-size", str(self.batch_size)]
        options += ["--checkpoint-steps", str(CHECKPOINT_STEPS)]
        options += [] if self.limit is None else ["--limit", str(self.limit)]
        options += [] if self.data_dir is None else ["--data-dir", str(self.data_dir)]
        return [*options, "--quiet"]


def check_guarantees(
    training: Training, methods: Sequence[str] = METHODS, say: Callable[[str], None] = lambda line: None
) -> dict[str, Any]:
    """Run everything; see the module's docstring.

    Args:
        training: what is trained.
        methods: the techniques to check.
        say: is told what goes on.

    Returns:
        The result file's content; ``passed`` says whether every promise was kept.

    Raises:
        ConfigError: a training process failed, or ended before it could be killed.
    """
    started = time.perf_counter()
    base = load_base(training.base)
    found = {}
    for method in methods:
        with tempfile.TemporaryDirectory() as folder:
            found[method] = _check(training, method, base, Path(folder), say)
    return {
        "base": base.id,
        "base_fingerprint": base.fingerprint,
        "corpus": training.corpus,
        "methods": found,
        "passed": not broken_promises(found),
        "seconds": round(time.perf_counter() - started, 1),
        **origin(base.device),
    }


def broken_promises(methods: dict[str, dict[str, Any]]) -> list[str]:
    """What did not hold, a line each, judged from the digests in a result."""
    broken = []
    for method, found in methods.items():
        logits = found["logits_sha256"]
        broken += [f"{method}: {where} scores otherwise" for where in logits if logits[where] != logits["in memory"]]
        files = found["files_sha256"]
        broken += [
            f"{method}: {name} differs after kill and resume"
            for name, digest in files["uninterrupted"].items()
            if files["killed and resumed"].get(name) != digest
        ]
    return broken


def _check(training: Training, method: str, base: Base, folder: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """All about one technique."""
    whole, cut = folder / "whole", folder / "cut"
    arguments = training.arguments(method)
    say(f"{method}: training without interruption")
    _finish(_start(arguments, whole))
    config = AdapterConfig.read(whole)
    steps = int(config.trained_on["steps"])
    killed: list[int] = []
    for share in KILLS:
        resume = ["--resume"] if killed else []
        killed.append(_kill(_start([*arguments, *resume], cut), cut, max(1, round(share * steps))))
        say(f"{method}: killed after the checkpoint of step {killed[-1]} of {steps}")
    _finish(_start([*arguments, "--resume"], cut))

    trained = load_adapter(whole, base)
    save_adapter(trained, folder / "saved")
    save_adapter(trained, folder / "deployable", deployable=True)
    names = ("saved", "deployable")
    loaded = digests_in_another_process([folder / name for name in names])
    say(f"{method}: saved, and loaded in another process")
    return {
        "command": " ".join(["gliner-adapters", *arguments]),
        "steps": steps,
        "trained_parameters": config.trained_parameters,
        "total_parameters": config.base.parameters,
        "saved_bytes": shipped_bytes(folder / "saved"),
        "deployable_bytes": shipped_bytes(folder / "deployable"),
        "logits_sha256": {"in memory": logits_digest(trained), **dict(zip(names, loaded, strict=True))},
        "killed_after_steps": killed,
        "files_sha256": {"uninterrupted": _digests(whole), "killed and resumed": _digests(cut)},
    }


# Training processes


def _start(arguments: Iterable[str], output: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "gliner_adapters", *arguments, "--output", str(output)]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def _finish(process: subprocess.Popen[bytes]) -> None:
    """Wait for a run to end well."""
    try:
        _, err = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise ConfigError(f"a training run took more than {PATIENCE:.0f} s; choose a smaller one") from None
    if process.returncode:
        raise ConfigError(f"a training run ended with {process.returncode}: {err.decode(errors='replace').strip()}")


def _kill(process: subprocess.Popen[bytes], output: Path, step: int) -> int:
    """Kill a run once a checkpoint of the step, or a later one, is there; the step of the last checkpoint."""
    deadline = time.monotonic() + PATIENCE
    while (reached := _checkpoint_step(output)) < step:
        if process.poll() is not None or time.monotonic() > deadline:
            _finish(process)
            raise ConfigError(f"a training run ended before it could be killed at step {step}; train on more data")
        time.sleep(LOOK)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    if process.returncode != -signal.SIGKILL or (output / CONFIG_FILE).exists():
        raise ConfigError(f"a training run ended before it could be killed at step {step}; train on more data")
    return max(reached, _checkpoint_step(output))


def _checkpoint_step(output: Path) -> int:
    """How far the checkpoint in a run's folder is; 0 where there is none (or it is being replaced right now)."""
    try:
        return int(json.loads((output / RUN_FOLDER / "checkpoint" / "progress.json").read_text())["step"])
    except FileNotFoundError:
        return 0


# Digests


def _digests(folder: Path) -> dict[str, str]:
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in (WEIGHTS_FILE, CONFIG_FILE)}


def logits_digest(trained: TrainedAdapter) -> str:
    """sha256 over the bytes of the logits of all spans of two sentences."""
    digest = hashlib.sha256()
    for logits in span_logits(trained.base, trained.adapter, [Document(text) for text in TEXTS]):
        digest.update(logits.float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def digests_in_another_process(folders: Sequence[Path]) -> list[str]:
    """:func:`logits_digest` of adapters, loaded with their bases by a process that knows nothing but the folders."""
    code = f"from {SCRIPTS.name}.{Path(__file__).stem} import print_digests; print_digests()"
    command = [sys.executable, "-c", code, str(torch.get_num_threads()), *(str(folder.resolve()) for folder in folders)]
    done = subprocess.run(command, cwd=SCRIPTS.parent, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ConfigError(f"loading in another process failed: {done.stderr.strip()}")
    digests: list[str] = json.loads(done.stdout)
    return digests


def print_digests() -> None:
    """What the other process runs: number of threads and folders come as arguments."""
    torch.set_num_threads(int(sys.argv[1]))
    print(json.dumps([logits_digest(load_adapter(folder)) for folder in sys.argv[2:]]))


def guarantees_table(result: dict[str, Any]) -> Table:
    """The result for reading."""
    table = Table("method", "save, load, score", "kill, resume", "trained parameters", "saved", "deployable")
    for method, found in result["methods"].items():
        broken = broken_promises({method: found})
        killed = " and ".join(map(str, found["killed_after_steps"]))
        table.add_row(
            method,
            "DIFFERS" if any("scores" in line for line in broken) else "bit-identical",
            ("DIFFERS" if any("resume" in line for line in broken) else "byte-identical")
            + f" (killed after steps {killed} of {found['steps']})",
            f"{found['trained_parameters']:,} of {found['total_parameters']:,}",
            f"{found['saved_bytes'] / 1e6:.2f} MB",
            f"{found['deployable_bytes'] / 1e6:.2f} MB",
        )
    return table


def main(
    base: o.BaseName = "encoder:minilm",
    corpus: Annotated[str, typer.Option("--corpus", help="What is trained on.")] = "sample",
    method: Annotated[
        list[str] | None, typer.Option(help="A method to check; repeatable. By default heads, full, label-embeddings.")
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the training data in each run.")] = 2,
    batch_size: Annotated[int, typer.Option(min=1, help="Passages in a step.")] = 8,
    limit: Annotated[int | None, typer.Option(help="Train on so many documents only.")] = 8,
    output: Output = None,
    data_dir: o.DataDir = None,
) -> None:
    """Check that saving and loading keep every bit of a score, and that a killed run resumes to the same bytes.

    Each method is trained by `adapt` in processes of their own: once without interruption, once killed twice with
    SIGKILL and resumed. Files and logits are compared by their sha256. Exits with 1 if anything differs.
    """
    training = Training(base, corpus, epochs, batch_size, limit, data_dir)
    console = Console(stderr=True, markup=False, highlight=False)
    result = check_guarantees(training, method or METHODS, console.print)
    finish(result, guarantees_table(result), output)
    for line in broken_promises(result["methods"]):
        typer.echo(f"BROKEN: {line}", err=True)
    if not result["passed"]:
        raise typer.Exit(1)


if __name__ == "__main__":
    run(main)
