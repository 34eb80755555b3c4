"""Bad inputs, a full disk, and byte identity: what a job makes of them.

An input of every kind (:mod:`.harness.bad_inputs`) goes through one job, whose books must balance and say of each what
was wrong. Then the disk has no room: the job ends, goes on when there is room again, and at no moment does half a file
stand under a final name. At last the same inputs are done by each engine with each number of workers, and in shards;
all outputs must be the same to the byte.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.table import Table

from benchmark.harness.bad_inputs import Kind, heavy_kinds, lay_out_kinds, light_kinds
from benchmark.harness.jobs import PRECISION, Bytes, bytes_of, command, confined, finished, start, verified
from benchmark.harness.script import Output, finish, origin, run
from gliner_adapters import jobs
from gliner_adapters.cli import options as o
from gliner_adapters.corpora import load_corpus
from gliner_adapters.jobs.records import DeadLetter, FileRecord

#: Starts of a job on the full disk.
TRIES = 3
PAGE = 4096
#: Exit code where nothing can be written.
NO_ROOM = 6
SHARDS = 3
WAYS: dict[str, tuple[str, ...]] = {
    "local, 1 worker": (),
    "Ray, 1 worker": ("--ray-address", "local"),
    "Ray, 2 workers": ("--workers", "2"),
    "Ray, 4 workers": ("--workers", "4"),
}


def every_kind(
    folder: Path, inputs: list[Path], kinds: Sequence[Kind], base: str, n: int, memory: int
) -> dict[str, Any]:
    """One job over all kinds, in bounded memory.

    Args:
        folder: where the job goes.
        inputs: where the kinds lie.
        kinds: what is there.
        base: who reads.
        n: good lines of each.
        memory: bytes of address space.
    """
    out = folder / "kinds"
    ended = finished(command(out, [each / "*" for each in inputs], base), confined(memory))
    checked = verified(out)
    records = {Path(each.input.path).name: each for each in jobs.JobFolder(out).all_records().values()}
    rows = [_row(kind, records.get(kind.file), out, inputs, n) for kind in kinds]
    sums = {name: sum(row[name] or 0 for row in rows) for name in ("documents_in", "documents_out", "documents_failed")}
    return {
        "memory_limit_mb": memory >> 20,
        "kinds": rows,
        **sums,
        "exit_code": ended.code,
        "said": ended.said.splitlines()[-5:],
        "peak_memory_mb": ended.peak_mb,
        "verify": {"exit_code": checked.code, "said": checked.said.splitlines()[-5:]},
    }


def _row(kind: Kind, record: FileRecord | None, out: Path, inputs: list[Path], n: int) -> dict[str, Any]:
    """What became of an input, and whether it should have."""
    if record is None:
        return {"kind": kind.name, "file": kind.file, **dict.fromkeys(_COUNTS), "reasons": [], "as_expected": False}
    counts = (record.documents_in, record.documents_out, record.documents_failed)
    reasons = []
    if record.failed is not None:
        lines = (out / "outputs" / record.failed.file).read_bytes().splitlines()
        reasons = [DeadLetter.model_validate_json(line).reason for line in lines]
    for each in inputs:
        reasons = [reason.replace(f"{each}/", "") for reason in reasons]
    pairs = zip(kind.counts(n), counts, strict=True)
    as_counted = all(found > 0 if wanted is None else found == wanted for wanted, found in pairs)
    return {
        "kind": kind.name,
        "file": kind.file,
        **dict(zip(_COUNTS, counts, strict=True)),
        "reasons": reasons,
        "notes": record.notes,
        "seconds": record.seconds,
        "as_expected": as_counted and all(kind.says in reason for reason in reasons),
    }


_COUNTS = ("documents_in", "documents_out", "documents_failed")


@contextmanager
def full_disk(folder: Path, needed: int) -> Iterator[Callable[[], None] | None]:
    """A small disk at a folder, with room for half of what is needed; what makes room, or ``None`` without a disk."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={4 * needed}", "tmpfs", str(folder)]
    folder.mkdir()
    try:
        mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        yield None
        return
    try:
        (folder / "out").mkdir()
        disk = os.statvfs(folder)
        (folder / "ballast").write_bytes(bytes(disk.f_bavail * disk.f_frsize - needed // 2))
        yield (folder / "ballast").unlink
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def without_room(folder: Path, inputs: Path, base: str, whole: Path) -> dict[str, Any]:
    """A job on a disk without room, and once there is some.

    Args:
        folder: where the disk goes.
        inputs: what is read.
        base: who reads.
        whole: the same job, undisturbed.
    """
    expected = bytes_of(whole)
    needed = sum(-(-each.stat().st_size // PAGE) * PAGE for each in whole.rglob("*") if each.is_file())
    sizes = sorted(map(len, expected.values()))
    with full_disk(folder / "disk", needed) as make_room:
        out = folder / "disk" / "out"
        line = command(out, [inputs / "*"], base)
        bound = None if make_room else (sizes[-1] + sizes[-2]) // 2
        tries: list[dict[str, Any]] = []
        for _ in range(TRIES):
            ended = finished(line, confined(largest_file=bound))
            there = bytes_of(out)
            tries.append(
                {
                    "exit_code": ended.code,
                    "says_no_room": "no room" in ended.said,
                    "files_under_final_names": len(there),
                    "half_written": sorted(name for name in there if there[name] != expected.get(name)),
                }
            )
        if make_room:
            make_room()
        ended, checked = finished(line, confined()), verified(out)
        there = bytes_of(out)
    return {
        "how": f"a disk with room for {needed // 2:,} of {needed:,} bytes"
        if make_room
        else f"no file above {bound:,} bytes",
        "files": len(expected),
        "without_room": tries,
        "with_room": {
            "exit_code": ended.code,
            "same_bytes": there == expected,
            "verify": checked.said.splitlines()[-5:],
        },
        "passed": all(
            each["exit_code"] == NO_ROOM
            and each["says_no_room"]
            and not each["half_written"]
            and each["files_under_final_names"] < len(expected)
            for each in tries
        )
        and (ended.code, checked.code) == (0, 0)
        and there == expected,
    }


def identity(folder: Path, inputs: Path, base: str, whole: Path) -> list[dict[str, Any]]:
    """The same inputs in every way; the first way is that of the job ``whole``."""
    expected = bytes_of(whole)
    rows = []
    for number, (way, options) in enumerate(WAYS.items()):
        out = whole if not options else folder / f"way{number}"
        ended = finished(command(out, [inputs / "*"], base, *options), confined())
        rows.append(_compared(way, out, [ended.code], expected))
        if ended.code:
            rows[-1]["said"] = ended.said.splitlines()[-5:]
    out = folder / "shards"
    shards = [
        start(command(out, [inputs / "*"], base, "--shard", f"{each}/{SHARDS}"), preexec_fn=confined())
        for each in range(1, SHARDS + 1)
    ]
    codes = [each.wait() for each in shards]
    return [*rows, _compared(f"local, {SHARDS} shards side by side", out, codes, expected)]


def _compared(way: str, out: Path, codes: list[int], expected: Bytes) -> dict[str, Any]:
    found, checked = bytes_of(out), verified(out)
    whole = hashlib.sha256()
    for name, content in found.items():
        whole.update(f"{name}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    same = found == expected
    return {
        "way": way,
        "exit_codes": codes,
        "files": len(found),
        "sha256": whole.hexdigest(),
        "same_bytes": same,
        "verify": checked.said.splitlines()[-5:],
        "passed": same and bool(found) and not any(codes) and checked.code == 0,
    }


def measure(
    base: str, corpus: str, data_dir: Path | None, documents: int, document_mb: int, memory_gb: int
) -> dict[str, Any]:
    """All three parts.

    Args:
        base: the base, asked zero-shot.
        corpus: abstracts for the good lines.
        data_dir: where corpora lie.
        documents: good lines of an input.
        document_mb: size of the large documents.
        memory_gb: what the process of the first part may have.
    """
    good = list(islice(load_corpus(corpus, data_dir=data_dir).documents("test"), documents))
    memory = memory_gb << 30
    light, heavy = light_kinds(), heavy_kinds(document_mb, memory)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        places = [folder / "in", folder / "heavy"]
        for place, kinds in zip(places, (light, heavy), strict=True):
            lay_out_kinds(place, kinds, good)
        whole = folder / "whole"
        first = finished(command(whole, [places[0] / "*"], base), confined())
        if first.code:
            raise RuntimeError(first.said)
        result = {
            "base": base,
            "precision": PRECISION,
            "corpus": corpus,
            "documents": len(good),
            "every_kind": every_kind(folder, places, [*light, *heavy], base, len(good), memory),
            "full_disk": without_room(folder, places[0], base, whole),
            "identity": {"kinds": [kind.name for kind in light], "ways": identity(folder, places[0], base, whole)},
        }
    return {**_without(result, f"{folder}/"), "amiss": amiss(result), **origin(torch.device("cpu"))}


def _without(told: Any, path: str) -> Any:
    """A result whose texts do not name a folder that was there for the measuring alone."""
    if isinstance(told, dict):
        return {name: _without(each, path) for name, each in told.items()}
    if isinstance(told, list):
        return [_without(each, path) for each in told]
    return told.replace(path, "") if isinstance(told, str) else told


def amiss(result: dict[str, Any]) -> list[str]:
    """What is not as it should be, a line each."""
    kinds = result["every_kind"]
    told = [f"{row['kind']}: not as expected" for row in kinds["kinds"] if not row["as_expected"]]
    if kinds["exit_code"] or kinds["verify"]["exit_code"]:
        told.append(f"exit codes: job {kinds['exit_code']}, verify {kinds['verify']['exit_code']}")
    if kinds["documents_in"] != kinds["documents_out"] + kinds["documents_failed"]:
        told.append("the documents of all kinds do not add up")
    if not result["full_disk"]["passed"]:
        told.append("full disk: not as expected")
    return told + [f"{row['way']}: not as expected" for row in result["identity"]["ways"] if not row["passed"]]


def tables(result: dict[str, Any]) -> list[Table]:
    """For a terminal."""
    kinds = Table("input", "in", "out", "failed", "reason", title="Bad inputs")
    for row in result["every_kind"]["kinds"]:
        shown = "" if row["as_expected"] else " (not as expected)"
        counts = [str(row[name]) for name in _COUNTS]
        kinds.add_row(row["kind"] + shown, *counts, "; ".join([*row["reasons"], *row.get("notes", [])])[:200])
    ways = Table("way", "files", "same bytes", "verify", title=f"Full disk: {result['full_disk']['passed']}. Identity")
    for row in result["identity"]["ways"]:
        ways.add_row(row["way"], str(row["files"]), str(row["same_bytes"]), " ".join(row["verify"])[:100])
    return [kinds, ways]


def main(
    base: o.BaseName = "minilm-bi",
    corpus: Annotated[str, typer.Option(help="Abstracts.")] = "bc5cdr-pubtator",
    documents: Annotated[int, typer.Option(min=8, help="Good documents in an input.")] = 40,
    document_mb: Annotated[int, typer.Option(min=1, help="Size of the large documents.")] = 50,
    memory_gb: Annotated[int, typer.Option(min=1, help="Address space of the job over every kind.")] = 12,
    data_dir: o.DataDir = None,
    output: Output = None,
) -> None:
    """Let jobs read bad inputs, fill a disk and compare engines. Exit code 1 if anything is amiss."""
    result = measure(base, corpus, data_dir, documents, document_mb, memory_gb)
    finish(result, tables(result), output)
    for line in result["amiss"]:
        typer.echo(f"amiss: {line}", err=True)
    if result["amiss"]:
        raise typer.Exit(1)


if __name__ == "__main__":
    run(main)
