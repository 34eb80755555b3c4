"""What a person does on the page, and what they see; the server is asked beside it, to compare."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from playwright.sync_api import Locator, LocatorAssertions, Page

TEXT = (
    "Metformin lowered glucose in patients with type 2 diabetes mellitus and carriers of SLC22A1. "
    "Cisplatin caused acute kidney injury in mice that lack TP53; the drug's effect on G6PC was small."
)
LABELS: dict[str, str | None] = {"gene": None, "disease": None, "chemical": "a drug or another chemical"}

#: A name that would show if any name were taken for markup.
HOSTILE = "<img src=x onerror=window.broken=1>"

#: (start, end, label, source); a source is an adapter's name, or one of the page's own words.
Shown = tuple[int, int, str, str]

_NAME = re.compile(
    r"(?s)(?P<mention>.*), (?P<label>(?!score )[^,]*), (?:score (?P<score>[\d.]+), )?"
    r"characters (?P<start>\d+) to (?P<end>\d+), "
    r"(?:from )?(?P<source>[^,]*)(?P<state>(?:, .*)?)"
)


def expect(locator: Locator) -> LocatorAssertions:
    """Assertions that wait until they hold; without playwright the tests are skipped before they come here."""
    from playwright.sync_api import expect as waiting

    return waiting(locator)


def ask(
    page: Page, text: str | None = None, labels: Mapping[str, str | None] | None = None, adapters: Iterable[str] = ()
) -> None:
    """Fill in what is given and annotate."""
    if text is not None:
        page.get_by_role("textbox", name="Text", exact=True).fill(text)
    for name, description in (labels or {}).items():
        page.get_by_label("New label").fill(f"{name}: {description}" if description else name)
        page.get_by_label("New label").press("Enter")
    for name in adapters:
        page.locator("#adapters input").and_(page.get_by_role("checkbox", name=name)).check()
    annotate(page)


def annotate(page: Page) -> None:
    """Press the button and wait for the answer."""
    with page.expect_response("**/v1/annotate"):
        page.get_by_role("button", name="Annotate", exact=True).click()
    expect(page.locator("#result")).to_have_attribute("aria-busy", "false")


def shown(page: Page, root: str = "#together") -> list[Shown]:
    """The entities in sight, sorted."""
    return sorted((e["start"], e["end"], e["label"], e["source"]) for e in described(page, root))


def described(page: Page, root: str = "#together") -> list[dict[str, Any]]:
    """What a screen reader is told of each entity, in the order of the page."""
    names = page.locator(f"{root} .tag").evaluate_all("tags => tags.map(tag => tag.getAttribute('aria-label'))")
    found = []
    for name in names:
        match = _NAME.fullmatch(name)
        assert match, name
        found.append({**match.groupdict(), "start": int(match["start"]), "end": int(match["end"])})
    return found


def answer(server: str, text: str, **body: Any) -> list[Shown]:
    """The same of the server's own answer to a request."""
    return sorted(
        (e["start"], e["end"], e["label"], e["adapter"] or "typed labels") for e in entities(server, text, **body)
    )


def entities(server: str, text: str, **body: Any) -> list[dict[str, Any]]:
    """What the server finds in a text."""
    response = httpx.post(f"{server}/v1/annotate", json={"text": text, **body}, timeout=60)
    assert response.status_code == 200, response.text
    return response.json()["results"][0]["entities"]


def slide(page: Page, source: str, value: float) -> None:
    """Move a source's slider."""
    page.get_by_label(f"Threshold of {source}", exact=True).fill(str(value))


def text_of(page: Page, root: str = "#together") -> str:
    """The text as it is drawn."""
    return page.locator(root).evaluate("root => root.textContent")


def select_text(page: Page, start: int, end: int, then: str) -> None:
    """Select a stretch of the drawn text, in UTF-16 units, and press a key before any event tells of the selection."""
    page.locator("#together").evaluate(
        """(root, [start, end, key]) => {
            const walk = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
            const range = document.createRange();
            let at = 0;
            for (let node = walk.nextNode(); node; node = walk.nextNode()) {
                const after = at + node.length;
                if (start >= at && start < after) range.setStart(node, start - at);
                if (end > at && end <= after) range.setEnd(node, end - at);
                at = after;
            }
            root.focus();
            getSelection().removeAllRanges();
            getSelection().addRange(range);
            root.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
        }""",
        [start, end, then],
    )
