"""Label Studio's tasks: what is read of them, what is counted, and what comes out again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from documents.helpers import read_bytes, write_bytes
from gliner_adapters.documents import Document, Entity, ReadReport, WriteReport
from gliner_adapters.documents.formats import label_studio
from gliner_adapters.errors import DataError


def region(start: Any, end: Any, text: str | None = None, *labels: str, **more: Any) -> dict[str, Any]:
    value = {
        "start": start,
        "end": end,
        **({"text": text} if text is not None else {}),
        "labels": list(labels or ["C"]),
    }
    return {"id": "r", "from_name": "label", "to_name": "text", "type": "labels", "value": value, **more}


def task(text: str, *annotations: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": 7, "data": {"text": text}, "annotations": list(annotations), **more}


def read(*tasks: Any, report: ReadReport | None = None) -> list[Document]:
    return read_bytes(json.dumps(list(tasks)).encode(), "label-studio", path="f", report=report)


def test_a_task_comes_back_as_it_was() -> None:
    choice = {"type": "choices", "from_name": "kind", "to_name": "text", "value": {"choices": ["case report"]}}
    relation = {"type": "relation", "from_id": "r", "to_id": "r", "direction": "right"}
    whole = task(
        "Aspirin helps.",
        {"id": 3, "result": [region(0, 7, "Aspirin", "Chemical", "Drug"), relation, choice], "completed_by": 2},
        meta={"from": "a"},
    )
    whole["data"]["journal"] = "x"
    (document,) = read(whole)
    assert [entity.key for entity in document.entities] == [(0, 7, "Chemical"), (0, 7, "Drug")]
    assert document.id == "7"
    assert json.loads(write_bytes([document], "label-studio")) == [whole]


def test_the_short_form_becomes_tasks() -> None:
    (document,) = read(
        {
            "id": 7,
            "abstract": "Aspirin.",
            "label": [region(0, 7, "Aspirin")["value"]],
            "annotation_id": 4,
            "annotator": 1,
        }
    )
    assert document.id == "7"
    (written,) = json.loads(write_bytes([document], "label-studio"))
    assert written["data"] == {"abstract": "Aspirin."}
    assert {key: written["annotations"][0][key] for key in ("id", "completed_by")} == {"id": 4, "completed_by": 1}
    assert read(written)[0] == document


def test_one_annotation_is_chosen_and_the_others_are_counted() -> None:
    report = ReadReport()
    cancelled = {"was_cancelled": True, "result": [region(0, 1)]}
    first, truth = {"result": [region(0, 2)]}, {"ground_truth": True, "result": [region(0, 3)]}
    chosen = read(
        task("abcdef", cancelled, first),
        task("abcdef", first, truth),
        task("abcdef", cancelled),
        task("abcdef", predictions=[{"result": [region(0, 5, score=0.25)]}]),
        task("abcdef"),
        report=report,
    )
    assert [[(e.end, e.score) for e in document.entities] for document in chosen] == [
        [(2, None)],
        [(3, None)],
        [(5, 0.25)],
        [],
    ]
    assert dict(report.repairs) == {
        label_studio.OTHERS: 2,
        label_studio.CANCELLED: 1,
        label_studio.PREDICTIONS: 1,
        label_studio.UNANNOTATED: 1,
    }
    assert report.documents == 4


def test_what_has_scores_goes_out_as_a_prediction() -> None:
    report = WriteReport()
    found = Document("Aspirin cures asthma.", [Entity(0, 7, "C", 0.5), Entity(14, 20, "D", 1.0)], "a")
    gold, empty = Document("Aspirin.", [Entity(0, 7, "C")], "b"), Document("None.", [], "c")
    written = json.loads(write_bytes([found, gold, empty], "label-studio", report=report))
    (prediction,) = written[0]["predictions"]
    assert (prediction["score"], [each["score"] for each in prediction["result"]]) == (0.75, [0.5, 1.0])
    assert "annotations" not in written[0]
    assert "predictions" not in written[1]
    # Nobody has looked at it, so the tool may not take it for done.
    assert written[2] == {"data": {"text": "None.", "id": "c"}, "annotations": []}
    assert dict(report.changes) == {label_studio.TO_ANNOTATE: 1}
    again = [(each.id, each.text, each.entities) for each in read(*written)]
    assert again == [(each.id, each.text, each.entities) for each in (found, gold, empty)]


@pytest.mark.parametrize(
    ("text", "given", "place", "repair"),
    [
        ("\U0001f9ea\U0001f9ea Aspirin", (5, 12, "Aspirin"), (3, 10), label_studio.UTF16),
        ("\U0001f9ea Aspirin", (2, 9, "Aspirin"), (2, 9), None),
        ("left\nlobe", (0, 9, "left\\nlobe"), (0, 9), label_studio.SPACES),
        ("left\n lobe", (0, 10, "left lobe"), (0, 10), label_studio.SPACES),
        ("Aspirin.", (0, 6, "Aspirin"), (0, 7), "inclusive end of an entity read as exclusive, as its text says"),
    ],
)
def test_offsets_that_the_text_proves(
    text: str, given: tuple[int, int, str], place: tuple[int, int], repair: str | None
) -> None:
    report = ReadReport()
    (document,) = read(task(text, {"result": [region(*given)]}), report=report)
    assert [(e.start, e.end) for e in document.entities] == [place]
    assert dict(report.repairs) == ({} if repair is None else {repair: 1})


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (
            task("Aspirin", {"result": [region(0, 7, "Ibuprofen")]}),
            "expected the text 'Ibuprofen' at 0-7, found 'Aspirin'",
        ),
        (task("Aspirin", {"result": [region(0, 8)]}), "expected 0 <= start < end <= 7"),
        (task("Aspirin", {"result": [region("/p[1]/text()[1]", "/p[1]", "Aspirin")]}), "only regions of plain text"),
        (task("Aspirin", {"result": [region(0, 7, None, "")]}), "label is empty"),
        (task("Aspirin", {"result": [{"value": []}]}), "expected an object in field 'value'"),
        (task("Aspirin", {"result": [{"value": {"labels": "C", "start": 0, "end": 1}}]}), "a list in field 'labels'"),
        (task("Aspirin", predictions=[{"result": [region(0, 1, score=3)]}]), "score between 0 and 1"),
        ({"data": {"a": "x", "b": "y"}, "annotations": [{"result": []}]}, "found the strings 'a', 'b'"),
        ({"data": {"image": 1}, "annotations": []}, "found no string"),
        ({"data": [], "annotations": []}, "expected an object in field 'data'"),
        (7, "expected a task to be an object, found a number"),
    ],
)
def test_bad_tasks_are_named_and_can_be_skipped(bad: Any, message: str) -> None:
    raw = "[\n" + json.dumps(task("fine", {"result": []})) + ",\n" + json.dumps(bad) + "]"
    with pytest.raises(DataError) as caught:
        read_bytes(raw.encode(), "label-studio", path="f")
    assert str(caught.value).startswith("f:3: ")
    assert message in str(caught.value)
    report = ReadReport()
    assert len(read_bytes(raw.encode(), "label-studio", skip_bad=True, report=report)) == report.skipped == 1


@pytest.mark.parametrize("kind", ["hypertextlabels", "paragraphlabels", "timeserieslabels"])
def test_regions_of_other_tags_are_never_kept_aside(kind: str) -> None:
    value = {"start": 0, "end": 7, kind: ["Chemical"]}
    task = {"data": {"text": "Aspirin."}, "annotations": [{"result": [{"type": kind, "value": value}]}]}
    with pytest.raises(DataError, match="only regions of plain text"):
        read_bytes(json.dumps([task]).encode(), "label-studio")


def test_a_region_without_a_label_is_counted() -> None:
    region = {"type": "labels", "value": {"start": 0, "end": 7, "text": "Aspirin"}}
    report = ReadReport()
    task = {"data": {"text": "Aspirin."}, "annotations": [{"result": [region]}]}
    (document,) = read_bytes(json.dumps([task]).encode(), "label-studio", report=report)
    assert (document.entities, dict(report.repairs)) == ([], {label_studio.UNLABELLED: 1})
