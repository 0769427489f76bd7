"""Does the dashboard's memory grow while its pages are used?

    python benchmarks/dashboard_memory.py --rounds 5

A browser (Chromium, headless) goes round all pages and their views, in a window of its own for each round, and gives
photos of other sizes wherever a page takes some, or takes its sample; the shipped models are used. After each round
the server's resident memory is read. The first two rounds load and compile; from then on it must not grow.
"""

import argparse
import random
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from dashboard import PATIENCE, Server
from lost_actions import SETTLED, open_when_there
from machine import print_columns, print_header, print_row
from PIL import Image
from playwright.sync_api import Browser, Error, Page, sync_playwright
from skimage.data import astronaut

MODELS = Path(__file__).resolve().parent.parent / "saved_models"
PAGES = (
    *("", "verify", "recognise", "gallery", "gallery?view=add", "gallery?view=who", "gallery?view=unknown"),
    *("gallery?view=file", "segment", "unlock?view=trust", "inspect", "inspect?view=answer", "inspect?view=faces"),
    *("inspect?view=map", "architectures", "architectures?part=Compare", "architectures?part=Calculators"),
    *("playground", "playground?topic=Live+training", "playground?topic=Mixup", "train", "runs", "evaluate"),
    *("evaluate?question=Open+set", "evaluate?question=Names"),
)
LOOKS = ("Sample", "Upload")
PRESSED = ("Look at a demonstration", "Try the sample", "Measure", "Start", "Hold up the photo")


def settle(page: Page) -> None:
    """Waits until the page has nothing more to do."""
    page.evaluate("window.lastAtWork = performance.now()")
    page.wait_for_function(SETTLED, timeout=PATIENCE)


def photo(folder: Path, dice: random.Random) -> Path:
    """A photo with a face, of a size that no other had."""
    side = dice.randrange(300, 1800)
    image = cv2.resize(astronaut()[: dice.randrange(380, 512)], (side, dice.randrange(300, 1800)))
    file = folder / f"{time.time_ns()}.jpg"
    Image.fromarray(np.ascontiguousarray(image)).save(file)
    return file


def use(page: Page, folder: Path, dice: random.Random) -> int:
    """Takes samples, gives photos and presses what begins something; returns the number of steps."""
    steps = 0
    for name in PRESSED:
        button = page.get_by_role("button", name=name, exact=name == "Start").first
        if button.is_visible() and button.is_enabled() and not (name == "Start" and "/train" in page.url):
            button.click()
            settle(page)
            steps += 1
    for look in LOOKS:
        for place in range(page.get_by_role("radio", name=look, exact=True).count()):
            page.get_by_role("radio", name=look, exact=True).nth(place).click()
            settle(page)
            steps += 1
    for _ in range(2):
        for place in range(page.locator("input[type=file]").count()):
            box = page.locator("input[type=file]").nth(place)
            if ".zip" not in (box.get_attribute("accept") or ""):
                box.set_input_files(photo(folder, dice))
                settle(page)
                steps += 1
    return steps


def go_round(browser: Browser, url: str, folder: Path, dice: random.Random) -> tuple[int, int]:
    """One round over all pages; returns the steps that were made, and those that a page did not answer."""
    page, steps, failed = browser.new_page(), 0, 0
    open_when_there(page, url)
    for name in PAGES:
        try:
            page.goto(f"{url}/{name}")
            page.locator("h1").first.wait_for(timeout=PATIENCE)
            settle(page)
            steps += use(page, folder, dice)
        except Error as error:
            failed += 1
            print(f"{name}: {str(error).splitlines()[0]}", flush=True)
    page.close()
    return steps, failed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="over all pages")
    parser.add_argument("--seed", type=int, default=0, help="of the photos' sizes")
    parser.add_argument("--chromium", default="/usr/bin/chromium", help="the browser")
    arguments = parser.parse_args()
    print_header()
    print_columns("round", "steps", "unanswered", "seconds", "resident MiB", "more than before")
    dice = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        (Path(folder) / "saved_models").symlink_to(MODELS)
        server = Server(folder)
        browser = playwright.chromium.launch(executable_path=arguments.chromium, args=["--no-sandbox"])
        before = 0.0
        for number in range(1, arguments.rounds + 1):
            started = time.monotonic()
            steps, failed = go_round(browser, server.url, Path(folder), dice)
            now = server.resident_mib()
            print_row(
                number, steps, failed, f"{time.monotonic() - started:.0f}", f"{now:.0f}", f"{now - before:+.0f} MiB"
            )
            before = now
        browser.close()
        log = server.stop()
    print(f"lines in the server's terminal: {len(log.splitlines())}, tracebacks: {log.count('Traceback')}")
    print(log)


if __name__ == "__main__":
    main()
