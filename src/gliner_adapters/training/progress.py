"""What a person sees of a run: a live bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

#: Seconds between plain lines.
PLAIN_INTERVAL = 30.0


class Reporter:
    """Shows steps and evaluations.

    Args:
        console: where to; by default standard error, so that standard output stays for results.
        quiet: show nothing.
    """

    def __init__(self, console: Console | None = None, quiet: bool = False) -> None:
        self.console = console or Console(stderr=True, quiet=quiet)
        self.quiet = quiet
        self.total = 0
        self.done = 0
        self.devel = ""
        self.what = ""
        self._from = 0
        self._sentences = 0
        self._since = self._last_line = time.perf_counter()
        self._bar: RichProgress | None = None

    def __enter__(self) -> Reporter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._stop_bar()

    def begin(self, what: str, total: int, done: int = 0) -> None:
        """A new phase, called ``what``, of so many steps (or sentences) in total, some of them done before."""
        self._stop_bar()
        self.what, self.total, self.done = what, total, done
        self._from, self._sentences, self._since = done, 0, time.perf_counter()
        self._last_line = self._since
        if self.console.is_terminal and not self.quiet:
            self._bar = RichProgress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[note]}"),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                console=self.console,
            )
            self._bar.start()
            self._task = self._bar.add_task(what, total=total, completed=done, note="")

    def advance(self, steps: int, sentences: int, loss: float | None = None) -> None:
        """So many steps, and the sentences in them, more, with the loss if it is known."""
        self.done += steps
        self._sentences += sentences
        now = time.perf_counter()
        rate = self._sentences / max(now - self._since, 1e-9)
        note = (f"loss {loss:.3f}  " if loss is not None else "") + self.devel + f"{rate:.1f} sentences/s"
        if self._bar is not None:
            self._bar.update(self._task, completed=self.done, note=note)
        elif not self.quiet and (now - self._last_line > PLAIN_INTERVAL or self.done == self.total):
            self._last_line = now
            left = (self.total - self.done) * (now - self._since) / max(1, self.done - self._from)
            self.console.print(f"{self.what} {self.done}/{self.total}  {note}  {left:.0f} s left", highlight=False)

    def evaluated(self, row: dict[str, Any]) -> None:
        """An evaluation's row of the curve."""
        self.devel = f"devel F1 {row['macro_f1']:.4f}  "
        at = f"epoch {row['epoch']}  loss {row['loss']:.4f}" if "loss" in row else "untrained"
        line = (
            f"{at}  devel macro F1 {row['macro_f1']:.4f}  "
            f"micro F1 {row['micro_f1']:.4f}  threshold {row['threshold']:.2f}"
        )
        self.say(line + ("  (best)" if row["best"] else ""))

    def say(self, line: str) -> None:
        """A line of text."""
        if not self.quiet:
            self.console.print(line, highlight=False)

    def _stop_bar(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
