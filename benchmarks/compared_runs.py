"""How long does it take to set ten runs next to one another, on the page Runs and in a terminal?

    python benchmarks/compared_runs.py

The runs are classifiers of 100 classes that were judged on the same 3,000 pictures, each of which got some 60 others
wrong, after 30 epochs; their recipes differ in three settings. No network is trained or read for it. The page is a
browser's (Chromium, headless, on the same machine): from the address to the drawn page, when it was open before.
Processor time is that of the command, and of the server, as other work makes both wait.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
from dashboard import Server
from interactions import open_first, processor_ms, settle
from machine import print_columns, print_header, print_row
from playwright.sync_api import Page, sync_playwright

NUM_RUNS, NUM_CLASSES, NUM_PICTURES, NUM_WRONG, EPOCHS = 10, 100, 3_000, 60, 30
CLASSES = [f"class {number:03}" for number in range(NUM_CLASSES)]


def write_runs(root: Path) -> list[str]:
    """Writes the runs; returns their names."""
    generator = np.random.default_rng(0)
    names = [f"run-{number}" for number in range(NUM_RUNS)]
    for number, name in enumerate(names):
        wrong = generator.choice(NUM_PICTURES, NUM_WRONG + 4 * number, replace=False)
        _write_run(root / name, number, wrong)
    return names


def _write_run(folder: Path, number: int, wrong: np.ndarray) -> None:
    folder.mkdir(parents=True)
    (folder / "model.keras").write_bytes(b"not read")
    each = NUM_PICTURES // NUM_CLASSES
    lost = np.bincount(wrong // each, minlength=NUM_CLASSES)
    metrics = {"top1": 1 - len(wrong) / NUM_PICTURES, "top5": 0.999, "ece": 0.01, "num_validation": NUM_PICTURES}
    card = {
        "format": 1,
        "name": folder.name,
        "task": "classify",
        "input": {"kind": "image", "image_size": [32, 32]},
        "backbone": "simple_cnn",
        "labels": CLASSES,
        "recipe": {"backbone": "simple_cnn", "norm": ("batch", "layer")[number % 2], "learning_rate": 1e-3 * number},
        "metrics": {**metrics, "num_params": 100_000, "multiply_adds": 10_000_000, "seconds": 60.0},
        "created": "2026-11-29T12:00:00+00:00",
        "model_sha256": "0" * 64,
    }
    records = {
        "format": 1,
        "metrics": metrics,
        "held_out": "the same",
        "classes": [{"name": name, "recall": 1 - lost[label] / each} for label, name in enumerate(CLASSES)],
        "mistakes": [{"file": f"{CLASSES[row // each]}/{row % each}.png"} for row in wrong],
    }
    rows = [f"train,{epoch},{2 / epoch},{2.1 / epoch},{1 - 1 / epoch}" for epoch in range(1, EPOCHS + 1)]
    history = "\n".join(["stage,epoch,loss,val_loss,val_accuracy", *rows]) + "\n"
    for name, content in (("card.json", json.dumps(card)), ("records.json", json.dumps(records))):
        (folder / name).write_text(content)
    (folder / "history.csv").write_text(history)


def time_command(folder: str, words: list[str]) -> tuple[float, float]:
    """Seconds that a command took, and of processor time."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, "-m", "kerasface", *words], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter() - began, sum(after[:2]) - sum(before[:2])


def time_page(page: Page, server: Server, names: list[str]) -> tuple[float, float]:
    """Seconds from the address to the page with its tables and curves, and of the server's processor time."""
    before, began = processor_ms(server.process.pid), time.perf_counter()
    page.goto(f"{server.url}/runs?{'&'.join(f'runs={name}' for name in names)}")
    page.get_by_text("Class by class").wait_for()
    page.locator(".js-plotly-plot .main-svg").first.wait_for()
    took = time.perf_counter() - began
    settle(page)
    return took, (processor_ms(server.process.pid) - before) / 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=5, help="how often each is timed")
    parser.add_argument("--chromium", default="/usr/bin/chromium", help="the browser")
    arguments = parser.parse_args()
    print_header()
    print_columns(f"{NUM_RUNS} runs compared", "median", "slowest", "processor, median")
    with tempfile.TemporaryDirectory() as folder:
        names = write_runs(Path(folder) / "saved_models")
        took = [time_command(folder, ["runs", "compare", *names]) for _ in range(arguments.times)]
        _row("kerasface runs compare", took)
        _row("kerasface runs list", [time_command(folder, ["runs", "list"]) for _ in range(arguments.times)])
        server = Server(folder)
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=arguments.chromium, args=["--no-sandbox"])
                page = browser.new_page(viewport={"width": 1280, "height": 1000})
                open_first(page, f"{server.url}/runs")
                page.get_by_text("Which model is better?").wait_for(timeout=120_000)
                settle(page)
                first = time_page(page, server, names)
                _row("page Runs, the first time", [first])
                _row("page Runs", [time_page(page, server, names) for _ in range(arguments.times)])
                browser.close()
        finally:
            server.stop()


def _row(name: str, took: list[tuple[float, float]]) -> None:
    all_of, processor = zip(*took, strict=True)
    print_row(name, f"{median(all_of):.2f} s", f"{max(all_of):.2f} s", f"{median(processor):.2f} s")


if __name__ == "__main__":
    main()
