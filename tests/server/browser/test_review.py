"""Reviewing on the page, and what it gives: files that the library's own readers take."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gliner_adapters.corpora import load_corpus
from gliner_adapters.documents import Document, read_documents, write_documents
from server.browser.helpers import (
    LABELS,
    TEXT,
    annotate,
    answer,
    ask,
    described,
    entities,
    expect,
    select_text,
    shown,
    slide,
)

if TYPE_CHECKING:
    from playwright.sync_api import Page

STATUS = "#status"


def download(page: Page, button: str, folder: Path) -> Path:
    with page.expect_download() as download:
        page.get_by_role("button", name=button).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def keys(documents: list[Document]) -> list[list[tuple[int, int, str]]]:
    return [[entity.key for entity in document.entities] for document in documents]


def copied(page: Page, button: str) -> str:
    page.get_by_role("button", name=button).click()
    expect(page.locator(STATUS)).to_contain_text("Copied as")
    return page.evaluate("navigator.clipboard.readText()")


def test_a_review_by_keyboard_becomes_training_data(page: Page, tmp_path: Path) -> None:
    ask(page, TEXT, LABELS)
    before = described(page)
    assert len(before) > 4
    page.locator("#together .tag").first.focus()
    page.keyboard.press("a")  # accepts the first and goes on
    expect(page.locator(STATUS)).to_have_text(f"{before[0]['mention']}: accepted.")
    page.keyboard.press("x")
    expect(page.locator("#together .tag").nth(2)).to_be_focused()
    page.keyboard.press("3")  # the third label
    expect(page.locator(STATUS)).to_have_text(f"{before[2]['mention']} is chemical now.")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("r")
    page.get_by_label("Label", exact=True).fill("protein")
    page.keyboard.press("Enter")
    expect(page.locator(STATUS)).to_have_text(f"{before[3]['mention']} is protein now.")
    expect(page.locator("#together .tag").nth(3)).to_be_focused()
    page.keyboard.press("End")
    page.keyboard.press("x")
    page.keyboard.press("u")
    expect(page.locator(STATUS)).to_have_text(f"Undone: {before[-1]['mention']}.")

    page.keyboard.press("n")
    page.get_by_label("Text, exactly as written").fill("mice")
    page.get_by_label("Label", exact=True).fill("species")
    page.keyboard.press("Enter")
    expect(page.locator(STATUS)).to_have_text("mice added as species.")
    at = TEXT.index("mice")
    added = (at, at + 4, "species")

    expected = [(e["start"], e["end"], e["label"]) for e in before]
    expected[2] = (*expected[2][:2], "chemical")
    expected[3] = (*expected[3][:2], "protein")
    expected = sorted([*expected[:1], *expected[2:], added])
    for button in ("Download JSON Lines", "Download PubTator"):
        path = download(page, button, tmp_path)
        (document,) = read_documents(path)
        assert document.text == TEXT
        assert keys([document]) == [expected]
        assert all(entity.score is None for entity in document.entities)
    page.get_by_label("Accepted entities only").check()
    looked_at = (before[0], before[2], before[3])
    decided = [key for key in expected if key == added or key[:2] in [(e["start"], e["end"]) for e in looked_at]]
    (tmp_path / "corpus").mkdir()
    path = download(page, "Download JSON Lines", tmp_path)
    shutil.copy(path, tmp_path / "corpus" / "train.jsonl")
    corpus = load_corpus(str(tmp_path / "corpus"))
    (document,) = corpus.documents("train")
    assert keys([document]) == [decided]


def test_an_entity_is_added_by_selecting_text(page: Page, tmp_path: Path) -> None:
    text = "\U0001f600 Nothing here, but \U0001d4b3-ray  and aspirin, aspirin."
    ask(page, text, {"zzz": None})
    slide(page, "typed labels", 1)
    units = text.encode("utf-16-le")
    start = units.index("\U0001d4b3-ray".encode("utf-16-le")) // 2
    select_text(page, start - 1, start + 7, then="n")  # with the spaces around it
    expect(page.get_by_label("Text, exactly as written")).to_have_value("\U0001d4b3-ray")
    page.get_by_label("Label", exact=True).fill("device")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Add an entity").click()
    page.get_by_label("Text, exactly as written").fill("aspirine")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#labelling-error")).to_have_text("This is not in the text.")
    page.get_by_label("Text, exactly as written").fill("aspirin")
    page.get_by_label("Where").select_option(index=1)
    page.get_by_role("button", name="Save").click()
    (document,) = read_documents(download(page, "Download JSON Lines", tmp_path))
    assert [(document.mention(e), e.label) for e in document.entities] == [
        ("\U0001d4b3-ray", "device"),
        ("aspirin", "zzz"),
    ]
    assert document.entities[1].start == text.rindex("aspirin")


def test_files_come_back_as_they_were(page: Page, tmp_path: Path) -> None:
    """Identifiers, composite mentions, relations, words and metadata that the page does not show are kept."""
    pubtator = (
        "7|t|Cisplatin \U0001f600 nephrotoxicity\n7|a|Of β-blockers and mice.\n"
        "7\t0\t9\tCisplatin\tChemical\tD002945\n7\t12\t26\tnephrotoxicity\tDisease\tD007674\tnephro|toxicity\n"
        "7\tCID\tD002945\tD007674\n\n8|t|Nothing.\n8|a|\n\n"
    )
    lines = (
        '{"id": "a", "text": "Aspirin \U0001f600 helps.",'
        ' "entities": [{"start": 0, "end": 7, "label": "drug", "id": "C1"}],'
        ' "words": [[0, 7], [8, 9], [10, 15], [15, 16]], "sentences": [[0, 16]], "meta": {"year": 1998}}\n'
        '{"tokenized_text": ["\U0001f600", "Naloxone", "helps"], "ner": [[1, 1, "drug"]]}\n'
    )
    for name, content in (("in.pubtator", pubtator), ("in.jsonl", lines)):
        (tmp_path / name).write_text(content, encoding="utf-8")
        page.locator("#files").set_input_files(tmp_path / name)
        expect(page.locator(STATUS)).to_contain_text("(the file)")
        path = download(page, f"Download {'PubTator' if name == 'in.pubtator' else 'JSON Lines'}", tmp_path)
        assert list(read_documents(path)) == list(read_documents(tmp_path / name))
        metas = [[entity.meta for entity in document.entities] for document in read_documents(path)]
        assert metas == [[entity.meta for entity in document.entities] for document in read_documents(tmp_path / name)]
    assert (tmp_path / "reviewed.pubtator").read_text(encoding="utf-8") == pubtator


def test_the_sample_corpus_through_the_page(page: Page, tmp_path: Path) -> None:
    documents = load_corpus("sample").documents("test")
    for ending, button in (("pubtator", "Download PubTator"), ("jsonl", "Download JSON Lines")):
        write_documents(documents, tmp_path / f"in.{ending}")
        page.locator("#files").set_input_files(tmp_path / f"in.{ending}")
        expect(page.locator(STATUS)).to_contain_text(f"in {len(documents)} documents (the file)")
        path = download(page, button, tmp_path)
        assert list(read_documents(path)) == documents
    assert (tmp_path / "reviewed.pubtator").read_bytes() == (tmp_path / "in.pubtator").read_bytes()


def test_what_was_found_is_compared_with_the_file(page: Page, server: str, tmp_path: Path) -> None:
    document = load_corpus("sample").documents("test")[0]
    write_documents([document], tmp_path / "in.jsonl")
    page.locator("#files").set_input_files(tmp_path / "in.jsonl")
    expect(page.locator(STATUS)).to_contain_text("(the file)")
    ask(page, adapters=["clinic"])
    page.get_by_role("button", name="Side by side").click()
    assert shown(page, "#left") == answer(server, document.text, adapters=["clinic"])
    assert [each[:3] for each in shown(page, "#right")] == sorted(entity.key for entity in document.entities)
    page.locator("#left .tag").first.press("x")
    assert len(described(page, "#left")) == len(answer(server, document.text, adapters=["clinic"])) - 1


def test_a_review_survives_asking_again(page: Page) -> None:
    ask(page, TEXT, LABELS)
    page.locator("#together .tag").first.press("x")
    page.locator("#together .tag").nth(1).press("a")
    states = [each["state"] for each in described(page)]
    assert states[:2] == [", rejected", ", accepted"]
    annotate(page)
    assert [each["state"] for each in described(page)] == states
    field = page.get_by_role("textbox", name="Text", exact=True)
    field.fill("Another text.")
    page.get_by_role("button", name="Annotate", exact=True).click()
    dialog = page.get_by_role("dialog", name="Discard the review?")
    expect(dialog).to_contain_text("2 decisions about the earlier text would be lost.")
    dialog.get_by_role("button", name="Keep reviewing").click()
    assert [each["state"] for each in described(page)] == states
    page.get_by_role("button", name="Annotate", exact=True).click()
    with page.expect_response("**/v1/annotate"):
        dialog.get_by_role("button", name="Discard").click()
    expect(page.locator("#together")).to_have_text("Another text.")


def test_what_was_accepted_stays_in_sight(page: Page) -> None:
    ask(page, TEXT, LABELS)
    kept = shown(page)[0]
    page.locator("#together .tag").first.press("a")
    slide(page, "typed labels", 1)
    assert shown(page) == [kept]


def test_copying_as_json_and_pubtator(page: Page, server: str, tmp_path: Path) -> None:
    ask(page, TEXT, LABELS)
    found = entities(server, TEXT, labels=LABELS, threshold=0.5)
    record = json.loads(copied(page, "Copy JSON"))
    assert record["text"] == TEXT
    expected: list[dict[str, Any]] = [{key: e[key] for key in ("start", "end", "label", "score")} for e in found]
    assert record["entities"] == expected
    path = tmp_path / "copied.pubtator"
    path.write_text(copied(page, "Copy PubTator"), encoding="utf-8")
    expect(page.locator(STATUS)).to_contain_text(f"In this format: {len(found)} scores are left out.")
    assert keys(list(read_documents(path))) == [[(e["start"], e["end"], e["label"]) for e in found]]


@pytest.mark.skipif(shutil.which("curl") is None or shutil.which("sh") is None, reason="runs curl in a POSIX shell")
def test_the_curl_command_asks_the_same(page: Page, server: str) -> None:
    text = 'Cisplatin\'s "effect" costs $HOME `pwd` \\n on\ntype 2 diabetes \U0001f600!'
    labels = {"chemical": "it's a 'drug'", "disease": None}
    ask(page, text, labels)
    for threshold, sent in ((None, None), (0.2, 0.2)):
        if threshold is not None:
            slide(page, "typed labels", threshold)
        command = copied(page, "Copy curl command")
        result = subprocess.run(
            ["sh", "-c", f"{command.strip()} --silent"], capture_output=True, check=True, timeout=60
        )
        found = json.loads(result.stdout)["results"][0]["entities"]
        body = {"labels": labels, **({} if sent is None else {"threshold": sent})}
        assert found == entities(server, text, **body) != []
        assert sorted((e["start"], e["end"], e["label"], "typed labels") for e in found) == shown(page)


def test_what_a_format_cannot_express_is_said(page: Page, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"id": "a|b", "text": "x y", "entities": [{"start":0,"end":1,"label":"l"}]}')
    page.locator("#files").set_input_files(tmp_path / "in.jsonl")
    expect(page.locator(STATUS)).to_contain_text("(the file)")
    page.get_by_role("button", name="Download PubTator").click()
    expect(page.locator(STATUS)).to_contain_text("PubTator cannot express the document id “a|b”")
