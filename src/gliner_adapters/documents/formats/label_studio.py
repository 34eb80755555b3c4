"""Label Studio's JSON: tasks as it exports and imports them, and its short form (JSON_MIN).

    [{"id": 7, "data": {"text": "Naloxone helps."}, "annotations": [{"result": [
      {"id": "a1", "from_name": "label", "to_name": "text", "type": "labels",
       "value": {"start": 0, "end": 8, "text": "Naloxone", "labels": ["Chemical"]}}]}]}]
    [{"id": 7, "text": "Naloxone helps.", "annotation_id": 1, "label": [
      {"start": 0, "end": 8, "text": "Naloxone", "labels": ["Chemical"]}]}]

Of several annotations of a task the first is read that was not cancelled, one marked as ground truth before others. A
task that nobody has annotated is read with its newest predictions, if it has any, and without entities otherwise. All
of that is counted. The text is ``data.text``, or the only string that the task has; the id is ``data.id``, else the
task's own. Choices, relations and what else a task has are kept in ``meta["label-studio"]``.

Tasks are written: an annotation, or a prediction (which annotators see as a pre-annotation) where entities have scores.
``from_name`` and ``to_name`` are those of the usual labelling interface, ``label`` and ``text``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gliner_adapters.documents.formats.base import WriteOptions
from gliner_adapters.documents.formats.json_entities import Note, make_entity
from gliner_adapters.documents.formats.json_fields import Malformed, as_object, field, first_record, identifier
from gliner_adapters.documents.formats.json_records import JsonRecords
from gliner_adapters.documents.formats.report import WriteReport
from gliner_adapters.documents.types import Document, Entity

CANCELLED = "task whose annotations were all cancelled left out"
OTHERS = "further annotation of a task left out"
PREDICTIONS = "task without annotation read with what was predicted for it"
UNANNOTATED = "task without annotation read as a document without entities"
UTF16 = "offsets count UTF-16 units instead of characters"
SPACES = "mention differs from the text in its white space"
UNLABELLED = "region without a label left out"
TO_ANNOTATE = "document without entities written as a task that is to be annotated"

_ANNOTATIONS = ("annotations", "completions")
#: What a task of the short form says of its annotation, and how an annotation says it.
_SHORT = {
    "annotation_id": "id",
    "annotator": "completed_by",
    "created_at": "created_at",
    "updated_at": "updated_at",
    "lead_time": "lead_time",
}
#: Labels of regions of other tags than ``Text``.
_NOT_PLAIN = ("hypertextlabels", "paragraphlabels", "timeserieslabels")
_PLAIN_TEXT_ALONE = "a region of HTML or of a dialogue; only regions of plain text (the tag Text) are read"
_VALUE = ("start", "end", "text", "labels")
_VERSION = "gliner-adapters"


@dataclass(frozen=True, slots=True)
class _Found:
    """What was chosen of a task: its regions, and what stands around them."""

    regions: list[Any]
    around: dict[str, Any]
    predicted: bool = False


class LabelStudio(JsonRecords):
    """Reader and writer for Label Studio's JSON."""

    name = "label-studio"
    shared_endings = (".json", ".jsonl", ".ndjson")
    summary = "Label Studio's JSON: tasks with annotations, or with predictions"
    array = True
    keeps = frozenset({"score"})

    def recognises(self, head: bytes) -> bool:
        """Tasks with data, or the short form: regions with labels, or the id of an annotation."""
        record = first_record(head)
        if not isinstance(record, dict):
            return False
        if isinstance(record.get("data"), dict):
            return any(isinstance(record.get(name), list) for name in (*_ANNOTATIONS, "predictions"))
        return "annotation_id" in record or any(_are_regions(value) for value in record.values())

    def parse(self, record: Any, note: Note) -> Document | None:
        """A document from a task."""
        task = as_object(record, "a task")
        short = not isinstance(task.get("data"), dict)
        if short and "data" in task:
            raise Malformed("expected an object in field 'data'")
        data: Mapping[str, Any]
        found: _Found | None
        if short:
            task, data, found = _long(task)
        else:
            data, found = task["data"], _chosen(task, note)
        if found is None:
            return None
        key = _text_key(data)
        text = data[key]
        left = (*_ANNOTATIONS, "data", *(["predictions"] if found.predicted else []))
        entities: list[Entity] = []
        others: list[Any] = []
        for region in found.regions:
            value = region.get("value") or {}
            if "labels" in value:
                entities += _entities(region, text, found.predicted, note)
                continue
            others.append(region)
            if any(name in value for name in _NOT_PLAIN):
                raise Malformed(_PLAIN_TEXT_ALONE)
            if "start" in value and "end" in value:
                note(UNLABELLED)
        kept: dict[str, Any] = {
            "task": {name: value for name, value in task.items() if name not in left},
            "data": {name: value for name, value in data.items() if name not in (key, "id")},
            "annotation": found.around,
            "others": others,
            "key": key if key != "text" else "",
        }
        meta = {name: value for name, value in kept.items() if value}
        return Document(text, entities, identifier(data) or identifier(task), meta={self.name: meta} if meta else {})

    def record(self, document: Document, number: int, options: WriteOptions, report: WriteReport) -> dict[str, Any]:
        """A task; its annotation, or a prediction where an entity has a score."""
        kept = document.meta.get(self.name, {})
        task = dict(kept.get("task", {}))
        data = {kept.get("key", "text"): document.text, **kept.get("data", {})}
        if document.id is not None and str(task.get("id")) != document.id:
            data["id"] = document.id
        around = dict(kept.get("annotation", {}))
        result = [*_regions(document), *kept.get("others", [])]
        scores = [entity.score for entity in document.entities if entity.score is not None]
        if scores:
            around.setdefault("model_version", _VERSION)
            written = {"predictions": [{**around, "score": sum(scores) / len(scores), "result": result}]}
        elif result or around:
            written = {"annotations": [{**around, "result": result}]}
        else:
            report.changes[TO_ANNOTATE] += 1
            written = {"annotations": []}
        return {**task, "data": data, **written}


def _long(record: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any], _Found]:
    """A task of the short form as task, data and annotation."""
    named = [name for name, value in record.items() if _are_regions(value)]
    regions = [{"value": value, "from_name": name} for name in named for value in record[name]]
    around = {name: record[short] for short, name in _SHORT.items() if short in record}
    data = {name: value for name, value in record.items() if name not in ("id", *_SHORT, *named)}
    return {"id": record["id"]} if "id" in record else {}, data, _Found(regions, around)


def _text_key(data: Mapping[str, Any]) -> str:
    """Which field of a task's data is the text."""
    if isinstance(data.get("text"), str):
        return "text"
    strings = [name for name, value in data.items() if isinstance(value, str) and name != "id"]
    if len(strings) == 1:
        return strings[0]
    found = f"the strings {', '.join(map(repr, strings))}" if strings else "no string"
    raise Malformed(f"cannot tell which field is the text: expected 'text' or one string alone, found {found}")


def _chosen(task: Mapping[str, Any], note: Note) -> _Found | None:
    """The annotation of a task that is read, or what was predicted for it; ``None`` if it was cancelled."""
    annotations = [as_object(each, "an annotation") for name in _ANNOTATIONS for each in field(task, name, list, [])]
    kept = [each for each in annotations if not each.get("was_cancelled")]
    if annotations and not kept:
        note(CANCELLED)
        return None
    if kept:
        first = next((each for each in kept if each.get("ground_truth")), kept[0])
        for _ in annotations[1:]:
            note(OTHERS)
        return _found(first)
    # Some exports give predictions by their ids alone.
    predictions = [each for each in field(task, "predictions", list, []) if isinstance(each, dict)]
    if not predictions:
        note(UNANNOTATED)
        return _Found([], {})
    note(PREDICTIONS)
    for _ in predictions[1:]:
        note(OTHERS)
    return _found(predictions[-1], predicted=True)


def _found(annotation: Mapping[str, Any], *, predicted: bool = False) -> _Found:
    regions = [as_object(each, "each of 'result'") for each in field(annotation, "result", list, [])]
    for region in regions:
        field(region, "value", dict, {})
    left = ("result", "score") if predicted else ("result",)
    return _Found(list(regions), {key: each for key, each in annotation.items() if key not in left}, predicted)


def _are_regions(value: Any) -> bool:
    """Whether a field of the short form holds regions with labels."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(each, dict) and {"start", "end", "labels"} <= each.keys() for each in value)
    )


def _entities(region: Mapping[str, Any], text: str, predicted: bool, note: Note) -> Iterator[Entity]:
    """An entity for each label of a region."""
    value = as_object(region["value"], "a region's value")
    if isinstance(value.get("start"), str):
        raise Malformed(_PLAIN_TEXT_ALONE)
    start, end = field(value, "start", int), field(value, "end", int)
    mention = field(value, "text", str, None)
    if mention is not None and text[max(0, start) : max(0, end)] != mention:
        start, end, mention = _placed(text, start, end, mention, note)
    own = {key: each for key, each in region.items() if key not in ("value", "score")}
    if more := {key: each for key, each in value.items() if key not in _VALUE}:
        own["value"] = more
    score = field(region, "score", (int, float), None) if predicted else None
    if not predicted and "score" in region:
        own["score"] = region["score"]
    for label in field(value, "labels", list):
        meta = {"label-studio": own} if own else None
        yield make_entity(text, start, end, label, note=note, mention=mention, score=score, meta=meta)


def _placed(text: str, start: int, end: int, mention: str, note: Note) -> tuple[int, int, str | None]:
    """Offsets and mention of a region whose text does not stand where it says, as far as the region proves them."""
    if not text.isascii():
        raw = text.encode("utf-16-le", "surrogatepass")
        units = raw[2 * max(0, start) : 2 * max(0, end)].decode("utf-16-le", "replace")
        if units == mention:
            note(UTF16)
            before = len(raw[: 2 * start].decode("utf-16-le", "replace"))
            return before, before + len(mention), mention
    # Line breaks come out as white space of another kind, or escaped.
    if text[max(0, start) : max(0, end)].split() == mention.replace("\\n", " ").split() != []:
        note(SPACES)
        return start, end, None
    return start, end, mention


def _regions(document: Document) -> Iterator[dict[str, Any]]:
    """The regions of a document; entities that came from one region are one again."""
    taken = {str((entity.meta or {}).get("label-studio", {}).get("id")) for entity in document.entities}
    fresh = (str(number) for number in range(1, 2 * len(document.entities) + 2) if str(number) not in taken)
    last: dict[str, Any] | None = None
    for entity in document.entities:
        own = dict((entity.meta or {}).get("label-studio", {}))
        value = {"start": entity.start, "end": entity.end, "text": document.mention(entity), "labels": [entity.label]}
        more = own.pop("value", {})
        region = {"from_name": "label", "to_name": "text", "type": "labels", **own}
        if entity.score is not None:
            region["score"] = entity.score
        same = last is not None and "id" in own and last["id"] == own["id"]
        if same and last is not None and {**last["value"], "labels": []} == {**value, **more, "labels": []}:
            last["value"]["labels"].append(entity.label)
            continue
        if last is not None:
            yield last
        last = {"id": next(fresh), **region, "value": {**value, **more}}
    if last is not None:
        yield last


FORMAT = LabelStudio()
