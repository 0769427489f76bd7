"""Every page at its worked sample, wide and narrow: nothing is cut off at the side, no table hides a column.

What scrolls sideways is cut off, unless the page says so, as below a table that is worked with, or it is a formula.
"""

import numpy as np
import pytest
from PIL import Image

from tests.test_accessibility import screenshots

expect = pytest.importorskip("playwright.sync_api").expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WIDTHS = {1280: 900, 390: 844}
# What is wider than its place, or beyond the window's edge. A slider's own input is laid over it, unseen, and a box of
# a screen reader's words is a pixel wide. A progress bar is pushed in from the left.
CUT_OFF = """() => {
  const width = document.documentElement.clientWidth;
  const found = [];
  const told = (element) => {
    const table = element.closest("[data-testid=stDataFrame]");
    const place = table?.closest("[data-testid=stElementContainer]")?.nextElementSibling;
    const hint = place?.querySelector(".kf-sideways");
    return hint && hint.getBoundingClientRect().height > 0;
  };
  for (const element of document.querySelectorAll("[data-testid=stMain] *")) {
    const { left, right, width: wide, height } = element.getBoundingClientRect();
    const style = getComputedStyle(element);
    if (wide < 3 || height < 3 || style.visibility === "hidden" || style.opacity === "0") continue;
    if (element.closest("svg, canvas, .katex, .katex-display, [aria-hidden=true], input[type=range]")) continue;
    if (element.closest("[data-testid=stProgress]")) continue;
    const name = `<${element.tagName.toLowerCase()} ${element.dataset.testid || element.className}> ` +
      `"${(element.innerText || element.ariaLabel || "").slice(0, 60)}"`;
    const over = element.scrollWidth - element.clientWidth;
    if (over > 1 && style.overflowX !== "visible" && style.display !== "inline" && !told(element)) {
      found.push(`${over} pixels are cut off: ${name}`);
    }
    if (left < -1 || right > width + 1) found.push(`from ${left} to ${right} of ${width}: ${name}`);
  }
  return found;
}"""

# Counts the moments at which a wait is shown, and those at which the hint of an empty page still stands there.
WATCH = """() => {
  window.seen = 0;
  const look = () => {
    if (!document.querySelector("[data-testid=stSpinner]")) return;
    const hints = [...document.querySelectorAll("[data-testid=stCaptionContainer]")];
    window.seen += hints.some((hint) => hint.innerText.includes("or try the sample") && hint.checkVisibility());
  };
  new MutationObserver(look).observe(document.body, { childList: true, subtree: true, characterData: true });
}"""


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory):
    """Address of a dashboard with the models that come along, and with a key of its own for a gallery."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        server, url = screenshots.serve(tmp_path_factory.mktemp("dashboard"))
    yield url
    server.terminate()
    server.wait(timeout=20)


def open_narrow(page, address):
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(address)
    page.locator("h1").first.wait_for(timeout=screenshots.PATIENCE)
    screenshots.settle(page)


@pytest.mark.parametrize("address", screenshots.SHOTS)
def test_nothing_is_cut_off(page, dashboard, address):
    for width, height in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": height})
        page.goto(f"{dashboard}/{address}")
        page.locator("h1").first.wait_for(timeout=screenshots.PATIENCE)
        screenshots.settle(page)
        screenshots.SHOTS[address](page)
        screenshots.settle(page)
        assert "\n".join(page.evaluate(CUT_OFF)) == "", width


def test_on_a_phone_the_bars_stay_in_sight_while_every_slider_moves(page, dashboard):
    open_narrow(page, f"{dashboard}/playground")
    sliders = page.get_by_role("slider")
    expect(sliders).to_have_count(4)
    for number in range(4):
        slider = sliders.nth(number)
        slider.evaluate("slider => slider.closest('[data-testid=stSlider]').scrollIntoView({ block: 'end' })")
        thumb = slider.bounding_box()
        assert 0 < thumb["y"] < 844
        for chart in page.get_by_test_id("stPlotlyChart").all():
            box = chart.bounding_box()
            assert box["y"] >= 0
            assert box["y"] + box["height"] <= thumb["y"]


def test_the_faces_of_a_group_stay_in_sight_while_it_is_named(page, dashboard, portrait, tmp_path):
    for name, brightness in (("one", 1.0), ("two", 0.7), ("three", 0.5)):
        Image.fromarray((portrait * brightness).astype(np.uint8)).save(tmp_path / f"{name}.png")
    open_narrow(page, f"{dashboard}/gallery?view=unknown")
    screenshots.press("Begin my gallery")(page)
    screenshots.settle(page)
    page.get_by_role("radio", name="Folder", exact=True).click()
    screenshots.settle(page)
    page.get_by_role("textbox", name="Folder").fill(str(tmp_path))
    page.keyboard.press("Enter")
    page.get_by_text("Somebody in 3 photos").wait_for(timeout=screenshots.PATIENCE)
    screenshots.settle(page)
    page.get_by_text("Name this person").click()
    page.get_by_role("combobox").first.fill("Eileen")
    page.keyboard.press("Enter")
    button = page.get_by_role("button", name="Enrol 3 photos as Eileen")
    button.wait_for(timeout=screenshots.PATIENCE)
    screenshots.settle(page)
    button.evaluate("button => button.scrollIntoView({ block: 'end' })")
    screenshots.settle(page)
    press = button.bounding_box()
    merge = page.get_by_role("button", name="Tick groups").bounding_box()
    assert merge["y"] + merge["height"] <= 844
    assert 0 < press["y"] < 844
    for face in page.get_by_role("img", name="Face ").all():
        box = face.bounding_box()
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= press["y"]


@pytest.mark.parametrize("name", ["segment", "recognise"])
def test_a_wait_never_stands_on_the_hint_of_the_empty_page(page, dashboard, name):
    open_narrow(page, f"{dashboard}/{name}")
    page.evaluate(WATCH)
    page.get_by_role("radio", name="Sample", exact=True).click()
    page.get_by_text("The whole photo" if name == "segment" else "the sample portrait").wait_for(
        timeout=screenshots.PATIENCE
    )
    screenshots.settle(page)
    assert page.evaluate("window.seen") == 0  # warm networks answer before a wait is drawn: then there is none to see
