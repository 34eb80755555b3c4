"""The API of trainings; it is there with ``--train`` alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import APIRouter, Request, Security
from fastapi.security import HTTPBearer

from gliner_adapters.api import FEWEST_TO_PART
from gliner_adapters.documents import Document, Entity
from gliner_adapters.errors import GlinerAdaptersError, StorageError
from gliner_adapters.server.errors import ApiError
from gliner_adapters.server.reading import check_sizes
from gliner_adapters.server.routes import error_responses
from gliner_adapters.server.schemas import LabelBody
from gliner_adapters.server.security import caller_name
from gliner_adapters.server.settings import Settings
from gliner_adapters.server.training import schemas as s
from gliner_adapters.server.training.job import Job
from gliner_adapters.server.training.trainings import Status, Trainings

_ASKING = (400, 408, 413, 422, 503)


def router(trainings: Trainings, settings: Settings) -> APIRouter:
    """All under `/v1/training`. Handlers wait for files and processes, so they run in threads."""
    bearer = [Security(HTTPBearer(auto_error=False, description="A key of the server."))]
    api = APIRouter(prefix="/v1/training", tags=["training"], dependencies=bearer)

    @api.post("/documents", summary="Keep reviewed documents.", responses=error_responses(*_ASKING, 507))
    def keep(http: Request, body: s.KeepRequest) -> s.KeptBody:
        """A document whose text is there already is replaced."""
        texts = [each.text for each in body.documents]
        http.state.documents, http.state.characters = len(texts), sum(map(len, texts))
        labels = body.label_map()
        check_sizes(settings, texts, (), labels)
        with _refused():
            added, replaced = trainings.keep([_document(each) for each in body.documents], labels, body.split)
        return s.KeptBody(added=added, replaced=replaced)

    @api.delete("/documents", summary="Delete all reviewed documents.", responses=error_responses(503))
    def forget() -> s.ForgottenBody:
        """A training that runs has its own copy and goes on."""
        return s.ForgottenBody(deleted=trainings.forget())

    @api.get("", summary="How the training stands, and what there is to train on.", responses=error_responses())
    def status() -> s.TrainingBody:
        return _told(trainings.status())

    @api.post(
        "",
        summary="Train an adapter on the reviewed documents.",
        status_code=202,
        responses=error_responses(*_ASKING, 404, 409, 507),
    )
    def start(http: Request, body: s.StartRequest) -> s.TrainingBody:
        """One at a time. Once it is trained, the adapter is among the others at once."""
        with _refused():
            trainings.start(body.name, body.method, body.epochs, body.labels, body.beside, caller_name(http.scope))
        return _told(trainings.status())

    @api.post(
        "/resume",
        summary="Go on with a training that was interrupted.",
        status_code=202,
        responses=error_responses(503, 409, 507),
    )
    def resume(http: Request) -> s.TrainingBody:
        """From its last checkpoint: what comes of it is what would have come of it."""
        with _refused():
            trainings.resume(caller_name(http.scope))
        return _told(trainings.status())

    @api.delete("", summary="Cancel a training, or discard one that has ended.", responses=error_responses(503, 409))
    def cancel() -> s.TrainingBody:
        """Reviewed documents stay, and so does every adapter that was trained."""
        with _refused():
            trainings.cancel()
        return _told(trainings.status())

    return api


@contextmanager
def _refused() -> Iterator[None]:
    """What the user's input causes, as an answer."""
    try:
        yield
    except StorageError as error:
        raise ApiError(507, "no_room", str(error)) from None
    except GlinerAdaptersError as error:
        raise ApiError(422, "invalid_request", str(error)) from None


def _document(each: s.ReviewedDocument) -> Document:
    keys = sorted({(entity.start, entity.end, entity.label) for entity in each.entities})
    return Document(each.text, [Entity(*key) for key in keys], each.id)


def _told(status: Status) -> s.TrainingBody:
    job, standing = status.job, status.standing
    body = s.TrainingBody(
        state=status.state,
        data=s.DataBody(**status.documents, labels=status.labels),
        job=None if job is None else _job(job),
        progress=None,
        scores=None if status.scores is None else s.ScoresBody(**status.scores),
    )
    if job is not None:
        body.progress = s.ProgressBody(
            phase=standing.phase,
            done=standing.done,
            total=standing.total,
            loss=standing.loss,
            devel=[s.evaluation(row) for row in standing.devel],
            notes=standing.notes,
        )
    return body


def _job(job: Job) -> s.JobBody:
    return s.JobBody(
        name=job.name,
        method=job.method,
        epochs=job.epochs,
        labels=[LabelBody(name=entry.name, description=entry.description) for entry in job.labels],
        beside=None if job.beside is None else job.beside.name,
        by=job.by,
        since=job.since,
        train=job.train,
        devel=job.devel,
        left_out=job.left_out,
        without=job.without,
        choice=_choice(job),
        message=job.message,
    )


def _choice(job: Job) -> str:
    """What is chosen by what: as `adapt` says it of a corpus without a development split."""
    if job.devel:
        return (
            f"epoch and threshold are chosen on {job.devel} documents that are held out from training; the scores are "
            "of these documents, so they flatter the new adapter a little"
        )
    return (
        f"none of the {job.train} documents is held out (that takes {FEWEST_TO_PART}): it is trained on all of them to "
        "the last epoch, its threshold is 0.5, and there is nothing to score it on"
    )
