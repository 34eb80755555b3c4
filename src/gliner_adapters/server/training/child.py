"""The process that trains: ``python -m gliner_adapters.server.training.child FOLDER``, as the server starts it.

It is as polite as a process can be (the lowest priority, a bound number of threads), takes its orders from `job.json`
and ends at once when the server does: its standard input is a pipe that the server holds open and never writes to.
Killed at any moment, it goes on from the run's last checkpoint when it is started again.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from gliner_adapters.errors import BaseModelError, ConfigError, GlinerAdaptersError

if TYPE_CHECKING:
    from gliner_adapters.server.training.job import Job
    from gliner_adapters.server.training.progress import ProgressFile

#: The system gives a process of this priority what the others leave.
NICE = 19
#: The exit code of a training that cannot go on, for a reason that `progress.json` has.
FAILED = 3
#: Passages in a step: a few documents are to give more than a few steps.
BATCH_SIZE = 8
CHECKPOINT_STEPS = 50
#: Evaluations without a better one before a training ends early.
PATIENCE = 5
#: Seconds that the child of a server which was killed may take to be gone.
PREDECESSOR = 10.0


def main(folder: Path) -> int:
    """Train what a folder's `job.json` says; the exit code."""
    if hasattr(os, "nice"):
        os.nice(NICE)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which then ends this process
    threading.Thread(target=_end_with_the_server, daemon=True).start()
    # Only now what takes seconds and processors.
    from gliner_adapters.server.training.job import PROGRESS, Job
    from gliner_adapters.server.training.progress import ProgressFile

    progress = ProgressFile(folder / PROGRESS)
    try:
        _train(folder, Job.read(folder), progress)
    except GlinerAdaptersError as error:
        progress.failed(str(error))
        return FAILED
    return 0


def _train(folder: Path, job: Job, progress: ProgressFile) -> None:
    """The adapter, then its scores beside the other one's; what is done already is not done again."""
    import torch

    from gliner_adapters.adapters import load_adapter
    from gliner_adapters.adapters.config import CONFIG_FILE
    from gliner_adapters.api import adapt
    from gliner_adapters.api.adapting import unfinished
    from gliner_adapters.corpora import Corpus
    from gliner_adapters.documents import read_documents
    from gliner_adapters.model import load_base
    from gliner_adapters.server.training.job import ADAPTER, SCORES
    from gliner_adapters.server.training.scores import scores_beside
    from gliner_adapters.storage import write_json
    from gliner_adapters.training import TrainingConfig

    torch.set_num_threads(job.threads)
    base = load_base(
        job.base.id,
        revision=job.base.revision,
        architecture=job.base.architecture,
        allow_pickle=job.allow_pickle,
        device=job.device,
    )
    if base.fingerprint != job.base.fingerprint:
        raise BaseModelError(f"the base {base.id} is another one than when the training began; discard it")
    labels = {entry.name: entry.label() for entry in job.labels}
    splits = {split: list(read_documents(job.documents_file(folder, split), "jsonl")) for split in ("train", "devel")}
    devel = splits["devel"]
    output = folder / ADAPTER
    if (output / CONFIG_FILE).exists() and not unfinished(output):
        trained = load_adapter(output, base)
    else:
        _wait_for_predecessor(output / "run")
        config = TrainingConfig(
            epochs=job.epochs,
            batch_size=BATCH_SIZE,
            checkpoint_steps=CHECKPOINT_STEPS,
            patience=PATIENCE if devel else None,
            seed=job.seed,
        )
        given = {split: documents for split, documents in splits.items() if documents}
        corpus = Corpus("reviewed", {}, labels=labels, documents=given)
        trained = adapt(
            base, corpus, job.method, output=output, config=config, hold_out=0, resume=True, reporter=progress
        )
    if devel:
        progress.begin("scoring", 0)
        old = base if job.beside is None else load_adapter(job.beside.folder, base)
        write_json(folder / SCORES, scores_beside(trained, old, devel, list(labels.values()), job.precision))


def _end_with_the_server() -> None:
    """Wait for the end of standard input: the server is gone, however it went."""
    # Not through sys.stdin, whose lock this thread would hold when the interpreter ends.
    while os.read(0, 1):
        pass
    os._exit(FAILED)


def _wait_for_predecessor(run_folder: Path) -> None:
    """Let the child of a server that was killed end first; what holds the folder longer is named by `adapt`."""
    from gliner_adapters.locking import refuse_locked

    until = time.monotonic() + PREDECESSOR
    while time.monotonic() < until:
        try:
            refuse_locked(run_folder)
        except ConfigError:
            time.sleep(0.1)
        else:
            return


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
