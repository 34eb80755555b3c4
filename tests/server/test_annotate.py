"""What is asked and what is answered."""

from __future__ import annotations

import io
import json
from typing import Any

import httpx
import pytest

from bases import TEXTS
from gliner_adapters.annotate import Annotator, Request
from gliner_adapters.documents import Document, Label, ReadOptions, ReadReport
from gliner_adapters.documents.formats import get_format
from gliner_adapters.server.formats import notes_header

from .conftest import GENES, TEXT, Serve, assert_error

pytestmark = pytest.mark.anyio

LABELS = {"chemical": "a drug", "disease": None}
AS_LABELS = tuple(Label(name, description) for name, description in LABELS.items())
BARE = tuple(Label(name) for name in LABELS)


def flat(annotator: Annotator, request: Request) -> list[tuple[Any, ...]]:
    """What the annotator itself finds, source by source."""
    (reading,) = annotator.read([request])
    return [(e.start, e.end, e.label, each.adapter) for each in reading.found for e in each.entities]


def keys(result: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [(e["start"], e["end"], e["label"], e["adapter"]) for e in result["entities"]]


@pytest.mark.parametrize(
    ("asked", "request_of"),
    [
        ({"labels": LABELS}, lambda d: Request(d, labels=AS_LABELS)),
        ({"labels": list(LABELS), "threshold": 0.2}, lambda d: Request(d, (), BARE, 0.2)),
        ({"adapter": "genes", "nested": True}, lambda d: Request(d, ("genes",), nested=True)),
        (
            {"adapters": ["drugs", "genes"], "labels": LABELS, "threshold": {"gene": 0.1, "chemical": 0.9}},
            lambda d: Request(d, ("drugs", "genes"), AS_LABELS, {"gene": 0.1, "chemical": 0.9}),
        ),
    ],
)  # fmt: skip
async def test_the_answer_is_the_annotators(serve: Serve, annotator: Annotator, asked: Any, request_of: Any) -> None:
    async with serve() as client:
        answer = await client.post("/v1/annotate", json={"texts": list(TEXTS), **asked})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert len(body["results"]) == len(TEXTS)
    found = 0
    for text, result in zip(TEXTS, body["results"], strict=True):
        assert sorted(keys(result), key=repr) == sorted(flat(annotator, request_of(Document(text))), key=repr)
        assert [(e["start"], e["end"]) for e in result["entities"]] == sorted(
            (e["start"], e["end"]) for e in result["entities"]
        )
        assert all(text[e["start"] : e["end"]] == e["text"] and 0 < e["score"] < 1 for e in result["entities"])
        found += len(result["entities"])
    assert found
    base = annotator.library.base
    assert (body["model"]["base"], body["model"]["fingerprint"]) == (base.id, base.fingerprint)
    names = [asked["adapter"]] if "adapter" in asked else asked.get("adapters", [])
    assert body["adapters"] == [{"name": n, "revision": annotator.library.info(n).revision} for n in names]
    assert body["request_id"] == answer.headers["X-Request-ID"]


async def test_offsets_are_code_points(serve: Serve) -> None:
    text = "𝛼-Synuclein 🧬 and e\u0301 aspirin \u200d in HeLa"
    async with serve() as client:
        answer = await client.post(
            "/v1/annotate", json={"text": text, "labels": ["x", "y"], "threshold": 0.05, "nested": True}
        )
    entities = answer.json()["results"][0]["entities"]
    assert entities
    assert all(text[e["start"] : e["end"]] == e["text"] for e in entities)


async def test_ids_texts_and_windows(serve: Serve) -> None:
    long = " ".join(TEXTS * 5)
    texts = ["", {"id": "b", "text": long}, {"text": "Asthma"}]
    async with serve() as client:
        ask = {"texts": texts, "labels": ["disease"]}
        plain = (await client.post("/v1/annotate", json=ask)).json()["results"]
        whole = (await client.post("/v1/annotate", json={**ask, "return_text": True})).json()["results"]
    assert [result["id"] for result in plain] == [None, "b", None]
    assert [result["windowed"] for result in plain] == [False, True, False]
    assert [result.pop("text") for result in whole] == ["", long, "Asthma"]
    assert whole == plain
    assert plain[0]["entities"] == []


@pytest.mark.parametrize(
    ("accept", "name"),
    [
        ("application/x-ndjson", "jsonl"),
        ("text/x-pubtator", "pubtator"),
        ("application/vnd.pubtator", "pubtator"),
        ("application/vnd.bioc+json", "bioc"),
    ],
)
async def test_answers_in_the_formats_of_documents(serve: Serve, accept: str, name: str) -> None:
    ask = {"texts": [{"id": "7", "text": TEXT}, {"id": "8", "text": "HeLa cells grew."}], "adapter": "drugs"}
    async with serve() as client:
        json_answer = (await client.post("/v1/annotate", json=ask)).json()["results"]
        answer = await client.post("/v1/annotate", json=ask, headers={"Accept": accept})
    assert answer.headers["content-type"].split(";")[0] == accept
    read = list(get_format(name).read(io.BytesIO(answer.content), "x", options=ReadOptions(), report=ReadReport()))
    assert [document.id for document in read] == ["7", "8"]
    for document, result in zip(read, json_answer, strict=True):
        assert [e.key for e in document.entities] == [(e["start"], e["end"], e["label"]) for e in result["entities"]]
        if name != "pubtator":
            assert [e.score for e in document.entities] == [e["score"] for e in result["entities"]]
    told = answer.headers.get("x-notes", "")
    assert ("score left out: " in told) == (name == "pubtator")
    assert ("metadata" in told) == (name != "jsonl"), "the adapters that found the entities"
    if name == "jsonl":
        assert {e.meta["adapter"] for document in read for e in document.entities} == {"drugs"}


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("*/*", "application/json"),
        ("text/html, */*;q=0.1", "application/json"),
        ("application/*", "application/json"),
        ("text/*", "text/x-pubtator"),
        ("application/json;q=0.5, application/x-ndjson", "application/x-ndjson"),
        ("application/json;q=0, */*", "application/x-ndjson"),
        ("text/html", None),
        ("application/json;q=0", None),
        ("application/json;q=many", None),
    ],
)
async def test_negotiation(serve: Serve, accept: str, chosen: str | None) -> None:
    async with serve() as client:
        ask = {"text": "HeLa", "labels": ["x"]}
        answer = await client.post("/v1/annotate", json=ask, headers={"Accept": accept})
    if chosen is None:
        message = assert_error(answer, 406, "not_acceptable")
        assert "application/vnd.bioc+json" in message
    else:
        assert answer.headers["content-type"].split(";")[0] == chosen


async def test_what_a_format_cannot_express(serve: Serve) -> None:
    ask = {"texts": [{"id": "a|b", "text": "HeLa"}], "labels": ["x"]}
    async with serve() as client:
        answer = await client.post("/v1/annotate", json=ask, headers={"Accept": "text/x-pubtator"})
    assert "a|b" in assert_error(answer, 422, "not_expressible")


async def test_a_file_tells_what_could_not_be_read(serve: Serve) -> None:
    """In JSON each result has its notes; a file has no place for them, and the format none for line breaks."""
    texts = [f"Aspirin\nhelps\n{'x' * 3000}", f"HeLa {'y' * 3000}"]
    async with serve() as client:
        ask = {"texts": texts, "labels": ["drug"]}
        results = (await client.post("/v1/annotate", json=ask)).json()["results"]
        answer = await client.post("/v1/annotate", json=ask, headers={"Accept": "text/x-pubtator"})
        whole = await client.post(
            "/v1/annotate", json={**ask, "texts": ["HeLa"]}, headers={"Accept": "text/x-pubtator"}
        )
    notes = {note for result in results for note in result["notes"]}
    assert notes
    told = answer.headers["x-notes"].split("; changed: ")[0]
    assert "line break in the text written as a space: 1" in told
    assert all(f"{note} (texts: 2)" in answer.headers["x-notes"] for note in notes)
    assert "x-notes" not in whole.headers or "score" in whole.headers["x-notes"]


def test_notes_fit_into_a_header() -> None:
    assert notes_header(["5 \u00e4\n\u4e2d", "b"]) == r"5 \xe4 \u4e2d; b"
    assert len(notes_header(["x" * 9000, "y"])) < 3000


async def test_token_classification(serve: Serve) -> None:
    async with serve(default_adapter="drugs") as client:
        ours = (await client.post("/v1/annotate", json={"texts": [TEXT, "HeLa"], "adapter": "drugs"})).json()["results"]
        expected = [
            [
                {
                    "entity_group": e["label"],
                    "score": e["score"],
                    "word": e["text"],
                    "start": e["start"],
                    "end": e["end"],
                }
                for e in result["entities"]
            ]
            for result in ours
        ]
        assert expected[0]
        for parameters in ({}, {"adapter": "drugs", "aggregation_strategy": "max"}):
            ask = {"inputs": [TEXT, "HeLa"], "parameters": parameters}
            assert (await client.post("/v1/token-classification", json=ask)).json() == expected
            ask["inputs"] = TEXT
            assert (await client.post("/v1/token-classification", json=ask)).json() == expected[0]
        ask = {"inputs": TEXT, "parameters": {"labels": ["disease"], "threshold": 0.01}}
        found = (await client.post("/v1/token-classification", json=ask)).json()
        assert {each["entity_group"] for each in found} == {"disease"}
    async with serve() as client:
        answer = await client.post("/v1/token-classification", json={"inputs": TEXT})
        assert "adapter or parameters.labels" in assert_error(answer, 422, "invalid_request")


async def test_what_there_is(serve: Serve, annotator: Annotator) -> None:
    async with serve(max_texts=7) as client:
        adapters = (await client.get("/v1/adapters")).json()["adapters"]
        base = (await client.get("/v1/base")).json()
        assert (await client.get("/healthz")).json() == (await client.get("/readyz")).json() == {"status": "ok"}
    assert [each["name"] for each in adapters] == ["drugs", "genes"]
    assert adapters[1]["labels"] == [{"name": each.name, "description": each.description} for each in GENES]
    assert adapters[1]["revision"] == annotator.library.info("genes").revision
    assert base["fingerprint"] == annotator.library.base.fingerprint
    assert base["limits"]["max_texts"] == 7
    assert isinstance(base["limits"]["max_texts"], int)


async def test_the_page(serve: Serve) -> None:
    async with serve(keys=("k" * 32,)) as client:
        page = await client.get("/")
        assert page.headers["content-type"].startswith("text/html")
        assert (await client.get("/assets/style.css")).headers["content-type"].startswith("text/css")
        assert_error(await client.get("/assets/none.js"), 404, "not_found")
    async with serve() as client:
        for path in ("/assets/../app.py", "/assets/%2e%2e/app.py", "/assets/..%2fapp.py", "/assets//etc/passwd"):
            assert_error(await client.get(path), 404, "not_found")


GOOD = {"text": "HeLa", "labels": ["x"]}
#: Status, code, a part of the message, and the body.
WRONG = [
    (422, "invalid_request", "exactly one of text and texts", {"labels": ["x"]}),
    (422, "invalid_request", "exactly one of text and texts", {**GOOD, "texts": ["a"]}),
    (422, "invalid_request", "Give labels, adapter or adapters", {"text": "a"}),
    (422, "invalid_request", "not both", {"text": "a", "adapter": "genes", "adapters": ["genes"]}),
    (422, "invalid_request", "a name twice", {"text": "a", "labels": ["x", "x"]}),
    (422, "invalid_request", "labels", {"text": "a", "labels": []}),
    (422, "invalid_request", "labels", {"text": "a", "labels": [" "]}),
    (422, "invalid_request", "text", {"text": 1, "labels": ["x"]}),
    (422, "invalid_request", "texts", {"texts": [], "labels": ["x"]}),
    (422, "invalid_request", "thresold", {**GOOD, "thresold": 0.5}),
    (422, "invalid_request", "threshold", {**GOOD, "threshold": 1.5}),
    (422, "invalid_request", "threshold", {**GOOD, "threshold": True}),
    (422, "invalid_request", "nested", {**GOOD, "nested": 1}),
    (422, "invalid_request", "labels", {**GOOD, "labels": {" ": None}}),
    (422, "invalid_request", "y", {**GOOD, "threshold": {"y": 0.5}}),
    (422, "invalid_request", "body", [1]),
    (404, "unknown_adapter", "'none'", {"text": "a", "adapter": "none"}),
    (404, "unknown_adapter", "'../genes'", {"text": "a", "adapters": ["genes", "../genes"]}),
]


async def test_what_makes_no_sense(serve: Serve) -> None:
    async with serve() as client:
        for status, code, part, body in WRONG:
            answer = await client.post("/v1/annotate", json=body)
            assert part in assert_error(answer, status, code), body
        for raw in (
            b"",
            b"{",
            b'{"text": "\\ud800", "labels": ["x"]}',
            b'{"texts": [{"text": "a", "id": "\\udc00"}], "labels": ["x"]}',
            b"[" * 10_000,
            b'{"text": "a", "labels": {"\\udfff": 1}}',
        ):
            answer = await client.post("/v1/annotate", content=raw, headers={"Content-Type": "application/json"})
            assert answer.status_code in (400, 422), raw[:20]
            assert_error(answer, answer.status_code, answer.json()["error"]["code"])
        # As a page of another origin could send it without asking.
        for kind in ({"Content-Type": "text/plain"}, {}):
            answer = await client.post("/v1/annotate", content=json.dumps(GOOD), headers=kind)
            assert_error(answer, 422, "invalid_request")
        assert_error(await client.get("/nowhere"), 404, "not_found")
        answer = await client.get("/v1/annotate")
        assert_error(answer, 405, "method_not_allowed")
        assert answer.headers["allow"] == "POST"


async def test_request_ids(serve: Serve) -> None:
    async def id_for(client: httpx.AsyncClient, own: str) -> str:
        return (await client.get("/healthz", headers={"X-Request-ID": own})).headers["X-Request-ID"]

    async with serve() as client:
        assert await id_for(client, "job-7.a_B") == "job-7.a_B"
        made = [await id_for(client, own) for own in ("", "x" * 65, "a b", 'a"', "<b>")]
    assert len(set(made)) == 5
    assert all(len(each) == 32 for each in made)
