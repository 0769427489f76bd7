"""Sixty photos in one page, and twenty processes on one gallery, one folder of models and one cache.

    python benchmarks/crowd.py --data ../shared/data

The photos are given to the page Recognise of a dashboard of its own, all at once, in a browser; each must get its
caption. The processes are commands that begin in the same moment; each must end well, and all must say the same.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from dashboard import PATIENCE, Server
from lfw import lfw_folder
from machine import benchmark_parser, print_columns, print_header, print_row
from playwright.async_api import async_playwright

PHOTOS, PROCESSES = 60, 20
ROOT = Path(__file__).resolve().parent.parent


async def sixty(files: list[Path], chromium: str | None) -> None:
    """One browser gives all photos at once; then it loads the page again."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(folder)
        try:
            async with async_playwright() as playwright:
                browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
                page = await browser.new_page()
                page.set_default_timeout(PATIENCE)
                while True:
                    try:
                        await page.goto(f"{server.url}/recognise")
                        break
                    except Exception:  # nobody listens yet
                        await asyncio.sleep(0.1)
                box = page.locator("input[type=file]").first
                await box.wait_for(state="attached")
                await box.set_input_files(files[0])
                await page.get_by_text("Face 1").first.wait_for()
                before, started = server.resident_mib(), time.perf_counter()
                await box.set_input_files(files[1:])
                while await page.locator("[data-testid=stException]").count() == 0:
                    text = await page.locator("[data-testid=stMain]").inner_text()
                    if all(file.name in text for file in files):
                        break
                    await asyncio.sleep(0.5)
                took, held = time.perf_counter() - started, server.resident_mib()
                errors = await page.locator("[data-testid=stException]").count()
                for _ in range(3):
                    await page.reload()
                    await page.locator("input[type=file]").first.wait_for(state="attached")
                await asyncio.sleep(5)
                print_columns(
                    "photos", "all named after, s", "errors", "memory before, MiB", "with all", "loaded again"
                )
                print_row(
                    len(files), f"{took:.1f}", errors, f"{before:.0f}", f"{held:.0f}", f"{server.resident_mib():.0f}"
                )
                await browser.close()
        finally:
            log = server.stop()
            print(f"\ntracebacks in the server's log: {log.count('Traceback')}\n")


def at_once(lines: list[list[str]], folder: Path) -> list[tuple[int, str, str, float]]:
    """Runs commands that begin in the same moment; exit code, output, words on stderr and seconds of each."""
    home = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "config"), "KERASFACE_CACHE": str(folder / "cache")}
    environment = os.environ | home | {"PYTHONPATH": str(ROOT)}
    started = time.perf_counter()
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "kerasface", *line],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for line in lines
    ]
    found = []
    for process in running:
        out, err = process.communicate()
        found.append((process.returncode, out, err, time.perf_counter() - started))
    return found


def twenty(files: list[Path]) -> None:
    """Commands on one gallery, one folder of models and one cache."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "photos").mkdir()
        for file in files[:4]:
            (folder / "photos" / file.name).symlink_to(file)
        print_columns("what", "processes", "ended well", "answers", "median, s", "last, s", "sound afterwards")
        shutil.copytree(ROOT / "saved_models" / "digits", folder / "saved_models" / "one")
        renamed = at_once([["runs", "rename", "one", f"name-{n}"] for n in range(PROCESSES)], folder)
        there = [path.name for path in (folder / "saved_models").iterdir() if not path.name.startswith(".")]
        told("rename one model", renamed, {len(there)}, len(there) == 1 and sum(one[0] == 0 for one in renamed) == 1)
        enrolled = at_once([["enroll", f"Person {n}", str(files[n])] for n in range(PROCESSES)], folder)
        people = json.loads(at_once([["people", "list", "--json"]], folder)[0][1])
        sound = at_once([["people", "check"]], folder)[0][0] == 0 and len(people) == sum(
            one[0] == 0 for one in enrolled
        )
        told("enroll into one gallery", enrolled, {len(people)}, sound)
        searched = at_once([["identify", str(files[0]), "--json"]] * PROCESSES, folder)
        names = {json.dumps([face["name"] for face in json.loads(out)[0]["faces"]]) for _, out, _, _ in searched}
        told("identify in it", searched, names, len(names) == 1)
        embedded = at_once([["embed", "photos", "--out", f"{n}.npz"] for n in range(PROCESSES)], folder)
        sizes = {(folder / f"{n}.npz").stat().st_size for n in range(PROCESSES)}
        told("embed one folder, one cache", embedded, sizes, len(sizes) == 1)


def told(what: str, found: list, answers: set, sound: bool) -> None:
    seconds = [one[3] for one in found]
    well = sum(one[0] == 0 for one in found)
    print_row(what, len(found), well, len(answers), f"{median(seconds):.1f}", f"{max(seconds):.1f}", sound)
    for code, _, err, _ in found:
        if code not in (0, 1) or "Traceback" in err or "Internal" in err:
            print(code, err[-300:], file=sys.stderr)


def main() -> None:
    parser = benchmark_parser(__doc__)
    parser.add_argument("--chromium", default="/usr/bin/chromium", help="the browser")
    options = parser.parse_args()
    print_header()
    people = sorted((lfw_folder(options.data) / "images").glob("*/*_0001.jpg"))
    files = people[:PHOTOS]
    asyncio.run(sixty(files, options.chromium))
    twenty(files)


if __name__ == "__main__":
    main()
