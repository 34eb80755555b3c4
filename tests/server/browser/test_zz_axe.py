
import pathlib, json
from server.browser.helpers import TEXT, ask
from server.browser.test_access import reviewed
import pytest
@pytest.mark.parametrize("scheme", ["light","dark"])
def test_axe(open_page, server, scheme):
    page = open_page(server, color_scheme=scheme)
    page.locator("#adapters input").first.wait_for()
    reviewed(page)
    page.evaluate(pathlib.Path("/tmp/axe/package/axe.min.js").read_text())
    found = []
    def run(where):
        r = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        found.extend((where, v["id"], v["impact"], [n["html"][:150]+" | "+n["failureSummary"][:250] for n in v["nodes"]][:3]) for v in r["violations"])
    run("together")
    page.get_by_role("button", name="Side by side").click(); run("beside")
    for b in ("Shortcuts", "Key", "Add an entity"):
        page.get_by_role("button", name=b).first.click(); run(b); page.keyboard.press("Escape")
    print(json.dumps(found, indent=1))
    assert not found
