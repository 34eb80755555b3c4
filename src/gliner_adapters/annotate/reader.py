"""The reader: requests in, readings out, with one base and its library of adapters."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import islice

from gliner_adapters.annotate.engine import Engine, Scored
from gliner_adapters.annotate.library import AdapterLibrary
from gliner_adapters.annotate.pipeline import pipelined
from gliner_adapters.annotate.plan import Plan, Planner
from gliner_adapters.annotate.requests import Reading, Request
from gliner_adapters.annotate.results import readings
from gliner_adapters.model import Base
from gliner_adapters.model.passages import Losses
from gliner_adapters.model.predict import MAX_PASSAGES, MAX_TOKENS, Precision
from gliner_adapters.runtimes import Runtime


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
        self._planner = Planner(base, library, label_style, max_passages, max_tokens)
        self._engine = Engine(base, library, precision, runtime)

    def prepare(self) -> None:
        """Make the runtime ready now, not when something is first read."""
        _ = self._engine.text_encoder

    def check(self, request: Request) -> None:
        """Raise what :meth:`read` would raise for what a request asks for."""
        self._planner.check(request)

    def read(self, requests: Sequence[Request]) -> list[Reading]:
        """Readings in the order of the requests, which are batched together."""
        return self._finish(self._run(self._planner.plan(requests)))

    def stream(self, requests: Iterable[Request], chunk: int) -> Generator[Reading, None, None]:
        """The same for a stream, ``chunk`` requests at a time, the stages overlapped."""
        stages = (self._planner.plan, self._run, self._finish)
        with closing(pipelined(_chunks(requests, chunk), stages)) as blocks:
            for block in blocks:
                yield from block

    def _run(self, plan: Plan) -> tuple[Plan, list[Scored]]:
        return plan, self._engine.run(plan)

    def _finish(self, done: tuple[Plan, list[Scored]]) -> list[Reading]:
        plan, scored = done
        for lost in plan.losses:
            add_losses(self.losses, lost)
        return readings(plan, scored)


def add_losses(total: Losses, more: Losses) -> None:
    """Add up what was lost."""
    for name, count in vars(more).items():
        setattr(total, name, getattr(total, name) + count)


def _chunks(requests: Iterable[Request], size: int) -> Iterator[list[Request]]:
    iterator = iter(requests)
    while block := list(islice(iterator, size)):
        yield block
