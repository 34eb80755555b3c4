"""What other tools write as JSON, read for what it is: by its content, with its entities, or not at all."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from documents.helpers import any_documents, read_bytes, write_bytes
from gliner_adapters.documents import Document, Entity, ReadReport, WriteReport, detect_format, read_documents
from gliner_adapters.errors import DataError

ASPIRIN = [(0, 7, "Chemical")]

#: Name, content, format that it is in, and the entities of each document.
FILES: dict[str, tuple[str, str, str, list[list[tuple[int, int, str]]]]] = {
    "doccano": ("a.jsonl", '{"text":"Aspirin reduced fever.","label":[[0,7,"Chemical"]]}\n', "doccano", [ASPIRIN]),
    "doccano, several": (
        "a.jsonl",
        '{"id":1,"text":"Aspirin.","labels":[]}\n{"id":2,"text":"Aspirin.","labels":[[0,7,"Chemical"]]}\n',
        "doccano",
        [[], ASPIRIN],
    ),
    "doccano with relations": (
        "a.json",
        '[{"text":"Aspirin.","entities":[{"id":3,"start_offset":0,"end_offset":7,"label":"Chemical"}],"relations":[]}]',
        "doccano",
        [ASPIRIN],
    ),
    "spaCy": ("a.jsonl", '{"text":"Aspirin reduced fever.","entities":[[0,7,"Chemical"]]}', "spacy-json", [ASPIRIN]),
    "spaCy, pairs": ("a.json", '[["Aspirin.", {"entities": [[0, 7, "Chemical"]]}]]', "spacy-json", [ASPIRIN]),
    "spaCy, a Doc": (
        "a.json",
        '{"text": "Aspirin.", "ents": [{"start": 0, "end": 7, "label": "Chemical"}], "tokens": []}',
        "spacy-json",
        [ASPIRIN],
    ),
    "Prodigy": (
        "a.jsonl",
        '{"text":"Aspirin.","spans":[{"start":0,"end":7,"label":"Chemical","token_start":0}],"answer":"accept"}\n'
        '{"text":"Aspirin.","spans":[{"start":0,"end":7,"label":"Chemical"}],"answer":"reject"}\n',
        "prodigy",
        [ASPIRIN],
    ),
    "GLiNER": (
        "a.json",
        '[{"tokenized_text": ["Aspirin", "helps", "."], "ner": [[0, 0, "Chemical"]]},'
        ' {"tokenized_text": ["No", "entities"], "ner": []}]',
        "gliner",
        [ASPIRIN, []],
    ),
    "GLiNER, lines": (
        "a.jsonl",
        '{"tokenized_text": ["Aspirin", "helps", "."], "ner": [[0, 0, "Chemical"]]}',
        "jsonl",
        [ASPIRIN],
    ),
    "Label Studio": (
        "a.json",
        '[{"id": 1, "data": {"text": "Aspirin."}, "annotations": [{"result": [{"type": "labels", "value": '
        '{"start": 0, "end": 7, "text": "Aspirin", "labels": ["Chemical"]}}]}], "predictions": []}]',
        "label-studio",
        [ASPIRIN],
    ),
    "Label Studio, short": (
        "a.json",
        '[{"text": "Aspirin.", "id": 1, "label": [{"start": 0, "end": 7, "text": "Aspirin", "labels": ["Chemical"]}], '
        '"annotator": 1, "annotation_id": 4}, {"text": "No.", "id": 2, "annotator": 1, "annotation_id": 5}]',
        "label-studio",
        [ASPIRIN, []],
    ),
    "Label Studio, predicted": (
        "a.jsonl",
        '{"data": {"abstract": "Aspirin."}, "predictions": [{"result": [{"type": "labels", "score": 0.5, "value": '
        '{"start": 0, "end": 7, "labels": ["Chemical"]}}]}]}',
        "label-studio",
        [ASPIRIN],
    ),
    "our own": (
        "a.jsonl",
        '{"text": "Aspirin.", "entities": [{"start": 0, "end": 7, "label": "Chemical"}]}',
        "jsonl",
        [ASPIRIN],
    ),
}

PASSAGES = (
    '{"id": "1", "passages": [{"offset": 0, "text": "Aspirin helps.", "infons": {}, "annotations": [{"id": "T1", '
    '"infons": {"type": "Chemical"}, "text": "Aspirin", "locations": [{"offset": 0, "length": 7}]}]}]}'
)
for what, content in {
    "list": f"[{PASSAGES}]",
    "PubTator": f'{{"PubTator3": [{PASSAGES}]}}',
    "line": PASSAGES,
    "lines": f"{PASSAGES}\n{PASSAGES}\n",
}.items():
    FILES[f"BioC, {what}"] = ("a.json", content, "bioc", [ASPIRIN] * content.count('"id": "1"'))


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_known_by_its_content(name: str, tmp_path: Path) -> None:
    file, content, format_name, entities = FILES[name]
    path = tmp_path / file
    path.write_text(content, encoding="utf-8")
    assert detect_format(path) == format_name
    report = ReadReport()
    documents = list(read_documents(path, report=report))
    assert [[entity.key for entity in document.entities] for document in documents] == entities
    assert (report.documents, report.entities) == (len(entities), sum(map(len, entities)))


def test_what_was_not_accepted_is_counted() -> None:
    report = ReadReport()
    assert len(read_bytes(FILES["Prodigy"][1].encode(), "prodigy", report=report)) == 1
    assert dict(report.repairs) == {"example that was not accepted left out": 1}


@pytest.mark.parametrize(
    ("field", "other"),
    [
        ("label", "doccano"),
        ("spans", "prodigy"),
        ("ents", "spacy-json"),
        ("passages", "bioc"),
        ("annotations", "label-studio"),
    ],
)
def test_annotation_in_another_form_is_never_kept_aside(field: str, other: str) -> None:
    raw = json.dumps({"text": "Aspirin.", field: [[0, 7, "Chemical"]]}).encode()
    with pytest.raises(DataError, match=f"f:1: the field '{field}' looks like annotation in the format {other}"):
        read_bytes(raw, "jsonl", path="f")
    with pytest.raises(DataError, match="an entity is a list, as in the format spacy-json"):
        read_bytes(b'{"text": "Aspirin.", "entities": [[0, 7, "Chemical"]]}', "jsonl")


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("jsonl", '{"text": "Aspirin helps.", "entities": [{"start": 0, "end": %d, "label": "drug", "text": "%s"}]}'),
        ("prodigy", '{"text": "Aspirin helps.", "spans": [{"start": 0, "end": %d, "label": "drug", "text": "%s"}]}'),
    ],
)
def test_the_text_of_an_entity_is_checked(name: str, row: str) -> None:
    report = ReadReport()
    for end in (6, 7):
        (document,) = read_bytes((row % (end, "Aspirin")).encode(), name, report=report)
        assert document.entities[0].key == (0, 7, "drug")
    assert dict(report.repairs) == {"inclusive end of an entity read as exclusive, as its text says": 1}
    with pytest.raises(DataError, match="expected the text 'Ibuprofen' at 0-7, found 'Aspirin'"):
        read_bytes((row % (7, "Ibuprofen")).encode(), name)


def test_normal_forms_of_mentions_are_read_and_counted() -> None:
    def raw(greek: str, dashed: str) -> bytes:
        annotations = [
            {"infons": {"type": "Gene"}, "text": greek, "locations": [{"offset": 8, "length": 5}]},
            {"infons": {"type": "Species"}, "text": dashed, "locations": [{"offset": 18, "length": 10}]},
        ]
        text = "Role of TNF-\u03b1 and SARS\u2010CoV\u20102."
        passage = {"infons": {}, "offset": 0, "text": text, "annotations": annotations}
        return json.dumps({"documents": [{"id": 1, "passages": [passage]}]}).encode()

    for greek in ("TNF-a", "TNF alpha", "tnf-\u03b1"):
        report = ReadReport()
        (document,) = read_bytes(raw(greek, "SARS CoV 2"), "bioc", report=report)
        assert [document.mention(e) for e in document.entities] == ["TNF-\u03b1", "SARS\u2010CoV\u20102"]
        assert dict(report.repairs) == {"text of an annotation is a normal form of what stands at its offsets": 2}
        again = read_bytes(write_bytes([document], "bioc"), "bioc")
        assert again[0].entities == document.entities
    for wrong in ("TNF-b", "TNF-a+", "IL-2"):
        with pytest.raises(DataError, match="expected the mention"):
            read_bytes(raw(wrong, "SARS CoV 2"), "bioc")


@pytest.mark.parametrize(
    ("way", "entities"),
    [("span", [(0, 10)]), ("split", [(0, 4), (7, 10)]), ("drop", [])],
    ids=["span", "split", "drop"],
)
def test_annotations_of_several_parts(way: str, entities: list[tuple[int, int]], tmp_path: Path) -> None:
    locations = [{"offset": 0, "length": 4}, {"offset": 7, "length": 3}]
    annotation = {"infons": {"type": "T"}, "text": "left lobe", "locations": locations}
    passage = {"infons": {}, "offset": 0, "text": "left or the lobe", "annotations": [annotation]}
    path = tmp_path / "a.bioc.json"
    path.write_text(json.dumps({"documents": [{"id": "1", "passages": [passage]}]}))
    report = ReadReport()
    (document,) = read_documents(path, discontinuous=way, report=report)  # type: ignore[arg-type]
    assert [(e.start, e.end) for e in document.entities] == entities
    assert sum(report.repairs.values()) == 1


@pytest.mark.parametrize("name", ["doccano", "label-studio", "prodigy", "spacy-json"])
@settings(max_examples=60, deadline=None)
@given(document=any_documents())
def test_texts_and_entities_come_back(name: str, document: Document) -> None:
    report = WriteReport()
    raw = write_bytes([document, document], name, report=report)
    for again in read_bytes(raw, name):
        assert again.text == document.text
        assert [e.key for e in again.entities] == [e.key for e in document.entities]
        assert again.id == document.id
    assert (report.documents, report.entities) == (2, 2 * len(document.entities))
    told = report.changes["score left out"]
    assert told == (
        0 if name in ("label-studio", "prodigy") else 2 * sum(e.score is not None for e in document.entities)
    )


def test_gliner_counts_words() -> None:
    document = Document("Aspirin cures asthma", [Entity(0, 7, "drug"), Entity(14, 20, "disease")], id="1")
    expected = {"id": "1", "tokenized_text": ["Aspirin", "cures", "asthma"], "ner": [[0, 0, "drug"], [2, 2, "disease"]]}
    assert json.loads(write_bytes([document], "gliner")) == [expected]
    inside = Document("Aspirins help", [Entity(0, 7, "drug")])
    with pytest.raises(DataError, match="document number 1: the entity 'Aspirin' does not begin and end on words"):
        write_bytes([inside], "gliner")
    report = WriteReport()
    assert json.loads(write_bytes([inside], "gliner", on_conflict="drop", report=report))[0]["ner"] == []
    assert (report.entities, sum(report.dropped.values())) == (0, 1)
    (split,) = read_bytes(write_bytes([inside], "gliner", on_conflict="split"), "gliner")
    assert [split.mention(e) for e in split.entities] == ["Aspirin"]


MUTATIONS = st.lists(
    st.tuples(st.floats(0, 1), st.sampled_from([b"", b'"', b"{", b"]", b"9", b"\\u", b"\xff", b"null"])), max_size=3
)


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=60, deadline=None)
@given(mutations=MUTATIONS)
def test_damaged_files_end_in_the_projects_errors(name: str, mutations: list[tuple[float, bytes]]) -> None:
    _, content, format_name, _ = FILES[name]
    raw = content.encode()
    for place, piece in mutations:
        at = int(place * len(raw))
        raw = raw[:at] + piece + raw[at + 1 :]
    with suppress(DataError):
        read_bytes(raw, format_name)


def test_an_entity_bomb_is_refused() -> None:
    for format_name in ("doccano", "prodigy", "spacy-json", "gliner", "bioc"):
        with pytest.raises(DataError):
            read_bytes(b"[" * 100_000, format_name)


@pytest.mark.parametrize(
    ("tags", "scheme"),
    [
        ("U-Chemical O B-Chemical I-Chemical L-Chemical O", "BILOU"),
        ("S-Chemical O B-Chemical I-Chemical E-Chemical O", "BIOES"),
    ],
)
def test_relatives_of_iob2_are_read_as_they_are_meant(tags: str, scheme: str) -> None:
    words = ["Naloxone", "for", "opioid", "long", "overdose", "."]
    raw = "".join(f"{word}\t{tag}\n" for word, tag in zip(words, tags.split(), strict=True)) + "\n"
    report = ReadReport()
    (document,) = read_bytes(raw.encode(), "iob2", report=report)
    assert [document.mention(entity) for entity in document.entities] == ["Naloxone", "opioid long overdose"]
    assert dict(report.repairs) == {f"sentence with {scheme} tags, read as they are meant": 1}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("jsonl", '{"text": "Aspirin.", "entities": [{"start": 0, "end": 7, "label": "drug"}], "entities": []}'),
        ("jsonl", '{"text": "Aspirin.", "entities": [{"start": 0, "end": 7, "end": 3, "label": "drug"}]}'),
        ("doccano", '{"text": "Aspirin.", "label": [[0, 7, "Chemical"]], "label": []}'),
        ("spacy-json", '[{"text": "Aspirin.", "entities": [[0, 7, "Chemical"]], "entities": []}]'),
        ("bioc", f"[{PASSAGES[:-1]}, " + '"passages": []}]'),
        ("bioc", '{"documents": [' + PASSAGES.replace('"text": "Aspirin"', '"text": "x", "text": "Aspirin"') + "]}"),
        ("bioc", PASSAGES.replace('"text": "Aspirin"', '"text": "x", "text": "Aspirin"')),
    ],
)
def test_a_field_that_stands_twice_is_refused(name: str, content: str) -> None:
    """Of two the last would be read, and the annotation of the first be lost."""
    with pytest.raises(DataError, match=r"f:1: the field '\w+' stands twice in one object"):
        read_bytes(content.encode(), name, path="f")
    report = ReadReport()
    assert read_bytes(content.encode(), name, skip_bad=True, report=report) == []
    assert report.skipped == 1


@pytest.mark.parametrize("content", [PASSAGES[:-1] + ', "passages": []}', '{"documents": [], "documents": []}'])
def test_a_member_of_the_whole_file_that_stands_twice_is_refused(content: str) -> None:
    with pytest.raises(DataError, match=r"f:1: the field '\w+' stands twice in one object"):
        read_bytes(content.encode(), "bioc", path="f", skip_bad=True)


RECORD = {"text": "Aspirin.", "entities": [{"start": 0, "end": 7, "label": "Chemical"}]}


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("several", [True, False])
@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.txt"])
def test_our_own_records_in_an_array_or_over_several_lines(
    name: str, several: bool, indent: int | None, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_text(json.dumps([RECORD, RECORD] if several else RECORD, indent=indent), encoding="utf-8-sig")
    assert detect_format(path) == "jsonl"
    documents = list(read_documents(path))
    assert [[e.key for e in each.entities] for each in documents] == [ASPIRIN] * (1 + several)


def test_errors_in_an_array_of_our_own_records_have_their_lines() -> None:
    raw = json.dumps([RECORD, {"text": 5}, RECORD], indent=1).encode()
    with pytest.raises(DataError, match="f:12: expected a string in field 'text'"):
        read_bytes(raw, "jsonl", path="f")
    report = ReadReport()
    assert len(read_bytes(raw, "jsonl", skip_bad=True, report=report)) == 2
    assert report.skipped == 1
    with pytest.raises(DataError, match="expected nothing after the list"):
        read_bytes(raw + b"{}", "jsonl", skip_bad=True)
    with pytest.raises(DataError, match=r"f:\d+: not JSON"):
        read_bytes(json.dumps(RECORD, indent=1).encode()[:-3], "jsonl", path="f", skip_bad=True)


def test_records_of_other_tools_over_several_lines() -> None:
    record = {"text": "Aspirin.", "label": [[0, 7, "Chemical"]]}
    (document,) = read_bytes(json.dumps(record, indent=2).encode(), "doccano")
    assert [entity.key for entity in document.entities] == ASPIRIN


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("entites", [{"start": 0, "end": 7, "label": "Chemical"}]),
        ("mentions", [{"startOffset": 0, "endOffset": 7, "entity_type": "Chemical"}]),
        ("ner", [[0, 7, "Chemical"]]),
        ("gold", [["Chemical", 0, 7]]),
    ],
)
def test_annotation_in_a_field_that_nobody_knows_is_refused(name: str, value: object) -> None:
    """With nothing in 'entities' it would be trained on as a text without any."""
    with pytest.raises(DataError, match=f"the field '{name}' looks like annotation; expected it in 'entities'"):
        read_bytes(json.dumps({"text": "Aspirin.", name: value}).encode(), "jsonl")
    (document,) = read_bytes(json.dumps({**RECORD, name: value}).encode(), "jsonl")
    assert name in document.meta, "beside entities it is something else"
    tokens = [{"text": "Aspirin", "start": 0, "end": 7, "id": 0, "tag": "NN"}]
    (document,) = read_bytes(json.dumps({"text": "Aspirin.", "tokens": tokens}).encode(), "jsonl")
    assert document.meta["tokens"] == tokens


def test_versions_of_tools(tmp_path: Path) -> None:
    """doccano's texts that are called data, and Prodigy's examples without spans."""
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": 1, "data": "Aspirin.", "label": [[0, 7, "Chemical"]]}\n')
    assert [[entity.key for entity in each.entities] for each in read_documents(path)] == [ASPIRIN]
    path.write_text('{"text": "Aspirin.", "answer": "accept", "_input_hash": 1, "_task_hash": 2}\n')
    assert detect_format(path) == "prodigy"
