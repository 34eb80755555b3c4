"""For everyone: by keyboard alone, for screen readers, in light and dark, on narrow screens."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from server.browser.helpers import TEXT, ask, described, expect, shown

if TYPE_CHECKING:
    from playwright.sync_api import Page

IMAGES = Path(__file__).resolve().parents[3] / "docs" / "images"
MOST_BYTES = 200_000
#: Everything that takes the focus.
FOCUSABLE = "button, input:not([type=file]), select, textarea, a[href], [tabindex='0']"

#: Contrast of an element's text with what lies behind it, as WCAG 2 computes it; colours through a canvas, which
#: knows all notations.
CONTRAST = """(element) => {
    const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const stack = [];
    for (let each = element; each; each = each.parentElement) stack.unshift(getComputedStyle(each).backgroundColor);
    const paint = (colour) => { context.fillStyle = colour; context.fillRect(0, 0, 1, 1); };
    const light = () => {
        const [r, g, b] = [...context.getImageData(0, 0, 1, 1).data].slice(0, 3).map((value) => {
            const part = value / 255;
            return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    stack.forEach(paint);
    const behind = light();
    paint(COLOUR);
    const before = light();
    return (Math.max(behind, before) + 0.05) / (Math.min(behind, before) + 0.05);
}"""
TEXT_CONTRAST = CONTRAST.replace("COLOUR", "getComputedStyle(element).color")
LINE_CONTRAST = CONTRAST.replace("COLOUR", "getComputedStyle(element).backgroundImage.match(/oklch\\([^)]*\\)/)[0]")


def reviewed(page: Page) -> None:
    """A page that shows as much as it can."""
    ask(page, TEXT, {"gene": None, "disease": "an illness"}, adapters=["clinic", "molecules"])
    page.locator("#together .tag").nth(1).press("a")
    page.locator("#together .tag").nth(3).press("x")
    page.locator("#together .tag").nth(2).focus()


def test_by_keyboard_alone(page: Page) -> None:
    """From the text to a reviewed entity without a pointer."""

    def tab_to(selector: str) -> None:
        for _ in range(60):
            if page.evaluate("selector => document.activeElement.matches(selector)", selector):
                return
            page.keyboard.press("Tab")
        raise AssertionError(f"the tab key does not lead to {selector}")

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the result")).to_be_focused()
    tab_to("#text")
    page.keyboard.insert_text(TEXT)
    tab_to("#adapters input")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    tab_to("#label")
    page.keyboard.type("gene")
    page.keyboard.press("Enter")
    page.keyboard.type("?")  # a character here, not a shortcut
    page.keyboard.press("Backspace")
    with page.expect_response("**/v1/annotate"):
        page.keyboard.press("Control+Enter")
    expect(page.get_by_role("status")).to_contain_text("entities in 1 document")
    tab_to("#thresholds input")
    before = page.locator("#thresholds .value").first.text_content()
    page.keyboard.press("ArrowLeft")
    assert page.locator("#thresholds .value").first.text_content() != before
    tab_to("#types button")
    page.keyboard.press("Space")
    expect(page.locator("#types button").first).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("Space")
    tab_to(".tag")
    tags = page.locator("#together .tag")
    expect(tags.first).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(tags.nth(1)).to_be_focused()
    assert tags.evaluate_all("tags => tags.filter(tag => tag.tabIndex === 0).length") == 1
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Shortcuts")).to_be_visible()
    for _ in range(3):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement === document.body || !!document.activeElement.closest('#help')")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Shortcuts")).to_be_hidden()
    expect(tags.nth(1)).to_be_focused()
    mention = described(page)[1]["mention"]
    expect(page.get_by_role("region", name="Selected entity")).to_contain_text(mention)
    page.keyboard.press("x")
    expect(page.get_by_role("status")).to_have_text(f"{mention}: rejected.")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
    assert outline == "3px"


def test_everything_has_a_name_and_a_place(page: Page) -> None:
    reviewed(page)
    for state in ("together", "beside"):
        if state == "beside":
            page.get_by_role("button", name="Side by side").click()
        session = page.context.new_cdp_session(page)
        nodes = session.send("Accessibility.getFullAXTree")["nodes"]
        nameless = [
            node["role"]["value"]
            for node in nodes
            if any(p["name"] == "focusable" and p["value"]["value"] for p in node.get("properties", ()))
            and not node["ignored"]
            and node["role"]["value"] != "RootWebArea"
            and not node.get("name", {}).get("value", "").strip()
        ]
        assert not nameless, state
        roles = [node["role"]["value"] for node in nodes if not node["ignored"]]
        assert {"banner", "main", "form", "region", "status"} <= set(roles)
        ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
        assert len(ids) == len(set(ids))
        small = page.locator(FOCUSABLE).evaluate_all(
            "all => all.filter(e => e.offsetParent && !e.matches('.tag, .skip, [type=checkbox], [type=range]')"
            " && (e.offsetHeight < 24 || e.offsetWidth < 24)).map(e => e.outerHTML)"
        )
        assert not small
    assert page.locator("html").get_attribute("lang") == "en"
    headings = page.evaluate("[...document.querySelectorAll('main h2, main h3, h1')].map(e => Number(e.tagName[1]))")
    assert headings[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(headings))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("by", ["system", "switch"])
def test_contrast(open_page: Callable[..., Page], server: str, scheme: str, by: str) -> None:
    other = {"light": "dark", "dark": "light"}[scheme]
    page = open_page(server, color_scheme=scheme if by == "system" else other)
    page.locator("#adapters input").first.wait_for()
    if by == "switch":
        page.get_by_label("Theme").select_option(scheme)
        page.reload()
        page.locator("#adapters input").first.wait_for()
    dark = page.evaluate("getComputedStyle(document.body).color") == "rgb(233, 231, 226)"
    assert dark is (scheme == "dark")
    reviewed(page)
    page.locator("#together").evaluate(
        """async (root) => {
            const { draw } = await import("/assets/highlight.js");
            const { entity } = await import("/assets/entities.js");
            const { Offsets } = await import("/assets/offsets.js");
            const entities = Array.from({ length: 8 }, (_, i) => entity(2 * i, 2 * i + 1, "label", "labels"));
            const describe = (one) => ({ colour: one.start / 2, label: "label", name: "name" });
            root.append(draw(new Offsets("a b c d e f g h"), entities, describe).nodes);
        }"""
    )
    texts = "p, label, legend, h1, h2, h3, button:not(:disabled), small, code, .tag, .piece, .quiet, kbd, li, .value"
    low = page.locator(texts).evaluate_all(
        f"all => all.filter(e => e.offsetParent).map(e => [({TEXT_CONTRAST})(e), e.outerHTML]).filter(([c]) => c < 4.5)"
    )
    assert not low
    lines = page.locator(".piece:not(.rejected)").evaluate_all(f"all => all.map({LINE_CONTRAST})")
    assert len(lines) >= 8
    assert min(lines) >= 3


@pytest.mark.parametrize("width", [320, 480])
def test_narrow_screens(open_page: Callable[..., Page], server: str, width: int) -> None:
    page = open_page(server, viewport={"width": width, "height": 640})
    page.locator("#adapters input").first.wait_for()
    fits = "document.documentElement.scrollWidth <= innerWidth"
    assert page.evaluate(fits)
    long = "Pneumono" + "ultramicroscopic" * 8
    ask(page, f"{TEXT} {long} causes asthma.", {"disease" * 12: None, "gene": "word " * 30}, ["clinic", "molecules"])
    assert page.evaluate(fits)
    page.get_by_role("button", name="Side by side").click()
    assert shown(page, "#left") != []
    assert page.evaluate(fits)
    for button in ("Shortcuts", "Add an entity"):
        page.get_by_role("button", name=button).click()
        box = page.locator("dialog[open]").bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        page.keyboard.press("Escape")


def test_reduced_motion(page: Page) -> None:
    """The pages of these tests ask for reduced motion."""
    assert page.locator("#annotate").evaluate("e => getComputedStyle(e).transitionDuration") in ("0s", "")
    page.emulate_media(reduced_motion="no-preference")
    assert page.locator("#annotate").evaluate("e => getComputedStyle(e).transitionDuration") == "0.12s"


@pytest.mark.skipif(
    not os.environ.get("GLINER_ADAPTERS_SCREENSHOTS"), reason="set GLINER_ADAPTERS_SCREENSHOTS=1 to write docs/images"
)
@pytest.mark.parametrize(
    ("name", "width", "scheme"),
    [("page-light", 1280, "light"), ("page-dark", 1280, "dark"), ("page-narrow", 360, "light")],
)
def test_screenshots(open_page: Callable[..., Page], server: str, name: str, width: int, scheme: str) -> None:
    page = open_page(server, viewport={"width": width, "height": 740}, color_scheme=scheme)
    page.locator("#adapters input").first.wait_for()
    # An adapter with a hostile name is there for the other tests.
    page.locator("#adapters label", has_text="<").evaluate("label => label.remove()")
    page.get_by_role("button", name="Example").click()
    page.get_by_role("button", name="Remove label chemical").click()
    ask(page, adapters=["clinic", "molecules"])
    page.locator("#together .tag").nth(1).press("a")
    page.locator("#ask").evaluate("form => form.scrollTo(0, 0)")
    if width < 600:
        page.locator("#together").evaluate("root => scrollTo(0, root.offsetTop - 24)")
    page.mouse.move(0, 0)
    path = IMAGES / f"{name}.png"
    IMAGES.mkdir(exist_ok=True)
    page.screenshot(path=path)
    assert path.stat().st_size < MOST_BYTES
