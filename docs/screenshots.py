"""Takes a picture of every page of the dashboard: wide and narrow, light and dark.

    make screenshots                        # all of them, into docs/screenshots, which git ignores
    python docs/screenshots.py --readme     # the few that README and docs show, into docs

Each page is brought to its worked sample first, so that nobody's photos are needed. What they show has no people.
"""

import argparse
import io
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Error, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 120_000  # milliseconds
SIZES = {"wide": (1400, 900), "narrow": (390, 844)}
README_WIDTH = 1000  # pixels
# What shows that something is under way: the sign in the corner, a wait, a bar, what the last run left behind.
AT_WORK = ", ".join(
    ("[data-testid=stStatusWidget]", "[data-testid=stSpinner]", "[data-testid=stProgress]", "[data-stale=true]")
)


def sample(page: Page) -> None:
    """Chooses the sample wherever the page offers one."""
    for button in page.get_by_role("radio", name="Sample", exact=True).all():
        button.click()
        settle(page)


def press(name: str) -> Callable[[Page], None]:
    """Returns what presses the button of this name."""
    return lambda page: page.get_by_role("button", name=name).first.click()


def answer(text: str) -> Callable[[Page], None]:
    """Returns what answers the exercise of an item."""

    def visit(page: Page) -> None:
        page.get_by_role("textbox", name="Your answer").fill(text)
        press("Check")(page)

    return visit


def train_live(page: Page) -> None:
    press("Start")(page)
    page.wait_for_timeout(12_000)
    press("Pause")(page)


def demonstration(view: str) -> Callable[[Page], None]:
    """Returns what opens a view of the gallery that knows the sample portrait, and gives it the portrait again."""

    def visit(page: Page) -> None:
        press("Look at a demonstration")(page)
        settle(page)
        page.get_by_role("radio", name=view, exact=True).click()
        settle(page)
        sample(page)

    return visit


def known_person(page: Page) -> None:
    demonstration("People")(page)
    page.get_by_role("link", name="The astronaut").click()


def nothing(page: Page) -> None:
    """Leaves the page as it opens."""


# Page (its address, with what chooses a view) -> what is done there.
SHOTS: dict[str, Callable[[Page], None]] = {
    "": nothing,
    "verify": press("Try the sample"),
    "recognise": sample,
    "gallery": nothing,
    "gallery?view=people": known_person,
    "gallery?view=add": demonstration("Add a person"),
    "gallery?view=folder": demonstration("Add many"),
    "gallery?view=who": demonstration("Who is who"),
    "segment": sample,
    "unlock?view=trust": press("Hold up the photo"),
    "lectures": nothing,
    "lectures?item=8": answer("73,728"),
    "lectures?item=43": nothing,
    "inspect": sample,
    "inspect?view=answer": sample,
    "inspect?view=faces": sample,
    "inspect?view=map": nothing,
    "architectures": nothing,
    "architectures?part=Compare": nothing,
    "architectures?part=Calculators": nothing,
    "architectures?part=History": nothing,
    "playground": nothing,
    "playground?topic=Label+smoothing": nothing,
    "playground?topic=DropBlock": nothing,
    "playground?topic=Convolution": nothing,
    "playground?topic=backpropagation": nothing,
    "playground?topic=Live+training": train_live,
    "train": sample,
    "runs?runs=digits&runs=face-parts": nothing,
    "evaluate": sample,
    "evaluate?question=Open+set": nothing,
    "evaluate?question=Names": nothing,
}
# What README and docs show, by the name of its file.
README_SHOTS = {
    "evaluate": "evaluate",
    "inspect": "inspect?view=answer",
    "architectures": "architectures",
    "playground": "playground?topic=Live+training",
}


def settle(page: Page) -> None:
    """Waits until the page has nothing more to do."""
    page.wait_for_timeout(400)
    page.wait_for_function(f"!document.querySelector('{AT_WORK}')", timeout=PATIENCE)
    page.wait_for_timeout(600)


def serve(folder: str) -> tuple[subprocess.Popen, str]:
    """Starts the dashboard in a folder with the models that come along; returns its process and address."""
    (Path(folder) / "saved_models").mkdir()
    for name in ("digits", "face-parts"):
        (Path(folder) / "saved_models" / name).symlink_to(ROOT / "saved_models" / name)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = [f"--server.port={port}", "--server.headless=true"]
    server = subprocess.Popen([sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py"), *options], cwd=folder)
    url = f"http://127.0.0.1:{port}"
    for _ in range(300):
        try:
            urllib.request.urlopen(f"{url}/_stcore/health")
            return server, url
        except OSError:
            time.sleep(0.1)
    raise SystemExit("The dashboard did not start.")


def take(page: Page, address: str, full: bool) -> Image.Image:
    page.goto(address)
    page.locator("h1").first.wait_for(timeout=PATIENCE)
    settle(page)
    SHOTS[address.rpartition("/")[2]](page)
    settle(page)
    if full:  # the page scrolls inside its main part, so a tall window shows it whole
        height = page.locator("[data-testid=stMain]").evaluate("main => main.scrollHeight")
        page.set_viewport_size({"width": page.viewport_size["width"], "height": min(max(height, 700), 6000)})
        settle(page)
    return Image.open(io.BytesIO(page.screenshot()))


def take_all(browser, url: str, pages: list[str], out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for scheme in ("light", "dark"):
        for size, (width, height) in SIZES.items():
            for name in pages:
                page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
                file = out / f"{file_name(name)}-{size}-{scheme}.png"
                try:
                    take(page, f"{url}/{name}", full=True).save(file)
                    print(file, flush=True)
                except Error as error:
                    print(f"{file}: {str(error).splitlines()[0]}", file=sys.stderr)
                page.close()


def file_name(address: str) -> str:
    """`inspect?view=map` -> `inspect-map`."""
    page, _, view = address.partition("?")
    return "-".join(filter(None, [page or "home", re.sub(r"[^a-z]+", "-", view.partition("=")[2].lower())]))


def take_for_readme(browser, url: str) -> None:
    for name, address in README_SHOTS.items():
        page = browser.new_page(viewport={"width": 1400, "height": 1000}, color_scheme="light")
        picture = take(page, f"{url}/{address}", full=False).convert("RGB")
        height = round(picture.height * README_WIDTH / picture.width)
        file = ROOT / "docs" / f"{name}.webp"
        picture.resize((README_WIDTH, height), Image.Resampling.LANCZOS).save(file, quality=80)
        print(file, flush=True)
        page.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="*", help="addresses of pages, such as verify; all if not given")
    parser.add_argument("--readme", action="store_true", help="take those that README and docs show")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "screenshots", help="folder to write into")
    parser.add_argument("--chromium", help="the browser; Playwright's own if not given")
    arguments = parser.parse_args()
    if unknown := set(arguments.pages) - set(SHOTS):
        raise SystemExit(
            f"There are the pages {', '.join(filter(None, SHOTS))}. Received: {', '.join(sorted(unknown))}."
        )
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server, url = serve(folder)
        try:
            browser = playwright.chromium.launch(executable_path=arguments.chromium, args=["--no-sandbox"])
            if arguments.readme:
                take_for_readme(browser, url)
            else:
                take_all(browser, url, arguments.pages or list(SHOTS), arguments.out)
            browser.close()
        finally:
            server.terminate()
            server.wait(timeout=20)


if __name__ == "__main__":
    main()
