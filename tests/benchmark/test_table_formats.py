"""The table of what formats keep, found by running them."""

from __future__ import annotations

import pytest

from benchmark.tables.formats import PROBES, format_table, keeps
from gliner_adapters.documents import formats


def test_json_lines_loses_nothing_and_others_what_they_say() -> None:
    known = formats()
    assert all(keeps(known["jsonl"], what) for what in PROBES)
    assert keeps(known["prodigy"], "scores")
    assert not keeps(known["doccano"], "scores")
    assert not keeps(known["iob2"], "overlapping entities")
    assert keeps(known["pubtator"], "concept ids")


def test_every_format_has_a_row() -> None:
    pytest.importorskip("spacy")
    rows = [line.split(" | ")[0] for line in format_table().splitlines()[2:]]
    assert rows == [f"| `{name}`" for name in formats()]
