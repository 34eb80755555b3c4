"""How a text is cut belongs to who reads it, and can be asked for otherwise."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.helpers import Tiny, trained_adapter
from bases import LABELS, TEXTS
from gliner_adapters.annotate import Annotator, Request
from gliner_adapters.annotate.requests import Reading
from gliner_adapters.documents import Document
from gliner_adapters.model import Base
from gliner_adapters.model.embedded import EMBEDDED, BaseRecord, embedded_bases

TEXT = " ".join((TEXTS[1], "Asthma was treated.", TEXTS[5], "Aspirin helped."))


def keys(reading: Reading | Document) -> list[Any]:
    document = reading.document if isinstance(reading, Reading) else reading
    return [(*e.key, pytest.approx(e.score, abs=1e-4)) for e in document.entities]


def test_embedded_bases_are_read_as_they_were_pretrained() -> None:
    records = {name: BaseRecord.read(EMBEDDED / name) for name in embedded_bases()}
    assert records
    assert {record.segment for record in records.values()} == {"sentence"}


@pytest.mark.parametrize("name", ["uni-bert", "bi-bert"])
def test_a_base_decides_and_everyone_may_ask_otherwise(name: str, tiny: Tiny) -> None:
    shared = tiny(name).base
    assert shared.segment == "window", "nothing is known of it"
    base = Base(
        shared.network,
        shared.config,
        shared.text_tokens.tokenizer,
        shared.label_tokenizer,
        id=shared.id,
        segment="sentence",
    )
    ways = {way: keys(Annotator(base, LABELS, segment=way, threshold=0.2).annotate([TEXT])[0]) for way in WAYS}
    assert ways["sentence"] != ways["window"], "or the test means little"
    own = Annotator(base, LABELS, threshold=0.2)
    assert own.segment == "sentence"
    assert keys(own.annotate([TEXT])[0]) == ways["sentence"]
    with_library = Annotator(base, adapters={})
    request = {"document": Document(TEXT), "labels": LABELS, "threshold": 0.2}
    assert keys(with_library.read([Request(**request)])[0]) == ways["sentence"]
    assert keys(with_library.read([Request(**request, segment="window")])[0]) == ways["window"]
    asked = Annotator(base, adapters={}, segment="window")
    assert keys(asked.read([Request(**request)])[0]) == ways["window"]
    assert keys(asked.read([Request(**request, segment="sentence")])[0]) == ways["sentence"]


def test_an_adapter_keeps_its_own(tiny: Tiny) -> None:
    base = tiny("bi-bert").base
    adapters = {way: trained_adapter(base, "heads", threshold=0.2, segment=way) for way in WAYS}
    alone = {way: keys(Annotator(adapter).annotate([TEXT])[0]) for way, adapter in adapters.items()}
    assert alone["sentence"] != alone["window"]
    annotator = Annotator(base, adapters=adapters)
    for way, other in (WAYS, WAYS[::-1]):
        assert keys(annotator.read([Request(Document(TEXT), (way,))])[0]) == alone[way]
        assert keys(annotator.read([Request(Document(TEXT), (way,), segment=other)])[0]) == alone[other]


WAYS: tuple[Any, Any] = ("sentence", "window")
