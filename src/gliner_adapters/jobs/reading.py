"""A job's settings as something that reads documents."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from gliner_adapters.adapters import AdapterConfig, load_adapter
from gliner_adapters.adapters.config import CONFIG_FILE, WEIGHTS_FILE
from gliner_adapters.annotate import AdapterLibrary, Annotator, Request
from gliner_adapters.annotate.marked import marked
from gliner_adapters.documents import Document, Label, ReadReport, as_documents, read_documents
from gliner_adapters.errors import AdapterError, DataError
from gliner_adapters.jobs.settings import CHUNK, JobSettings, digest, fingerprint
from gliner_adapters.model import load_base
from gliner_adapters.model.hub import fetch_snapshot
from gliner_adapters.model.passages import Losses


class JobReader:
    """Reads documents as a job's settings say. It is made once in each worker.

    Args:
        settings: the job's.
        folders: where the adapters lie, if not where the settings say.

    Attributes:
        fingerprint: all that decides an output beside its input.
        digest: its sha256.
        places: where the adapters lie.

    Raises:
        GlinerAdaptersError: a base or an adapter cannot be loaded, or the adapters have different bases.
    """

    def __init__(self, settings: JobSettings, folders: Mapping[str, Path] | None = None) -> None:
        torch.set_num_threads(settings.threads)
        self.settings = settings
        given = dict(folders or {})
        missing = {name: source for name, source in settings.adapters.items() if name not in given}
        self.places = places = given | {name: adapter_folder(source) for name, source in missing.items()}
        configs = {name: AdapterConfig.read(place) for name, place in places.items()}
        read: dict[str, Any] = {"precision": settings.precision, "runtime": settings.runtime}
        self._asked: dict[str, Any] = {
            "threshold": settings.threshold,
            "nested": settings.nested,
            "segment": settings.segment,
        }
        if len(places) == 1:  # alone, all of it runs in the runtime
            trained = load_adapter(next(iter(places.values())), device=settings.device)
            base, self.annotator = trained.base, Annotator(trained, **read)
        elif places:
            own = next(iter(configs.values())).base
            base = load_base(own.id, revision=own.revision, architecture=own.architecture, device=settings.device)
            self.annotator = Annotator(base, adapters=AdapterLibrary(places, base), **read)
            self._asked["adapters"] = tuple(places)
        else:
            assert settings.base is not None
            named = {"revision": settings.revision, "architecture": settings.architecture}
            base = load_base(settings.base, device=settings.device, **named)  # type: ignore[arg-type]
            self.annotator = Annotator(base, adapters={}, **read)
            self._asked["labels"] = tuple(Label(name, description) for name, description in settings.labels)
        self.annotator.check(Request(Document(""), **self._asked))
        self.fingerprint = fingerprint(settings, base.fingerprint, configs)
        self.digest = digest(self.fingerprint)

    def read(self, documents: Iterable[Document]) -> Iterator[Document]:
        """Documents with what is found in them, in order, a chunk at a time; reading ahead in threads."""
        requests = (Request(document, **self._asked) for document in documents)
        stream = self.annotator.read_stream(requests, CHUNK)
        try:
            for reading in stream:
                yield marked(reading) if len(reading.found) > 1 else reading.document
        finally:
            stream.close()

    def losses(self) -> list[str]:
        """What could not be read since this was last asked, a line each."""
        told = self.annotator.losses.lines()
        vars(self.annotator.losses).update(vars(Losses()))
        return told


def adapter_folder(source: str) -> Path:
    """An adapter's folder, fetched from the hub if it is not one here.

    Raises:
        AdapterError: there is none.
    """
    folder = Path(source)
    return folder if folder.is_dir() else fetch_snapshot(source, None, [CONFIG_FILE, WEIGHTS_FILE], AdapterError)


def job_documents(path: Path, settings: JobSettings, report: ReadReport | None = None) -> Iterator[Document]:
    """The documents of a file, in a job's way; what cannot be parsed is reported and left out.

    Args:
        path: the file.
        settings: the job's.
        report: where to.

    Raises:
        DataError: the file is in no format that is known, or cannot be read on.
        OSError: it cannot be read.
    """
    columns, names = settings.columns, settings.tag_names
    report = ReadReport() if report is None else report
    return read_documents(path, settings.read_as, skip_bad=True, columns=columns, tag_names=names, report=report)


def is_readable(document: Document) -> bool:
    """Whether a document's text can be read at all: half characters cannot."""
    try:
        next(as_documents(document))
    except DataError:
        return False
    return True
