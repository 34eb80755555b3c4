"""The API of trainings keeps to its own schema, whatever it is asked."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error

from adapters.helpers import Tiny
from gliner_adapters.annotate import AdapterLibrary, Annotator
from gliner_adapters.server import Settings, create_app
from gliner_adapters.server.security import Keys

KEY = "correct-horse-battery"
#: What a server may say to a request that keeps to the schema: done; begun; no such adapter; a training runs or none
#: does; more than this server takes; offsets beyond the text or nothing to train on, which no schema can say.
TO_GOOD_REQUESTS = ("200", "202", "404", "409", "413", "422", "503")
OPERATIONS = 6


@pytest.fixture
def described(tiny: Tiny, adapters_folder: Path, tmp_path: Path) -> Any:
    base = tiny("bi-bert").base
    annotator = Annotator(base, adapters=AdapterLibrary.of_folder(adapters_folder, base))
    limits = {"max_texts": 10, "max_text_chars": 200}
    options = Settings(rate=0, allow_host=["testserver"], train=tmp_path / "train", **limits)
    schema = schemathesis.openapi.from_asgi("/openapi.json", create_app(annotator, options, Keys([KEY])))
    schema.config.checks.positive_data_acceptance.expected_statuses = list(TO_GOOD_REQUESTS)
    return schema


def test_requests_by_the_schema(described: Any) -> None:
    asked: Counter[tuple[str, int]] = Counter()
    operations = [found.ok() for found in described.get_all_operations()]
    operations = [each for each in operations if each.path.startswith("/v1/training")]
    assert len(operations) == OPERATIONS
    for operation in operations:
        for mode in GenerationMode:
            if mode == GenerationMode.NEGATIVE and operation.path != "/v1/training/documents":
                continue

            @settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), database=None)
            @given(case=operation.as_strategy(generation_mode=mode))
            def ask(case: Any) -> None:
                response = case.call(headers={"Authorization": f"Bearer {KEY}"})
                asked[f"{case.operation.method} {case.operation.path}", response.status_code] += 1
                excluded = [not_a_server_error] if response.status_code == 503 else []
                case.validate_response(response, excluded_checks=excluded)

            ask()
    assert asked["get /v1/training", 200], asked
    assert any(asked["post /v1/training/documents", status] for status in (400, 422)), asked
