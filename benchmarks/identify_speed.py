"""How fast is a gallery searched, against a flat FAISS index and plain NumPy over the same templates in turns?

    python benchmarks/identify_speed.py --batches 1 8

It needs FAISS: pip install faiss-cpu. All search exactly, on all cores. FAISS and NumPy (`probes @ templates.T` and
`argpartition`) answer with the five nearest templates, KerasFace with the five nearest people, five templates each, and
with scores in float64. The templates are made up: unit vectors whose cosines spread like those of `face_resnet`
(strangers about 0.8). The best answers of FAISS and KerasFace must agree.
"""

import argparse
import itertools
import os
from collections.abc import Callable
from pathlib import Path

import faiss
import numpy as np
from machine import interleaved, print_columns, print_header, print_row, timed

from kerasface.gallery.search import SearchIndex

EMBEDDING_DIM = 128
TOP = 5
PER_PERSON = 5
NUM_PROBES = 64
ALLOWED_MS = {10_000: 1, 100_000: 4, 1_000_000: 35}  # p50 on 2 cores
_STRANGERS, _SAME = 0.5, 0.25  # spread of people around the mean face, of photos around their person


def resident_mib() -> float:
    """Returns this process's resident memory in MiB (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def made_up_templates(count: int, generator: np.random.Generator) -> np.ndarray:
    """Returns `(count, EMBEDDING_DIM)` float32, the templates of a person one after the other."""
    templates = np.empty((count, EMBEDDING_DIM), dtype=np.float32)
    for start in range(0, count, 10_000):
        rows = templates[start : start + 10_000]
        people = 1 + _STRANGERS * generator.standard_normal((-(-len(rows) // PER_PERSON), EMBEDDING_DIM), np.float32)
        noise = _SAME * generator.standard_normal(rows.shape, np.float32)
        rows[:] = unit(np.repeat(people, PER_PERSON, axis=0)[: len(rows)] + noise)
    return templates


def made_up_probes(templates: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Returns other photos of people in the gallery, `(NUM_PROBES, EMBEDDING_DIM)` float32."""
    chosen = templates[generator.integers(0, len(templates), NUM_PROBES)] * np.float32(np.sqrt(EMBEDDING_DIM))
    return unit(chosen + _SAME * generator.standard_normal(chosen.shape, np.float32))


def plain_search(templates: np.ndarray, probes: np.ndarray) -> np.ndarray:
    """Returns the rows of the nearest templates, `(num_probes, TOP)`, in any order."""
    return np.argpartition(probes @ templates.T, -TOP, axis=1)[:, -TOP:]


def in_turn(search: Callable, probes: np.ndarray, batch: int) -> Callable[[], object]:
    """Returns a call that searches for the next `batch` probes each time."""
    starts = itertools.cycle(range(0, NUM_PROBES - batch + 1, batch))

    def call() -> object:
        start = next(starts)
        return search(probes[start : start + batch])

    return call


def disagreements(index: SearchIndex, flat: faiss.IndexFlatIP, probes: np.ndarray) -> int:
    """Returns for how many probes the best template of both differs by more than the rounding of float32."""
    scores, _ = flat.search(probes, 1)
    best = [found[0].score for found in index.search(probes, TOP)]
    return int(np.sum(np.abs(scores[:, 0] - best) > EMBEDDING_DIM * np.finfo(np.float32).eps))


def measure(count: int, batch: int, repeats: int) -> bool:
    """Prints the row of one size and returns whether KerasFace was fast enough and both agree."""
    generator = np.random.default_rng(count)
    templates = made_up_templates(count, generator)
    probes = made_up_probes(templates, generator)
    flat = faiss.IndexFlatIP(EMBEDDING_DIM)
    flat.add(templates)
    people = [f"{number // PER_PERSON:032x}" for number in range(count)]
    before = resident_mib()
    opening, index = timed(SearchIndex.from_templates, templates, np.arange(count), people)
    grown = resident_mib() - before
    seconds = interleaved(
        {
            "faiss": in_turn(lambda some: flat.search(some, TOP), probes, batch),
            "numpy": in_turn(lambda some: plain_search(templates, some), probes, batch),
            "kerasface": in_turn(lambda some: index.search(some, TOP), probes, batch),
        },
        repeats,
        in_a_row=50,
    )
    wrong = disagreements(index, flat, probes)
    ours, ratio = 1000 * seconds["kerasface"], seconds["faiss"] / seconds["kerasface"]
    allowed = ALLOWED_MS.get(count) if batch == 1 else None
    print_row(
        f"{count:,}",
        batch,
        f"{1000 * seconds['faiss']:.2f}",
        f"{1000 * seconds['numpy']:.2f}",
        f"{ours:.2f}",
        allowed or "",
        f"{ratio:.1f}",
        f"{NUM_PROBES - wrong} of {NUM_PROBES}",
        f"{opening:.2f} s, {grown:+.0f} MiB",
    )
    return wrong == 0 and ratio >= 1 and (allowed is None or ours <= allowed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(ALLOWED_MS), help="numbers of templates")
    parser.add_argument("--batches", type=int, nargs="+", default=[1], help="faces searched at once, at most 64")
    parser.add_argument("--repeats", type=int, default=101, help="timings of each")
    arguments = parser.parse_args()
    print_header()
    print(f"faiss-cpu {faiss.__version__}, {faiss.omp_get_max_threads()} threads")
    print_columns(
        "templates",
        "faces at once",
        "FAISS ms",
        "NumPy ms",
        "KerasFace ms",
        "allowed ms",
        "times as fast as FAISS",
        "same best",
        "opening",
    )
    good = [measure(size, batch, arguments.repeats) for size in arguments.sizes for batch in arguments.batches]
    if hasattr(os, "getloadavg"):
        print(f"load at the end {os.getloadavg()[0]:.2f}")
    if not all(good):
        raise SystemExit("Some search was slower than allowed or than FAISS, or found another template.")


if __name__ == "__main__":
    main()
