"""How well are 13 head poses told apart on persons that were not trained on?

    python benchmarks/head_pose.py --data ../shared/data

`fasseg/train` has its persons at 13 yaws from -90 to +90 degrees. Folders per yaw are made of the file names; a quarter
of the persons is held out, each time others.
"""

import re
import shutil
import tempfile
from pathlib import Path

import numpy as np
from machine import benchmark_parser, print_columns, print_header, print_row

from kerasface.images.decoding import decode
from kerasface.runs.store import load_run
from kerasface.tasks.recognition import build_classifier
from kerasface.train.classification.data import prepare
from kerasface.train.classification.defaults import resolve
from kerasface.train.engine.driver import run_training
from kerasface.train.recipe import ClassifyRecipe, build_recipe, read_recipe

RECIPE = Path(__file__).resolve().parent.parent / "configs" / "head-pose.toml"


def write_poses(images: Path, folder: Path) -> None:
    """Copies the multi-pose images into a folder per yaw."""
    for path in sorted(images.glob("multipose_*.jpg")):
        yaw = int(re.match(r"multipose_([+-]\d+|0+)_", path.name)[1])
        place = folder / f"yaw{yaw:+03d}"
        place.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)


def main() -> None:
    parser = benchmark_parser(__doc__)
    parser.add_argument("--seeds", type=int, default=4, help="trainings, each with other persons held out")
    parser.add_argument("--epochs", type=int, help="epochs of fine-tuning instead of the recipe's")
    arguments = parser.parse_args()
    images = arguments.data / "fasseg" / "train" / "images"
    if not images.is_dir():
        raise SystemExit(f"{images} does not exist. Give the folder that holds fasseg/train: --data FOLDER.")
    print_header()
    print_columns("seed", "persons' images held out", "top-1", "within 15 degrees", "mean error, degrees", "s")
    with tempfile.TemporaryDirectory() as folder:
        poses, runs, cache = (Path(folder) / name for name in ("poses", "runs", "cache"))
        write_poses(images, poses)
        errors = []
        for seed in range(arguments.seeds):
            settings = read_recipe(RECIPE) | {"seed": seed}
            settings |= {} if arguments.epochs is None else {"epochs": arguments.epochs}
            settings["unfreeze"] = settings["unfreeze"] if settings["epochs"] else None
            recipe = build_recipe(settings)
            metrics = run_training("classify", poses, "pose", recipe=recipe, runs=runs, cache=cache).metrics
            steps = steps_off(poses, runs, recipe, cache)
            errors.append(steps)
            print_row(
                seed,
                len(steps),
                f"{np.mean(steps == 0):.1%}",
                f"{np.mean(steps <= 1):.1%}",
                f"{15 * steps.mean():.1f}",
                f"{metrics['seconds']:.0f}",
            )
    steps = np.concatenate(errors)
    print_row(
        "all", len(steps), f"{np.mean(steps == 0):.1%}", f"{np.mean(steps <= 1):.1%}", f"{15 * steps.mean():.1f}", ""
    )


def steps_off(poses: Path, runs: Path, recipe: ClassifyRecipe, cache: Path) -> np.ndarray:
    """Returns by how many steps of 15 degrees each held-out image is misjudged, by the run as it was written."""
    prepared = prepare(poses, resolve(recipe), cache)
    yaws = np.array([int(name.removeprefix("yaw")) for name in prepared.names])
    classifier = build_classifier(load_run(runs, "pose"), lambda: None)
    pictures = [decode(poses / prepared.files[index]) for index in prepared.validation]
    named = np.array([int(found.top[0][0].removeprefix("yaw")) for found in classifier.recognize(pictures, top=1)])
    return np.abs(named - yaws[prepared.labels[prepared.validation]]) // 15


if __name__ == "__main__":
    main()
