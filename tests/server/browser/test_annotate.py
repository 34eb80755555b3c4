"""Asking on the page: what is drawn is what the server answers, at every threshold."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from server.browser.helpers import (
    HOSTILE,
    LABELS,
    TEXT,
    annotate,
    answer,
    ask,
    described,
    entities,
    expect,
    shown,
    slide,
    text_of,
)

if TYPE_CHECKING:
    from playwright.sync_api import Page


def test_typed_labels_find_what_the_server_finds(page: Page, server: str) -> None:
    ask(page, TEXT, LABELS)
    expected = answer(server, TEXT, labels=LABELS, threshold=0.5)
    assert shown(page) == expected != []
    assert text_of(page) == TEXT
    for each in described(page):
        assert TEXT[each["start"] : each["end"]] == each["mention"]
    expect(page.get_by_role("status")).to_contain_text(f"{len(expected)} entities in 1 document (typed labels)")


def test_adapters_begin_at_their_own_thresholds(page: Page, server: str) -> None:
    ask(page, TEXT, adapters=["molecules", "clinic"])
    assert shown(page) == answer(server, TEXT, adapters=["molecules", "clinic"]) != []
    for name, own in (("molecules", "0.3"), ("clinic", "0.2537")):
        expect(page.get_by_label(f"Threshold of {name}", exact=True)).to_have_attribute("aria-valuetext", own)
    assert {source for *_, source in shown(page)} == {"molecules", "clinic"}


@pytest.mark.parametrize("nested", [False, True])
def test_filtering_equals_asking_at_that_threshold(page: Page, server: str, nested: bool) -> None:
    page.get_by_label("Nested entities").set_checked(nested)
    ask(page, TEXT, {"typed": "a drug"}, adapters=["molecules"])
    seen = set()
    for threshold in (0.05, 0.12, 0.4, 0.7, 1):
        slide(page, "molecules", threshold)
        found = [each for each in shown(page) if each[3] == "molecules"]
        assert found == answer(server, TEXT, adapters=["molecules"], threshold=threshold, nested=nested)
        seen.add(len(found))
    assert len(seen) > 2
    assert page.locator("#together").evaluate("root => getComputedStyle(root).getPropertyValue('--depth')") >= "1"
    page.get_by_role("button", name="Reset molecules to 0.3").click()
    expected = answer(server, TEXT, adapters=["molecules"], nested=nested)
    assert [each for each in shown(page) if each[3] == "molecules"] == expected


def test_what_overlaps_is_stacked(page: Page) -> None:
    ask(page, TEXT, adapters=["molecules", "clinic"])
    both = [each for each in described(page) if each["label"] == "chemical" and each["mention"] == "Cisplatin"]
    assert len(both) == 2
    piece = page.locator("#together .piece", has_text="Cisplatin")
    style = piece.evaluate("e => [getComputedStyle(e).backgroundImage, getComputedStyle(e).backgroundPosition]")
    assert style[0].count("linear-gradient") == 2
    assert len(set(style[1].split(", "))) == 2


def test_types_are_hidden_and_shown(page: Page) -> None:
    ask(page, TEXT, LABELS)
    everything = shown(page)
    number = sum(label == "chemical" for _, _, label, _ in everything)
    button = page.locator("#types button", has_text="chemical")
    expect(button.locator("b")).to_have_text(str(number))
    button.click()
    expect(button).to_have_attribute("aria-pressed", "false")
    expect(button).to_be_focused()
    assert shown(page) == [each for each in everything if each[2] != "chemical"]
    button.click()
    assert shown(page) == everything


def test_labels_are_edited_as_chips(page: Page, server: str) -> None:
    field = page.get_by_label("New label")
    for typed in ("gene", "diseas", "cell line: grown in culture", "gene"):
        field.fill(typed)
        field.press("Enter")
    names = page.locator(".chip-text")
    expect(names).to_have_text(["gene", "diseas", "cell line"])
    expect(page.get_by_role("status")).to_have_text("The label gene already exists.")
    expect(page.get_by_role("button", name="Label cell line: grown in culture. Change it")).to_be_visible()

    page.get_by_role("button", name="Label diseas. Change it").press("Enter")
    page.get_by_label("Name of the label").fill("disease")
    page.get_by_label("Description of the label").fill("an illness")
    page.get_by_label("Description of the label").press("Enter")
    expect(names).to_have_text(["gene", "disease", "cell line"])
    expect(page.get_by_role("button", name="Label disease: an illness. Change it")).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_label("Name of the label").fill("lost")
    page.keyboard.press("Escape")
    expect(names).to_have_text(["gene", "disease", "cell line"])
    page.keyboard.press("Delete")
    expect(names).to_have_text(["gene", "cell line"])
    field.focus()
    page.keyboard.press("Backspace")
    expect(names).to_have_text(["gene"])
    with page.expect_request("**/v1/annotate") as asked:
        ask(page, TEXT)
    assert asked.value.post_data_json == {
        "texts": [TEXT],
        "labels": {"gene": None},
        "threshold": 0.05,
        "nested": False,
        "segment": None,
    }


def test_offsets_are_code_points(page: Page, server: str) -> None:
    doctor = "\U0001f468\u200d\U0001f52c"
    text = f"\U0001f600\U0001f9ec Cisplatin and \U0001d4b3-rays against \U0001f600 asthma.\n\n{doctor} gave metformin."
    ask(page, text, {"chemical": None, "disease": None})
    slide(page, "typed labels", 0.1)
    found = described(page)
    expected = entities(server, text, labels=["chemical", "disease"], threshold=0.1)
    assert [(e["start"], e["end"], e["mention"]) for e in found] == [
        (e["start"], e["end"], e["text"]) for e in expected
    ]
    assert found[-1]["start"] > text.index("-rays")
    assert text_of(page) == text


def test_selecting_everything_copies_the_text_alone(page: Page) -> None:
    ask(page, TEXT, LABELS)
    selected = page.evaluate(
        "() => { getSelection().selectAllChildren(document.getElementById('together')); return String(getSelection()) }"
    )
    assert selected == TEXT


def test_nothing_is_taken_for_markup(page: Page, server: str) -> None:
    text = f"{HOSTILE} HeLa cells & <b>Cisplatin</b> <script>window.broken=1</script>"
    ask(page, text, {HOSTILE: "<svg onload=window.broken=1>"}, adapters=[HOSTILE])
    for source in (HOSTILE, "typed labels"):
        slide(page, source, 0.05)
    assert text_of(page) == text
    tags = page.locator("#together .tag").evaluate_all("tags => tags.map(tag => tag.dataset.label)")
    assert HOSTILE in tags
    page.get_by_role("button", name="Side by side").click()
    page.locator("#left .tag").first.press("r")
    page.keyboard.press("Escape")
    assert page.locator("img, svg, b:has-text('Cisplatin'), main script").count() == 0
    assert page.evaluate("window.broken") is None


def test_two_sources_side_by_side(page: Page, server: str) -> None:
    ask(page, TEXT, adapters=["molecules", "clinic"])
    page.get_by_role("button", name="Side by side").click()
    sides = {side: shown(page, f"#{side}") for side in ("left", "right")}
    assert sides["left"] == answer(server, TEXT, adapters=["clinic"])
    assert sides["right"] == answer(server, TEXT, adapters=["molecules"])
    spans = {side: {(s, e) for s, e, *_ in found} for side, found in sides.items()}
    labels = {side: {(s, e): label for s, e, label, _ in found} for side, found in sides.items()}
    same = {span for span in spans["left"] & spans["right"] if labels["left"][span] == labels["right"][span]}
    expected = {
        "all": len(spans["left"] | spans["right"]),
        "different": len(spans["left"] | spans["right"]) - len(same),
        "both": len(same),
        "left": len(spans["left"] - spans["right"]),
        "right": len(spans["right"] - spans["left"]),
        "labels": len((spans["left"] & spans["right"]) - same),
    }
    assert expected["both"] > 0
    assert expected["left"] + expected["right"] > 0
    for which, number in expected.items():
        page.get_by_label("Show").select_option(which)
        assert page.locator("#rows tr").count() == number, which
    assert any(each["state"] == ", both" for each in described(page, "#left"))
    page.get_by_label("Show").select_option("all")
    page.locator("#rows button").first.click()
    expect(page.locator("#left .tag, #right .tag").and_(page.locator(":focus"))).to_have_count(1)
    page.get_by_label("Left", exact=True).select_option(label="molecules")
    assert shown(page, "#left") == sides["right"]


def test_a_text_that_is_read_in_windows_says_so(page: Page, server: str) -> None:
    text = "\n".join([TEXT] * 12)
    ask(page, text, adapters=["clinic"])
    expect(page.get_by_role("list", name="Notes on this text")).to_contain_text("was read in windows")
    slide(page, "clinic", 0.4)
    with page.expect_response("**/v1/annotate"):
        page.get_by_role("button", name="Read again at these thresholds").click()
    expect(page.locator("#result")).to_have_attribute("aria-busy", "false")
    assert shown(page) == answer(server, text, adapters=["clinic"], threshold=0.4)
    expect(page.get_by_label("Threshold of clinic")).to_have_attribute("min", "0.4")


def test_a_new_request_ends_the_one_before(page: Page) -> None:
    ended: list[str] = []
    page.on("requestfailed", lambda request: ended.append(request.failure or ""))
    page.get_by_role("textbox", name="Text", exact=True).fill(" ".join([TEXT] * 20))
    page.get_by_role("checkbox", name="clinic").check()
    page.evaluate("document.getElementById('annotate').click()")
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    page.get_by_role("textbox", name="Text", exact=True).fill(TEXT)
    annotate(page)
    assert ended == ["net::ERR_ABORTED"]
    assert text_of(page) == TEXT


def test_several_documents_of_files(page: Page, server: str, tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("one.txt", "two.jsonl")]
    paths[0].write_text(TEXT, encoding="utf-8")
    paths[1].write_text('{"id": "7", "text": "Aspirin helps."}\n{"id": "8", "text": " "}\n', encoding="utf-8")
    page.locator("#files").set_input_files(paths)
    expect(page.get_by_label("Document", exact=True).locator("option")).to_have_text(["1: one.txt", "2: 7", "3: 8"])
    ask(page, labels=LABELS)
    assert shown(page) == answer(server, TEXT, labels=LABELS, threshold=0.5)
    page.get_by_role("button", name="Next document").click()
    expect(page.locator("#position")).to_have_text("2 of 3: 7")
    assert shown(page) == answer(server, "Aspirin helps.", labels=LABELS, threshold=0.5)
    paths[1].write_text('{"text": "x", "entities": [{"start": 0, "end": 2, "label": "y"}]}\n', encoding="utf-8")
    page.locator("#files").set_input_files(paths[1])
    expect(page.get_by_role("status")).to_have_text(
        "two.jsonl, line 1: an entity from 0 to 2 does not lie within 1 characters"
    )


def test_the_example_needs_nothing_else(page: Page) -> None:
    page.get_by_role("button", name="Example").click()
    annotate(page)
    assert len(shown(page)) > 3


def test_the_page_says_what_is_missing(page: Page) -> None:
    button = page.get_by_role("button", name="Annotate", exact=True)
    button.click()
    expect(page.get_by_role("status")).to_have_text("There is no text to read.")
    page.get_by_role("textbox", name="Text", exact=True).fill(TEXT)
    button.click()
    expect(page.get_by_role("status")).to_contain_text("Choose an adapter or type a label")
    expect(page.get_by_label("New label")).to_be_focused()


def test_a_refusal_says_why_and_when_to_come_again(
    open_page: Callable[..., Page], serve_with: Callable[..., str]
) -> None:
    address = serve_with(rate=0.2, burst=10)
    page = open_page(address, refusals=True)
    page.get_by_role("checkbox", name="clinic").wait_for()
    ask(page, TEXT, adapters=["clinic"])
    before = shown(page)
    while httpx.get(f"{address}/v1/base").status_code == 200:  # until the rate is used up
        pass
    annotate(page)
    alert = page.get_by_role("alert").first
    expect(alert).to_contain_text("more requests than 0.2 a second")
    expect(alert).to_contain_text("status 429 · rate_limited · request ")
    expect(alert).to_contain_text("Try again in ")
    again = alert.get_by_role("button", name="Try again")
    expect(again).to_be_disabled()
    assert shown(page) == before
    expect(again).to_be_enabled()
    again.click()
    expect(alert).to_be_hidden()


def test_a_busy_server(open_page: Callable[..., Page], serve_with: Callable[..., str]) -> None:
    import socket

    address = serve_with(max_open_requests=1, queue_requests=1)
    page = open_page(address, refusals=True)
    page.get_by_role("checkbox", name="clinic").wait_for()
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as other:  # a body that does not end keeps the only place
        other.sendall(b"POST /v1/annotate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{")
        while httpx.post(f"{address}/v1/annotate", json={}).status_code != 503:
            pass
        ask(page, TEXT, adapters=["clinic"])
        expect(page.get_by_role("alert").first).to_contain_text("status 503 · too_many_requests_open")
        expect(page.get_by_role("alert").first).to_contain_text("Try again in 1 second.")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("#together .tag").first).to_be_visible()


def test_a_key(open_page: Callable[..., Page], serve_with: Callable[..., str]) -> None:
    key = "a-key-of-sixteen-or-more"
    page = open_page(serve_with(keys=[key]), refusals=True)
    page.get_by_role("button", name="Enter a key").click()
    page.get_by_role("textbox", name="Key").fill(key)
    page.keyboard.press("Enter")
    page.get_by_role("checkbox", name="clinic").wait_for()
    expect(page.get_by_role("alert").first).to_be_hidden()
    ask(page, TEXT, adapters=["clinic"])
    assert shown(page) != []
    page.get_by_role("button", name="Copy curl command").click()
    expect(page.get_by_role("status")).to_have_text("Copied as a curl command.")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert key not in copied
    assert '-H "Authorization: Bearer $GLINER_ADAPTERS_KEY"' in copied
    page.reload()
    page.get_by_role("checkbox", name="clinic").wait_for()


def test_a_text_that_is_too_long(open_page: Callable[..., Page], serve_with: Callable[..., str]) -> None:
    page = open_page(serve_with(max_text_chars=20), refusals=True)
    page.get_by_role("checkbox", name="clinic").wait_for()
    ask(page, TEXT, adapters=["clinic"])
    expect(page.get_by_role("alert").first).to_contain_text("status 413")
