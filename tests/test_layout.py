"""Every page at its worked sample, wide and narrow: nothing is cut off at the side, no table hides a column.

What scrolls sideways is cut off, unless the page says so, as below a table that is worked with, or it is a formula.
"""

import pytest

from tests.test_accessibility import dashboard, screenshots  # noqa: F401

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WIDTHS = {1280: 900, 390: 844}
# What is wider than its place, or beyond the window's edge. A slider's own input is laid over it, unseen, and a box of
# a screen reader's words is a pixel wide.
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


@pytest.mark.parametrize("address", screenshots.SHOTS)
def test_nothing_is_cut_off(page, dashboard, address):  # noqa: F811
    for width, height in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": height})
        page.goto(f"{dashboard}/{address}")
        page.locator("h1").first.wait_for(timeout=screenshots.PATIENCE)
        screenshots.settle(page)
        screenshots.SHOTS[address](page)
        screenshots.settle(page)
        assert "\n".join(page.evaluate(CUT_OFF)) == "", width


def test_on_a_phone_the_bars_stay_in_sight_while_every_slider_moves(page, dashboard):  # noqa: F811
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{dashboard}/playground")
    page.locator("h1").first.wait_for(timeout=screenshots.PATIENCE)
    screenshots.settle(page)
    sliders = page.get_by_role("slider")
    assert sliders.count() == 4
    for number in range(4):
        slider = sliders.nth(number)
        slider.evaluate("slider => slider.closest('[data-testid=stSlider]').scrollIntoView({ block: 'end' })")
        thumb = slider.bounding_box()
        assert 0 < thumb["y"] < 844
        for chart in page.get_by_test_id("stPlotlyChart").all():
            box = chart.bounding_box()
            assert box["y"] >= 0
            assert box["y"] + box["height"] <= thumb["y"]
