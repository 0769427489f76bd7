"""Every page at its worked sample, light and dark, against the rules of WCAG 2.1 AA that axe-core can judge.

axe knows names of controls, texts beside pictures and the contrast of text on plain backgrounds. Text of charts is
drawn in SVG, where axe does not look: its contrast is computed here. Whether Tab reaches every control is tried out.
"""

import importlib.util
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="Playwright is not installed: see requirements-test.txt")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="see requirements-test.txt")
pytestmark = [pytest.mark.browser, pytest.mark.slow]

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
# Streamlit's own markup, which an app cannot change: its menu in groups, and a formula that may be scrolled.
NOT_OURS = {"list": "stSidebarNav", "listitem": "<li", "scrollable-region-focusable": "katex-display"}

# Texts of charts whose contrast with the page is below AA's 4.5 (3 from 24 pixels on, or 18.7 bold).
FAINT_TEXT = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, below) => top.slice(0, 3).map((value, i) => value * top[3] + below[i] * (1 - top[3]));
  const luminance = (colour) => {
    const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = colour.map((value) => linear(value / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) layers.push(rgba(getComputedStyle(at).backgroundColor));
    return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255]);
  };
  const found = [];
  for (const text of document.querySelectorAll(".js-plotly-plot text")) {
    const style = getComputedStyle(text);
    if (!text.textContent.trim() || style.visibility === "hidden" || !text.getBoundingClientRect().width) continue;
    let opacity = 1;
    for (let at = text; at; at = at.parentElement) opacity *= getComputedStyle(at).opacity;
    const ground = behind(text.closest(".js-plotly-plot"));
    const ink = rgba(style.fill);
    const seen = over([...ink.slice(0, 3), ink[3] * opacity * style.fillOpacity], ground);
    const shades = [luminance(seen), luminance(ground)];
    const ratio = (Math.max(...shades) + 0.05) / (Math.min(...shades) + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    if (ratio < (large ? 3 : 4.5)) found.push(`"${text.textContent}" ${style.fill} ${ratio.toFixed(2)}`);
  }
  return found;
}"""

# Numbers every control that can be used, and returns how many there are.
NUMBER_CONTROLS = """() => {
  const kinds = "button, a[href], input, select, textarea, summary, [role=button], [role=radio], [role=slider]";
  let count = 0;
  for (const element of document.querySelectorAll(kinds)) {
    const { width, height } = element.getBoundingClientRect();
    const unused = element.disabled || element.closest("[aria-hidden=true], [inert]");
    if (width < 2 || height < 2 || unused || getComputedStyle(element).visibility === "hidden") continue;
    element.dataset.control = count++;
  }
  return count;
}"""
FOCUSED = """() => {
  let element = document.activeElement;
  while (element.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
  return element === document.body ? null : (element.dataset.control ?? "other");
}"""
# What Tab passed over. One of a group stands for all of them, as arrows go on from it; and what a widget itself takes
# out of the order has keys of its own there: arrows for a number, Backspace for a chosen name.
PASSED_OVER = """(reached) => [...document.querySelectorAll("[data-control]")]
  .filter((element) => !reached.includes(element.dataset.control) && element.tabIndex >= 0)
  .filter((element) => {
    const group = element.closest("[role=radiogroup], [role=toolbar]");
    const others = group ? [...group.querySelectorAll("[data-control]")] : [];
    return !others.some((other) => reached.includes(other.dataset.control));
  })
  .map((element) => element.outerHTML.slice(0, 200))"""


def _load_screenshots():
    file = Path(__file__).resolve().parent.parent / "docs" / "screenshots.py"
    spec = importlib.util.spec_from_file_location("screenshots", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


screenshots = _load_screenshots()


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory):
    """Address of a dashboard with the models that come along."""
    server, url = screenshots.serve(tmp_path_factory.mktemp("dashboard"))
    yield url
    server.terminate()
    server.wait(timeout=20)


def _violations(page):
    report = axe.Axe().run(page, options={"runOnly": RULES}).response
    return [
        f"{violation['id']}: {node['html'][:120]} {node['failureSummary']}"
        for violation in report["violations"]
        for node in violation["nodes"]
        if NOT_OURS.get(violation["id"], "\0") not in node["html"]
    ]


@pytest.mark.parametrize("address", screenshots.SHOTS)
def test_a_page_can_be_read_and_reached_by_everybody(page, dashboard, address):
    page.emulate_media(color_scheme="light")
    page.goto(f"{dashboard}/{address}")
    page.locator("h1").first.wait_for(timeout=screenshots.PATIENCE)
    screenshots.settle(page)
    screenshots.SHOTS[address](page)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        screenshots.settle(page)
        assert "\n".join(_violations(page)) == "", scheme
        assert "\n".join(page.evaluate(FAINT_TEXT)) == "", scheme

    count = page.evaluate(NUMBER_CONTROLS)
    assert count > 11  # the menu alone has as many
    reached, ends = [], 0
    for _ in range(2 * count + 50):
        page.keyboard.press("Tab")
        reached.append(page.evaluate(FOCUSED))
        ends += reached[-1] is None  # from the last control Tab leaves the page, and enters it anew
        if ends == 2:
            break
    assert page.evaluate(PASSED_OVER, reached) == []
