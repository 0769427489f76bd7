"""Does temperature scaling help small trainings, on photos that neither training nor scaling has seen?

    python benchmarks/temperature.py --data ../shared/data

Classifiers of few people of LFW, with five to ten photos each, of which a fifth is held out as always; their other
photos are fresh. Then digits, of which a few hundred are trained on and the rest is fresh. Of every model three
calibration errors on the fresh photos are shown: as trained, scaled whatever the held-out photos say, and as written.
"""

import shutil
import tempfile
from pathlib import Path

import numpy as np
from lfw import lfw_folder
from machine import benchmark_parser, print_columns, print_header, print_row

from kerasface.data.cache.crops import crop_faces
from kerasface.data.samples import write_digits
from kerasface.evaluation.classification import apply_temperature, calibration
from kerasface.faces.alignment import FACE_RESNET_CROP
from kerasface.faces.detection import FaceDetector
from kerasface.images.decoding import decode
from kerasface.images.squares import fit_square
from kerasface.models.runtime import compile_network
from kerasface.runs.store import load_run
from kerasface.train.engine.driver import run_training
from kerasface.train.recipe import ClassifyRecipe

PEOPLE = (5, 5, 5, 8, 8, 8, 12, 20, 20, 40)
FEWEST, MOST = 5, 10  # photos of a person
FRESH = 20  # photos of a person that are judged at most
DIGITS = {"linear": 60, "simple_cnn": 60, "mlp": 20}  # pictures of each digit that are trained on


def drawn(source: Path, target: Path, num_classes: int, fewest: int, most: int, seed: int) -> list[tuple[Path, int]]:
    """Copies some classes with some of their photos to `target`; returns others of them with their labels."""
    rng = np.random.default_rng(seed)
    classes = [folder for folder in sorted(source.iterdir()) if folder.is_dir()]
    folders = [folder for folder in classes if len(list(folder.iterdir())) >= most + 2]
    chosen = sorted(rng.choice(len(folders), num_classes, replace=False))
    fresh = []
    for label, folder in enumerate(folders[index] for index in chosen):
        paths = rng.permutation(sorted(folder.iterdir()))
        count = rng.integers(fewest, most + 1)
        (target / folder.name).mkdir(parents=True)
        for path in paths[:count]:
            shutil.copy(path, target / folder.name)
        fresh += [(path, label) for path in paths[count : count + FRESH]]
    return fresh


def measured(source: Path, name: str, num_classes: int, photos: tuple[int, int], recipe: ClassifyRecipe, cache: Path):
    with tempfile.TemporaryDirectory() as folder:
        fresh = drawn(source, Path(folder) / "data", num_classes, *photos, recipe.seed)
        trained = run_training(
            "classify", Path(folder) / "data", "run", recipe=recipe, runs=Path(folder) / "runs", cache=cache
        )
        run = load_run(Path(folder) / "runs", "run")
    paths, labels = [path for path, _ in fresh], np.array([label for _, label in fresh])
    if recipe.faces:
        crops = crop_faces(paths, FaceDetector(), FACE_RESNET_CROP, cache)
        pictures, labels = crops.store.array(crops.keys)[:], labels[crops.positions]
    else:
        pictures = np.stack([fit_square(decode(path), recipe.image_size) for path in paths])
    (written,) = compile_network(run.model)(pictures)
    told = run.card.calibration
    as_trained = apply_temperature(written, 1 / told["temperature"])
    scaled = apply_temperature(as_trained, told["fitted"])
    errors = [calibration(part, labels).ece for part in (as_trained, scaled, written)]
    own = f"{told['ece_before']:.1%} to {told['ece_scaled']:.1%}"
    print_row(
        *(name, recipe.seed, trained.metrics["num_validation"], f"{told['fitted']:.2f}", own),
        *("yes" if told["applied"] else "no", len(labels), *(f"{error:.1%}" for error in errors)),
    )


def main() -> None:
    parser = benchmark_parser(__doc__)
    parser.add_argument("--cache", type=Path, help="folder of the caches")
    arguments = parser.parse_args()
    print_header()
    print_columns(
        *("classes", "seed", "held out", "temperature", "error by its own measure", "applied", "fresh"),
        *("as trained", "always scaled", "as written"),
    )
    with tempfile.TemporaryDirectory() as folder:
        cache, digits = arguments.cache or Path(folder) / "cache", Path(folder) / "digits"
        for seed, count in enumerate(PEOPLE):
            images = lfw_folder(arguments.data) / "images"
            measured(images, f"{count} people", count, (FEWEST, MOST), ClassifyRecipe(seed=seed), cache)
        write_digits(digits)
        for backbone, count in DIGITS.items():
            recipe = ClassifyRecipe(faces=False, backbone=backbone, image_size=32, epochs=20, augment="none")
            measured(digits, f"digits, {backbone}", 10, (count, count), recipe, cache)


if __name__ == "__main__":
    main()
