"""The loop on the page: correct documents, train, see what the new adapter finds; and what a stop in the midst does."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from server.browser.helpers import annotate, described, expect
from server.browser.test_access import FOCUSABLE, IMAGES, MOST_BYTES, TEXT_CONTRAST

if TYPE_CHECKING:
    from playwright.sync_api import Page

KEY = "correct-horse-battery"
HEADERS = {"Authorization": f"Bearer {KEY}"}
STATUS = "#status"
#: What the adapter `clinic` calls a chemical is a medicine from here on: the new adapter has to learn the word.
TEXTS = (
    "Metformin lowered glucose in patients with diabetes. Two of them had nausea.",
    "Cisplatin caused acute kidney injury in mice; amifostine prevented it.",
    "Aspirin-induced asthma was treated with prednisone in 12 patients.",
    "Lithium improved mania, but the patients developed tremor and hypothyroidism.",
    "Warfarin with amiodarone led to bleeding in a man with atrial fibrillation.",
)
UNSEEN = "Methotrexate helped against arthritis, and naloxone reversed the sedation."


class Training:
    """`gliner-adapters serve --train` that can be killed and started again at the same address."""

    def __init__(self, adapters: Path, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.command = [
            sys.executable,
            "-m",
            "gliner_adapters",
            "serve",
            "--base",
            "minilm-bi",
            "--port",
            str(self.port),
        ]
        self.command += ["--adapters", str(adapters), "--train", str(folder)]
        self.start()

    def start(self) -> None:
        environment = {**os.environ, "GLINER_ADAPTERS_SERVE_KEYS": KEY}
        self.process = subprocess.Popen(self.command, stderr=subprocess.PIPE, text=True, env=environment)
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if line.startswith("listening on "):
                break
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def state(self) -> dict:
        return httpx.get(f"{self.url}/v1/training", headers=HEADERS, timeout=60).json()


@pytest.fixture
def training(adapters: Path, tmp_path: Path) -> Iterator[Training]:
    server = Training(adapters, tmp_path / "train")
    yield server
    server.kill()


@pytest.fixture
def training_page(open_page: Callable[..., Page], training: Training) -> Page:
    """The page of a server that trains, with the key entered."""
    page = open_page(training.url, refusals=True)  # the first request is without the key
    enter_key(page)
    return page


def enter_key(page: Page) -> None:
    page.get_by_role("button", name="Enter a key").click()
    page.get_by_role("textbox", name="Key").fill(KEY)
    page.keyboard.press("Enter")
    page.locator("#adapters input").first.wait_for()
    expect(page.get_by_role("heading", name="Train an adapter")).to_be_visible()


def correct(page: Page, tmp_path: Path, texts: tuple[str, ...] = TEXTS) -> None:
    """Read texts with an adapter, and call every chemical a medicine."""
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps({"id": f"note {n}", "text": text}) + "\n" for n, text in enumerate(texts, 1)))
    page.locator("#files").set_input_files(path)
    page.locator("#adapters input").and_(page.get_by_role("checkbox", name="clinic")).check()
    annotate(page)
    while page.get_by_role("button", name="Previous document").is_enabled():
        page.get_by_role("button", name="Previous document").click()
    for number in range(len(texts)):
        for place, entity in enumerate(described(page)):
            if entity["label"] != "chemical":
                if "accepted" not in entity["state"]:
                    page.locator("#together .tag").nth(place).press("a")
                continue
            page.locator("#together .tag").nth(place).press("r")
            page.get_by_label("Label", exact=True).fill("medicine")
            page.keyboard.press("Enter")
            expect(page.locator(STATUS)).to_have_text(f"{entity['mention']} is medicine now.")
        if number + 1 < len(texts):
            page.keyboard.press("]")
            expect(page.locator("#position")).to_contain_text(f"{number + 2} of {len(texts)}")


def keep(page: Page) -> None:
    chemical = page.locator("#types button").filter(has_text="chemical")
    chemical.click()  # nothing is called so any more: not a type that was reviewed for
    page.get_by_role("button", name="Keep for training").click()
    expect(page.locator(STATUS)).to_contain_text("Kept for training")
    chemical.click()


def train(page: Page, name: str, epochs: int) -> None:
    page.get_by_label("Name of the new adapter").fill(name)
    page.get_by_label("Epochs at most").fill(str(epochs))
    page.get_by_label("Compare with").select_option("clinic")
    page.get_by_role("button", name="Train", exact=True).click()


def test_a_server_that_does_not_train_shows_nothing_of_it(page: Page) -> None:
    expect(page.get_by_role("heading", name="Train an adapter")).to_be_hidden()
    assert page.locator("#training").is_hidden()


@pytest.mark.slow
def test_correct_train_and_read(training_page: Page, training: Training, tmp_path: Path) -> None:
    """Five documents are corrected, an adapter learns from them, and its answers stand beside the old one's."""
    page = training_page
    page.get_by_role("button", name="Keep for training").click()
    expect(page.locator("#train-error")).to_contain_text("No document has a decision yet")
    correct(page, tmp_path, TEXTS[:4])
    keep(page)
    expect(page.locator("#training-data")).to_have_text("4 documents kept for training (4 new). A training needs 5.")
    train(page, "mine", 30)
    expect(page.locator("#train-error")).to_have_text(
        "5 reviewed documents are needed to train on, there are 4; review 1 more"
    )
    correct(page, tmp_path)
    keep(page)
    expect(page.locator("#training-data")).to_have_text("5 documents kept for training (5 new).")
    data = training.state()["data"]
    assert set(data["labels"]) == {"disease", "medicine"}
    assert data["labels"]["medicine"] > 3

    train(page, "mine", 30)
    expect(page.locator("#train-what")).to_contain_text("mine is being trained")
    expect(page.locator("#train-cancel")).to_have_text("Cancel")
    expect(page.locator("#train-progress")).to_be_visible()
    expect(page.locator(STATUS)).to_have_text("mine is trained, and among the adapters.")
    expect(page.locator("#train-what")).to_have_text("mine is trained.")
    expect(page.locator("#train-notes")).to_contain_text("None of the 5 documents is held out (that takes 20)")
    expect(page.get_by_role("img", name="Loss")).to_be_visible()

    page.get_by_role("button", name="Close all").click()
    page.get_by_role("textbox", name="Text", exact=True).fill(UNSEEN)
    page.get_by_role("button", name="Read with both").click()
    page.get_by_role("dialog", name="Discard the review?").get_by_role("button", name="Discard").click()
    expect(page.locator("#left")).to_be_visible()
    boxes = "#adapters input:checked"
    assert sorted(page.locator(boxes).evaluate_all("all => all.map(box => box.value)")) == ["clinic", "mine"]
    sides = {page.locator(f"#{side}-source").input_value(): side for side in ("left", "right")}
    assert set(sides) == {"adapter:clinic", "adapter:mine"}
    found = {}
    for name in ("clinic", "mine"):
        side = described(page, f"#{sides[f'adapter:{name}']}")
        found[name] = {(entity["start"], entity["end"], entity["label"]) for entity in side}
        answer = httpx.post(
            f"{training.url}/v1/annotate", json={"text": UNSEEN, "adapter": name}, headers=HEADERS, timeout=60
        ).json()["results"][0]["entities"]
        assert found[name] == {(e["start"], e["end"], e["label"]) for e in answer}
    learned = {UNSEEN[start:end] for start, end, label in found["mine"] if label == "medicine"}
    assert {"Methotrexate", "naloxone"} <= learned
    assert all(label != "medicine" for *_, label in found["clinic"])


@pytest.mark.slow
def test_stop_go_on_cancel(training_page: Page, training: Training, tmp_path: Path) -> None:
    page = training_page
    correct(page, tmp_path)
    keep(page)
    train(page, "mine", 500)
    expect(page.locator("#train-curve svg")).to_be_visible()
    # Somebody else, who starts one as well, is told who was first.
    body = {"name": "other"}
    second = httpx.post(f"{training.url}/v1/training", json=body, headers=HEADERS, timeout=60)
    assert second.status_code == 409
    done = training.state()["progress"]["done"]
    training.kill()
    expect(page.locator("#train-error")).to_have_text("The server cannot be reached. Is it running?")
    training.start()
    expect(page.locator("#train-what")).to_have_text("The training of mine was interrupted.")
    expect(page.locator("#train-error")).to_be_empty()
    expect(page.locator("#train-form")).to_be_hidden()
    page.get_by_role("button", name="Go on").click()
    expect(page.locator("#train-what")).to_contain_text("mine is being trained: training")
    assert training.state()["progress"]["done"] >= done // 2
    page.locator("#train-cancel").click()
    expect(page.locator(STATUS)).to_have_text("Cancelled.")
    expect(page.locator("#train-run")).to_be_hidden()
    expect(page.locator("#train-form")).to_be_visible()
    assert training.state()["state"] == "idle"
    page.get_by_role("button", name="Delete all kept").click()
    expect(page.locator("#training-data")).to_have_text("0 documents kept for training. A training needs 5.")


def finished(training: Training) -> None:
    """A training whose scores can be seen: the sample corpus, some of it held out."""
    from gliner_adapters.corpora import load_corpus

    documents = load_corpus("sample").documents("train")
    labels = {label.name: label.description for label in load_corpus("sample").labels}
    body = {
        "documents": [
            {"text": each.text, "entities": [{"start": e.start, "end": e.end, "label": e.label} for e in each.entities]}
            for each in documents
        ],
        "labels": labels,
    }
    with httpx.Client(base_url=training.url, headers=HEADERS, timeout=60) as client:
        assert client.post("/v1/training/documents", json=body).status_code == 200
        request = {"name": "mine", "epochs": 6, "beside": "molecules"}
        assert client.post("/v1/training", json=request).status_code == 202
        end = time.monotonic() + 240
        while training.state()["state"] == "running":
            assert time.monotonic() < end
            time.sleep(0.2)
    assert training.state()["state"] == "finished"


@pytest.mark.slow
def test_scores_for_everyone(training: Training, open_page: Callable[..., Page]) -> None:
    """Both adapters' scores, by name for screen readers, in both schemes and on a narrow screen."""
    finished(training)
    status = training.state()
    for scheme, width in (("light", 320), ("dark", 1280)):
        page = open_page(training.url, refusals=True, color_scheme=scheme, viewport={"width": width, "height": 740})
        enter_key(page)
        expect(page.locator("#train-scores table")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        rows = page.locator("#train-scores tbody tr").evaluate_all(
            "rows => rows.map(row => [...row.children].map(cell => cell.textContent))"
        )
        scores = status["scores"]
        assert rows[0] == ["macro", "", f"{scores['new']['macro_f1']:.3f}", f"{scores['old']['macro_f1']:.3f}"]
        by_label = {row[0]: row[1:] for row in rows}
        assert by_label["cell line"][2] == "–"  # which `molecules` does not know
        texts = "#training :is(p, label, legend, h3, button:not(:disabled), li, td, th, caption)"
        low = page.locator(texts).evaluate_all(
            f"all => all.filter(e => e.offsetParent).map(e => [({TEXT_CONTRAST})(e), e.outerHTML])"
            ".filter(([c]) => c < 4.5)"
        )
        assert not low
        small = (
            page.locator("#training")
            .locator(FOCUSABLE)
            .evaluate_all(
                "all => all.filter(e => e.offsetParent && !e.matches('[type=checkbox]')"
                " && (e.offsetHeight < 24 || e.offsetWidth < 24)).map(e => e.outerHTML)"
            )
        )
        assert not small
        nodes = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
        nameless = [
            node["role"]["value"]
            for node in nodes
            if any(p["name"] == "focusable" and p["value"]["value"] for p in node.get("properties", ()))
            and not node["ignored"]
            and node["role"]["value"] != "RootWebArea"
            and not node.get("name", {}).get("value", "").strip()
        ]
        assert not nameless


@pytest.mark.skipif(
    not os.environ.get("GLINER_ADAPTERS_SCREENSHOTS"), reason="set GLINER_ADAPTERS_SCREENSHOTS=1 to write docs/images"
)
def test_screenshot_of_the_loop(training: Training, open_page: Callable[..., Page], adapters: Path) -> None:
    """The training with its curve and both scores; the new adapter's answers beside the old one's."""
    finished(training)
    page = open_page(training.url, refusals=True, viewport={"width": 1240, "height": 1500}, color_scheme="light")
    enter_key(page)
    page.locator("#adapters label", has_text="<").evaluate("label => label.remove()")
    page.get_by_role("button", name="Example").click()
    with page.expect_response("**/v1/annotate"):
        page.get_by_role("button", name="Read with both").click()
    expect(page.locator("#left .tag").first).to_be_visible()
    page.get_by_label("Show", exact=True).select_option(index=1)
    page.mouse.move(0, 0)
    for name, part in (("page-training", "#training"), ("page-new-beside-old", "#beside")):
        path = IMAGES / f"{name}.png"
        page.locator(part).screenshot(path=path)
        assert path.stat().st_size < MOST_BYTES
