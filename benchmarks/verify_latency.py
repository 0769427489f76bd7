"""How long does a user wait: for a verdict on two photos of one megapixel, and for `kerasface --help`?

    python benchmarks/verify_latency.py --data ../shared/data

The verdict is timed warm, from JPEG bytes to decision, as the page Verify computes it. Each round takes other photos.
"""

import io
import subprocess
import sys
from statistics import median

import numpy as np
from lfw import covering, lfw_photos
from machine import benchmark_parser, print_columns, print_header, print_row, timed
from PIL import Image

from kerasface.faces.analyzer import FaceAnalyzer
from kerasface.images.decoding import decode
from kerasface.tasks.verification import verify

SIDE = 1000  # 1000 x 1000 pixels: one megapixel


def time_verify(files: list[bytes], analyzer: FaceAnalyzer) -> None:
    seconds = []
    pairs = list(zip(files[::2], files[1::2], strict=True))
    for pair in (pairs[0], *pairs):
        took, verdict = timed(lambda pair: verify(*map(decode, pair), analyzer), pair)
        seconds.append((took, verdict.decision))
    warm = sorted(took for took, _ in seconds[1:])
    scored = sum(decision in ("match", "unknown") for _, decision in seconds[1:])
    print_columns("verify, two photos of 1 MP", "first call", "warm median", "slowest warm", "scored")
    milliseconds = (f"{1000 * value:.0f} ms" for value in (seconds[0][0], median(warm), warm[-1]))
    print_row(f"{len(warm)} pairs", *milliseconds, f"{scored} of {len(warm)}")


def time_help(repeats: int) -> None:
    command = [sys.executable, "-m", "kerasface", "--help"]
    seconds = [timed(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))[0] for _ in range(repeats)]
    # One line on stderr for every module imported.
    listing = [sys.executable, "-X", "importtime", *command[1:]]
    imported = subprocess.run(listing, check=True, capture_output=True, text=True).stderr
    modules = {line.rpartition("|")[2].strip().partition(".")[0] for line in imported.splitlines()}
    heavy = sorted(modules & {"tensorflow", "keras", "streamlit", "cv2", "numpy"})
    print()
    print_columns("`kerasface --help`", "median", "slowest", "heavy packages imported")
    print_row(f"{repeats} runs", f"{median(seconds):.3f} s", f"{max(seconds):.3f} s", ", ".join(heavy) or "none")


def jpeg(photo: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(covering(photo, SIDE, SIDE)).save(file, "JPEG", quality=90)
    return file.getvalue()


def main() -> None:
    parser = benchmark_parser(__doc__)
    parser.add_argument("--pairs", type=int, default=20, help="pairs of photos to verify")
    parser.add_argument("--help-runs", type=int, default=10, help="how many times to ask for help")
    arguments = parser.parse_args()
    print_header()
    files = [jpeg(photo) for photo in lfw_photos(arguments.data, 2 * arguments.pairs)]
    analyzer = FaceAnalyzer()
    print(f"embedder in {analyzer.embedder.precision}")
    time_verify(files, analyzer)
    time_help(arguments.help_runs)


if __name__ == "__main__":
    main()
