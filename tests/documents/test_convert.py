from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from gliner_adapters.cli.convert import convert
from gliner_adapters.errors import ConfigError, DataError

app = typer.Typer()
app.command("convert")(convert)
runner = CliRunner()

IOB2 = "Naloxone\tB-Chemical\nhelps\tO\n\nNothing\tO\n\n"
PUBTATOR = "1|t|TNF-alpha rose.\n1|a|\n1\t0\t3\tTNF\tGene\n\n"


def test_from_ending_to_ending_and_back(tmp_path: Path) -> None:
    source, lines, back = tmp_path / "x.tsv", tmp_path / "x.jsonl.gz", tmp_path / "y.tsv"
    source.write_text(IOB2)
    result = runner.invoke(app, [str(source), str(lines)])
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        "read: 2 documents, 1 entities",
        "written: 2 documents, 1 entities",
    ]
    assert json.loads(gzip.decompress(lines.read_bytes()).splitlines()[0])["id"] == "x:1"
    assert runner.invoke(app, [str(lines), str(back)]).exit_code == 0
    assert back.read_text() == IOB2


def test_standard_input_and_output() -> None:
    result = runner.invoke(app, ["-", "-", "--from", "iob2", "--to", "pubtator"], input=IOB2)
    assert result.exit_code == 0, result.output
    assert result.stdout == (
        "stdin:1|t|Naloxone helps\nstdin:1|a|\nstdin:1\t0\t8\tNaloxone\tChemical\n\nstdin:2|t|Nothing\nstdin:2|a|\n\n"
    )


def test_standard_streams_need_a_format() -> None:
    result = runner.invoke(app, ["-", "-", "--from", "iob2"], input=IOB2)
    assert isinstance(result.exception, ConfigError)


def test_repairs_and_bad_records_are_listed(tmp_path: Path) -> None:
    source = tmp_path / "x.tsv"
    source.write_text("a\tI-X\n\nb\n\n")
    result = runner.invoke(app, [str(source), str(tmp_path / "y.jsonl")])
    assert isinstance(result.exception, DataError)
    assert list(tmp_path.iterdir()) == [source]
    result = runner.invoke(app, [str(source), str(tmp_path / "y.jsonl"), "--skip-bad"])
    assert result.exit_code == 0, result.output
    reason = f"{source}:3: expected a token and its tag, separated by a tab or spaces, found 'b'"
    assert result.stderr.splitlines() == [
        "read: 1 documents, 1 entities",
        f"repaired: I- tag that continues no entity, read as B-: 1 (first at {source}:1)",
        f"left out: 1 bad records (first: {reason})",
        f"  {reason}",
        "written: 1 documents, 1 entities",
    ]


@pytest.mark.parametrize(
    ("choice", "written", "dropped"),
    [
        ("drop", "TNF-alpha\tO\nrose\tO\n.\tO\n\n", ["dropped: 1 entities: not on word boundaries"]),
        ("split", "TNF\tB-Gene\n-alpha\tO\nrose\tO\n.\tO\n\n", []),
    ],
)
def test_on_conflict(tmp_path: Path, choice: str, written: str, dropped: list[str]) -> None:
    source, target = tmp_path / "x.pubtator", tmp_path / "x.tsv"
    source.write_text(PUBTATOR)
    assert isinstance(runner.invoke(app, [str(source), str(target)]).exception, DataError)
    assert not target.exists()
    result = runner.invoke(app, [str(source), str(target), "--on-conflict", choice])
    assert result.exit_code == 0, result.output
    assert target.read_text() == written
    assert [line for line in result.stderr.splitlines() if line.startswith("dropped")] == dropped


def test_the_room_imports_neither_torch_nor_gliner() -> None:
    code = (
        "import sys, gliner_adapters.documents as d; d.formats(); "
        "print([m for m in ('torch', 'gliner', 'transformers', 'numpy') if m in sys.modules])"
    )
    paths = {"PYTHONPATH": os.pathsep.join(sys.path)}
    out = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | paths, capture_output=True, text=True, check=True
    )
    assert out.stdout.strip() == "[]"
