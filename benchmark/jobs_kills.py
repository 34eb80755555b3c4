"""Kills: a job's process, its workers and nodes of its cluster die again and again, and nothing is lost or done twice.

The process that runs a job dies at random moments, and at those at which a file of its folder is being written. Workers
die in a job that goes on. Nodes die in a cluster of three that Ray simulates on this machine; a new one takes the place
of each. Every job must end with the bytes of one that nobody disturbed, and its books must balance.
"""

from __future__ import annotations

import os
import random
import signal
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.table import Table

from benchmark.harness.jobs import LABELS, PRECISION, Bytes, bytes_of, command, counts_of, start
from benchmark.harness.script import Output, finish, origin, run
from benchmark.harness.timing import middle
from benchmark.jobs import lay_out
from gliner_adapters import jobs
from gliner_adapters.cli import options as o
from gliner_adapters.jobs.heartbeat import workers as working

#: Inputs at most that are done between two kills, and seconds at most from the last of them to the kill. An input at
#: which a process died is read in a child: what never got past that would see a job's first inputs only.
INPUTS, DELAY = 4, 1.0


class Tally:
    """Counts kills and compares the jobs that they befell."""

    def __init__(self, expected: Bytes, records: dict[str, tuple[int, int, int]]) -> None:
        self.expected, self.records = expected, records
        self.kills = {"process": 0, "process, at a commit": 0, "worker": 0, "node": 0}
        self.done_when_killed: list[int] = []
        self.jobs = 0
        self.differing: list[str] = []

    def killed(self, what: str, out: Path) -> None:
        """Count a kill, and how many inputs of its job were done then."""
        self.kills[what] += 1
        self.done_when_killed.append(done_inputs(out))

    def ended(self, out: Path, code: int) -> None:
        """Look at a job that has ended.

        Raises:
            RuntimeError: it has ended in failure, so that to go on would count nothing.
        """
        if code:
            raise RuntimeError(f"{out.name}: exit code {code}")
        self.jobs += 1
        problems = jobs.verify(out, inputs=True)
        if problems or bytes_of(out) != self.expected or counts_of(out) != self.records:
            self.differing.append("; ".join(problems) or f"{out.name}: other bytes or counts")


def done_inputs(out: Path) -> int:
    """How many inputs of a job are done."""
    return sum(1 for _ in jobs.JobFolder(out).records.glob("*.json"))


def being_written(out: Path) -> set[str]:
    """Files of the folder that are being written, and those that were when a process died."""
    places = (out / "outputs", out / "records")
    return {each.name for place in places if place.is_dir() for each in os.scandir(place) if each.name.startswith(".")}


def kill_processes(tally: Tally, folder: Path, inputs: Path, base: str, kills: int, chance: random.Random) -> None:
    """Kill the process that runs a job, half of the times at a commit."""
    number = done = 0
    while done < kills:
        out = folder / f"process{number}"
        number += 1
        while True:
            left, enough = being_written(out), done_inputs(out) + chance.randint(0, INPUTS)
            process = start(command(out, [inputs], base))
            at_commit = chance.random() < 0.5
            job = jobs.JobFolder(out)
            while process.poll() is None and process.pid not in {state.pid for state in working(job)}:
                time.sleep(0.02)  # what is tried here is not importing
            while process.poll() is None and done_inputs(out) < enough:
                time.sleep(0.02)
            time.sleep(chance.uniform(0, DELAY))
            while at_commit and process.poll() is None and not being_written(out) - left:
                time.sleep(0.0005)
            if process.poll() is None and done < kills:
                process.send_signal(signal.SIGKILL)
                process.wait()
                done += 1
                tally.killed("process, at a commit" if at_commit else "process", out)
                continue
            break
        tally.ended(out, process.wait())


def kill_workers(tally: Tally, folder: Path, inputs: Path, base: str, kills: int, chance: random.Random) -> None:
    """Kill workers of a job that goes on."""
    number = done = 0
    while done < kills:
        out = folder / f"workers{number}"
        number += 1
        process = start(command(out, [inputs], base, "--workers", "2"))
        job, lives = jobs.JobFolder(out), dict[int, Life]()
        while process.poll() is None:
            time.sleep(0.02)
            for state in working(job):
                life = lives.setdefault(state.pid, Life(chance.randint(0, INPUTS), chance.uniform(0, DELAY)))
                if done < kills and life.over(state.input) and is_worker(state.pid):
                    os.kill(state.pid, signal.SIGKILL)
                    done += 1
                    tally.killed("worker", out)
        tally.ended(out, process.returncode)


class Life:
    """A worker's: so many inputs, and so long at the next one."""

    def __init__(self, inputs: int, delay: float) -> None:
        self._inputs, self._delay = inputs, delay
        self._seen: set[str] = set()
        self._end: float | None = None

    def over(self, at: str) -> bool:
        """Whether it ends now, at an input; it does so once."""
        self._seen.add(at)
        if self._end is None and len(self._seen) > self._inputs:
            self._end = time.monotonic() + self._delay
        if self._end is None or time.monotonic() < self._end:
            return False
        self._end = float("inf")
        return True


def is_worker(pid: int) -> bool:
    """Whether a process is there and a worker, and not the child of one: whose death would tell of its input."""
    try:
        return b"ray::" in Path("/proc", str(pid), "cmdline").read_bytes()
    except OSError:
        return False


def kill_nodes(tally: Tally, folder: Path, inputs: Path, base: str, kills: int, chance: random.Random) -> None:
    """Kill nodes of a simulated cluster."""
    from ray.cluster_utils import Cluster

    number = done = 0
    while done < kills:
        out = folder / f"nodes{number}"
        number += 1
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
        nodes = [cluster.add_node(num_cpus=1) for _ in range(3)]
        process = start(command(out, [inputs], base, "--workers", "3", "--ray-address", cluster.address))
        job, enough = jobs.JobFolder(out), 0
        while process.poll() is None:
            time.sleep(0.1)
            if done < kills and done_inputs(out) >= enough and working(job):
                time.sleep(chance.uniform(0, DELAY))
                cluster.remove_node(nodes.pop(chance.randrange(len(nodes))), allow_graceful=False)
                done += 1
                tally.killed("node", out)
                nodes.append(cluster.add_node(num_cpus=1))
                enough = done_inputs(out) + chance.randint(0, INPUTS)
        cluster.shutdown()
        tally.ended(out, process.returncode)


def measure_kills(
    base: str, data_dir: Path | None, files: int, documents: int, kills: dict[str, int], seed: int
) -> dict[str, Any]:
    """Disturb jobs, and compare each with one that nobody disturbed.

    Args:
        base: the base, asked zero-shot.
        data_dir: where corpora lie.
        files: inputs of each job.
        documents: in each.
        kills: how many, of ``process``, ``worker`` and ``node``.
        seed: of the moments.
    """
    since, chance = time.monotonic(), random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        inputs = folder / "in"
        inputs.mkdir()
        lay_out(inputs, "bc5cdr-pubtator", data_dir, files, documents)
        whole = folder / "whole"
        settings = jobs.JobSettings(base=base, labels=LABELS, precision=PRECISION)
        jobs.run(whole, [str(inputs)], settings)
        tally = Tally(bytes_of(whole), counts_of(whole))
        ways = {"process": kill_processes, "worker": kill_workers, "node": kill_nodes}
        for way, kill in ways.items():
            if kills[way]:
                kill(tally, folder, inputs, base, kills[way], chance)
    return {
        "base": base,
        "precision": PRECISION,
        "files": files,
        "documents_in_each": documents,
        "kills": tally.kills,
        "inputs_done_when_killed": middle(tally.done_when_killed, 1) if tally.done_when_killed else None,
        "jobs": tally.jobs,
        "differing": tally.differing,
        "seconds": round(time.monotonic() - since),
        **origin(torch.device("cpu")),
    }


def kills_table(result: dict[str, Any]) -> Table:
    """What died, and what came of it."""
    table = Table("killed", "times", title=f"{result['jobs']} jobs, {len(result['differing'])} that differ")
    for name, count in result["kills"].items():
        table.add_row(name, str(count))
    return table


def main(
    base: o.BaseName = "minilm-bi",
    files: Annotated[int, typer.Option(min=3, help="Inputs of each job.")] = 24,
    documents: Annotated[int, typer.Option(min=1, help="Documents in each.")] = 16,
    process: Annotated[int, typer.Option(min=0, help="Kills of the process that runs a job.")] = 100,
    worker: Annotated[int, typer.Option(min=0, help="Kills of workers.")] = 60,
    node: Annotated[int, typer.Option(min=0, help="Kills of nodes.")] = 40,
    seed: Annotated[int, typer.Option(min=0, help="Of the moments.")] = 1,
    data_dir: o.DataDir = None,
    output: Output = None,
) -> None:
    """Kill jobs, workers and nodes, and compare what comes out. Exit code 1 if anything differs."""
    kills = {"process": process, "worker": worker, "node": node}
    result = measure_kills(base, data_dir, files, documents, kills, seed)
    finish(result, kills_table(result), output)
    if result["differing"]:
        raise typer.Exit(1)


if __name__ == "__main__":
    run(main)
