"""The OpenAPI document: complete, and true of what the server does."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error

from gliner_adapters.annotate import Annotator
from gliner_adapters.server import Settings, create_app
from gliner_adapters.server.formats import MEDIA_TYPES

from .conftest import Serve


@pytest.fixture(scope="module")
def described(annotator: Annotator) -> Any:
    """The application, which schemathesis starts and stops by itself."""
    app = create_app(annotator, Settings(rate=0, allow_host=["testserver"], max_texts=3, max_text_chars=50))
    return schemathesis.openapi.from_asgi("/openapi.json", app)


#: A queue that is full answers 503, and a text that is not read in time 504: by design, and described.
BY_DESIGN = (503, 504)


def exercise(described: Any, examples: int) -> None:
    """Requests that keep to the schema and requests that break it, to every operation; answers are held to it, too."""
    asked: set[str] = set()
    for found in described.get_all_operations():
        operation = found.ok()
        for mode in GenerationMode:
            if mode == GenerationMode.NEGATIVE and operation.method == "get":
                continue  # these take nothing that could be wrong

            @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), database=None)
            @given(case=operation.as_strategy(generation_mode=mode))
            def ask(case: Any) -> None:
                asked.add(case.operation.path)
                response = case.call()
                excluded = [not_a_server_error] if response.status_code in BY_DESIGN else []
                case.validate_response(response, excluded_checks=excluded)

            ask()
    assert len(asked) == 7


def test_requests_by_the_schema(described: Any) -> None:
    exercise(described, 4)


@pytest.mark.slow
def test_many_requests_by_the_schema(described: Any) -> None:
    exercise(described, 300)


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
        for path, name in (("/v1/annotate", "AnnotateRequest"), ("/v1/token-classification", "ClassificationRequest")):
            described = {**document["components"]["schemas"][name], "components": document["components"]}
            examples = described["examples"]
            for example in examples:
                jsonschema_rs.validate(described, example)
                example.pop("adapter", None)
                example = example if "inputs" in example else {**example, "labels": ["x"]}
                assert (await client.post(path, json=example)).status_code == 200
