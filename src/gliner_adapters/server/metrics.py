"""What the server counts, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

CONTENT_TYPE = CONTENT_TYPE_LATEST

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_DOCUMENTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_CHARACTERS = (100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000)
#: The methods that are told apart; a client may send any word.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_PREFIX = "gliner_adapters"


class Metrics:
    """The metrics of one server, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)

        def named(kind, name: str, text: str, labels: tuple[str, ...] = (), **more):  # type: ignore[no-untyped-def]
            return kind(f"{_PREFIX}_{name}", text, labels, registry=self.registry, **more)

        self._requests: Counter = named(Counter, "requests", "Requests.", ("route", "method", "status"))
        self._seconds: Histogram = named(
            Histogram, "request_seconds", "Seconds from a request to its answer.", ("route",), buckets=_SECONDS
        )
        self._queued: Gauge = named(Gauge, "queue_documents", "Documents that wait to be read.")
        self._loaded: Gauge = named(Gauge, "adapters_loaded", "Adapters in memory.")
        self._batch_documents: Histogram = named(
            Histogram, "batch_documents", "Documents that were read together.", buckets=_DOCUMENTS
        )
        self._batch_characters: Histogram = named(
            Histogram, "batch_characters", "Characters that were read together.", buckets=_CHARACTERS
        )
        self._batch_seconds: Histogram = named(
            Histogram, "batch_seconds", "Seconds of reading a batch.", buckets=_SECONDS
        )
        self._documents: Counter = named(Counter, "documents", "Documents read.")
        self._entities: Counter = named(Counter, "entities", "Entities found.")
        self._dropped: Counter = named(
            Counter, "dropped_requests", "Requests given up before all of them was read.", ("reason",)
        )
        self._training: Gauge = named(Gauge, "training", "Whether an adapter is trained right now.")
        self._trainings: Counter = named(
            Counter, "trainings", "Trainings that came to an end, or stand still.", ("outcome",)
        )

    def watch_training(self, running: Callable[[], bool]) -> None:
        """Take whether an adapter is trained from where that is known."""
        self._training.set_function(running)

    def trained(self, outcome: str) -> None:
        """Count a training that has ended: ``finished``, ``failed``, ``cancelled`` or ``interrupted``."""
        self._trainings.labels(outcome).inc()

    def watch(self, queued: Callable[[], int], loaded: Callable[[], int]) -> None:
        """Take two gauges from where the numbers are, whenever they are asked for."""
        self._queued.set_function(queued)
        self._loaded.set_function(loaded)

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count an answered request."""
        self._requests.labels(route, method if method in _METHODS else "other", str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def batch(self, documents: int, characters: int, entities: int, seconds: float) -> None:
        """Count what was read together."""
        self._batch_documents.observe(documents)
        self._batch_characters.observe(characters)
        self._batch_seconds.observe(seconds)
        self._documents.inc(documents)
        self._entities.inc(entities)

    def dropped(self, reason: str) -> None:
        """Count a request that nobody waits for any more."""
        self._dropped.labels(reason).inc()

    def text(self) -> bytes:
        """All of it in Prometheus's text format."""
        return generate_latest(self.registry)
