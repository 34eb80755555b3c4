"""The OpenAPI document: complete, and true of what the server does.

``make benchmark-schema`` runs the long test and keeps what was asked and answered, in the file that
``GLINER_ADAPTERS_SCHEMA_RESULT`` names.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
import torch
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error

from gliner_adapters.annotate import Annotator
from gliner_adapters.provenance import provenance
from gliner_adapters.server import Settings, create_app
from gliner_adapters.server.formats import MEDIA_TYPES

from .conftest import Serve

#: What a server may say to a request that keeps to the schema: done; no such adapter; more than this server takes
#: of something (`/v1/base` tells the limits); a full queue (503) or no time left (504).
TO_GOOD_REQUESTS = ("200", "404", "413", "503", "504")
BY_DESIGN = (503, 504)
#: Examples of good and of bad requests for every operation, in the long test.
MANY = 300


@pytest.fixture(scope="module", params=[None, "drugs"], ids=["no default adapter", "default adapter"])
def described(annotator: Annotator, request: pytest.FixtureRequest) -> Any:
    """The application, which schemathesis starts and stops by itself."""
    limits = {"max_texts": 10, "max_text_chars": 200}
    app = create_app(annotator, Settings(rate=0, allow_host=["testserver"], default_adapter=request.param, **limits))
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    schema.config.checks.positive_data_acceptance.expected_statuses = list(TO_GOOD_REQUESTS)
    return schema


def exercise(described: Any, examples: int) -> Counter[tuple[str, int]]:
    """Requests that keep to the schema and requests that break it, to every operation; answers are held to it, too.

    Returns:
        how often each path answered with each status.
    """
    asked: Counter[tuple[str, int]] = Counter()
    for found in described.get_all_operations():
        operation = found.ok()
        for mode in GenerationMode:
            if mode == GenerationMode.NEGATIVE and operation.method == "get":
                continue  # these take nothing that could be wrong

            @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), database=None)
            @given(case=operation.as_strategy(generation_mode=mode))
            def ask(case: Any) -> None:
                if case.meta.generation.mode.is_positive:
                    name_what_there_is(case.body)
                response = case.call()
                asked[case.operation.path, response.status_code] += 1
                excluded = [not_a_server_error] if response.status_code in BY_DESIGN else []
                case.validate_response(response, excluded_checks=excluded)

            ask()
    assert len({path for path, _ in asked}) == 7
    for path in ("/v1/annotate", "/v1/token-classification"):
        assert asked[path, 200], asked
        assert any(asked[path, status] for status in (400, 413, 422)), asked
    return asked


def name_what_there_is(body: Any) -> None:
    """What a schema cannot say: adapters are the server's, and thresholds of labels that are asked for."""
    if not isinstance(body, dict):
        return
    for wanted in (body, body.get("parameters") or {}):
        if wanted.get("adapter") is not None:
            wanted["adapter"] = "drugs"
    if body.get("adapters") is not None:
        body["adapters"] = ["drugs", "genes"][: len(body["adapters"])]
    if isinstance(body.get("threshold"), dict):
        body["threshold"] = dict(zip(body.get("labels") or (), body["threshold"].values(), strict=False)) or None


def test_requests_by_the_schema(described: Any) -> None:
    exercise(described, 10)


@pytest.mark.slow
def test_many_requests_by_the_schema(described: Any, request: pytest.FixtureRequest) -> None:
    asked = exercise(described, MANY)
    if "GLINER_ADAPTERS_SCHEMA_RESULT" in os.environ:
        keep(Path(os.environ["GLINER_ADAPTERS_SCHEMA_RESULT"]), request.node.callspec.id, asked)


def keep(path: Path, server: str, asked: Counter[tuple[str, int]]) -> None:
    """Add what one server answered to the result file."""
    servers = json.loads(path.read_text(encoding="utf-8"))["servers"] if path.is_file() else {}
    statuses: dict[str, dict[str, int]] = {}
    for (endpoint, status), count in sorted(asked.items()):
        statuses.setdefault(endpoint, {})[str(status)] = count
    servers[server] = {
        "requests": sum(asked.values()),
        "server_errors": sum(
            count for (_, status), count in asked.items() if status >= 500 and status not in BY_DESIGN
        ),
        "statuses": statuses,
    }
    result = {"examples": MANY, "servers": servers, **provenance(torch.device("cpu"))}
    path.write_text(json.dumps({**result, "command": "make benchmark-schema"}, indent=2) + "\n", encoding="utf-8")


@pytest.mark.anyio
async def test_the_document_is_complete(serve: Serve) -> None:
    async with serve() as client:
        document = (await client.get("/openapi.json")).json()
        assert set(document["paths"]) == {
            "/v1/annotate",
            "/v1/token-classification",
            "/v1/adapters",
            "/v1/base",
            "/healthz",
            "/readyz",
            "/metrics",
        }
        for path, operations in document["paths"].items():
            for operation in operations.values():
                assert operation["summary"], path
                for status, answer in operation["responses"].items():
                    assert answer["description"], (path, status)
                    if status != "200":
                        (kind,) = answer["content"].values()
                        assert kind["schema"] == {"$ref": "#/components/schemas/ErrorBody"}, (path, status)
                if path.startswith("/v1"):
                    assert {"401", "429", "500"} <= set(operation["responses"])
        annotate = document["paths"]["/v1/annotate"]["post"]
        assert set(annotate["responses"]["200"]["content"]) == set(MEDIA_TYPES)
        for path in ("/v1/annotate", "/v1/token-classification"):
            content = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
            name = content["schema"]["$ref"].rpartition("/")[2]
            described = {**document["components"]["schemas"][name], "components": document["components"]}
            examples = described["examples"]
            for example in examples:
                jsonschema_rs.validate(described, example)
                example.pop("adapter", None)
                example = example if "inputs" in example else {**example, "labels": ["x"]}
                assert (await client.post(path, json=example)).status_code == 200
