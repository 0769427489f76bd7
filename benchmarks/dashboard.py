"""How fast does the dashboard open and answer, and does it hold for several people at once?

    python benchmarks/dashboard.py --data ../shared/data

Everything is seen by a browser (Chromium, headless, on the same machine, so that it takes its share of the processor):
from the start of the server to the title of the first page; from the second photo to the first verdict; from another
photo to its verdict. Then `--sessions` browsers verify pairs of their own without a pause; every verdict's pictures are
compared with the photos that this browser gave, and with those of the others. With `--hostile` they do so once more
while another browser gives damaged photos without waiting, and a program asks for files of others, comes from
foreign pages and uploads what is too large.
"""

import asyncio
import base64
import contextlib
import http.client
import io
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from statistics import median

import numpy as np
from fuzz import mutant
from lfw import lfw_folder
from machine import benchmark_parser, print_columns, print_header, print_row
from PIL import Image
from playwright.async_api import Error, Page, async_playwright

APP = Path(__file__).resolve().parent.parent / "app.py"
PATIENCE = 120_000  # milliseconds
VERDICT = "h1:has-text('atch:'), h1:has-text('no decision')"


class Server:
    """The dashboard in a process of its own, in an empty folder."""

    def __init__(self, folder: str, prepare: str = ""):
        """Starts it; `prepare` is Python that its process runs first."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        words = ["streamlit", "run", str(APP), f"--server.port={port}", "--server.headless=true"]
        code = f"{prepare}\nimport sys\nsys.argv = {words!r}\nfrom streamlit.web.cli import main\nmain()"
        self.url = f"http://127.0.0.1:{port}"
        self.started = time.perf_counter()
        self._log = open(Path(folder) / "server.log", "wb")  # noqa: SIM115 - closed with the server
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=folder,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    def resident_mib(self) -> float:
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def processor_seconds(self) -> float:
        user, system = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> str:
        self.process.terminate()
        self.process.wait(timeout=20)
        self._log.close()
        return Path(self._log.name).read_text(errors="replace")


async def open_when_it_answers(page: Page, url: str) -> None:
    while True:
        try:
            await page.goto(url)
            return
        except Exception:  # nobody listens yet
            await asyncio.sleep(0.05)


# Tells when the page says what it made of the file; by the page itself, as Playwright looks only twice a second.
_WATCH = """name => {
  window.answered = new Promise(resolve => {
    const observer = new MutationObserver(() => {
      const images = [...document.querySelectorAll('[data-testid=stImage]')];
      if (images.some(image => image.textContent.includes(name + ': '))) {
        observer.disconnect();
        resolve(performance.now());
      }
    });
    observer.observe(document.body, {subtree: true, childList: true, characterData: true});
  });
}"""

_AS_DATA = """async image => {
  await image.decode();
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  canvas.getContext('2d').drawImage(image, 0, 0);
  return canvas.toDataURL('image/png');
}"""


async def choose(page: Page, which: int, file: Path) -> float:
    """Gives photo A (0) or B (1) and waits for the verdict on it; returns the seconds."""
    # The caption under a picture names its file when the verdict, which stands above, is there.
    await page.evaluate(_WATCH, file.name)
    started = await page.evaluate("performance.now()")
    await page.locator("input[type=file]").nth(which).set_input_files(file)
    ended = await page.evaluate("window.answered")
    await page.locator(VERDICT).first.wait_for(timeout=PATIENCE)
    return (ended - started) / 1000


async def shown(page: Page) -> list[np.ndarray]:
    """The two photos as the page shows them, 32 x 32 grey values each, without mean and of length 1."""
    found, images = [], page.locator("[data-testid=stImage]:has-text(' found') img")
    await images.nth(1).wait_for(timeout=PATIENCE)
    for image in await images.all():
        # By the page, over its own connections; the picture in its cache is the one it shows.
        address = await image.evaluate(_AS_DATA)
        found.append(signature(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2])))))
    return found


def signature(image: Image.Image) -> np.ndarray:
    values = np.asarray(image.convert("L").resize((32, 32), Image.Resampling.BOX), dtype=np.float64).ravel()
    values -= values.mean()
    return values / np.linalg.norm(values)


async def verify_for(page: Page, url: str, files: list[Path], seconds: float, known: dict[Path, np.ndarray]) -> dict:
    """One person at the page Verify: pair after pair of their own photos; counts what is not theirs."""
    await page.goto(f"{url}/verify")
    await page.locator("input[type=file]").nth(1).wait_for(state="attached", timeout=PATIENCE)
    await choose_first(page, files[0])
    took, foreign, errors, place = [], 0, 0, 1
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        file, before = files[place % len(files)], files[(place - 1) % len(files)]
        took.append(await choose(page, place % 2, file))
        errors += await page.locator("[data-testid=stException], [data-testid=stAlert]").count()
        given = (file, before) if place % 2 == 0 else (before, file)
        for own, seen in zip(given, await shown(page), strict=True):
            nearest = max(known, key=lambda other: known[other] @ seen)
            foreign += nearest != own
        place += 1
    return {"took": took[1:], "foreign": foreign, "errors": errors}


async def choose_first(page: Page, file: Path) -> None:
    await page.locator("input[type=file]").first.set_input_files(file)
    await page.locator(f"[data-testid=stImage]:has-text('{file.name}')").wait_for(timeout=PATIENCE)


async def attack(page: Page, url: str, seconds: float) -> Counter:
    """One hostile browser, and a program beside it; returns what the program was answered."""
    until, number, answers = time.perf_counter() + seconds, 0, Counter()
    asked = asyncio.create_task(asyncio.to_thread(ask_for_everything, url, until, answers))
    await page.goto(f"{url}/verify")
    with tempfile.TemporaryDirectory() as folder:
        while time.perf_counter() < until:
            number += 1
            file = Path(folder) / f"{number % 50}.jpg"
            file.write_bytes(os.urandom(20 * 2**20) if number % 40 == 0 else mutant("images", number, 99))
            with contextlib.suppress(Error):  # it is in nobody's way but its own
                await page.locator("input[type=file]").nth(number % 2).set_input_files(file, timeout=5000)
                await asyncio.sleep(0.3)
            if number % 60 == 0:
                with contextlib.suppress(Error):
                    await page.goto(f"{url}/verify", timeout=20_000)
        await asked
    return answers + Counter({"hostile photos": number})


def ask_for_everything(url: str, until: float, answers: Counter) -> None:
    """Asks the server for what is not its own, as no browser would."""
    host = url.removeprefix("http://")
    while time.perf_counter() < until:
        for method, path, content, headers in (
            ("GET", f"/media/{os.urandom(28).hex()}.jpg", None, {}),
            ("GET", "/media/../../../../etc/passwd", None, {}),
            ("GET", "/_stcore/health", None, {"Host": "evil.example"}),
            ("GET", "/_stcore/stream", None, {"Origin": "http://evil.example", "Upgrade": "websocket",
             "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}),
            ("PUT", f"/_stcore/upload_file/{os.urandom(8).hex()}/{os.urandom(8).hex()}", os.urandom(2**20), {}),
        ):  # fmt: skip
            connection = http.client.HTTPConnection(host, timeout=30)
            try:
                connection.request(method, path, content, headers)
                answers[f"{method} {path.split('/')[1]} {connection.getresponse().status}"] += 1
            except OSError as error:
                answers[f"{method} {path.split('/')[1]} {type(error).__name__}"] += 1
            finally:
                connection.close()
        time.sleep(0.1)


async def measure(
    files: list[Path], sessions: int, seconds: float, starts: int, chromium: str | None, is_hostile: bool
) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        opened, first, warm = [], [], []
        print_columns("start", "first page", "first verify", "warm verify, median of 10")
        for number in range(starts):
            with tempfile.TemporaryDirectory() as folder:
                server = Server(folder)
                page = await browser.new_page()
                await open_when_it_answers(page, server.url)
                await page.locator("h1").first.wait_for(timeout=PATIENCE)
                opened.append(time.perf_counter() - server.started)
                await page.goto(f"{server.url}/verify")
                await page.locator("input[type=file]").nth(1).wait_for(state="attached", timeout=PATIENCE)
                await choose_first(page, files[0])
                first.append(await choose(page, 1, files[1]))
                warm.append(median([await choose(page, 1, files[2 + place]) for place in range(10)]))
                await page.close()
                if number < starts - 1:
                    server.stop()
                    print_row(number + 1, *(f"{values[-1]:.2f} s" for values in (opened, first, warm)))
                    continue
                print_row(number + 1, *(f"{values[-1]:.2f} s" for values in (opened, first, warm)))
                print_row("median", *(f"{median(values):.2f} s" for values in (opened, first, warm)))
                await measure_sessions(browser, server, files, sessions, seconds)
                if is_hostile:
                    await measure_sessions(browser, server, files, sessions, seconds, is_hostile=True)
                log = server.stop()
                print(f"tracebacks in the server's log: {log.count('Traceback')}")
                if "Traceback" in log:
                    print(log[log.index("Traceback") :][:3000])
        await browser.close()


async def measure_sessions(
    browser, server: Server, files: list[Path], sessions: int, seconds: float, *, is_hostile: bool = False
) -> None:
    known = {file: signature(Image.open(file)) for file in files}
    contexts = [await browser.new_context() for _ in range(sessions)]
    pages = [await context.new_page() for context in contexts]
    shares = [files[number::sessions] for number in range(sessions)]
    before = server.resident_mib()
    if is_hostile:
        attacker = asyncio.create_task(attack(await (await browser.new_context()).new_page(), server.url, seconds))
    found = await asyncio.gather(
        *(verify_for(page, server.url, own, seconds, known) for page, own in zip(pages, shares, strict=True))
    )
    after = server.resident_mib()
    took = np.concatenate([one["took"] for one in found])
    print()
    print_columns(
        "browsers at once", "seconds", "verdicts", "median", "95th percentile", "errors", "photos of others", "memory"
    )
    print_row(
        *(sessions, f"{seconds:.0f}", len(took), f"{np.median(took):.2f} s", f"{np.quantile(took, 0.95):.2f} s"),
        *(sum(one["errors"] for one in found), sum(one["foreign"] for one in found), f"{after - before:+.0f} MiB"),
    )
    if is_hostile:
        print(f"\nwith a hostile one: {dict(await attacker)}")
    for context in contexts:
        await context.close()


def main() -> None:
    parser = benchmark_parser(__doc__)
    parser.add_argument("--sessions", type=int, default=8, help="browsers that verify at once")
    parser.add_argument("--seconds", type=float, default=120, help="how long they do")
    parser.add_argument("--starts", type=int, default=3, help="how often the server is started")
    parser.add_argument("--chromium", default="/usr/bin/chromium", help="the browser")
    parser.add_argument("--hostile", action="store_true", help="once more beside a hostile browser")
    arguments = parser.parse_args()
    print_header()
    files = sorted(lfw_folder(arguments.data).glob("images/*/*_0001.jpg"))
    chosen = [files[index] for index in np.linspace(0, len(files) - 1, 20 * arguments.sessions).astype(int)]
    asyncio.run(
        measure(chosen, arguments.sessions, arguments.seconds, arguments.starts, arguments.chromium, arguments.hostile)
    )


if __name__ == "__main__":
    main()
