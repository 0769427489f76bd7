"""A grid of 3,000 photos in a browser: how soon the first are there, how smoothly it scrolls, what it keeps in memory.

    python benchmarks/grid.py --data ../shared/data

Photos of LFW are remembered with made-up faces, so that no network runs, of 40 made-up people and of nobody. Chromium,
headless and on the same machine, opens Gallery > Sort photos. Timed are, until all pictures of a page of the grid are
drawn: the first look, another order, and each of `--pages` pages that follow. While each is scrolled through, the
longest time between two frames that the browser drew is taken. Memory is what the page's scripts hold after a
collection, and what the server holds, after 10 pages and after the last.
"""

import os
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from dashboard import PATIENCE, Server
from lfw import lfw_folder
from machine import benchmark_parser, print_columns, print_header, print_row
from playwright.sync_api import CDPSession, Page, sync_playwright

from kerasface.data.cache.embeddings import image_files
from kerasface.faces.analyzer import AnalyzedFace, FaceAnalyzer
from kerasface.faces.detection import Face
from kerasface.faces.quality import FaceQuality
from kerasface.gallery.opening import open_gallery
from kerasface.gallery.store import NewSample
from kerasface.tasks.sorting.looking import look_at_photos

PHOTOS, PEOPLE = 3_000, 40
GRID = '[class*="st-key-sort_open_"]'
# All cards of a page of the grid are there, and each picture is drawn; in milliseconds of the page's clock.
_DRAWN = """([grid, before]) => new Promise(resolve => {
  const look = () => {
    const cards = [...document.querySelectorAll(grid)];
    const pictures = [...document.querySelectorAll('[data-testid=stImage] img')];
    const first = cards[0]?.className;
    const running = document.querySelector('[data-test-script-state=running]');
    if (cards.length && first !== before && !running && pictures.length >= cards.length
        && pictures.every(one => one.complete && one.naturalWidth)) resolve(performance.now());
    else requestAnimationFrame(look);
  };
  look();
})"""
_SCROLL = """async () => {
  const main = document.querySelector('[data-testid=stMain]');
  let longest = 0, before = performance.now();
  for (let top = 0; top <= main.scrollHeight - main.clientHeight; top += 60) {
    main.scrollTo(0, top);
    const now = await new Promise(requestAnimationFrame);
    longest = Math.max(longest, now - before);
    before = now;
  }
  return longest;
}"""


class Made:
    """Sees one made-up face in each photo."""

    def __init__(self, people: np.ndarray):
        real = FaceAnalyzer()
        self.detector = SimpleNamespace(fingerprint=real.detector.fingerprint)
        self.embedder = SimpleNamespace(fingerprint=real.embedder.fingerprint, embedding_dim=people.shape[1])
        self._people, self._random = people, np.random.default_rng(1)

    def analyze(self, images: list[np.ndarray]) -> list[list[AnalyzedFace]]:
        return [[self._face()] for _ in images]

    def _face(self) -> AnalyzedFace:
        number = int(self._random.integers(2 * PEOPLE))
        near = self._people[number] if number < PEOPLE else self._random.normal(size=self._people.shape[1])
        embedding = np.float32(near + self._random.normal(0, 0.01, len(near)))
        face = Face((75.0, 75.0, 100.0, 100.0), np.zeros((5, 2), np.float32), 0.99)
        quality = FaceQuality(100, 0.2, 0, 0, 0, 120, 0, 0.5)
        own = self.embedder.fingerprint
        return AnalyzedFace(face, None, quality, embedding / np.linalg.norm(embedding), own, self.detector.fingerprint)


def prepare(folder: Path, photos: list[Path]) -> Path:
    """A gallery of made-up people beside what is remembered of the photos; returns a folder with links to these."""
    people = np.random.default_rng(0).normal(size=(PEOPLE, 128)).astype(np.float32)
    people /= np.linalg.norm(people, axis=1, keepdims=True)
    made, links = Made(people), folder / "photos"
    links.mkdir()
    for photo in photos:
        (links / photo.name).symlink_to(photo)
    own = made.embedder
    with open_gallery(folder / "g", embedder=own.fingerprint, embedding_dim=own.embedding_dim) as gallery:
        for number, embedding in enumerate(people):
            gallery.enroll(f"Person {number}", [NewSample(embedding, f"{number}.jpg", f"{number:064x}")])
        for _ in look_at_photos(image_files(links), made, gallery.seen):
            pass
    return links


def drawn(page: Page, before: str | None, started: float) -> float:
    """Seconds until another page of the grid is drawn than the one whose first card is `before`."""
    return (page.evaluate(_DRAWN, [GRID, before]) - started) / 1000


def first_card(page: Page) -> str:
    return page.locator(GRID).first.get_attribute("class")


def held(page: Page, session: CDPSession, server: Server) -> tuple[float, float]:
    """MiB of the page's scripts, and of the server."""
    session.send("HeapProfiler.collectGarbage")
    metrics = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    return metrics["JSHeapUsedSize"] / 2**20, server.resident_mib()


def measure(page: Page, server: Server, links: Path, num_pages: int) -> None:
    """Looks, orders, turns the pages, and prints what it took."""
    page.goto(f"{server.url}/gallery?view=sort")
    page.get_by_label("Folder on this machine").fill(str(links))
    page.get_by_role("checkbox", name="Look at no photo twice").check(force=True)
    started = page.evaluate("performance.now()")
    page.get_by_role("button", name="Look at the photos").click()
    looked = drawn(page, None, started)
    before, started = first_card(page), page.evaluate("performance.now()")
    page.get_by_role("radio", name="Date").or_(page.get_by_role("button", name="Date", exact=True)).first.click()
    ordered = drawn(page, before, started)
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    turns, stalls, memory, busy = [], [page.evaluate(_SCROLL)], [], server.processor_seconds()
    for number in range(1, num_pages):
        before = first_card(page)
        started = page.evaluate("performance.now()")
        page.get_by_role("button", name="Next page").click()
        turns.append(drawn(page, before, started))
        stalls.append(page.evaluate(_SCROLL))
        if number in (10, num_pages - 1):
            memory.append(held(page, session, server))
    print_columns("what", "median", "worst")
    print_row("looked at, remembered, to the first pictures", f"{looked:.2f} s", "")
    print_row("another order", f"{ordered:.2f} s", "")
    print_row(f"the next page, {len(turns)} times", f"{np.median(turns):.2f} s", f"{max(turns):.2f} s")
    print_row("processor time of the server for it", f"{(server.processor_seconds() - busy) / len(turns):.2f} s", "")
    print_row("longest time between two frames", f"{np.median(stalls):.0f} ms", f"{max(stalls):.0f} ms")
    for name, place in (("scripts of the page", 0), ("server", 1)):
        print_row(f"memory of the {name}, after 10 pages and the last", *(f"{one[place]:.0f} MiB" for one in memory))


def main() -> None:
    """Prepares, starts the dashboard and a browser, and measures."""
    parser = benchmark_parser(__doc__)
    parser.add_argument("--pages", type=int, default=60, help="Pages of the grid to go through.")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as made, sync_playwright() as playwright:
        folder = Path(made)
        os.environ |= {"XDG_CONFIG_HOME": str(folder / "config"), "KERASFACE_GALLERY": str(folder / "g")}
        links = prepare(folder, image_files(lfw_folder(args.data) / "images")[:PHOTOS])
        print_header()
        server = Server(made)
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        try:
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.set_default_timeout(PATIENCE)
            while True:
                try:
                    page.goto(server.url)
                    break
                except Exception:  # nobody listens yet
                    time.sleep(0.2)
            measure(page, server, links, args.pages)
        finally:
            browser.close()
            server.stop()


if __name__ == "__main__":
    main()
