"""The program as a user runs it, on a small world: a base's folder, files of a corpus, a trained adapter."""

from __future__ import annotations

import io
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from adapters.helpers import Tiny
from gliner_adapters.api import adapt
from gliner_adapters.cli import main
from gliner_adapters.corpora import load_corpus
from gliner_adapters.documents import write_documents
from gliner_adapters.training import TrainingConfig
from training.toy import toy_corpus


@dataclass
class Result:
    """What a command gave."""

    code: int
    out: str
    err: str


Cli = Callable[..., Result]


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Cli:
    """Runs a command line in this process, from the program's entry on."""
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)  # the program sets its own

    def run(*arguments: object, stdin: str | bytes = b"") -> Result:
        given = stdin.encode() if isinstance(stdin, str) else stdin
        monkeypatch.setattr(sys, "argv", ["gliner-adapters", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
        code = 0
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        sys.stdout.flush()
        out, err = capfdbinary.readouterr()
        return Result(code, out.decode(), err.decode())

    return run


@dataclass
class World:
    """Paths."""

    base: Path
    corpus: Path
    adapter: Path

    def files(self) -> list[str]:
        """The options that name the corpus's files."""
        return [f"--{split}={self.corpus / split}.jsonl" for split in ("train", "devel", "test")]


@pytest.fixture(scope="session")
def world(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> World:
    """A bi-encoder that has learnt a toy corpus by heart."""
    folder = tmp_path_factory.mktemp("world")
    corpus = folder / "corpus"
    corpus.mkdir()
    documents = toy_corpus(20)
    for split, part in {"train": documents, "devel": documents[:8], "test": documents[4:10]}.items():
        write_documents(part, corpus / f"{split}.jsonl")
    config = TrainingConfig(
        epochs=24,
        batch_size=6,
        precision="fp32",
        evaluate_every=8,
        learning_rates={"text_encoder": 2e-3, "label_head": 5e-3},
    )
    adapt(tiny("bi-modernbert").base, load_corpus(corpus), "full", output=folder / "adapter", config=config)
    return World(tiny("bi-modernbert").folder, corpus, folder / "adapter")
