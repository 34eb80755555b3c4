"""What the documents tell a reader to type works: they are run from top to bottom.

A fence ``console`` holds commands after ``$ `` (a backslash at the end continues one on the next line) and,
in its other lines, what they print, which is not compared. A fence ``python`` holds code; the blocks of one
document share their names. A fence ``toml`` whose first line is ``# NAME.toml`` is put into that file. All of a
document runs in one empty folder, so a later block may use what an earlier one made.

Of other programs than ``gliner-adapters`` only a few harmless ones are run (``TOOLS``). A block that trains
for minutes or needs the network is told apart by a comment on the line before it:

    <!-- not run: downloads a base -->

Such a block is still held against the program: every verb and option has to exist, every public name too, and
every file in it that `comparison run` reads has to be a plan. So is a command in a line of text, between backticks.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from warm import run_warm

PROJECT = Path(__file__).resolve().parent.parent
DOCUMENTS = [
    PROJECT / "README.md",
    PROJECT / "CONTRIBUTING.md",
    PROJECT / "benchmark" / "README.md",
    *sorted((PROJECT / "docs").glob("*.md")),
]

PROGRAM = "gliner-adapters"
#: How the measuring scripts of the repository are called.
SCRIPT = ("python", "-m", "benchmark.")
TOOLS = {"cat", "cp", "echo", "gzip", "head", "ls", "mkdir", "printf", "sort", "tail", "wc", "zcat"}
SECONDS = 300

# Runs the program of this tree, installed or not.
_PRELUDE = f"""set -euo pipefail
{PROGRAM}() {{ {shlex.quote(sys.executable)} -c 'from gliner_adapters.cli import main; main()' "$@"; }}
"""
_FENCE = re.compile(r"(?P<indent> *)(?P<fence>`{3,}|~{3,})(?P<language>[\w-]*)")
_MARK = re.compile(r"<!-- not run: (?P<reason>.+) -->")
_FILE = re.compile(r"# (?P<name>[\w-]+\.toml)")
_INLINE = re.compile(r"`((?:gliner-adapters|python -m benchmark\.\w+)(?: [^`]*)?)`")
#: What a shell is needed for.
_SHELL = re.compile(r"[|&;<>$`*?~(){}\[\]\n]")
_REDIRECTION = re.compile(r"[<>]+&?|&>")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its lines, the line in the document before its first, and the mark."""

    language: str
    lines: tuple[str, ...]
    line: int
    not_run: str | None = None

    def commands(self) -> Iterator[tuple[int, str]]:
        """Line and text of each command of a ``console`` block, continued lines joined."""
        number = 0
        while number < len(self.lines):
            line, start = self.lines[number], number
            number += 1
            if not line.startswith("$ "):
                continue
            command = line[2:]
            while command.endswith("\\"):
                if number == len(self.lines):
                    raise ValueError(f"line {self.line + number}: a command continues past the end of its block")
                command = command[:-1] + self.lines[number].removeprefix("> ").lstrip()
                number += 1
            yield self.line + start + 1, command


def blocks(markdown: str) -> list[Block]:
    """The fenced blocks of a text, in order; ``ValueError`` for an open fence or a mark before none."""
    found: list[Block] = []
    reason: str | None = None
    lines = iter(enumerate(markdown.splitlines(), 1))
    for number, line in lines:
        if mark := _MARK.fullmatch(line.strip()):
            reason = mark["reason"]
            continue
        opening = _FENCE.match(line)
        if opening is None:
            if reason is not None:
                raise ValueError(f"line {number}: expected a fenced block after the comment `not run`")
            continue
        content = []
        for _, inner in lines:
            if inner.strip() == opening["fence"]:
                break
            content.append(inner[len(opening["indent"]) :] if inner.strip() else "")
        else:
            raise ValueError(f"line {number}: the fence is never closed")
        found.append(Block(opening["language"], tuple(content), number, reason))
        reason = None
    if reason is not None:
        raise ValueError("expected a fenced block after the last comment `not run`")
    return found


def programs(command: str) -> list[list[str]]:
    """The programs that a shell line starts, each with its arguments; redirections and variables left out."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    found: list[list[str]] = [[]]
    tokens = iter(lexer)
    for token in tokens:
        if token in ("|", "||", "&&", ";"):
            found.append([])
        elif _REDIRECTION.fullmatch(token):
            if found[-1] and found[-1][-1].isdigit() and found[-1][-1] + token in command:
                found[-1].pop()  # the stream's number
            next(tokens)
        elif found[-1] or not re.match(r"\w+=", token):
            found[-1].append(token)
    return [words for words in found if words]


def is_run(command: str) -> bool:
    """Whether a command is one that this test runs: the project's own, and harmless tools around it."""
    return all(words[0] in TOOLS | {PROGRAM} for words in programs(command))


def check_command(command: Any, words: list[str], path: str = PROGRAM) -> None:
    """Hold one call against a Typer command; ``ValueError`` for an unknown verb, option or argument."""
    context = command.make_context(path, [], resilient_parsing=True)
    context.resilient_parsing = False  # needed so far, since required arguments are missing
    try:
        _, rest, _ = command.make_parser(context).parse_args(args=list(words))
    except Exception as error:  # click's own class, which Typer may carry under another name
        raise ValueError(f"{path}: {getattr(error, 'message', error)}") from error
    verbs = getattr(command, "commands", None)
    if verbs is None:
        if rest:
            raise ValueError(f"{path}: unexpected argument {rest[0]!r}")
    elif rest:
        if rest[0] not in verbs:
            raise ValueError(f"{path} has no verb {rest[0]!r}; it has {', '.join(verbs)}")
        check_command(verbs[rest[0]], rest[1:], f"{path} {rest[0]}")


def check_call(words: list[str]) -> None:
    """Hold a call of the program, or of a measuring script, against its options; ``ValueError`` if it does not fit."""
    from typer.main import get_command

    if words[0] == PROGRAM:
        from gliner_adapters.cli import app

        check_command(get_command(app), words[1:])
        if words[1:2] == ["benchmark"]:
            raise ValueError("`benchmark` is the old name of `comparison`")
    elif words[:2] == list(SCRIPT[:2]) and words[2].startswith(SCRIPT[2]):
        from benchmark.harness.script import script_app

        check_command(get_command(script_app(import_module(words[2]).main)), words[3:], " ".join(words[:3]))


def missing_names(code: str) -> list[str]:
    """Names that code takes from the project and that are not there."""
    missing: list[str] = []
    known: dict[str, ModuleType] = {}
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "gliner_adapters":
                    module = import_module(alias.name)
                    known[alias.asname or "gliner_adapters"] = (
                        module if alias.asname else import_module("gliner_adapters")
                    )
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "gliner_adapters":
            module = import_module(str(node.module))
            missing += [alias.name for alias in node.names if not hasattr(module, alias.name)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            owner = known.get(node.value.id)
            if owner is not None and not hasattr(owner, node.attr):
                missing.append(f"{node.value.id}.{node.attr}")
    return missing


def run_command(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a shell line in a folder, without standard input and without a terminal."""
    environment = {**os.environ, "PYTHONPATH": str(PROJECT / "src"), "NO_COLOR": "1", "COLUMNS": "120"}
    if command.startswith(f"{PROGRAM} ") and not _SHELL.search(command):
        line = [sys.executable, "-m", "gliner_adapters", *shlex.split(command)[1:]]
        return run_warm(line, folder=folder, environment=environment, timeout=SECONDS, together=True)
    return subprocess.run(
        ["bash", "-c", _PRELUDE + command],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def run_document(path: Path, folder: Path) -> None:
    """Run or check every block of a document in a folder; raises ``AssertionError`` that names the line."""
    names: dict[str, Any] = {"__name__": "__main__"}
    for block in blocks(path.read_text(encoding="utf-8")):
        if block.language == "console":
            for line, command in block.commands():
                _try_command(f"{path.name}:{line}", command, folder, run=block.not_run is None)
        elif block.language == "python":
            code = "\n".join(block.lines)
            if block.not_run is not None:
                missing = missing_names(code)
                assert not missing, f"{path.name}:{block.line}: not there: {', '.join(missing)}"
                continue
            exec(compile("\n" * block.line + code, str(path), "exec"), names)
        elif block.language == "toml" and (file := _FILE.fullmatch(block.lines[0])):
            (folder / file["name"]).write_text("\n".join(block.lines) + "\n", encoding="utf-8")


def _try_command(where: str, command: str, folder: Path, *, run: bool) -> None:
    for words in programs(command):
        try:
            check_call(words)
        except ValueError as error:
            raise AssertionError(f"{where}: {error}") from error
        if words[:3] == [PROGRAM, "comparison", "run"] and (folder / words[3]).is_file():
            from gliner_adapters.comparison.plan import read_plan
            from gliner_adapters.comparison.specs import expand

            assert expand(read_plan(folder / words[3])).runs, where
    if run and is_run(command):
        done = run_command(command, folder)
        if done.returncode != 0:
            raise AssertionError(f"{where}: $ {command}\nexit code {done.returncode}\n{done.stdout}")


# The documents


@pytest.mark.documents
@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_what_a_document_tells_to_type_works(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    if path.name == "runtimes.md":
        request.getfixturevalue("openvino_bf16")
    monkeypatch.chdir(tmp_path)
    run_document(path, tmp_path)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_commands_stand_where_they_are_run(path: Path) -> None:
    found = [
        f"{path.name}:{block.line + number}: {line}"
        for block in blocks(path.read_text(encoding="utf-8"))
        for number, line in enumerate(block.lines, 1)
        if block.language != "console" and line.removeprefix("$ ").startswith(f"{PROGRAM} ")
    ]
    assert not found, "these belong into a `console` block, after `$ `:\n" + "\n".join(found)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_commands_within_the_text_exist(path: Path) -> None:
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for command in _INLINE.findall(" ".join(text.split())):
        for words in programs(command):
            check_call(words)


def test_commands_on_record_are_told_as_they_are_typed_today() -> None:
    """A result file keeps the command that wrote it; what a document prints of it exists, with the same options."""
    from benchmark.tables.commands import todays

    for path in sorted((PROJECT / "benchmark" / "results").rglob("*.json")):
        recorded = json.loads(path.read_text(encoding="utf-8"))["command"]
        told = todays(recorded)
        check_call(shlex.split(told))
        first, second = (command.split(" --")[1:] for command in (recorded, told))
        assert first == second, path.name
    assert (
        todays("gliner-adapters benchmark run plan.toml -o runs") == "gliner-adapters comparison run plan.toml -o runs"
    )
    assert todays("gliner-adapters evaluate x") == "gliner-adapters evaluate x"


# The convention, on small texts

EXAMPLE = """\
# Title

```console
$ gliner-adapters corpora list --json \\
    | head -n 1
[
$ echo two > number.txt
```

<!-- not run: takes ten minutes -->
```console
$ gliner-adapters corpora stats bc5cdr --max-width 8
```

1. In a list:

   ```python
   value = 20
   if value:

       value += 1
   ```

~~~text
```
~~~
"""


def test_blocks_are_found() -> None:
    first, marked, indented, other = blocks(EXAMPLE)
    assert (first.language, first.line, first.not_run) == ("console", 3, None)
    assert list(first.commands()) == [
        (4, "gliner-adapters corpora list --json | head -n 1"),
        (7, "echo two > number.txt"),
    ]
    assert marked.not_run == "takes ten minutes"
    assert indented.lines == ("value = 20", "if value:", "", "    value += 1")
    assert (other.language, other.lines, other.not_run) == ("text", ("```",), None)


@pytest.mark.parametrize(
    ("markdown", "message"),
    [
        ("```console\n$ ls\n", "line 1: the fence is never closed"),
        ("<!-- not run: long -->\n\n```console\n```\n", "line 2: expected a fenced block"),
        ("text\n<!-- not run: long -->\n", "expected a fenced block"),
    ],
)
def test_broken_documents_are_refused(markdown: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        blocks(markdown)


def test_a_command_that_never_ends_is_refused() -> None:
    with pytest.raises(ValueError, match="line 2: a command continues past"):
        list(blocks("```console\n$ ls \\\n```\n")[0].commands())


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("gliner-adapters annotate 'a | b'", [["gliner-adapters", "annotate", "a | b"]]),
        (
            "zcat x.gz | gliner-adapters convert - - > y",
            [["zcat", "x.gz"], ["gliner-adapters", "convert", "-", "-"]],
        ),
        ("A=1 gliner-adapters x 2>/dev/null && ls", [["gliner-adapters", "x"], ["ls"]]),
        (
            "gliner-adapters adapt --learning-rate text=1e-4",
            [["gliner-adapters", "adapt", "--learning-rate", "text=1e-4"]],
        ),
    ],
)
def test_programs_of_a_command(command: str, expected: list[list[str]]) -> None:
    assert programs(command) == expected


@pytest.mark.parametrize(
    ("command", "run"),
    [
        ("gliner-adapters corpora list", True),
        ("echo text | gliner-adapters annotate -", True),
        ("pip install gliner-adapters", False),
        ("make demo", False),
        ("curl https://example.org | gliner-adapters annotate -", False),
    ],
)
def test_only_harmless_commands_are_run(command: str, run: bool) -> None:
    assert is_run(command) is run


def test_a_document_runs_in_order_and_shares_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    document = tmp_path / "x.md"
    document.write_text(
        "```console\n$ echo 3 > n\n```\n\n```python\nn = int(open('n').read())\n```\n\n"
        "```python\nopen('m', 'w').write(str(n + 1))\n```\n\n```console\n$ cp m k\n```\n",
        encoding="utf-8",
    )
    run_document(document, tmp_path)
    assert (tmp_path / "k").read_text(encoding="utf-8") == "4"


def test_a_failing_command_names_its_line(tmp_path: Path) -> None:
    document = tmp_path / "x.md"
    document.write_text("text\n\n```console\n$ ls\n$ cat missing | sort\n```\n", encoding="utf-8")
    with pytest.raises(AssertionError, match=r"x\.md:5: \$ cat missing \| sort\nexit code 1"):
        run_document(document, tmp_path)


def test_failing_code_names_its_line(tmp_path: Path) -> None:
    document = tmp_path / "x.md"
    document.write_text("text\n\n```python\na = 1\na / 0\n```\n", encoding="utf-8")
    with pytest.raises(ZeroDivisionError) as caught:
        run_document(document, tmp_path)
    assert caught.traceback[-1].lineno + 1 == 5


def test_marked_blocks_are_not_run(tmp_path: Path) -> None:
    document = tmp_path / "x.md"
    document.write_text(
        "<!-- not run: fails -->\n```console\n$ cat missing\n```\n<!-- not run: fails -->\n```python\n1 / 0\n```\n",
        encoding="utf-8",
    )
    run_document(document, tmp_path)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["corpora", "stats", "bc5cdr", "--max-width", "8"], None),
        (["corpora", "stats", "bc5cdr", "--max-width=8", "--json"], None),
        (["corpora", "stat", "bc5cdr"], "app corpora has no verb 'stat'"),
        (["corpora", "stats", "bc5cdr", "--width", "8"], "app corpora stats: No such option"),
        (["corpora", "stats", "bc5cdr", "--max-width"], "app corpora stats: Option '--max-width' requires"),
        (["corpora", "stats", "bc5cdr", "jnlpba"], "app corpora stats: unexpected argument 'jnlpba'"),
    ],
)
def test_calls_are_held_against_the_program(words: list[str], problem: str | None) -> None:
    import typer
    from typer.main import get_command

    from gliner_adapters.cli.corpora import app as corpora

    app = typer.Typer()
    app.add_typer(corpora, name="corpora")
    app.callback()(lambda: None)
    if problem is None:
        check_command(get_command(app), words, "app")
        return
    with pytest.raises(ValueError, match=re.escape(problem)):
        check_command(get_command(app), words, "app")


def test_names_that_code_uses_are_looked_up() -> None:
    code = "import gliner_adapters.documents as docs\nfrom gliner_adapters.errors import DataError, Nothing\n"
    assert missing_names(code + "docs.Document; docs.Paper; other.thing") == ["Nothing", "docs.Paper"]
