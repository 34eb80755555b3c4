"""What a running job counts, for Prometheus."""

from __future__ import annotations

from typing import Any

from gliner_adapters.errors import ConfigError
from gliner_adapters.extras import require
from gliner_adapters.jobs.folder import JobFolder
from gliner_adapters.jobs.heartbeat import workers
from gliner_adapters.jobs.run import JobSummary
from gliner_adapters.jobs.worker import Outcome


class JobMetrics:
    """Counters of one run, served at ``http://HOST:port/metrics`` until it is closed.

    Args:
        folder: the job's.
        port: 0 takes one that is free.
        host: the address that is listened on.

    Attributes:
        port: that is listened on.

    Raises:
        ConfigError: the package ``prometheus_client`` is missing, or the port is taken.
    """

    def __init__(self, folder: JobFolder, port: int, host: str = "127.0.0.1") -> None:
        client: Any = require("prometheus_client", "scale")
        registry = client.CollectorRegistry()
        prefix = "gliner_adapters_job_"

        def counter(name: str, text: str, labels: tuple[str, ...] = ()) -> Any:
            return client.Counter(prefix + name, text, labels, registry=registry)

        self._inputs = counter("inputs", "Inputs that have ended.", ("state",))
        self._documents = counter("documents", "Documents, by what became of them.", ("state",))
        self._entities = counter("entities", "Entities found.", ("label",))
        self._seconds = counter("worker_seconds", "Seconds of work, over all workers.")
        self._left = client.Gauge(f"{prefix}inputs_left", "Inputs that have not ended.", registry=registry)
        working = client.Gauge(f"{prefix}workers", "Workers that are at an input.", registry=registry)
        working.set_function(lambda: len(workers(folder)))
        rate = client.Gauge(f"{prefix}documents_per_second", "Of all workers at this moment.", registry=registry)
        rate.set_function(lambda: sum(each.documents_per_second for each in workers(folder)))
        try:
            self._server, self._thread = client.start_http_server(port, addr=host, registry=registry)
        except OSError as error:
            raise ConfigError(f"metrics cannot be served on {host}:{port}: {error.strerror}") from error
        self.port: int = self._server.server_port

    def begun(self, inputs: int) -> None:
        """So many inputs are to be done."""
        self._left.set(inputs)

    def ended(self, outcome: Outcome, summary: JobSummary) -> None:
        """Count an input that has ended."""
        self._left.set(summary.inputs - summary.done - summary.before)
        self._inputs.labels(outcome.state.replace(" ", "_")).inc()
        record = outcome.record
        if outcome.state != "done" or record is None:
            return
        self._documents.labels("out").inc(record.documents_out)
        self._documents.labels("failed").inc(record.documents_failed)
        self._seconds.inc(record.seconds)
        for label, count in record.entities.items():
            self._entities.labels(label).inc(count)

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
