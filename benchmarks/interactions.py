"""How fast do the pages of the course answer to what is moved on them?

    python benchmarks/interactions.py

A real browser (Chromium, headless, on the same machine) opens each topic of the Playground, part of Architectures, view
of Inspect and some items of the Lectures, moves every slider, step button, pill and switch a few times, and presses
the answer of an exercise. Timed is from the key or the click until the page has drawn the answer; the processor time
of the server in between stays the same on a busy machine. What asks for work of seconds (buttons such as Train) is no
interaction of this kind.
"""

import argparse
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from dashboard import PATIENCE, Server
from machine import print_columns, print_header, print_row
from playwright.sync_api import Error, Locator, Page, sync_playwright

from kerasface.course.finding import ITEMS
from kerasface.course.records import Page as Lead

TOPICS = {
    lead.query["topic"]: None
    for item in ITEMS.values()
    for lead in item.leads
    if isinstance(lead, Lead) and "topic" in lead.query
}
VIEWS = {
    "Inspect: layers": "inspect?view=layers",
    "Inspect: why this answer": "inspect?view=answer",
    "Inspect: why these two faces": "inspect?view=faces",
    "Inspect: map": "inspect?view=map",
    **{f"Architectures: {part}": f"architectures?part={part}" for part in ("Layers", "Calculators", "History")},
    "Architectures: Compare": "architectures?part=Compare",
    "Lectures": "lectures",
    "Lectures: item 8": "lectures?item=8",
    "Lectures: item 3": "lectures?item=3",
    **{f"Playground: {topic}": f"playground?topic={topic}" for topic in sorted(TOPICS)},
}
START = """
window.kf = {sent: 0, began: 0, heard: 0};
const send = WebSocket.prototype.send;
WebSocket.prototype.send = function (data) { window.kf.sent = performance.now(); return send.call(this, data); };
window.WebSocket = new Proxy(WebSocket, {construct(kind, words) {
  const socket = new kind(...words);
  socket.addEventListener("message", () => { window.kf.heard = performance.now(); });
  return socket;
}});
for (const kind of ["keydown", "pointerdown"])
  window.addEventListener(kind, () => { window.kf.began = performance.now(); }, true);
"""
# The answer is there when all of it has come, the page has stopped running, and the browser has drawn its last change:
# nothing was heard and nothing changed for STILL milliseconds since, which are not counted. Of an answer that comes and
# is drawn at once the page never says that it runs.
STILL = 250
WATCH = """([patience, still]) => {
  const app = document.querySelector("[data-testid=stApp]");
  const start = performance.now();
  let drawn = 0;
  window.kf.sent = window.kf.heard = 0;
  window.kf.done = new Promise(resolve => {
    const observer = new MutationObserver(() => {
      requestAnimationFrame(() => setTimeout(() => { drawn = performance.now(); }));
    });
    const look = setInterval(() => {
      const now = performance.now(), last = Math.max(window.kf.heard, drawn);
      const late = now - start > patience;
      const done = window.kf.sent && window.kf.heard > window.kf.sent && now - last > still &&
        app.dataset.testScriptState === "notRunning";
      if (!done && !late) return;
      observer.disconnect();
      clearInterval(look);
      resolve(done ? last - window.kf.began : null);
    }, 20);
    const main = document.querySelector("[data-testid=stMain]");
    observer.observe(main, {attributes: true, childList: true, characterData: true, subtree: true});
  });
}"""
QUIET = """() => {
  const state = document.querySelector("[data-testid=stApp]")?.dataset.testScriptState;
  const now = performance.now();
  if (state !== "notRunning") window.kfBusy = now;
  return state === "notRunning" && now - (window.kfBusy ??= now) > 700;
}"""
MAIN = "[data-testid=stMain] "
# Of each kind of widget: where it is, and the keys or clicks that move it.
KINDS = {
    "slider": "input[type=range]",
    "number": "[data-testid=stNumberInputField]",
    "group": "[data-testid=stButtonGroup]",
    "switch": "[data-testid=stCheckbox] label",
}


@dataclass(frozen=True)
class Move:
    """Something to move: what it is called, and how."""

    name: str
    act: Callable[[], None]


def moves(page: Page, times: int) -> Iterator[Move]:
    """Everything that can be moved on the page, `times` times each."""
    sliders = page.locator(MAIN + KINDS["slider"])
    for number in range(sliders.count()):
        slider = sliders.nth(number)
        name = slider.get_attribute("aria-label", timeout=2000) or "slider"
        for key in (["ArrowRight", "ArrowLeft"] * times)[:times]:
            yield Move(f"slider {name}", partial(slider.press, key, timeout=2000))
    fields = page.locator(MAIN + KINDS["number"])
    for number in range(fields.count()):
        for key in (["ArrowUp", "ArrowDown"] * times)[:times]:
            yield Move(f"number {number + 1}", partial(fields.nth(number).press, key, timeout=2000))
    switches = page.locator(MAIN + KINDS["switch"])
    for number in range(switches.count()):
        for _ in range(times):
            yield Move(f"switch {number + 1}", partial(switches.nth(number).click, timeout=2000))
    check = page.locator(MAIN + "[data-testid=stFormSubmitButton] button")
    for number in range(check.count() * times):
        yield Move("answer", partial(answer, page, check.first, f"{number}"))
    groups = page.locator(MAIN + KINDS["group"])
    for number in range(groups.count()):
        if leads_away(groups.nth(number)):
            continue
        pills = groups.nth(number).locator("button")
        for turn in range(times):
            count = max(pills.count(), 1)  # what was moved before may have taken them away
            yield Move(f"pills {number + 1}", partial(pills.nth((turn + 1) % count).click, timeout=2000))


def answer(page: Page, check: Locator, text: str) -> None:
    """Writes an answer to an exercise, where there is none to choose from, and has it checked."""
    field = page.locator(MAIN + "[data-testid=stForm] input[type=text]")
    if field.count():
        field.fill(text, timeout=2000)
    check.click(timeout=2000)


def leads_away(group: Locator) -> bool:
    """Whether it is a menu of topics, views or lectures: what these lead to is opened here anyway."""
    menu = "xpath=ancestor::*[contains(@class, 'st-key-topic_') or contains(@class, '_view')]"
    return group.locator(menu).count() > 0


def settle(page: Page) -> None:
    page.evaluate("window.kfBusy = performance.now()")
    page.wait_for_function(QUIET, timeout=PATIENCE)


def timed(page: Page, move: Move, server: int) -> tuple[float, float] | None:
    """Milliseconds from the hand to the answer, and of the server's processor; nothing where it was not asked."""
    page.evaluate(WATCH, [30_000, STILL])
    before = processor_ms(server)
    try:
        move.act()
    except Error:
        return None
    try:
        page.wait_for_function("window.kf.sent", timeout=1000)
    except Error:
        return None
    took = page.evaluate("window.kf.done")
    return (took, processor_ms(server) - before) if took else None


def processor_ms(process: int) -> float:
    """Processor time of a process so far, in steps of ten milliseconds; what else runs does not count."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return 1000 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(page: Page, address: str, times: int, told: bool, server: Server) -> np.ndarray:
    """All interactions of a page, `(count, 2)`: milliseconds from the hand, and of the server's processor."""
    page.goto(f"{server.url}/{address}")
    page.locator("h1").first.wait_for(timeout=PATIENCE)
    settle(page)
    sample = page.locator(MAIN + "button:has-text('Try the sample')")
    if sample.count():
        sample.first.click()
        settle(page)
    found = {}
    for move in moves(page, times):
        took = timed(page, move, server.process.pid)
        if took:
            found.setdefault(move.name, []).append(took)
    if told:
        for name, values in found.items():
            print("   ", name, " ".join(f"{all_of:.0f}/{server:.0f}" for all_of, server in values), flush=True)
    return np.array([took for values in found.values() for took in values]).reshape(-1, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=4, help="how often each widget is moved")
    parser.add_argument("--only", default="", help="pages whose name has this in it")
    parser.add_argument("--verbose", action="store_true", help="each widget, too")
    parser.add_argument("--chromium", default="/usr/bin/chromium", help="the browser")
    arguments = parser.parse_args()
    print_header()
    print_columns("page", "interactions", "median", "95th percentile", "worst", "processor of the server, 95th")
    everything = []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server = Server(folder)
        try:
            browser = playwright.chromium.launch(executable_path=arguments.chromium, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1280, "height": 1000})
            page.add_init_script(START)
            for name, address in VIEWS.items():
                if arguments.only.lower() not in name.lower():
                    continue
                open_first(page, server.url)
                took = measure(page, address, arguments.times, arguments.verbose, server)
                everything.append(took)
                row(name, took)
            row("**all**", np.concatenate(everything))
            browser.close()
        finally:
            server.stop()


def open_first(page: Page, url: str) -> None:
    """Waits for the server where it has just been started."""
    for _ in range(200):
        try:
            page.goto(url)
            return
        except Error:
            page.wait_for_timeout(200) if not page.is_closed() else None


def row(name: str, took: np.ndarray) -> None:
    if not len(took):
        print_row(name, 0, *["\N{EN DASH}"] * 4)
        return
    hand, server = took.T
    figures = np.median(hand), np.quantile(hand, 0.95), hand.max(), np.quantile(server, 0.95)
    print_row(name, len(took), *(f"{value:.0f} ms" for value in figures))


if __name__ == "__main__":
    main()
