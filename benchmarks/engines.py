"""Engines: what a start costs with OpenVINO's files and with TensorFlow, and what the work costs afterwards.

Cold figures are of whole processes, warm ones of calls in turns (TensorFlow, OpenVINO, TensorFlow ...) in one process.
`--peer PYTHON` names a Python that has the face_recognition package (pip install face-recognition dlib-bin), which then
answers the same pair cold in the same turns. `--only` leaves the other parts out.
"""

import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import median

import cv2
import numpy as np
from machine import benchmark_parser, print_columns, print_header, print_row

from kerasface.data.cache.embeddings import embed_photos
from kerasface.faces.analyzer import FaceAnalyzer
from kerasface.faces.detection import FaceDetector
from kerasface.images.decoding import decode
from kerasface.models.runtime import engines_in_use
from kerasface.tasks.verification import verify

PARTS = ("cold", "warm", "folder", "together")
ENGINES = ("tensorflow", "openvino")
PEER = """
import sys, face_recognition as fr
first, second = (fr.face_encodings(fr.load_image_file(path))[0] for path in sys.argv[1:])
print(fr.compare_faces([first], second))
"""


def command(*words: object, engine: str) -> tuple[float, float]:
    """Runs one command; returns its seconds and its peak memory in MB."""
    return process([sys.executable, "-m", "kerasface", *map(str, words)], KERASFACE_ENGINE=engine)


def process(words: list[str], **environment: str) -> tuple[float, float]:
    started = time.perf_counter()
    running = subprocess.Popen(words, env=os.environ | environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    complaint = running.stderr.read()
    _, status, usage = os.wait4(running.pid, 0)
    running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode:
        raise SystemExit(f"{' '.join(words)}: exit code {running.returncode}. {complaint.decode()}")
    return time.perf_counter() - started, usage.ru_maxrss / 1024


def measure_cold(pair: list[Path], peer: str | None, repeats: int) -> None:
    """Whole processes in turns: seconds (median) and peak memory."""
    print_columns("command", "engine", "s, median", "s, least", "peak MB")
    with tempfile.TemporaryDirectory() as folder:
        gallery = Path(folder) / "g.gallery"
        command("enroll", "Ada", pair[0], "--gallery", gallery, engine="openvino")
        calls = {
            "verify": ("verify", *pair),
            "detect": ("detect", pair[0]),
            "identify": ("identify", pair[1], "--gallery", gallery),
            "segment": ("segment", pair[0], "--out", folder),
            "predict digits": ("predict", pair[0], "--model", "digits"),
        }
        for name, words in calls.items():
            turns = {engine: partial(command, *words, engine=engine) for engine in ENGINES}
            if name == "verify" and peer:
                turns["face_recognition"] = partial(process, [peer, "-c", PEER, *map(str, pair)])
            taken = {engine: [] for engine in turns}
            for _ in range(repeats):
                for engine, call in turns.items():
                    taken[engine].append(call())
            for engine, all_of in taken.items():
                seconds, memory = zip(*all_of, strict=True)
                print_row(name, engine, f"{median(seconds):.2f}", f"{min(seconds):.2f}", f"{median(memory):.0f}")


def front_ends() -> dict[str, FaceAnalyzer]:
    """The face front end on either engine, in one process."""
    found = {}
    for engine in ENGINES:
        os.environ["KERASFACE_ENGINE"] = engine
        found[engine] = FaceAnalyzer()
    if engines_in_use() != "openvino+tensorflow":
        raise SystemExit("OpenVINO's files are not there. Run: kerasface doctor --prepare")
    return found


class Clock:
    """Wall and processor seconds of calls by engine; the latter hold on a busy machine too."""

    def __init__(self):
        self.wall, self.processor = {engine: [] for engine in ENGINES}, {engine: [] for engine in ENGINES}

    def time(self, engine: str, call) -> None:
        started, used = time.perf_counter(), time.process_time()
        call()
        self.wall[engine].append(time.perf_counter() - started)
        self.processor[engine].append(time.process_time() - used)

    def cells(self, total) -> list[str]:
        """Wall and processor time on either engine, by `total` of all calls, and the ratio of each."""
        found = []
        for seconds in (self.wall, self.processor):
            of = {engine: total(values) for engine, values in seconds.items()}
            found += [f"{1000 * value:.1f}" for value in of.values()] + [f"{of['openvino'] / of['tensorflow']:.2f}"]
        return found


def measure_warm(pair: list[Path], repeats: int) -> None:
    """Calls in turns, milliseconds: a pair of small photos, one of a megapixel each, and a frame of a webcam."""
    print_columns("ms", *ENGINES, "ratio", *(f"CPU, {engine}" for engine in ENGINES), "ratio")
    analyzers, small = front_ends(), [decode(path) for path in pair]
    large = [cv2.resize(image, (1000, 1000), interpolation=cv2.INTER_CUBIC) for image in small]
    frame = np.full((720, 1280, 3), 90, dtype=np.uint8)
    frame[200:520, 400:720] = cv2.resize(small[0], (320, 320))
    detectors = {}
    for engine in ENGINES:
        os.environ["KERASFACE_ENGINE"] = engine
        detectors[engine] = FaceDetector(40)
    work = {
        "verify, 250 x 250": {engine: partial(verify, *small, analyzers[engine]) for engine in ENGINES},
        "verify, 1000 x 1000": {engine: partial(verify, *large, analyzers[engine]) for engine in ENGINES},
        "frame of 1280 x 720, faces of 40 and more": {
            engine: partial(detectors[engine].detect, [frame]) for engine in ENGINES
        },
    }
    for name, calls in work.items():
        clock = Clock()
        for _ in range(repeats):
            for engine, call in calls.items():
                time.sleep(0.3)  # threads wait busily after their work, up to 200 ms
                call()
                for _ in range(5):
                    clock.time(engine, call)
        print_row(name, *clock.cells(median))


def measure_folder(files: list[Path]) -> None:
    """A folder, ms in all: decoded, detected and embedded, in parts of 96 photos, the engines in turns."""
    print_columns("ms", *ENGINES, "ratio", *(f"CPU, {engine}" for engine in ENGINES), "ratio")
    analyzers, clock = front_ends(), Clock()
    for engine in ENGINES:
        embed_photos(files[:32], analyzers[engine])
    for start in range(0, len(files), 96):
        for engine in ENGINES:
            clock.time(engine, partial(embed_photos, files[start : start + 96], analyzers[engine]))
    print_row(f"{len(files)} photos", *clock.cells(sum))


def measure_together(photo: Path, number: int = 8) -> None:
    """As many processes at once as in a row: whether they fall off a cliff."""
    print_columns("engine", f"{number} in a row, s", f"{number} at once, s", "ratio")
    with tempfile.TemporaryDirectory() as folder:
        gallery = Path(folder) / "g.gallery"
        command("enroll", "Ada", photo, "--gallery", gallery, engine="openvino")
        words = [sys.executable, "-m", "kerasface", "identify", str(photo), "--gallery", str(gallery)]
        for engine in ENGINES:
            environment = os.environ | {"KERASFACE_ENGINE": engine}
            start = partial(subprocess.Popen, words, env=environment, stdout=subprocess.DEVNULL)
            started = time.perf_counter()
            for _ in range(number):
                start().wait()
            row = time.perf_counter() - started
            started = time.perf_counter()
            for running in [start() for _ in range(number)]:
                running.wait()
            at_once = time.perf_counter() - started
            print_row(engine, f"{row:.1f}", f"{at_once:.1f}", f"{at_once / row:.2f}")


def main() -> None:
    parser = benchmark_parser(__doc__)
    parser.add_argument("--peer", help="a Python that has face_recognition")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--photos", type=int, default=1000, help="of the folder")
    parser.add_argument("--only", choices=PARTS, action="append", help="a part; all if not given")
    options = parser.parse_args()
    print_header()
    files = sorted((options.data / "lfw" / "images").glob("*/*.jpg"))
    by_person = {file.parent: file for file in files}
    pair = next([file, by_person[file.parent]] for file in files if by_person[file.parent] != file)
    for part in options.only or PARTS:
        print(f"\n{part}\n")
        match part:
            case "cold":
                measure_cold(pair, options.peer, options.repeats)
            case "warm":
                measure_warm(pair, options.repeats)
            case "folder":
                measure_folder(files[: options.photos])
            case "together":
                measure_together(pair[0])


if __name__ == "__main__":
    main()
