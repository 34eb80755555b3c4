"""What a person sees while a job runs: live lines on a terminal, a plain one now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from threading import Event, Thread
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from gliner_adapters.jobs import Input, JobSummary
    from gliner_adapters.jobs.worker import Outcome

#: Seconds between plain lines, and between two looks at the workers.
PLAIN_INTERVAL, LOOK = 30.0, 1.0


class JobProgress:
    """Shows a job's progress.

    Args:
        console: where to.
        out: the job's folder.
        quiet: show nothing.
    """

    def __init__(self, console: Console, out: Path, quiet: bool = False) -> None:
        self.console, self.out, self.quiet = console, out, quiet
        self._live: Progress | None = None
        self._workers: dict[str, TaskID] = {}
        self._told = time.monotonic()
        self._ended = Event()
        self._looking: Thread | None = None

    def __enter__(self) -> JobProgress:
        if self.console.is_terminal and not self.quiet:
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            self._live = Progress(*columns, console=self.console)
            self._files = self._live.add_task("inputs", total=None)
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._ended.set()
        if self._looking is not None:
            self._looking.join()
        if self._live is not None:
            self._live.stop()

    def begun(self, inputs: Sequence[Input]) -> None:
        """The inputs are known."""
        if self._live is not None:
            self._live.update(self._files, total=len(inputs))
            self._looking = Thread(target=self._look, daemon=True)
            self._looking.start()
        elif not self.quiet:
            self.console.print(f"job: {len(inputs):,} inputs", highlight=False)

    def ended(self, outcome: Outcome, summary: JobSummary) -> None:
        """An input has ended."""
        done = summary.done + summary.before
        if self._live is not None:
            rate = summary.documents_in / max(summary.seconds, 1e-9)
            line = (
                f"inputs ({summary.documents_in:,} documents, {rate:.1f} a second, {summary.documents_failed} failed)"
            )
            self._live.update(self._files, completed=done, description=line)
        elif not self.quiet and time.monotonic() - self._told > PLAIN_INTERVAL:
            self._told = time.monotonic()
            self.console.print(f"job: {told(summary)}", highlight=False)
        if outcome.changed and not self.quiet:
            self.console.print(f"changed since it was done, and done anew: {outcome.input.path}", highlight=False)

    def _look(self) -> None:
        """Show what each worker does, from what it says in the job's folder."""
        from gliner_adapters.jobs.folder import JobFolder
        from gliner_adapters.jobs.heartbeat import workers

        assert self._live is not None
        folder = JobFolder(self.out)
        while not self._ended.wait(LOOK):
            states = {f"{each.host} {each.pid}": each for each in workers(folder)}
            for name in set(self._workers) - set(states):
                self._live.remove_task(self._workers.pop(name))
            for name, state in states.items():
                if name not in self._workers:
                    self._workers[name] = self._live.add_task(name, total=None)
                line = f"  {name}: {Path(state.input).name} ({state.documents_per_second:.1f} documents a second)"
                self._live.update(self._workers[name], description=line, completed=state.documents)


def told(summary: JobSummary) -> str:
    """A run in one line."""
    rate = summary.documents_in / max(summary.seconds, 1e-9)
    parts = [
        f"{summary.done:,} of {summary.inputs:,} inputs done in {summary.seconds:.1f} s: {summary.documents_in:,} "
        f"documents in ({rate:.1f} a second), {summary.documents_out:,} out, {summary.documents_failed:,} failed; "
        f"{summary.entities.total():,} entities"
    ]
    if summary.before:
        parts.append(f"{summary.before:,} inputs were done before")
    if summary.changed:
        parts.append(f"{summary.changed:,} had changed and were done anew")
    if summary.elsewhere:
        parts.append(f"{summary.elsewhere:,} are being done by another process")
    return "; ".join(parts)
