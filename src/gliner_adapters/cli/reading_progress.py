"""What a person sees while documents are read: a live line on a terminal, a plain one now and then elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from types import TracebackType

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from gliner_adapters.documents import Document

#: Seconds between plain lines.
PLAIN_INTERVAL = 30.0


class ReadingProgress:
    """Counts documents as they pass, and shows how many they are.

    Args:
        console: where to; standard error, so that standard output stays for results.
        quiet: show nothing.

    Attributes:
        documents: how many have passed.
        entities: in them, by label.
    """

    def __init__(self, console: Console, quiet: bool = False) -> None:
        self.console = console
        self.quiet = quiet
        self.documents = 0
        self.entities: Counter[str] = Counter()
        self._since = self._last_line = time.perf_counter()
        self._live: Progress | None = None

    def __enter__(self) -> ReadingProgress:
        if self.console.is_terminal and not self.quiet:
            self._live = Progress(
                SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=self.console
            )
            self._task = self._live.add_task("reading")
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._live is not None:
            self._live.stop()

    def watch(self, documents: Iterable[Document]) -> Iterator[Document]:
        """The same documents, counted."""
        for document in documents:
            yield document
            self.documents += 1
            self.entities.update(entity.label for entity in document.entities)
            now = time.perf_counter()
            if self._live is not None:
                self._live.update(self._task, description=self._line())
            elif not self.quiet and now - self._last_line > PLAIN_INTERVAL:
                self._last_line = now
                self.console.print(f"reading: {self._line()}", highlight=False)

    def summary(self) -> str:
        """One line: documents, entities by label, seconds, documents a second."""
        kinds = ", ".join(f"{label} {count:,}" for label, count in self.entities.most_common())
        found = f"{self.entities.total():,} entities" + (f" ({kinds})" if kinds else "")
        return f"read {self._line()} in {time.perf_counter() - self._since:.1f} s: {found}"

    def _line(self) -> str:
        rate = self.documents / max(time.perf_counter() - self._since, 1e-9)
        return f"{self.documents:,} documents ({rate:.1f} a second)"
