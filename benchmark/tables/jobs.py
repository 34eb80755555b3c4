"""Figures of jobs: how fast they are, what they survive, what they make of bad inputs, what memory they hold."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from typing import Any

from benchmark.harness.timing import interval
from benchmark.jobs import PUBMED
from benchmark.tables.reading import TO_FIRST
from gliner_adapters.markdown import markdown_table

Records = Mapping[str, Mapping[str, Any]]
_FOLDER = "../benchmark/results/jobs"
#: How a killed thing is called in a text.
_KILLED = {
    "process": "the process that runs the job, at any moment",
    "process, at a commit": "the same, while a file was being written",
    "worker": "a worker, of two",
    "node": "a node of a simulated cluster, with its worker, of three",
}


def throughput_part(records: Records) -> str:
    """Rates of jobs against the annotator's, and what all of PubMed takes.

    Args:
        records: results of `benchmark.jobs`, by the name of their file, as in the other parts.
    """
    return "\n".join(_throughput(name, record) for name, record in records.items())


def _throughput(name: str, record: Mapping[str, Any]) -> str:
    rates = record["documents_per_second"]
    rows = [
        ["`Annotator.stream` alone, on one thread", f"{median(rates['stream']):.1f}", ""],
        [
            "a job with one worker",
            f"{median(rates['one worker']):.1f}",
            f"{interval(record['one_worker_to_stream'])} as it",
        ],
        ["a job with two", f"{median(rates['two workers']):.1f}", f"{interval(record['two_workers_to_one'])} as one"],
    ]
    documents = record["files"] * record["documents_in_each"]
    return (
        markdown_table(["", "abstracts a second", "times as fast"], rows)
        + f"\n\n{documents:,} abstracts of `{record['corpus']}` in {record['files']} files, `{record['base']}` with "
        f"{len(record['labels'])} labels, {record['precision']}, workers of one core ({record['device']}); loading is "
        f"left out. At {record['abstracts_per_second_and_core']:g} abstracts a second and core, PubMed's "
        f"{PUBMED / 1e6:g} million citations take {record['core_hours_for_pubmed']:,} core-hours. "
        f"{_source(name, record)}\n"
    )


def kills_part(records: Records) -> str:
    """How often what was killed, and whether anything came out otherwise."""
    if not records:
        return ""
    rows = []
    for record in records.values():
        killed = {_KILLED[what]: count for what, count in record["kills"].items() if count}
        times, done = " + ".join(map(str, killed.values())), interval(record["inputs_done_when_killed"], 0)
        rows.append(["; ".join(killed), times, record["jobs"], done, len(record["differing"])])
    sizes = {(record["files"], record["documents_in_each"], record["base"]) for record in records.values()}
    told = "; ".join(f"{files} files of {each} abstracts, `{base}`" for files, each, base in sorted(sizes))
    head = [
        "killed",
        "times",
        "jobs",
        "inputs that were done then",
        "jobs whose outputs or books differ from an undisturbed one's",
    ]
    sources = "\n".join(_source(name, record) for name, record in records.items())
    return f"{markdown_table(head, rows)}\n\nEach job: {told}.\n{sources}\n"


def bad_inputs_part(records: Records) -> str:
    """What a job made of each kind of bad input, of a full disk, and whether all ways give the same bytes."""
    return "\n".join(_bad_inputs(name, record) for name, record in records.items())


def _bad_inputs(name: str, record: Mapping[str, Any]) -> str:
    kinds, disk, ways = record["every_kind"], record["full_disk"], record["identity"]["ways"]
    rows = [
        [
            row["kind"],
            *(f"{row[each]:,}" for each in ("documents_in", "documents_out", "documents_failed")),
            "; ".join(f"`{_short(reason)}`" for reason in row["reasons"]) or "; ".join(row["notes"]),
        ]
        for row in kinds["kinds"]
    ]
    table = markdown_table(["input", "documents in", "out", "failed", "what the job says"], rows)
    agree = [row["way"] for row in ways if row["same_bytes"]]
    differ = [row["way"] for row in ways if not row["same_bytes"]]
    told = [
        f"One job over all of them, in {kinds['memory_limit_mb'] / 1024:g} GB of address space: exit code "
        f"{kinds['exit_code']}, {kinds['documents_in']:,} documents in = {kinds['documents_out']:,} out + "
        f"{kinds['documents_failed']:,} failed; the largest process held {kinds['peak_memory_mb'] / 1024:.1f} GB; "
        f"`job verify` says: {' '.join(kinds['verify']['said'])}.",
        f"On {disk['how']}, {len(disk['without_room'])} starts ended with exit code "
        f"{', '.join(sorted({str(each['exit_code']) for each in disk['without_room']}))} and left "
        f"{sum(len(each['half_written']) for each in disk['without_room'])} half-written files under final names; once "
        f"there was room, the outputs were {'the' if disk['with_room']['same_bytes'] else 'not the'} same bytes as "
        "those of an undisturbed job.",
        f"The same bytes come from: {'; '.join(agree)}. (There, the last three inputs are left out, which take much "
        "memory.)",
        *([f"Other bytes come from: {'; '.join(differ)}."] if differ else []),
        _source(name, record),
    ]
    return f"{table}\n\n" + "\n".join(told) + "\n"


def memory_part(records: Records) -> str:
    """What the processes of a job hold after so many documents."""
    if not records:
        return ""
    rows = []
    for record in records.values():
        engine = "Ray" if record["engine"] == "ray" else record["engine"]
        for role, tenths in record["tenths_mb"].items():
            shown = [
                f"{sizes['median']:,.0f} MB, {sizes['largest']:,.0f}"
                for sizes in (tenths[0], tenths[(len(tenths) - 1) // 2], tenths[-1])
            ]
            rows.append([engine, role, *shown, f"{record['growth_after_first_tenth'][role]:+.1%}"])
    head = ["engine", "process", "first tenth: median, largest", "fifth", "last", TO_FIRST]
    sources = "\n".join(_source(name, record) for name, record in records.items())
    return f"{markdown_table(head, rows)}\n\n{sources}\n"


def _source(name: str, record: Mapping[str, Any]) -> str:
    """The file, and the command that wrote it."""
    return f"[jobs/{name}]({_FOLDER}/{name}): `{record['command']}`."


def _short(reason: str) -> str:
    """A reason in code, cut to what a table holds."""
    text = " ".join(reason.split()).replace("`", "'")
    return text if len(text) <= 140 else text[:137] + "..."
