"""The reader: requests in, readings out, with one base and its library of adapters."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import islice
from threading import Event

from gliner_adapters._memory import return_free_memory
from gliner_adapters.annotate.library import AdapterLibrary
from gliner_adapters.annotate.pipeline import pipelined
from gliner_adapters.annotate.plan import Plan, Planner
from gliner_adapters.annotate.requests import Reading, Request
from gliner_adapters.annotate.results import readings
from gliner_adapters.documents import Label
from gliner_adapters.inference import Engine, Scored, Source
from gliner_adapters.model import Base
from gliner_adapters.model.base import Segment
from gliner_adapters.model.batches import MAX_PASSAGES, MAX_TOKENS
from gliner_adapters.model.parts import TextEncoder
from gliner_adapters.model.passages import Losses
from gliner_adapters.model.precision import Precision
from gliner_adapters.runtimes import Runtime

#: After so many documents, memory that the C library keeps for later goes back to the system: batches of ever other
#: shapes leave holes in it, one set for each of the threads that the stages run in.
DOCUMENTS_BETWEEN_RETURNS = 128


class Reader:
    """Reads documents, each with what its request names.

    Args:
        base: the base.
        library: its adapters.
        precision: ``"fp32"`` or ``"bf16"``.
        runtime: what runs the base's own text encoder.
        label_style: what the model reads for plain labels.
        max_passages: passages in a batch at most.
        max_tokens: padded sub-tokens in a batch at most.

    Attributes:
        losses: what could not be read, summed over all calls.
    """

    def __init__(
        self,
        base: Base,
        library: AdapterLibrary,
        *,
        precision: Precision = "fp32",
        runtime: Runtime = "torch",
        label_style: str = "name",
        max_passages: int = MAX_PASSAGES,
        max_tokens: int = MAX_TOKENS,
    ) -> None:
        self.losses = Losses()
        self._unreturned = 0
        self._engine = Engine(
            base, precision, runtime, library.weights, max_passages=max_passages, max_tokens=max_tokens
        )
        self._planner = Planner(self._engine, library, label_style)

    def prepare(self) -> TextEncoder:
        """Make the base's text encoder ready in its runtime now, not when something is first read."""
        return self._engine.text_encoder

    @property
    def segment(self) -> Segment | None:
        """What a passage is, where neither the request nor, if this is ``None``, the source is to decide."""
        return self._planner.segment

    @segment.setter
    def segment(self, segment: Segment | None) -> None:
        self._planner.segment = segment

    def default_source(self, source: Source) -> None:
        """Let a source read for requests that name neither adapters nor labels."""
        self._planner.default, self._planner.held = (source.profile,), {source.profile: source}

    def default_labels(self, labels: tuple[Label, ...]) -> None:
        """Look for plain labels where requests name neither adapters nor labels."""
        self._planner.default = self._planner.plain(labels)

    def check(self, request: Request) -> None:
        """Raise what :meth:`read` would raise for what a request asks for."""
        self._planner.check(request)

    def read(self, requests: Sequence[Request]) -> list[Reading]:
        """Readings in the order of the requests, which are batched together."""
        return self._finish(self._run(self._planner.plan(requests)))

    def stream(self, requests: Iterable[Request], chunk: int) -> Generator[Reading, None, None]:
        """The same for a stream, ``chunk`` requests at a time, the stages overlapped."""
        stopped = Event()
        stages = (self._planner.plan, partial(self._run, stopped=stopped.is_set), self._finish)
        # A chunk may take long; whoever closes or interrupts the stream waits for a batch of it at most.
        with closing(pipelined(_chunks(requests, chunk), stages, stopping=stopped.set)) as blocks:
            for block in blocks:
                yield from block

    def _run(self, plan: Plan, stopped: Callable[[], bool] = lambda: False) -> tuple[Plan, list[Scored]]:
        return plan, self._engine.run(plan, stopped=stopped)

    def _finish(self, done: tuple[Plan, list[Scored]]) -> list[Reading]:
        plan, scored = done
        for lost in plan.losses:
            add_losses(self.losses, lost)
        answers = readings(plan, scored)
        self._unreturned += len(answers)
        if self._unreturned >= DOCUMENTS_BETWEEN_RETURNS:
            self._unreturned = 0
            return_free_memory()
        return answers


def add_losses(total: Losses, more: Losses) -> None:
    """Add up what was lost."""
    for name, count in vars(more).items():
        setattr(total, name, getattr(total, name) + count)


def _chunks(requests: Iterable[Request], size: int) -> Iterator[list[Request]]:
    iterator = iter(requests)
    while block := list(islice(iterator, size)):
        yield block
