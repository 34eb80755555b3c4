"""A look at data: each kind of problem is found where it is and nowhere else, and the mended copy is without it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gliner_adapters.cli import app
from gliner_adapters.corpora import CheckReport, check_documents, check_page, load_corpus, mend_documents
from gliner_adapters.corpora.checking.types import near, spellings
from gliner_adapters.documents import Document, Entity, ReadReport, read_documents, write_documents

TEXT = "Aspirin cures asthma in adult male mice and rats."


def entity(text: str, mention: str, label: str = "Chemical", nth: int = 0) -> Entity:
    start = -1
    for _ in range(nth + 1):
        start = text.index(mention, start + 1)
    return Entity(start, start + len(mention), label)


def one(*entities: Entity, text: str = TEXT, name: str = "1") -> Document:
    return Document(text, list(entities), name)


def kinds(report: CheckReport, *, notes: bool = False) -> dict[str, int]:
    return {each.kind: each.count for each in report.findings if notes or each.severity != "note"}


ASPIRIN = entity(TEXT, "Aspirin")
GOOD = one(ASPIRIN)

ASTHMA, ADULT = entity(TEXT, "asthma"), entity(TEXT, "adult")
MORE = "Some Aspirin and more Aspirin."

#: Documents of a split, what is found beside notes, and whether the copy is without it.
CASES: dict[str, tuple[list[Document], dict[str, int], bool]] = {
    "nothing": ([GOOD], {}, True),
    "no entities": ([one()], {"no-entities": 1}, False),
    "empty": ([GOOD, one(text=" \n", name="2")], {"empty": 1}, True),
    "repeated": ([GOOD, one(ASPIRIN, name="2")], {"repeated-text": 1}, True),
    "repeated, other entities": (
        [GOOD, one(ASTHMA, ASPIRIN, name="2"), one(ASTHMA, ASPIRIN, name="3")],
        {"repeated-text": 2, "inconsistent": 1},
        False,
    ),
    "a heading twice": ([GOOD, one(text="Methods.", name="2"), one(text="Methods.", name="3")], {}, True),
    "id": ([GOOD, one(text="Another text of some length, that is.")], {"repeated-id": 1}, True),
    "twice": ([one(ASPIRIN, ASPIRIN)], {"repeated-entity": 1}, True),
    "two types": ([one(ASPIRIN, entity(TEXT, "Aspirin", "Drug"))], {"two-types": 1}, False),
    "overlap": ([one(entity(TEXT, "adult male"), entity(TEXT, "male mice"))], {"overlap": 1}, False),
    "nested": ([one(entity(TEXT, "adult male mice"), ADULT, entity(TEXT, "mice"))], {"overlap": 2}, False),
    "space": ([one(entity(TEXT, "Aspirin "))], {"edges": 1}, True),
    "comma": ([one(Entity(0, 8, "C"), text="Aspirin, and so on and on.")], {"edges": 1}, True),
    "in a word": ([one(entity(TEXT, "Aspir"))], {"off-words": 1}, False),
    "wide": ([one(entity(TEXT, "Aspirin cures asthma in"))], {"too-wide": 1}, False),
    "spelling": ([one(ASPIRIN, ASTHMA, entity(TEXT, "mice", "chemical"))], {"spelling": 1}, True),
    "plural": ([one(ASPIRIN, ASTHMA, entity(TEXT, "mice", "Chemicals"))], {"similar-type": 1}, False),
    "inconsistent": ([GOOD, one(entity(MORE, "Aspirin"), text=MORE, name="2")], {"inconsistent": 1}, False),
    "another word": ([GOOD, one(text="Aspirins and aspirin.", name="2")], {}, True),
    "characters": ([one(ASPIRIN, text="Aspirin\u200b cures\ufffd.")], {"characters": 2}, False),
}


@pytest.mark.parametrize("name", CASES)
def test_each_kind_is_found_and_mended(name: str) -> None:
    documents, expected, mendable = CASES[name]
    report = check_documents({"train": documents}, max_width=3)
    assert kinds(report) == expected
    assert report.splits["train"].documents == len(documents)
    for finding in report.findings:
        assert finding.splits == {"train": finding.count}
        assert all(place.split == "train" for place in finding.places)
    before = [list(document.entities) for document in documents]
    mended, _ = mend_documents({"train": documents})
    assert [document.entities for document in documents] == before
    assert bool(kinds(check_documents(mended, max_width=3))) == (not mendable)
    for kind in expected:
        if (found := report.finding(kind)) and found.fixable and mendable:
            assert check_documents(mended, max_width=3).finding(kind) is None


def test_splits_are_held_against_each_other() -> None:
    other = "Some other text about rats and asthma."
    train = [GOOD, one(entity(TEXT, "mice", "Species"), text=TEXT.replace("Aspirin", "Ibuprofen"), name="2")]
    devel = [one(entity(other, "asthma", "Disease"), text=other), one(ASPIRIN, text=f"  {TEXT.upper()}", name="2")]
    test = [one(ASPIRIN, name="9")]
    report = check_documents({"train": train, "devel": devel, "test": test})
    shared = report.finding("shared-text")
    assert shared is not None
    assert (shared.splits, shared.details) == ({"devel": 1, "train": 1}, {"devel and test": 1, "train and test": 1})
    unseen = report.finding("unseen-type")
    assert unseen is not None
    assert (unseen.splits, unseen.details) == ({"devel": 1}, {"Disease": 1})
    missing = report.finding("missing-type")
    assert missing is not None
    assert missing.details == {"Species": 2}
    assert not report.ok
    mended, done = mend_documents({"train": train, "devel": devel, "test": test})
    assert {split: [document.id for document in part] for split, part in mended.items()} == {
        "train": ["2"],
        "devel": ["1"],
        "test": ["9"],
    }
    assert {split: dict(counts) for split, counts in done.by_split.items()} == {
        "devel": {"documents whose text stands in a split that scores left out": 1},
        "train": {"documents whose text stands in a split that scores left out": 1},
    }


def test_names_of_types() -> None:
    assert spellings({"cell_line": 5, "Cell Line": 2, "cell-line": 1, "DNA": 1}) == {
        "Cell Line": "cell_line",
        "cell-line": "cell_line",
    }
    assert near({"Disease": 5, "Diseases": 2, "DNA": 3, "RNA": 3, "Desease": 1}) == [
        ("Desease", "Disease"),
        ("Diseases", "Disease"),
    ]


def test_the_sample_is_ready_and_its_page_complete() -> None:
    corpus = load_corpus("sample")
    report = check_documents({split: corpus.documents(split) for split in corpus.splits})
    assert report.ok
    assert set(kinds(report)) == {"off-words"}
    assert report.to_dict()["splits"]["train"]["documents"] == 36
    page = check_page(report, "a <b>")
    assert "a &lt;b&gt;" in page
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert report.verdict in page


def test_texts_are_escaped_in_the_page() -> None:
    page = check_page(check_documents({"train": [one(Entity(0, 4, "<img>"), text="<svg onload=x>")]}))
    assert "<svg" not in page
    assert "<img" not in page


def run(*arguments: Any) -> Any:
    return CliRunner().invoke(app, ["data", *map(str, arguments)])


def test_the_command_checks_files_and_mends_a_copy(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    other = "Some other text about Aspirin and asthma."
    twice = entity(other, "Aspirin")
    bad = one(twice, twice, entity(other, "asthma", "chemical"), text=other, name="2")
    write_documents([GOOD, bad], source / "train.jsonl")
    write_documents([one(ASPIRIN, name="3")], source / "dev.pubtator")
    with (source / "train.jsonl").open("a") as file:
        file.write("{broken\n")
    done = run("check", source, "--html", tmp_path / "page.html", "--fix", tmp_path / "out")
    assert done.exit_code == 1, done.output
    assert "records that cannot be read (train 1)" in " ".join(done.output.split())
    assert "train.jsonl:3" in "".join(done.output.split())
    assert "Not ready for training" in done.output
    for told in ("1 entities annotated twice", "1 entities whose type got", "1 documents whose text stands in a split"):
        assert f"mended: {told}" in done.output
    assert (tmp_path / "page.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["dev.pubtator", "train.jsonl"]
    (document,) = read_documents(tmp_path / "out" / "train.jsonl")
    assert [e.label for e in document.entities] == ["Chemical", "Chemical"]
    again = run("check", tmp_path / "out" / "dev.pubtator")
    assert again.exit_code == 0, again.output
    assert run("check", source / "none").exit_code != 0
    twice = run("check", source / "dev.pubtator", tmp_path / "out" / "dev.pubtator")
    assert "would both be the split 'devel'" in str(twice.exception)


def test_the_command_parts_a_file(tmp_path: Path) -> None:
    corpus = load_corpus("sample")
    documents = [document for split in corpus.splits for document in corpus.documents(split)]
    write_documents(documents, tmp_path / "all.jsonl.gz")
    done = run("split", tmp_path / "all.jsonl.gz", "--output", tmp_path / "out", "--devel", 0.2, "--test", 0.2)
    assert done.exit_code == 0, done.output
    parted = load_corpus(tmp_path / "out")
    assert [len(parted.documents(split)) for split in parted.splits] == [36, 12, 12]
    again = run("split", tmp_path / "all.jsonl.gz", "--output", tmp_path / "out")
    assert "exists already" in str(again.exception)


def test_what_reading_counted_is_part_of_the_check() -> None:
    report = ReadReport(documents=1, skipped=3, reasons=["f:1: bad"])
    report.repairs["a repair"] = 4
    found = check_documents({"train": [GOOD]}, reports={"train": report})
    assert kinds(found, notes=True)["unreadable"] == 3
    assert found.finding("repaired") is not None
