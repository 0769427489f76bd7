"""Is anything lost that a user does while the dashboard is at work?

    python benchmarks/lost_actions.py --tries 100

A real browser (Chromium, headless) does four kinds of things at random moments while the page runs, with a busy
process for each core beside it: gives a second photo while the first is being looked at; types a name and a number and
presses Start at once; presses a button while the page runs, and does something else right after it; changes a choice
while the page runs. Each try asks afterwards whether the dashboard did all of it. Trainings are not started: their
commands are written down instead.
"""

import argparse
import contextlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from dashboard import PATIENCE, Server
from machine import print_columns, print_header, print_row
from PIL import Image
from playwright.sync_api import Error, Page, expect, sync_playwright
from skimage.data import astronaut

SOON = 0.7  # seconds within which a person has pressed the button after typing
NOTED = "kerasface_started.jsonl"
# What a training would be started with is written down: a hundred trainings would be a benchmark of something else.
PREPARE = f"""
import json
import kerasface.train.process.background as background
def note(command, name, **others):
    with open({NOTED!r}, "a") as file:
        file.write(json.dumps([list(command), name]) + chr(10))
background.start = note
"""
HAND = {"delay": 60}  # milliseconds between down and up of a press
SETTLED = """() => {
    const state = document.querySelector("[data-testid=stApp]")?.dataset.testScriptState;
    if (state !== "notRunning") window.lastAtWork = performance.now();
    window.lastAtWork ??= performance.now();
    return performance.now() - window.lastAtWork > 500;
}"""


@dataclass(frozen=True)
class Desk:
    """What a try needs.

    Attributes:
        page: Of the browser.
        url: Of the dashboard.
        folder: Working folder of the dashboard, for photos and for what it writes down.
        dice: For the moments.
        number: Of the try, for names that are used once.
        patience: Milliseconds after which something is lost.
    """

    page: Page
    url: str
    folder: Path
    dice: random.Random
    number: int
    patience: int

    def wait(self, most: float = SOON) -> None:
        time.sleep(self.dice.uniform(0, most))

    def settle(self) -> None:
        self.page.evaluate("window.lastAtWork = performance.now()")
        self.page.wait_for_function(SETTLED, timeout=PATIENCE)

    def photo(self, letter: str) -> Path:
        """A photo file whose name and pixels were never there before."""
        side = 330 + self.dice.randrange(100)
        file = self.folder / f"try_{self.number}_{letter}.jpg"
        Image.fromarray(np.ascontiguousarray(astronaut()[:side, 60 : 60 + side])).save(file)
        return file

    def started(self, place: int) -> list:
        """The command and the name of the training that was started as the `place`-th."""
        deadline = time.monotonic() + self.patience / 1000
        while time.monotonic() < deadline:
            file = self.folder / NOTED
            lines = file.read_text().splitlines() if file.is_file() else []
            if len(lines) > place:
                return json.loads(lines[place])
            self.page.wait_for_timeout(50)
        return [[], ""]

    def number_started(self) -> int:
        file = self.folder / NOTED
        return len(file.read_text().splitlines()) if file.is_file() else 0

    def shows(self, text: str) -> bool:
        """Whether the page shows a text, now or after a while."""
        try:
            expect(self.page.get_by_text(text).first).to_be_visible(timeout=self.patience)
        except AssertionError:
            return False
        return True


def upload(desk: Desk) -> str:
    """Verify: photo B is given while photo A is looked at; both must get their answer."""
    if desk.number % 5 == 0:
        desk.page.goto(f"{desk.url}/verify")
    inputs = desk.page.locator("input[type=file]")
    expect(inputs).to_have_count(2, timeout=PATIENCE)
    files = [desk.photo("a"), desk.photo("b")]
    first = desk.dice.randrange(2)
    inputs.nth(first).set_input_files(files[first])
    desk.wait(desk.dice.choice((0.05, SOON)))  # at once, while the first is on its way, or while it is looked at
    inputs.nth(1 - first).set_input_files(files[1 - first])
    return "".join(f"photo {file.stem[-1]} " for file in files if not desk.shows(f"{file.name}: "))


def open_train(desk: Desk) -> None:
    desk.page.goto(f"{desk.url}/train")
    desk.page.get_by_role("radio", name="Sample", exact=True).click(timeout=PATIENCE)
    expect(desk.page.get_by_role("button", name="Start", exact=True)).to_be_enabled(timeout=PATIENCE)
    if desk.number % 2:  # else the page may still run
        desk.settle()


def write(desk: Desk, label: str, text: str) -> None:
    """Types into a field as a person does; now and then with Enter."""
    box = desk.page.get_by_label(label, exact=True).first
    box.click(timeout=PATIENCE)
    desk.page.keyboard.press("ControlOrMeta+a")
    desk.page.keyboard.type(text, delay=15)
    if desk.dice.random() < 0.3:
        desk.page.keyboard.press("Enter")


def type_(desk: Desk) -> str:
    """Train: a name and a number of epochs are typed, in either order, and Start is pressed at once."""
    open_train(desk)
    name, epochs = f"mine-{desk.number}", str(31 + desk.dice.randrange(60))  # not the recipe's 30: it has no flag
    boxes = [("Epochs", epochs), ("Name of the model", name)]
    desk.dice.shuffle(boxes)
    place = desk.number_started()
    for label, text in boxes:
        write(desk, label, text)
        desk.wait(0.3)
    desk.wait()
    desk.page.get_by_role("button", name="Start", exact=True).click(**HAND, timeout=PATIENCE)
    command, began = desk.started(place)
    if not command:
        return f"Start with {name} and {epochs} epochs"
    lost = [] if began == name and name in command else [f"name {name}: {began}"]
    if "--epochs" not in command or command[command.index("--epochs") + 1] != epochs:
        lost.append(f"epochs {epochs}: {' '.join(command)}")
    return ", ".join(lost)


def press(desk: Desk) -> str:
    """A button is pressed while the page runs, and something else is done within a moment."""
    if desk.number % 2:
        desk.page.goto(f"{desk.url}/gallery")
        desk.page.get_by_role("button", name="Look at a demonstration").last.click(**HAND, timeout=PATIENCE)
        leave = desk.page.get_by_role("button", name="Leave the demonstration")
        try:
            leave.wait_for(timeout=desk.patience)
        except Error:
            return "Look at a demonstration"
        desk.wait(0.3)
        leave.click(**HAND, timeout=PATIENCE)
        return "" if desk.shows("There is no gallery at") else "Leave the demonstration"
    open_train(desk)
    place = desk.number_started()
    desk.page.get_by_role("radio", name="Whole pictures", exact=True).click(timeout=PATIENCE)
    desk.page.get_by_role("radio", name="Faces", exact=True).click(timeout=PATIENCE)
    desk.wait()
    desk.page.get_by_role("button", name="Start", exact=True).click(**HAND, timeout=PATIENCE)
    desk.wait(0.1)
    with contextlib.suppress(Error):  # it may have gone with the start
        desk.page.get_by_role("radio", name="Folder", exact=True).click(timeout=1000)
    # Both may reach the server as one: then Start goes by the folder's empty box, and says so.
    told = desk.page.get_by_text("Choose the pictures first")
    deadline = time.monotonic() + desk.patience / 1000
    while time.monotonic() < deadline:
        if desk.number_started() > place or told.is_visible():
            return ""
        desk.page.wait_for_timeout(50)
    return "Start"


def choose(desk: Desk) -> str:
    """Verify: another error rate is chosen while two photos are compared; the answer must be for it."""
    if desk.number % 5 == 0:
        desk.page.goto(f"{desk.url}/verify")
        desk.page.get_by_role("button", name="Try the sample").click(**HAND, timeout=PATIENCE)
        if not desk.shows("At this threshold about"):
            return "Try the sample"
    wanted, other = ("1 in 100", "1 in 1,000") if desk.number % 2 else ("1 in 1,000", "1 in 100")
    for rate in (other, wanted):
        desk.page.get_by_role("radio", name=rate, exact=True).click(timeout=PATIENCE)
        desk.wait()
    try:
        text = desk.page.get_by_text("At this threshold about").locator("strong")
        expect(text).to_have_text(wanted, timeout=desk.patience)
    except AssertionError:
        return wanted
    return ""


KINDS: dict[str, Callable[[Desk], str]] = {"upload": upload, "type": type_, "press": press, "choose": choose}


@contextlib.contextmanager
def busy(processes: int) -> Iterator[None]:
    """Keeps processes busy inside the block, one for each core."""
    running = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def measure(page: Page, url: str, folder: Path, kind: str, arguments: argparse.Namespace) -> tuple[int, list[str]]:
    """Tries one kind; returns how often, and what was lost."""
    dice, lost, took = random.Random(arguments.seed), [], time.monotonic()
    for number in range(arguments.tries):
        desk = Desk(page, url, folder, dice, number, int(1000 * arguments.patience))
        if what := KINDS[kind](desk):
            lost.append(f"try {number}: {what}")
            page.goto("about:blank")
            page.goto(f"{url}/{'train' if kind == 'type' else 'verify'}")
    print_row(kind, arguments.tries, len(lost), f"{time.monotonic() - took:.0f} s")
    return arguments.tries, lost


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=100, help="of each kind")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), help="what is tried")
    parser.add_argument("--busy", type=int, default=os.cpu_count(), help="busy processes beside it")
    parser.add_argument("--patience", type=float, default=60, help="seconds after which something is lost")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--chromium", default="/usr/bin/chromium", help="the browser")
    arguments = parser.parse_args()
    print_header()
    print_columns("kind", "tries", "lost", "took")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright, busy(arguments.busy):
        server = Server(folder, prepare=PREPARE)
        browser = playwright.chromium.launch(executable_path=arguments.chromium, args=["--no-sandbox"])
        page = browser.new_page()
        open_when_there(page, server.url)
        lost = {kind: measure(page, server.url, Path(folder), kind, arguments)[1] for kind in arguments.kinds}
        browser.close()
        log = server.stop()
    for kind, losses in lost.items():
        for loss in losses:
            print(f"{kind}, {loss}")
    print(f"lines in the server's terminal: {len(log.splitlines())}, tracebacks: {log.count('Traceback')}")


def open_when_there(page: Page, url: str) -> None:
    while True:
        try:
            page.goto(url)
            return
        except Error:  # nobody listens yet
            time.sleep(0.1)


if __name__ == "__main__":
    main()
