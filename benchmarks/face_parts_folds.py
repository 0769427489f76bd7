"""How well does the recipe of the segmentation do on persons that it has not seen? Cross-validation over persons.

    python benchmarks/face_parts_folds.py --data ../shared/data

The seven persons of FASSEG who turn their heads are dealt into folds. Each is judged by a model that was trained on the
others and on the frontal pictures, whole pictures at the masks' own resolution; the pixels of all folds are counted
together. The frontal pictures show other persons, who are on the training side throughout.
"""

import re
import tempfile
from pathlib import Path

import numpy as np
from machine import benchmark_parser, print_columns, print_header, print_row

from kerasface.runs.store import load_run
from kerasface.tasks.measuring.masks import score_masks
from kerasface.tasks.segmentation import Segmenter
from kerasface.train.engine.driver import run_training
from kerasface.train.recipe import build_recipe, read_recipe
from kerasface.train.segmentation.recipe import SegmentRecipe


def persons_of(folder: Path) -> dict[str, list[str]]:
    """Returns the stems of the pictures of each person who turns, by person."""
    found: dict[str, list[str]] = {}
    for path in sorted((folder / "images").iterdir()):
        if match := re.search(r"personne(\d\d)", path.stem):
            found.setdefault(match[1], []).append(path.stem)
    return found


def linked(source: Path, target: Path, stems: set[str]) -> Path:
    """Makes a data set of links to the pictures and masks of `stems`."""
    for part in ("images", "masks"):
        (target / part).mkdir(parents=True)
        for path in (source / part).iterdir():
            if path.stem in stems:
                (target / part / path.name).symlink_to(path.resolve())
    return target


def main() -> None:
    parser = benchmark_parser(__doc__)
    parser.add_argument("--folds", type=int, default=3, help="into how many folds the persons are dealt")
    parser.add_argument("--recipe", type=Path, default=Path("configs/face-parts.toml"), help="the recipe")
    parser.add_argument("--cache", type=Path, help="folder of decoded pictures")
    parser.add_argument("--keep", type=Path, help="folder that keeps the models of the folds")
    arguments = parser.parse_args()
    print_header()
    source = arguments.data / "fasseg" / "train"
    if not source.is_dir():
        raise SystemExit(f"{source} does not exist. Give the folder that holds fasseg: --data FOLDER.")
    recipe = build_recipe(read_recipe(arguments.recipe, SegmentRecipe), SegmentRecipe)
    persons = persons_of(source)
    stems = {path.stem for path in (source / "images").iterdir()}
    confusion = 0
    classes = recipe.class_names
    print_columns("fold", "persons held out", "pictures", "pixel accuracy", "mean IoU", *classes, "minutes")
    with tempfile.TemporaryDirectory() as folder:
        runs = arguments.keep or Path(folder) / "runs"
        for fold in range(arguments.folds):
            held_out = sorted(persons)[fold :: arguments.folds]
            judged = {stem for person in held_out for stem in persons[person]}
            data = linked(source, Path(folder) / f"train{fold}", stems - judged)
            others = linked(source, Path(folder) / f"judged{fold}", judged)
            settings = build_recipe(
                {**read_recipe(arguments.recipe, SegmentRecipe), "validation": str(others)}, SegmentRecipe
            )
            trained = run_training(
                "segment",
                data,
                f"fold{fold}",
                recipe=settings,
                runs=runs,
                cache=arguments.cache or Path(folder) / "cache",
            )
            segmenter = Segmenter(load_run(runs, f"fold{fold}"))
            result = score_masks(
                others / "images",
                others / "masks",
                lambda image, segmenter=segmenter: segmenter.segment_whole(image).mask,
                segmenter.classes,
                segmenter.colors,
            ).result
            confusion = confusion + result.confusion
            row(str(fold), ", ".join(held_out), len(judged), result.confusion, trained.metrics["seconds"] / 60)
    row("all", ", ".join(sorted(persons)), sum(map(len, persons.values())), confusion, None)


def row(fold: str, persons: str, pictures: int, confusion: np.ndarray, minutes: float | None) -> None:
    right = np.diag(confusion)
    iou = right / (confusion.sum(axis=0) + confusion.sum(axis=1) - right)
    cells = (f"{right.sum() / confusion.sum():.2%}", f"{iou.mean():.3f}", *(f"{value:.3f}" for value in iou))
    print_row(fold, persons, pictures, *cells, "" if minutes is None else f"{minutes:.1f}")


if __name__ == "__main__":
    main()
