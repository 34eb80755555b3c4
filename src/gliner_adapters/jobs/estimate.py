"""How long a job would take: a sample of it is read, and its speed laid over the whole."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from gliner_adapters.documents import ReadReport, read_documents
from gliner_adapters.errors import ConfigError, DataError, GlinerAdaptersError
from gliner_adapters.jobs.inputs import Input, fetched, find_inputs
from gliner_adapters.jobs.settings import JobSettings

#: Inputs whose documents are counted.
COUNTED = 3


@dataclass(frozen=True, slots=True)
class Estimate:
    """How long a job would take.

    Attributes:
        inputs: that the patterns match.
        bytes: of all of them.
        documents: in them, by the bytes of those that were counted.
        sampled: documents that were read.
        documents_per_second: of one worker.
        workers: that the hours are for.
        hours: for all inputs.
        core_hours: the same, times the cores of all workers.
        cost: of the core-hours; ``None`` where no price was given.
    """

    inputs: int
    bytes: int
    documents: int
    sampled: int
    documents_per_second: float
    workers: int
    hours: float
    core_hours: float
    cost: float | None


def estimate(
    inputs: Sequence[str],
    settings: JobSettings,
    *,
    documents: int = 500,
    workers: int = 1,
    price: float | None = None,
) -> Estimate:
    """Time a sample and tell what the whole would take.

    Args:
        inputs: files, patterns, folders, addresses.
        settings: what the job would do.
        documents: to read, at most.
        workers: that would do it; each is taken to be as fast as the one that reads the sample.
        price: of a core's hour.

    Raises:
        ConfigError: no input, or none that can be read.
        GlinerAdaptersError: a base or an adapter cannot be loaded.
    """
    from gliner_adapters.jobs.reading import JobReader, is_readable

    if documents < 1 or workers < 1:
        raise ConfigError(f"expected at least one document and one worker, got {documents=}, {workers=}")
    found = find_inputs(inputs)
    total = sum(each.size for each in found)
    reader = JobReader(settings)
    size = count = 0
    seconds, sampled = 0.0, 0
    chosen = _spread(found)
    for given in chosen:
        try:
            with fetched(given) as here:
                share = -(-documents // len(chosen))
                stream = read_documents(
                    here.path,
                    settings.read_as,
                    skip_bad=True,
                    columns=settings.columns,
                    tag_names=settings.tag_names,
                    report=ReadReport(),
                )
                block = [each for each in islice(stream, share) if is_readable(each)]
                if sampled == 0:  # what is made once, and by every worker, is no part of the speed
                    list(reader.read(block[:8]))
                since = time.perf_counter()
                sampled += sum(1 for _ in reader.read(block))
                seconds += time.perf_counter() - since
                count += len(block) + sum(1 for _ in stream)
                size += given.size
        except DataError:
            continue
        except GlinerAdaptersError:
            raise
    if not sampled or not size:
        raise ConfigError("no document could be read of the inputs that were tried; see what `job run` says of them")
    rate = sampled / seconds
    whole = round(count * total / size)
    hours = whole / rate / workers / 3600
    cores = hours * workers * settings.threads
    cost = None if price is None else round(cores * price, 2)
    return Estimate(len(found), total, whole, sampled, round(rate, 1), workers, round(hours, 3), round(cores, 3), cost)


def _spread(found: Sequence[Input]) -> list[Input]:
    """Some inputs, evenly over the list."""
    if len(found) <= COUNTED:
        return list(found)
    return [found[round(number * (len(found) - 1) / (COUNTED - 1))] for number in range(COUNTED)]
