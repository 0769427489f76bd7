"""Does a training that is killed again and again end with the weights of one that was left alone?

    python benchmarks/resume.py

Trains simple_cnn on scikit-learn's digits with dropout, CutMix, averaged weights and accumulated gradients; then the
same in processes that are killed (SIGKILL) at random steps and resumed, until it is through.
"""

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from machine import print_columns, print_header, print_row

from kerasface.data.samples import write_digits
from kerasface.runs.store import load_run
from kerasface.train.engine.session import read_events, session_folder

SETTINGS = [
    *("--no-faces", "--no-flip", "--image-size", "32", "--backbone", "simple_cnn", "--dropout", "0.2"),
    *("--mix", "cutmix", "--augment", "standard", "--ema", "0.9", "--accumulate", "2"),
    *("--batch-size", "64", "--early-stopping", "50", "--checkpoint-seconds", "0.2"),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=10, help="how often the training is killed")
    parser.add_argument("--epochs", type=int, default=20, help="epochs of 23 steps")
    parser.add_argument("--seed", type=int, default=0, help="of the moments of the kills")
    arguments = parser.parse_args()
    print_header()
    with tempfile.TemporaryDirectory() as folder:
        digits, runs, cache = (Path(folder) / name for name in ("digits", "runs", "cache"))
        write_digits(digits)
        command = [sys.executable, "-m", "kerasface.train", "classify", "--runs", str(runs), "--cache", str(cache)]
        start = [str(digits), *SETTINGS, "--epochs", str(arguments.epochs)]
        subprocess.run([*command, *start, "--name", "whole"], check=True, capture_output=True)
        places = killed_again_and_again(command, start, runs, arguments)
        whole, pieces = (load_run(runs, name).model.get_weights() for name in ("whole", "pieces"))
    print_columns("kills", "at steps", "steps in all", "largest difference of a weight")
    difference = max(float(np.abs(a - b).max()) for a, b in zip(whole, pieces, strict=True))
    print_row(len(places), ", ".join(map(str, places)), 23 * arguments.epochs, f"{difference:.2g}")


def killed_again_and_again(command: list[str], start: list[str], runs: Path, arguments) -> list[int]:
    """Trains `pieces`, killing the process at random steps; returns the steps at which it was killed."""
    generator = random.Random(arguments.seed)
    steps = 23 * arguments.epochs
    targets = sorted(generator.sample(range(2, steps - 1), arguments.kills))
    killed: list[int] = []
    log = session_folder(runs, "pieces") / "events.jsonl"
    for attempt, target in enumerate([*targets, None]):
        words = [*start, "--name", "pieces"] if attempt == 0 else ["--resume", "pieces"]
        process = subprocess.Popen([*command, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if target is None:
            if process.wait() != 0:
                raise SystemExit(f"The resumed training failed: exit code {process.returncode}.")
            break
        while process.poll() is None and steps_done(log) < target:
            time.sleep(0.01)
        time.sleep(generator.uniform(0, 0.3))  # into whatever it does then
        process.kill()
        process.wait()
        killed.append(steps_done(log))
    return killed


def steps_done(log: Path) -> int:
    """Returns the number of the last step that the log tells of, counted over all epochs."""
    done = [event for event in read_events(log)[0] if event["event"] == "steps"]
    return (done[-1]["epoch"] - 1) * 23 + done[-1]["step"] if done else 0


if __name__ == "__main__":
    main()
