"""A face network of others, from its file to thresholds that hold: parity, errors, searches, calibration, time.

    python benchmarks/imported_embedder.py --data ../shared/data

The network is `embedders/mobilefacenet.onnx` of the data (ArcFace loss, 4 MB). It is imported, compared with ONNX
Runtime on 128 crops of LFW, and measured on LFW as `kerasface embedders calibrate` does. Thresholds of searches are
then taken from one half of the people and judged on the other, with galleries of 50, 200 and 826. With --without-lfw
only import and calibration on 2,000 photos are timed. Crops and embeddings of LFW are kept in the cache of KerasFace.
"""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from machine import benchmark_parser, print_columns, print_header, print_row

from kerasface.data.cache.crops import CroppedFaces, crop_faces, embed_crops
from kerasface.evaluation.identification import OpenSetTrial, evaluate_identification, search_gallery
from kerasface.evaluation.measured.pairs import PairScores
from kerasface.faces.detection import FaceDetector
from kerasface.faces.embedders import load_embedder
from kerasface.faces.rates.operating_points import add_measurements, search_point
from kerasface.files.paths import default_cache_folder
from kerasface.models.onnx.input_form import InputForm
from kerasface.models.onnx.parity import compare
from kerasface.models.onnx.reading import read_bytes, read_graph
from kerasface.runs.store import load_run
from kerasface.tasks.embedders.adding import add_embedder
from kerasface.tasks.embedders.calibrating import calibrate_embedder
from kerasface.tasks.embedders.rates import measure_embedder

NAME, DATE = "imported", "2026-11-29"
SIZES, FPIRS, SPLITS, GALLERIES = (50, 200, 826), (0.01, 0.1), 4, 30
PHOTOS = 2000


def halves(labels: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Masks of the people that thresholds are taken from, and of those they are judged on."""
    for seed in range(SPLITS):
        people = np.random.default_rng(seed).permutation(labels.max() + 1)
        inside = np.isin(labels, people[: len(people) // 2])
        yield from ((inside, ~inside), (~inside, inside))


def print_parity(file: Path, root: Path, crops: CroppedFaces) -> None:
    content = read_bytes(file)
    graph = read_graph(content, file.name)
    model = load_run(root, NAME).model
    some = crops.store.read(crops.keys[:: len(crops.keys) // 128][:128])
    found = compare(model, content, graph, InputForm(), some)
    kinds = sorted({type(layer).__name__ for layer in model.layers})
    print(
        f"{len(some)} crops: largest difference {found['max_difference'] / found['largest']:.1e} of the largest number"
    )
    print(f"layers: {', '.join(kinds)}; functional: {type(model).__name__}, {model.count_params():,} weights")


def print_errors(embeddings: np.ndarray, labels: np.ndarray) -> None:
    started = time.perf_counter()
    rates = measure_embedder(embeddings, labels, name="lfw", date=DATE).rates
    seconds = time.perf_counter() - started
    for point in rates["points"]:
        if point["fmr"] in (1e-5, 1e-4, 1e-3, 1e-2):
            _, _, _, missed, low, high = point["measured"][0]
            print(f"FNMR at FMR {point['fmr']:.3%}: {missed:.2%} (95 % {low:.2%} to {high:.2%})")
    curves = rates["calibration"], rates["search"]["calibration"]
    print(
        f"ECE of pairs {curves[0]['ece']:.2%}, of searches {curves[1]['ece']:.2%}; cohort kept: {bool(rates['cohort'])}"
    )
    order = np.argsort(labels, kind="stable")
    place = np.arange(len(order)) - np.searchsorted(labels[order], labels[order])
    several = np.bincount(labels)[labels[order]] > 1
    gallery, mated, unknown = order[several & (place == 0)], order[place > 0], order[~several]
    report = evaluate_identification(
        OpenSetTrial(embeddings[gallery], labels[gallery], embeddings[mated], labels[mated], embeddings[unknown])
    )
    at = report.fnir_at_fpir["0.01"]
    interval = f"(95 % {at.low:.2%} to {at.high:.2%})"
    print(f"{report.gallery_size} enrolled: rank 1 {report.rank1:.2%}, FNIR at FPIR 1 % {at.value:.2%} {interval}")
    print(f"measured in {seconds:.0f} s, without finding and embedding the faces")


def print_searches(embeddings: np.ndarray, labels: np.ndarray) -> None:
    """Rates of strangers at thresholds of the other half of the people."""
    measured: dict[tuple[int, float], list[float]] = {(size, fpir): [] for size in SIZES for fpir in FPIRS}
    for number, (fitted, judged) in enumerate(halves(labels)):
        add_measurements("half", measure_embedder(embeddings[fitted], labels[fitted], name="half", date=DATE).rates)
        _, first = np.unique(labels[judged], return_index=True)
        people, rng = embeddings[judged][first], np.random.default_rng(number)
        for (size, fpir), rates in measured.items():
            threshold, found = search_point("half", fpir, size).threshold, []
            for _ in range(GALLERIES):
                drawn = rng.permutation(len(people))
                answers = search_gallery(people[drawn[:size]], drawn[:size], people[drawn[size:]])
                found.append(np.mean(answers.normalized >= threshold))
            rates.append(float(np.mean(found)))
    print_columns(
        "people enrolled", *(f"asked {fpir:.0%}: measured, lowest and highest of the halves" for fpir in FPIRS)
    )
    for size in SIZES:
        cells = [measured[size, fpir] for fpir in FPIRS]
        print_row(str(size), *(f"{np.mean(one):.2%} ({min(one):.2%} to {max(one):.2%})" for one in cells))


def print_rates(embeddings: np.ndarray, labels: np.ndarray) -> None:
    """False match rates of one half at thresholds of the other."""
    rows: dict[float, list[tuple[float, float]]] = {}
    for fitted, judged in list(halves(labels))[:2]:
        rates = measure_embedder(embeddings[fitted], labels[fitted], name="half", date=DATE).rates
        scores = PairScores("half", "").add(embeddings[judged], labels[judged])
        points = [point for point in rates["points"] if point["fmr"] in (1e-4, 1e-3, 1e-2)]
        found = scores.rates([point["threshold"] for point in points], np.random.default_rng(0))
        for point, row in zip(points, found, strict=True):
            rows.setdefault(point["fmr"], []).append((row[0], row[3]))
    for fmr, found in rows.items():
        print(f"FMR asked {fmr:.2%}: " + "; ".join(f"measured {one:.3%}, missed {missed:.2%}" for one, missed in found))


def print_time(file: Path, data: Path, folder: Path) -> None:
    photos = folder / "photos"
    for path in sorted((data / "lfw" / "images").rglob("*.jpg"))[:PHOTOS]:
        (photos / path.parent.name).mkdir(parents=True, exist_ok=True)
        (photos / path.parent.name / path.name).symlink_to(path.resolve())
    started = time.perf_counter()
    add_embedder(file, "timed", licence="research", root=folder)
    added = time.perf_counter()
    done = calibrate_embedder("timed", photos, called="lfw", root=folder)
    print(f"add {added - started:.0f} s; calibrate {done.num_photos:,} photos {time.perf_counter() - added:.0f} s")


def main() -> None:
    parser = benchmark_parser(__doc__)
    parser.add_argument("--without-lfw", action="store_true", help="time import and calibration only")
    arguments = parser.parse_args()
    print_header()
    file = arguments.data / "embedders" / "mobilefacenet.onnx"
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        print_time(file, arguments.data, root)
        if arguments.without_lfw:
            return
        add_embedder(file, NAME, licence="research", root=root)
        embedder, cache = load_embedder(NAME, root=root), default_cache_folder()
        paths = sorted((arguments.data / "lfw" / "images").rglob("*.jpg"))
        crops = crop_faces(paths, FaceDetector(), embedder.template, cache)
        embeddings = embed_crops(crops, embedder, cache)
        labels = np.unique([paths[position].parent.name for position in crops.positions], return_inverse=True)[1]
        print_parity(file, root, crops)
    print_errors(embeddings, labels)
    print_rates(embeddings, labels)
    print_searches(embeddings, labels)


if __name__ == "__main__":
    main()
