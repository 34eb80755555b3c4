"""Help teaches, and the exit code says what kind of thing went wrong."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gliner_adapters.cli import EXIT_CODES, app
from gliner_adapters.cli.adapt import TECHNIQUES
from gliner_adapters.errors import GlinerAdaptersError
from gliner_adapters.methods import METHODS
from warm import WarmPopen, run_warm

from .conftest import Cli, World


def verbs() -> set[str]:
    named = {info.name or info.callback.__name__ for info in app.registered_commands}  # type: ignore[union-attr]
    for group in app.registered_groups:
        if group.hidden:
            continue
        commands = group.typer_instance.registered_commands  # type: ignore[union-attr]
        named |= {f"{group.name} {c.name or c.callback.__name__}" for c in commands}  # type: ignore[union-attr]
    return named


@pytest.mark.parametrize("verb", sorted(verbs()))
def test_help_of_every_verb(verb: str, cli: Cli) -> None:
    result = cli(*verb.split(), "--help")
    assert result.code == 0, result.err
    usage, *examples = [line for line in result.out.splitlines() if f"gliner-adapters {verb}" in line]
    assert "Usage:" in usage
    assert "Example" in result.out
    assert examples


def test_help_of_the_program(cli: Cli) -> None:
    result = cli("--help")
    assert result.code == 0
    assert {verb.split()[0] for verb in verbs()} <= set(result.out.split())
    said = " ".join(result.out.split())
    for code, meaning in enumerate(
        ("success", "a check failed", "wrong usage", "bad data", "base or adapter not loadable")
    ):
        assert f"{code} {meaning}" in said
    assert cli("--version").out.startswith("gliner-adapters 0.")


def test_benchmark_is_the_old_name_of_comparison(cli: Cli, tmp_path: Path) -> None:
    """For one release; it says so on standard error, and what it prints is the same."""
    assert "benchmark" not in {word.strip("│ ") for word in cli("--help").out.split()}
    old, new = cli("benchmark", "tunings", tmp_path), cli("comparison", "tunings", tmp_path)
    assert old.code == new.code == 3
    note = "warning: `gliner-adapters benchmark` is called `gliner-adapters comparison` now"
    assert old.err.startswith(note)
    assert old.err.splitlines()[1:] == new.err.splitlines()
    helps = [cli(name, "--help").out.replace(name, "comparison").split() for name in ("benchmark", "comparison")]
    assert helps[0] == helps[1]


def test_adapt_names_every_technique(cli: Cli) -> None:
    assert {word.strip(",.") for word in TECHNIQUES.split()} >= set(METHODS)
    assert "lora+heads" in cli("adapt", "--help").out


def test_every_kind_of_error_has_a_code() -> None:
    kinds = GlinerAdaptersError.__subclasses__()
    assert {kind.__name__ for kind in kinds} == {kind.__name__ for kind in EXIT_CODES}


# The exit code, what the message says, the command line; {base}, {adapter}, {corpus} and {tmp} are filled in.
FAILURES = [
    (1, "is under 1.01", "evaluate {adapter} --corpus {corpus} --bootstrap 0 --fail-under 1.01"),
    (2, "No such command", "telepathise"),
    (2, "No such option", "adapt -o {tmp}/x --corpus sample --telepathy"),
    (2, "Missing option", "adapt --corpus sample"),
    (2, "which data? Give --corpus NAME", "adapt -o {tmp}/x"),
    (2, "not both", "adapt -o {tmp}/x --corpus sample --train {corpus}/train.jsonl"),
    (2, "did you mean sample?", "adapt -o {tmp}/x --corpus smaple"),
    (2, "unknown method 'telepathy'", "adapt -o {tmp}/x --corpus sample --base {base} --method telepathy"),
    (2, "options of method 'heads': rank", "adapt -o {tmp}/x --corpus sample --base {base} --option rank=4"),
    (2, "--option: expected NAME=VALUE", "adapt -o {tmp}/x --corpus sample --base {base} --option rank"),
    (2, "does not train prompts", "adapt -o {tmp}/x --corpus {corpus} --base {base} --learning-rate prompts=1"),
    (2, "--limit 99: there are 20 training documents", "adapt -o {tmp}/x --corpus {corpus} --base {base} --limit 99"),
    (2, "has no split 'train'", "adapt -o {tmp}/x --test {corpus}/test.jsonl --base {base}"),
    (2, "holds an adapter already", "adapt -o {adapter} --corpus {corpus} --base {base}"),
    (2, "what should be scored?", "evaluate --corpus sample"),
    (2, "what should be scored?", "evaluate {adapter} --base {base} --corpus sample"),
    (2, "go with a model", "evaluate --predictions {corpus}/test.jsonl --threshold 0.5 --corpus {corpus}"),
    (2, "go with a model", "evaluate --predictions {corpus}/test.jsonl --segment window --corpus {corpus}"),
    (0, "", "evaluate --base {base} --segment window --corpus {corpus} --bootstrap 0"),
    (2, "probability between 0 and 1", "evaluate {adapter} --corpus {corpus} --threshold 7"),
    (2, "the adapter has no label", "evaluate {adapter} --corpus sample"),
    (2, "Invalid value for '--split'", "evaluate {adapter} --corpus {corpus} --split all"),
    (2, "who should read?", "annotate text"),
    (2, "who should read?", "annotate -a {adapter} --base {base} text"),
    (2, "--label goes with --base", "annotate -a {adapter} --label gene text"),
    (2, "needs labels to look for", "annotate --base {base} text"),
    (2, "labels given twice: drug", "annotate --base {base} -l drug -l drug=medicine text"),
    (2, "cannot tell the format", "annotate -a {adapter} text -o {tmp}/found.docx"),
    (2, "for a file choose another --to", "annotate -a {adapter} text -o {tmp}/found --to terminal"),
    (2, "name the format", "annotate -a {adapter} -f -"),
    (2, "unknown format 'docx'", "annotate -a {adapter} -f {corpus}/test.jsonl --from docx"),
    (2, "{adapter} holds an adapter already", "adapters bake {adapter} -o {adapter}"),
    (3, "no such file", "annotate -a {adapter} -f {tmp}/missing.jsonl"),
    (3, "no such file", "annotate -a {adapter} -f {tmp}/missing.txt"),
    (3, "bad.jsonl:1: not JSON", "annotate -a {adapter} -f {tmp}/bad.jsonl -o {tmp}/found.jsonl"),
    (3, "bad.txt:2: byte 0xff is not valid UTF-8", "annotate -a {adapter} -f {tmp}/bad.txt -o {tmp}/found.jsonl"),
    (3, "bad.jsonl:1: not JSON", "adapt -o {tmp}/x --base {base} --train {tmp}/bad.jsonl"),
    (3, "predicted document 1 has no id", "evaluate --predictions {corpus}/train.jsonl --corpus {corpus}"),
    (3, "no prediction for gold document '1'", "evaluate --predictions {tmp}/other.jsonl --corpus {corpus}"),
    (3, "cannot be written", "annotate -a {adapter} text -o {tmp}/no/such/folder/found.jsonl"),
    (4, "neither a folder nor a hub id", "adapt -o {tmp}/x --corpus sample --base {tmp}/no/such/base"),
    (4, "no encoder at", "adapt -o {tmp}/x --corpus sample --base encoder:{tmp}/none"),
    (4, "no adapter at my-adaptor: there is no such folder", "annotate -a my-adaptor text"),
    (4, "'my/adaptor' from the hub: the variable HF_HUB_OFFLINE keeps this machine off", "annotate -a my/adaptor text"),
    (2, "no name of a repository: 'mine'", "adapters push {adapter} mine"),
    (2, "a base from a folder", "adapters push {adapter} user/mine"),
    (4, "no adapter at", "adapters push {tmp} user/mine"),
    (5, "cannot push to user/mine: ", "adapters push {adapter} user/mine --base-model user/base@0123"),
    (4, "no adapter at", "adapters show {tmp}"),
    (4, "no adapter at", "adapters verify {tmp}"),
    (4, "its sha256 differs", "adapters verify {tmp}/changed"),
    (4, "nothing to bake", "adapters bake {tmp}/uni -o {tmp}/x"),
]  # fmt: skip


@pytest.fixture
def places(world: World, tiny, tmp_path: Path) -> dict[str, Path]:
    import shutil

    from adapters.helpers import trained_adapter
    from gliner_adapters.adapters import save_adapter

    numbered = '{"id": "1", "text": "a", "entities": []}\n'
    (tmp_path / "bad.jsonl").write_text("{not json\n" + numbered)
    (tmp_path / "other.jsonl").write_text(numbered.replace("1", "another"))
    (tmp_path / "bad.txt").write_bytes(b"fine\n\xff\n")
    shutil.copytree(world.adapter, tmp_path / "changed")
    with (tmp_path / "changed" / "adapter_model.safetensors").open("ab") as file:
        file.write(b"\0")
    save_adapter(trained_adapter(tiny("uni-bert").base, "zero-shot"), tmp_path / "uni")
    return {"base": world.base, "adapter": world.adapter, "corpus": world.corpus, "tmp": tmp_path}


def test_failures(cli: Cli, places: dict[str, Path]) -> None:
    wrong = []
    before = {path: path.stat().st_mtime_ns for path in places["adapter"].rglob("*")}
    for code, message, line in FAILURES:
        result = cli(*(part.format(**places) for part in line.split()))
        said = " ".join(result.err.replace("│", " ").split())
        if result.code != code or message.format(**places) not in said or "Traceback" in said:
            wrong.append(f"{line}\n  expected {code}: {message}\n  got {result.code}: {said}")
        if (places["tmp"] / "x").exists() or list(places["tmp"].glob("*found*")):
            wrong.append(f"{line}\n  left something behind")
    assert not wrong, "\n".join(wrong)
    assert before == {path: path.stat().st_mtime_ns for path in places["adapter"].rglob("*")}


def program(*arguments: str, start: Callable[..., Any] = WarmPopen) -> Any:
    """The command line in a process, with pipes."""
    return start(
        [sys.executable, "-m", "gliner_adapters", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "COLUMNS": "160"},
    )


def test_the_program_itself(world: World) -> None:
    """From the module's entry, with real streams: output to standard output alone, errors to standard error."""
    process = program("annotate", "-a", str(world.adapter), "--to", "jsonl", start=subprocess.Popen)
    out, err = process.communicate(b"aspirin was given for asthma.\n\nHeLa\n")
    assert process.returncode == 0, err
    assert [line[:18] for line in out.decode().splitlines()] == ['{"id": "stdin:1", ', '{"id": "stdin:3", ']
    failed = run_warm([sys.executable, "-m", "gliner_adapters", "adapters", "show", "nowhere-at-all"])
    assert (failed.returncode, failed.stdout) == (4, "")
    assert failed.stderr.startswith("error: no adapter at nowhere-at-all")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interruption(world: World, number: signal.Signals, code: int) -> None:
    process = program("annotate", "-a", str(world.adapter), "--to", "jsonl", "-f", "-", "--from", "txt")
    assert process.stdin is not None
    assert process.stdout is not None
    # A stream is read in blocks, so the program waits for more after the first results.
    process.stdin.write(b"aspirin\n" * 300)
    process.stdin.flush()
    assert process.stdout.read(1)
    process.send_signal(number)
    process.stdin.close()
    err = process.stderr.read()
    assert process.wait(60) == code, err
    assert b"Traceback" not in err
    assert re.search(rb"stopped after \d+ documents; what was found is incomplete", err)
    # At once, not by the interpreter's own end, which can crash on threads that are in the middle of their work.
    assert err.splitlines()[-1] == {130: b"interrupted", 143: b"terminated"}[code]


def test_a_terminated_program_leaves_no_half_of_a_file(world: World, tmp_path: Path) -> None:
    output = tmp_path / "found.jsonl"
    process = program("annotate", "-a", str(world.adapter), "-o", str(output), "-f", "-", "--from", "txt")
    assert process.stdin is not None
    process.stdin.write(b"aspirin\n" * 300)
    process.stdin.flush()
    while not list(tmp_path.iterdir()):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    process.stdin.close()
    err = process.stderr.read()
    assert process.wait(60) == 143, err
    assert f"{output} was not written".encode() in err
    assert list(tmp_path.iterdir()) == []


def test_files_are_summed_up(world: World, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("Aspirin helps.\nHeLa cells grew.\n")
    command = ["annotate", "-a", str(world.adapter), "-f", str(tmp_path / "in.txt"), "-o", str(tmp_path / "out.jsonl")]
    told, quiet = (
        run_warm([sys.executable, "-m", "gliner_adapters", *command, *more]).stderr for more in ([], ["--quiet"])
    )
    assert re.search(r"read 2 documents \(\d+\.\d a second\) in \d+\.\d s: \d+ entities", told)
    assert "read" not in quiet
