"""The same work with the code of the first version and with today's, in turns: what a user gained.

    kerasface doctor --prepare
    python benchmarks/earlier.py --data ../shared/data

Each version works in a process of its own, started once; the calls are warm. Wall seconds are medians over turns;
processor seconds, which hold on a busy machine too, are of all threads of a process.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import cv2
import numpy as np
from detection_speed import TILES, mosaic
from lfw import lfw_photos
from machine import benchmark_parser, print_columns, print_header, print_row
from PIL import Image

FIRST_VERSION = "a086156"
HERE = Path(__file__).parents[1]
WORKER = """
import json, sys, time
from pathlib import Path
import numpy as np
try:
    from kerasface.data.cache.embeddings import embed_photos
    from kerasface.images.decoding import decode
    from kerasface.tasks.verification import verify
except ImportError:
    from kerasface.data.embeddings import embed_photos
    from kerasface.images import decode
    from kerasface.verify import verify
    import kerasface.terminal
    kerasface.terminal.choose_kernels()
from kerasface.faces.analyzer import FaceAnalyzer
from kerasface.faces.detection import FaceDetector
analyzer, detector = FaceAnalyzer(), FaceDetector(40)
work = {
    "verify": lambda paths: verify(*map(decode, paths), analyzer),
    "frame": lambda paths: detector.detect([np.load(paths[0])]),
    "folder": lambda paths: embed_photos([Path(path) for path in paths], analyzer),
}
print("ready", flush=True)
for line in sys.stdin:
    kind, paths = json.loads(line)
    started, used = time.perf_counter(), time.process_time()
    work[kind](paths)
    print(json.dumps([time.perf_counter() - started, time.process_time() - used]), flush=True)
"""


class Version:
    """One version of the code in a process that does what it is asked."""

    def __init__(self, checkout: Path):
        environment = os.environ | {"PYTHONPATH": str(checkout)}
        self._process = subprocess.Popen(
            [sys.executable, "-c", WORKER], cwd=checkout, env=environment, text=True, stdin=-1, stdout=-1, stderr=-3
        )
        self._answer("it did not start")

    def call(self, kind: str, paths: list[Path]) -> list[float]:
        """Returns wall and processor seconds of one call."""
        self._process.stdin.write(json.dumps([kind, [str(path) for path in paths]]) + "\n")
        self._process.stdin.flush()
        return json.loads(self._answer(f"{kind} failed"))

    def end(self) -> None:
        self._process.stdin.close()
        self._process.wait()

    def _answer(self, problem: str) -> str:
        if line := self._process.stdout.readline():
            return line
        raise SystemExit(f"{problem}: exit code {self._process.wait()}.")


def compare(name: str, kind: str, calls: list[list[Path]], versions: dict[str, Version]) -> None:
    """Prints the seconds of both, in turns; the first call of each is not counted."""
    taken = {version: [] for version in versions}
    for number, paths in enumerate([calls[0], *calls]):
        for version, worker in versions.items():
            seconds = worker.call(kind, paths)
            if number:
                taken[version].append(seconds)
    cells = []
    for column in range(2):
        first, today = (1000 * median(seconds[column] for seconds in taken[version]) for version in versions)
        cells += [f"{first:.1f}", f"{today:.1f}", f"{today / first:.2f}"]
    print_row(name, *cells)


def prepare(data: Path, folder: Path, turns: int) -> dict[str, tuple[str, list[list[Path]]]]:
    """Writes the photos and frames; returns what to call with them, by name."""
    photos, small, large, frames = lfw_photos(data, max(2, len(TILES)) * turns), [], [], []
    for turn in range(turns):
        pair = photos[2 * turn : 2 * turn + 2]
        for size, kept in ((250, small), (1000, large)):
            kept.append([folder / f"{size}-{turn}-{number}.jpg" for number in range(2)])
            for path, photo in zip(kept[-1], pair, strict=True):
                Image.fromarray(cv2.resize(photo, (size, size), interpolation=cv2.INTER_CUBIC)).save(path, quality=90)
        frames.append([folder / f"{turn}.npy"])
        np.save(frames[-1][0], mosaic(photos[turn::turns][: len(TILES)]))
    files = sorted((data / "lfw" / "images").glob("*/*.jpg"))
    folders = [files[start : start + 64] for start in range(0, 64 * max(3, turns // 3), 64)]
    return {
        "verify, 250 x 250": ("verify", small),
        "verify, 1 MP": ("verify", large),
        "frame of 1280 x 720, faces of 40 and more": ("frame", frames),
        "64 photos, detected and embedded": ("folder", folders),
    }


def main() -> None:
    parser = benchmark_parser(__doc__)
    parser.add_argument("--turns", type=int, default=20)
    options = parser.parse_args()
    print_header()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        archive = subprocess.run(["git", "archive", FIRST_VERSION], cwd=HERE, check=True, capture_output=True).stdout
        (folder / "first").mkdir()
        subprocess.run(["tar", "-x", "-C", folder / "first"], input=archive, check=True)
        versions = {"first version": Version(folder / "first"), "today": Version(HERE)}
        print_columns("ms, warm, in turns", *versions, "ratio", *(f"CPU, {name}" for name in versions), "ratio")
        for name, (kind, calls) in prepare(options.data, folder, options.turns).items():
            compare(name, kind, calls, versions)
        for version in versions.values():
            version.end()


if __name__ == "__main__":
    main()
