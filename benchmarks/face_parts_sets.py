"""How well does a training on several sets do on persons that it has not seen? Cross-validation over the persons.

    python benchmarks/face_parts_sets.py --listing faces.toml --recipe configs/face-parts.toml --folds 5

The persons of each set without a validation folder are dealt into folds. Each fold is judged by a model that learned
from the other folds of all sets: whole pictures at the masks' own resolution, in the set's own classes. The pixels of
all folds are counted together. Sets with a validation folder are judged on it by the model of every fold.
"""

import argparse
import json
import re
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np
from face_parts_folds import linked
from machine import print_columns, print_header, print_row

from kerasface.data.masks.reading import CLASSES_FILE
from kerasface.data.masks.sets import MaskSet, read_sets
from kerasface.runs.store import load_run
from kerasface.tasks.measuring.masks import measure_masks
from kerasface.tasks.segmentation import Segmenter
from kerasface.train.engine.driver import run_training
from kerasface.train.recipe import build_recipe, read_recipe
from kerasface.train.segmentation.recipe import SegmentRecipe


def persons_of(each: MaskSet) -> dict[str, set[str]]:
    """Returns the stems of the pictures of each person of a set."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted((each.folder / "images").iterdir()):
        found[re.search(each.groups, path.stem)[1] if each.groups else path.stem].add(path.stem)
    return found


def parted(each: MaskSet, fold: int, folds: int, place: Path) -> MaskSet:
    """Returns the set with the persons of a fold in a folder of their own, to judge on; links stand for the files."""
    if each.validation is not None:
        return each
    persons = persons_of(each)
    order = np.random.default_rng(0).permutation(sorted(persons))
    judged = set().union(*(persons[name] for name in order[fold::folds]))
    rest = set().union(*persons.values()) - judged
    folders = [linked(each.folder, place / part / each.name, stems) for part, stems in (("", rest), ("judged", judged))]
    if (each.folder / CLASSES_FILE).exists():
        for folder in folders:
            (folder / CLASSES_FILE).symlink_to((each.folder / CLASSES_FILE).resolve())
    return MaskSet(folders[0], folders[1], each.groups, each.labels, each.share)


def listing(sets: list[MaskSet]) -> str:
    """Writes a listing of the sets."""
    lines = []
    for each in sets:
        labels = each.labels and each.labels.path
        places = {"folder": each.folder, "validation": each.validation, "labels": labels}
        said = {key: str(Path(path).resolve()) for key, path in places.items() if path is not None}
        said |= {key: value for key in ("groups", "share") if (value := getattr(each, key)) is not None}
        lines += ["[[sets]]", *(f"{key} = {json.dumps(value)}" for key, value in said.items()), ""]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listing", type=Path, required=True, help="the sets")
    parser.add_argument("--recipe", type=Path, default=Path("configs/face-parts.toml"), help="the recipe")
    parser.add_argument("--folds", type=int, default=5, help="into how many folds persons are dealt")
    parser.add_argument("--cache", type=Path, help="folder of decoded pictures")
    parser.add_argument("--keep", type=Path, help="folder that keeps the models of the folds")
    arguments = parser.parse_args()
    print_header()
    settings = {**read_recipe(arguments.recipe, SegmentRecipe), "validation": None, "groups": None}
    recipe = build_recipe(settings, SegmentRecipe)
    sets = read_sets(arguments.listing)
    confusion: dict[str, np.ndarray | int] = defaultdict(int)
    print_columns("fold", "set", "pictures", "pixel accuracy", "mean IoU", "IoU of each class", "minutes")
    with tempfile.TemporaryDirectory() as folder:
        runs, cache = arguments.keep or Path(folder) / "runs", arguments.cache or Path(folder) / "cache"
        for fold in range(arguments.folds):
            parts = [parted(each, fold, arguments.folds, Path(folder) / str(fold)) for each in sets]
            data = Path(folder) / f"fold{fold}.toml"
            data.write_text(listing(parts), encoding="utf-8")
            trained = run_training("segment", data, f"fold{fold}", recipe=recipe, runs=runs, cache=cache)
            segmenter = Segmenter(load_run(runs, f"fold{fold}"))
            for each in parts:
                images, masks = (each.validation / part for part in ("images", "masks"))
                rates = measure_masks(images, masks, segmenter, said=each.labels)
                confusion[each.name] = confusion[each.name] + rates.result.confusion
                names, pictures = rates.result.classes, rates.result.num_images
                row(str(fold), each.name, names, rates.result.confusion, pictures, trained)
                if fold == arguments.folds - 1:
                    row("all", each.name, names, confusion[each.name], None, None)


def row(fold: str, name: str, classes: tuple[str, ...], confusion: np.ndarray, pictures: int | None, trained) -> None:
    right = np.diag(confusion)
    iou = right / (confusion.sum(axis=0) + confusion.sum(axis=1) - right)
    told = ", ".join(f"{label} {value:.3f}" for label, value in zip(classes, iou, strict=True))
    minutes = "" if trained is None else f"{trained.metrics['seconds'] / 60:.1f}"
    print_row(fold, name, pictures or "", f"{right.sum() / confusion.sum():.2%}", f"{iou.mean():.3f}", told, minutes)


if __name__ == "__main__":
    main()
