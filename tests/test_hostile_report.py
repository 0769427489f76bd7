"""The report of a model that somebody else made: it is shown, and can do nothing."""

import json

import pytest

from tests.conftest import running_dashboard, settle
from tests.runs.made_up import make_run

pytestmark = [pytest.mark.slow, pytest.mark.browser]
EVIL = """<!doctype html><p id="said"></p><script>
const tried = {};
const attempt = (name, act) => { try { act(); tried[name] = "done"; } catch (error) { tried[name] = "refused"; } };
attempt("parent", () => parent.parent.document.title = "taken");
attempt("storage", () => localStorage.setItem("taken", 1));
attempt("cookie", () => document.cookie = "taken=1");
attempt("top", () => { top.location = "about:blank"; });
new Image().src = "URL/evil-picture";
navigator.sendBeacon && navigator.sendBeacon("URL/evil-beacon");
const form = Object.assign(document.createElement("form"), {action: "URL/evil-form", target: "_blank"});
document.body.append(form);
form.submit();
window.open("URL/evil-window");
fetch("URL/evil-fetch", {mode: "no-cors"}).then(() => tried.fetch = "done", () => tried.fetch = "refused").then(() => {
  document.getElementById("said").textContent = JSON.stringify(tried);
});
</script>"""


def test_a_report_of_somebody_else_is_shown_and_reaches_nothing(page, tmp_path):
    expect = pytest.importorskip("playwright.sync_api").expect
    with running_dashboard(tmp_path) as url:
        make_run(tmp_path / "saved_models", "given", files={"report.html": EVIL.replace("URL", url)})
        asked = []
        page.context.on("response", lambda response: asked.append(response.url))
        page.goto(f"{url}/train?training=given")
        expect(page.get_by_role("heading", level=1)).to_be_visible(timeout=90_000)
        settle(page)
        page.get_by_text("Show the whole report here").click()
        frame = page.frame_locator("iframe").frame_locator("iframe[title=Report]")
        expect(frame.locator("#said")).to_contain_text("fetch")
        tried = json.loads(frame.locator("#said").text_content())
        assert tried == dict.fromkeys(("parent", "storage", "cookie", "top", "fetch"), "refused")
        assert page.title() != "taken"
        assert page.url.startswith(f"{url}/train")
        assert len(page.context.pages) == 1
        assert [one for one in asked if "evil" in one] == []
