"""Training on what was reviewed: what is kept, one training at a time, and what becomes of it whatever is killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest

from adapters.helpers import Tiny
from gliner_adapters.adapters.config import AdapterConfig
from gliner_adapters.annotate import AdapterLibrary, Annotator
from gliner_adapters.documents import read_documents
from gliner_adapters.errors import ConfigError, DataError
from gliner_adapters.server import Settings, create_app
from gliner_adapters.server.security import Keys
from gliner_adapters.server.training import process
from gliner_adapters.server.training.job import LOG
from warm import warm_children

from .conftest import Held, Serve, assert_error
from .test_process import Server

pytestmark = pytest.mark.anyio

KEY = "correct-horse-battery"
HEADERS = {"Authorization": f"Bearer {KEY}"}
DRUGS = ("aspirin", "cisplatin", "lithium", "naloxone", "clonidine", "metformin", "warfarin", "prednisone")
LABELS = {"drug": "what is given", "illness": None}
#: Seconds that a training may take in these tests.
PATIENCE = 120.0

Client = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


def reviewed(number: int, start: int = 0) -> list[dict[str, Any]]:
    """Documents that differ from each other, with two entities each."""
    documents = []
    for index in range(start, start + number):
        drug = DRUGS[index % len(DRUGS)]
        text = f"Patient {index} with asthma was treated with {drug} in week {index}."
        at = text.index(drug)
        entities = [{"start": at, "end": at + len(drug), "label": "drug"}]
        entities.append({"start": text.index("asthma"), "end": text.index("asthma") + 6, "label": "illness"})
        documents.append({"id": str(index), "text": text, "entities": entities})
    return documents


@pytest.fixture
def fresh(tiny: Tiny, adapters_folder: Path) -> Annotator:
    """An annotator with a library of its own, which trainings add to."""
    base = tiny("bi-bert").base
    return Annotator(base, adapters=AdapterLibrary.of_folder(adapters_folder, base))


@pytest.fixture(autouse=True)
def _children(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is a process of its own starts a real child."""
    warm_children(monkeypatch, process)


@pytest.fixture
def training(serve: Serve, fresh: Annotator, tmp_path: Path) -> Client:
    """A client of a server that trains, with a key."""

    @asynccontextmanager
    async def run(reader: Any = None, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
        settings = {"train": tmp_path / "train", **settings}
        async with serve(keys=(KEY,), reader=reader or fresh, rate=0, **settings) as client:
            client.headers.update(HEADERS)
            yield client

    return run


async def keep(client: httpx.AsyncClient, number: int, start: int = 0, **more: Any) -> dict[str, Any]:
    body = {"documents": reviewed(number, start), "labels": LABELS, **more}
    answer = await client.post("/v1/training/documents", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def start(client: httpx.AsyncClient, name: str = "mine", **more: Any) -> dict[str, Any]:
    answer = await client.post("/v1/training", json={"name": name, "epochs": 3, **more})
    assert answer.status_code == 202, answer.text
    return answer.json()


async def until(client: httpx.AsyncClient, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    end = time.monotonic() + PATIENCE
    while not wanted(status := (await client.get("/v1/training")).json()):
        assert time.monotonic() < end, status
        assert status["state"] != "failed", status
        await asyncio.sleep(0.05)
    return status


def ended(status: dict[str, Any]) -> bool:
    return status["state"] != "running"


def steps(number: int) -> Callable[[dict[str, Any]], bool]:
    """Whether so many steps of the training itself are done."""
    return lambda status: status["progress"]["phase"] == "training" and status["progress"]["done"] >= number


def child_of(client_folder: Path) -> int:
    """The process that trains in a folder, as the system lists it: its errors go to the log there."""
    log = str(client_folder.resolve() / LOG)
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if str((entry / "fd" / "2").readlink()) == log:
                return int(entry.name)
    raise AssertionError(f"no process trains in {client_folder}")


proc = pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="processes are looked up in /proc")


async def test_it_is_off_by_default_and_needs_a_key(
    serve: Serve, training: Client, fresh: Annotator, tmp_path: Path
) -> None:
    async with serve(reader=fresh) as client:
        assert_error(await client.get("/v1/training"), 404, "not_found")
        assert (await client.get("/v1/base")).json()["training"] is False
    async with training() as client:
        assert (await client.get("/v1/base")).json()["training"] is True
        client.headers.pop("Authorization")
        for method, path in (
            ("GET", ""),
            ("POST", ""),
            ("DELETE", ""),
            ("POST", "/resume"),
            ("POST", "/documents"),
            ("DELETE", "/documents"),
        ):
            assert_error(await client.request(method, f"/v1/training{path}"), 401, "unauthorized")
    with pytest.raises(ConfigError, match="lets clients keep documents and train, so they need keys"):
        create_app(fresh, Settings(train=tmp_path))


async def test_what_was_reviewed_is_kept_as_documents(training: Client, tmp_path: Path) -> None:
    file = tmp_path / "train" / "documents.jsonl"
    async with training() as client:
        assert await keep(client, 3) == {"added": 3, "replaced": 0}
        again = reviewed(1)[0]
        again["text"] = again["text"].upper()  # the same text, whatever its case
        again["entities"] = again["entities"][:1]
        body = {"documents": [again], "labels": LABELS}
        assert (await client.post("/v1/training/documents", json=body)).json() == {"added": 0, "replaced": 1}
        data = (await client.get("/v1/training")).json()["data"]
        assert data == {"train": 0, "devel": 0, "open": 3, "labels": {"drug": 3, "illness": 2}, "needed": 5}
    documents = list(read_documents(file))
    assert [document.id for document in documents] == ["0", "1", "2"]
    assert [len(document.entities) for document in documents] == [1, 2, 2]
    assert [document.mention(entity) for document in documents[1:] for entity in document.entities] == [
        "asthma", "cisplatin", "asthma", "lithium",
    ]  # fmt: skip
    async with training() as client:  # another server finds them
        assert (await client.get("/v1/training")).json()["data"] == data
        assert (await client.delete("/v1/training/documents")).json() == {"deleted": 3}
        assert (await client.get("/v1/training")).json()["data"]["open"] == 0
    assert not file.exists()


@pytest.mark.parametrize(
    ("change", "status", "code", "message"),
    [
        ({"documents": []}, 422, "invalid_request", "documents"),
        ({"documents": [{"text": " ", "entities": []}]}, 422, "invalid_request", "documents.0.text"),
        ({"labels": ["drug"]}, 422, "invalid_request", "1 labels of entities are not among the labels"),
        ({"labels": []}, 422, "invalid_request", "labels"),
        ({"split": "test"}, 422, "invalid_request", "split"),
        ({"more": 1}, 422, "invalid_request", "more"),
        ({"documents": reviewed(6), "labels": LABELS}, 413, "too_many_texts", "at most 5 texts"),
        ({"labels": dict.fromkeys("abcd", None) | LABELS}, 413, "too_many_labels", "at most 5 labels"),
        ({"labels": LABELS | {"x" * 11: None}}, 413, "label_too_long", "at most 10 characters"),
    ],
)
async def test_what_is_not_kept(training: Client, change: dict[str, Any], status: int, code: str, message: str) -> None:
    limits = {"max_texts": 5, "max_text_chars": 100, "max_labels": 5, "max_label_chars": 13, "max_train_documents": 9}
    if code == "label_too_long":
        limits["max_label_chars"] = 10
        change = {"labels": {"drug": None, "illness": None, "x" * 11: None}}
    async with training(**limits, queue_chars=1000) as client:
        body = {"documents": reviewed(1), "labels": LABELS, **change}
        answer = await client.post("/v1/training/documents", json=body)
        assert message in assert_error(answer, status, code)
        assert (await client.get("/v1/training")).json()["data"]["open"] == 0


async def test_offsets_lie_within_the_text(training: Client) -> None:
    async with training() as client:
        for start_, end in ((0, 0), (3, 2), (0, 5), (-1, 2)):
            document = {"text": "HeLa", "entities": [{"start": start_, "end": end, "label": "x"}]}
            assert_error(
                await client.post("/v1/training/documents", json={"documents": [document]}), 422, "invalid_request"
            )


async def test_there_is_an_end_to_what_is_kept(training: Client, tmp_path: Path) -> None:
    async with training(max_train_documents=4) as client:
        await keep(client, 3)
        before = (tmp_path / "train" / "documents.jsonl").read_bytes()
        body = {"documents": reviewed(2, 3), "labels": LABELS}
        message = assert_error(await client.post("/v1/training/documents", json=body), 422, "invalid_request")
        assert "at most 4 documents" in message
        assert (tmp_path / "train" / "documents.jsonl").read_bytes() == before
    async with training(max_train_chars=200) as client:
        assert "200 characters" in assert_error(
            await client.post("/v1/training/documents", json=body), 422, "invalid_request"
        )


@pytest.mark.parametrize(
    ("request_", "status", "code", "message"),
    [
        ({"name": "a/b"}, 422, "invalid_request", "name"),
        ({"name": "../b"}, 422, "invalid_request", "name"),
        ({"name": ""}, 422, "invalid_request", "name"),
        ({"name": "drugs"}, 409, "adapter_exists", "'drugs'"),
        ({"method": "none"}, 422, "invalid_request", "unknown method 'none'"),
        ({"method": "zero-shot"}, 422, "invalid_request", "trains nothing"),
        ({"method": "injection-cross"}, 422, "invalid_request", "does not work on a bi-encoder"),
        ({"beside": "none"}, 404, "unknown_adapter", "'none'"),
        ({"labels": ["gene"]}, 422, "invalid_request", "no document was reviewed for 'gene'"),
        ({"labels": ["place"]}, 422, "invalid_request", "no training document has an entity"),
        ({"epochs": 0}, 422, "invalid_request", "epochs"),
        ({"epochs": 501}, 422, "invalid_request", "epochs"),
    ],
)
async def test_what_is_not_trained(
    training: Client, tmp_path: Path, request_: dict[str, Any], status: int, code: str, message: str
) -> None:
    async with training() as client:
        await keep(client, 5, labels={**LABELS, "place": None})
        answer = await client.post("/v1/training", json={"name": "mine", "labels": ["drug"], **request_})
        assert message in assert_error(answer, status, code)
        assert (await client.get("/v1/training")).json()["state"] == "idle"
        for method, path in (("POST", "/resume"), ("DELETE", "")):
            assert_error(
                await client.request(method, f"/v1/training{path}"),
                409,
                {"": "no_training"}.get(path, "nothing_interrupted"),
            )
    assert not (tmp_path / "train" / "training").exists()


async def test_too_few_documents_say_how_many_are_needed(training: Client) -> None:
    async with training() as client:
        await keep(client, 3)
        message = assert_error(await client.post("/v1/training", json={"name": "mine"}), 422, "invalid_request")
        assert message == "5 reviewed documents are needed to train on, there are 3; review 2 more"
        await keep(client, 4, start=3, labels={**LABELS, "place": None})
        message = assert_error(await client.post("/v1/training", json={"name": "mine"}), 422, "invalid_request")
        assert "there are 4 (3 more were not reviewed for all of drug, illness, place)" in message
        await keep(client, 4, start=7, split="devel")  # those do not train
        answer = await client.post("/v1/training", json={"name": "mine", "labels": ["drug", "place"]})
        assert "there are 4" in assert_error(answer, 422, "invalid_request")


async def test_a_document_does_not_change_sides(training: Client) -> None:
    async with training() as client:
        await keep(client, 1, split="devel")
        body = {"documents": reviewed(1), "labels": LABELS, "split": "train"}
        answer = await client.post("/v1/training/documents", json=body)
        assert "is in devel already" in assert_error(answer, 422, "invalid_request")
        await keep(client, 1)
        assert (await client.get("/v1/training")).json()["data"]["devel"] == 1


async def test_without_held_out_documents_it_says_so(training: Client, fresh: Annotator, tmp_path: Path) -> None:
    async with training() as client:
        await keep(client, 5, labels={**LABELS, "place": None})
        told = await start(client)
        assert told["state"] == "running"
        assert told["job"]["by"].startswith("the key ")
        assert KEY not in json.dumps(told)
        status = await until(client, ended)
        assert status["state"] == "finished"
        job, progress = status["job"], status["progress"]
        assert (job["train"], job["devel"], job["without"]) == (5, 0, ["place"])
        assert "none of the 5 documents is held out (that takes 20)" in job["choice"]
        assert status["scores"] is None
        assert [step for step, _ in progress["loss"]] == [1, 2, 3]
        assert progress["devel"] == []
        # Among the others, without a restart.
        names = {each["name"]: each for each in (await client.get("/v1/adapters")).json()["adapters"]}
        assert [each["name"] for each in names["mine"]["labels"]] == ["drug", "illness"]
        assert names["mine"]["threshold"] == 0.5
        answer = await client.post("/v1/annotate", json={"text": "Asthma", "adapter": "mine", "threshold": 0})
        assert {e["label"] for e in answer.json()["results"][0]["entities"]} <= {"drug", "illness"}
        metrics = (await client.get("/metrics")).text
        assert 'gliner_adapters_trainings_total{outcome="finished"} 1.0' in metrics
        assert "gliner_adapters_training 0.0" in metrics
        answer = await client.post("/v1/training", json={"name": "mine"})
        assert_error(answer, 409, "adapter_exists")
    folder = tmp_path / "train" / "adapters" / "mine"
    config = AdapterConfig.read(folder)
    assert config.trained_on["documents"] == 5
    assert config.labels[0].description == "what is given"
    # Another server has it, too; one that has another of this name does not start.
    base = fresh.library.base
    other = Annotator(base, adapters=AdapterLibrary({}, base))
    create_app(other, Settings(train=tmp_path / "train", default_adapter="mine"), Keys([KEY]))
    named = Annotator(base, adapters=AdapterLibrary({"mine": fresh.library.folder("drugs")}, base))
    with pytest.raises(ConfigError, match="an adapter is called 'mine' already; rename"):
        create_app(named, Settings(train=tmp_path / "train"), Keys([KEY]))


@pytest.mark.slow
async def test_both_adapters_are_scored_on_what_neither_learned_from(training: Client, tmp_path: Path) -> None:
    async with training() as client:
        await keep(client, 25)
        await start(client, "first", beside="drugs")
        first = await until(client, ended)
        assert (first["job"]["train"], first["job"]["devel"]) == (22, 3) or (
            first["job"]["train"],
            first["job"]["devel"],
        ) == (23, 2)
        assert first["scores"]["documents"] == first["job"]["devel"]
        # The adapter `drugs` knows none of these labels.
        assert first["scores"]["old"] is None
        assert [row["old_f1"] for row in first["scores"]["labels"]] == [None, None]
        held = [document.text for document in read_documents(tmp_path / "train" / "training" / "devel.jsonl")]
        rows = first["progress"]["devel"]
        assert rows[0]["step"] == 0
        assert rows[0]["loss"] is None
        assert max(row["macro_f1"] for row in rows) == next(row["macro_f1"] for row in reversed(rows) if row["best"])

        await keep(client, 15, start=25)
        await start(client, "second", beside="first")
        second = await until(client, ended)
        assert second["job"]["train"] + second["job"]["devel"] == 40
        devel = list(read_documents(tmp_path / "train" / "training" / "devel.jsonl"))
        train = [document.text for document in read_documents(tmp_path / "train" / "training" / "train.jsonl")]
        assert set(held) <= {document.text for document in devel}
        assert len(devel) == 4
        assert not set(train) & {document.text for document in devel}
        # What the scores say is what the server's answers give.
        for side, name in (("new", "second"), ("old", "first")):
            found = []
            for document in devel:
                answer = await client.post("/v1/annotate", json={"text": document.text, "adapter": name})
                entities = answer.json()["results"][0]["entities"]
                found.append({(e["start"], e["end"], e["label"]) for e in entities})
            gold = [{entity.key for entity in document.entities} for document in devel]
            right = sum(len(a & b) for a, b in zip(found, gold, strict=True))
            total = sum(map(len, found)) + sum(map(len, gold))
            assert second["scores"][side]["micro_f1"] == pytest.approx(2 * right / total if right else 0)


async def test_two_starts_at_once(training: Client, tmp_path: Path) -> None:
    async with training() as client:
        await keep(client, 5)
        bodies = [{"name": name, "epochs": 500} for name in ("one", "two", "three")]
        answers = await asyncio.gather(*(client.post("/v1/training", json=body) for body in bodies))
        assert sorted(answer.status_code for answer in answers) == [202, 409, 409]
        (begun,) = (answer.json()["job"] for answer in answers if answer.status_code == 202)
        for answer in answers:
            if answer.status_code == 409:
                message = assert_error(answer, 409, "training_runs")
                assert f"{begun['name']!r}, which {begun['by']} started at {begun['since']}, runs" in message
        assert_error(await client.post("/v1/training/resume"), 409, "training_runs")
        await until(client, steps(1))
        cancelled = await client.delete("/v1/training")
        assert cancelled.json()["state"] == "idle"
        assert cancelled.json()["data"]["train"] == 5
        metrics = (await client.get("/metrics")).text
        assert 'gliner_adapters_trainings_total{outcome="cancelled"} 1.0' in metrics
        names = [each["name"] for each in (await client.get("/v1/adapters")).json()["adapters"]]
        assert names == ["drugs", "genes"]
        assert sorted(path.name for path in (tmp_path / "train").iterdir() if not path.name.startswith(".")) == [
            "documents.jsonl"
        ]
        await start(client, "after")
        assert (await until(client, ended))["state"] == "finished"


@pytest.mark.slow
@proc
async def test_a_killed_child_goes_on_to_the_same_adapter(training: Client, tmp_path: Path) -> None:
    place = tmp_path / "train" / "training"
    async with training() as client:
        await keep(client, 6)
        await start(client, "whole", epochs=150)
        await until(client, ended)
        await start(client, "parted", epochs=150)
        await until(client, steps(60))
        child = child_of(place)
        assert os.getpriority(os.PRIO_PROCESS, child) == 19
        os.kill(child, signal.SIGKILL)
        status = await until(client, ended)
        assert status["state"] == "interrupted"
        assert "was killed by signal 9" in status["job"]["message"]
        assert_error(await client.post("/v1/training", json={"name": "other"}), 409, "training_interrupted")
        done = status["progress"]["done"]
        resumed = await client.post("/v1/training/resume")
        assert resumed.status_code == 202
        assert resumed.json()["job"]["message"] is None
        status = await until(client, steps(1))
        assert status["progress"]["done"] >= 30, "it began anew"
        assert done < 150
        status = await until(client, ended)
        assert status["state"] == "finished"
        seen = [step for step, _ in status["progress"]["loss"]]
        # No step twice; those between what was last written down and the checkpoint may be missing.
        assert seen == sorted(set(seen))
        assert seen[-1] == 150
        assert len(seen) > 130
    whole, parted = (AdapterConfig.read(tmp_path / "train" / "adapters" / name) for name in ("whole", "parted"))
    assert whole.weights_sha256 == parted.weights_sha256


async def test_a_training_that_cannot_go_on_says_why(training: Client, tiny: Tiny, tmp_path: Path) -> None:
    async with training() as client:
        await keep(client, 5)
        await start(client, epochs=500)
        await until(client, steps(1))
    # The server has stopped; meanwhile somebody breaks the job's labels.
    job = tmp_path / "train" / "training" / "job.json"
    content = json.loads(job.read_text())
    assert content["state"] == "running"
    job.write_text(json.dumps({**content, "labels": [{"name": "drug", "description": None}]}))
    async with training() as client:
        status = (await client.get("/v1/training")).json()
        assert status["state"] == "interrupted"
        assert (await client.post("/v1/training/resume")).status_code == 202
        end = time.monotonic() + PATIENCE
        while (status := (await client.get("/v1/training")).json())["state"] == "running":
            assert time.monotonic() < end
            await asyncio.sleep(0.05)
        assert status["state"] == "failed"
        assert "has an entity of type 'illness'" in status["job"]["message"]
        assert (await client.delete("/v1/training")).json()["state"] == "idle"


async def test_a_base_of_another_server(training: Client, tiny: Tiny, tmp_path: Path) -> None:
    async with training() as client:
        await keep(client, 5)
        await start(client, epochs=500)
        await until(client, steps(1))
    base = tiny("bi-deberta").base
    other = Annotator(base, adapters=AdapterLibrary({}, base))
    async with training(reader=other) as client:
        message = assert_error(await client.post("/v1/training/resume"), 409, "other_base")
        assert "discard it" in message
        assert (await client.delete("/v1/training")).json()["state"] == "idle"


async def test_one_server_a_folder(training: Client, fresh: Annotator, tmp_path: Path) -> None:
    async with training():
        with pytest.raises(ConfigError, match="in use by another process"):
            create_app(fresh, Settings(train=tmp_path / "train"), Keys([KEY]))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("nonsense", "documents.jsonl:1"),
        ('{"text": "HeLa"}', r"documents.jsonl:1: expected meta.reviewed with labels and a split"),
        (
            '{"text": "HeLa", "entities": [{"start": 0, "end": 4, "label": "x"}],'
            ' "meta": {"reviewed": {"labels": {}, "split": null}}}',
            "an entity has the label 'x'",
        ),
    ],
)
def test_a_file_of_others_is_refused(fresh: Annotator, tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "documents.jsonl").write_text(f"{line}\n")
    with pytest.raises(DataError, match=message):
        create_app(fresh, Settings(train=tmp_path), Keys([KEY]))


async def test_a_full_disk(training: Client, full_disk: Path) -> None:
    async with training(train=full_disk / "train") as client:
        text = "HeLa cells grew. " * 10_000
        answer = await client.post(
            "/v1/training/documents",
            json={"documents": [{"text": text, "entities": []}], "labels": ["cell"]},
        )
        assert "no room" in assert_error(answer, 507, "no_room")
        assert (await client.get("/v1/training")).json()["data"]["open"] == 0


async def test_answers_go_on_meanwhile(training: Client, fresh: Annotator) -> None:
    """A reader that is held does not hold up a training, nor the other way round."""
    held = Held(fresh)
    async with training(reader=held) as client:
        await keep(client, 5)
        reading = asyncio.create_task(client.post("/v1/annotate", json={"text": "HeLa", "labels": ["x"]}))
        await asyncio.to_thread(held.reading.wait, 30)
        await start(client)
        assert (await until(client, ended))["state"] == "finished"
        assert not reading.done()
        held.go.set()
        assert (await reading).status_code == 200


async def test_the_document_describes_it(training: Client) -> None:
    async with training() as client:
        document = (await client.get("/openapi.json")).json()
    paths = {path: operations for path, operations in document["paths"].items() if path.startswith("/v1/training")}
    assert {(path, method) for path, operations in paths.items() for method in operations} == {
        ("/v1/training", "get"),
        ("/v1/training", "post"),
        ("/v1/training", "delete"),
        ("/v1/training/resume", "post"),
        ("/v1/training/documents", "post"),
        ("/v1/training/documents", "delete"),
    }
    for operations in paths.values():
        for operation in operations.values():
            assert operation["summary"]
            assert operation["security"] == [{"HTTPBearer": []}]
            for status, answer in operation["responses"].items():
                if not status.startswith("2"):
                    (kind,) = answer["content"].values()
                    assert kind["schema"] == {"$ref": "#/components/schemas/ErrorBody"}, status
    for path in ("/v1/training", "/v1/training/documents"):
        content = paths[path]["post"]["requestBody"]["content"]["application/json"]
        schema = document["components"]["schemas"][content["schema"]["$ref"].rpartition("/")[2]]
        for example in schema["examples"]:
            jsonschema_rs.validate({**schema, "components": document["components"]}, example)


async def test_other_origins_may_cancel_where_they_may_start(training: Client) -> None:
    async with training(allow_origin=["https://a.example"]) as client:
        ask = {"Origin": "https://a.example", "Access-Control-Request-Method": "DELETE"}
        assert (await client.options("/v1/training", headers=ask)).status_code == 200


@pytest.mark.slow
@proc
def test_a_killed_server_takes_its_child_along_and_the_next_goes_on(tiny: Tiny, tmp_path: Path) -> None:
    arguments = [f"--base={tiny('bi-bert').folder}", f"--train={tmp_path / 'train'}"]
    environment = {"GLINER_ADAPTERS_SERVE_KEYS": KEY}
    place = tmp_path / "train" / "training"

    def wait(client: httpx.Client, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        end = time.monotonic() + PATIENCE
        while not wanted(status := client.get("/v1/training").json()):
            assert time.monotonic() < end, status
            time.sleep(0.05)
        return status

    def gone(child: int) -> None:
        end = time.monotonic() + PATIENCE
        while Path(f"/proc/{child}/cmdline").exists() and Path(f"/proc/{child}/cmdline").read_bytes():
            assert time.monotonic() < end
            time.sleep(0.05)

    server = Server(tmp_path / "log", *arguments, **environment)
    try:
        with httpx.Client(base_url=server.url, headers=HEADERS) as client:
            body = {"documents": reviewed(5), "labels": LABELS}
            assert client.post("/v1/training/documents", json=body).status_code == 200
            assert client.post("/v1/training", json={"name": "mine", "epochs": 500}).status_code == 202
            wait(client, steps(100))
            child = child_of(place)
            server.process.kill()
            server.process.wait()
        gone(child)
        server = Server(tmp_path / "log2", *arguments, **environment)
        with httpx.Client(base_url=server.url, headers=HEADERS) as client:
            status = client.get("/v1/training").json()
            assert status["state"] == "interrupted"
            assert status["progress"]["done"] >= 100
            assert client.post("/v1/training/resume").status_code == 202
            assert wait(client, steps(1))["progress"]["done"] >= 50
            child = child_of(place)
        server.process.send_signal(signal.SIGTERM)  # a server that is told to stop ends it as well
        assert server.process.wait(60) == 0
        gone(child)
        server = Server(tmp_path / "log3", *arguments, **environment)
        with httpx.Client(base_url=server.url, headers=HEADERS) as client:
            assert client.post("/v1/training/resume").status_code == 202
            assert wait(client, ended)["state"] == "finished"
            assert [each["name"] for each in client.get("/v1/adapters").json()["adapters"]] == ["mine"]
        logs = "".join((tmp_path / name).read_text() for name in ("log", "log2", "log3"))
        assert "Traceback" not in logs
        assert "asthma" not in logs
    finally:
        server.process.kill()
        server.process.wait()
