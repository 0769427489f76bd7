"""Does training on 7,000 people fit into memory?

    python benchmarks/many_classes.py
    python benchmarks/many_classes.py --steps 0

7,000 classes with 20 generated images of 112 x 112 each lie on disk, 5.3 GB. One whole epoch of input is read with the
recipe's augmentation; then mobilenet_v2 with a head of 7,000 classes is trained for some steps (a step needs what any
other needs: all of them would take an hour on 2 cores) and judged with top-5. The largest resident memory of the
process is the figure. Each class is one random pattern, seen through noise, so that there is something to learn.
"""

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from machine import print_columns, print_header, print_row

from kerasface.data.cache.store import RecordStore, StoredArray
from kerasface.data.duplicates import LeakReport
from kerasface.data.pipelines import training_batches
from kerasface.evaluation.classification import top_k_accuracy
from kerasface.train.classification.data import PreparedData
from kerasface.train.classification.defaults import resolve
from kerasface.train.classification.judging import judge_images
from kerasface.train.classification.stages import image_stage, scratch_model
from kerasface.train.engine.precision import training_context
from kerasface.train.recipe import ClassifyRecipe

SIDE, CLASSES, PER_CLASS = 112, 7000, 20


def generated(folder: str, per_class: int) -> StoredArray:
    """Writes the images, class after class: a coarse random pattern of 7 x 7 blocks per class, and noise."""
    rng = np.random.default_rng(0)
    with RecordStore(folder, (SIDE, SIDE, 3), "uint8") as store:
        for label in range(CLASSES):
            pattern = np.kron(rng.integers(40, 216, (7, 7, 3)), np.ones((16, 16, 1))).astype(np.int16)
            for index in range(per_class):
                noise = rng.integers(-40, 41, (SIDE, SIDE, 1), dtype=np.int16)
                store.add(f"{label}-{index}", (pattern + noise).astype(np.uint8))
        return store.array([f"{label}-{index}" for label in range(CLASSES) for index in range(per_class)])


def prepared_data(images: StoredArray, per_class: int) -> PreparedData:
    """What `prepare` would make of a folder: the last image of each class is held out."""
    labels = np.repeat(np.arange(CLASSES), per_class)
    held_out = np.arange(len(labels)) % per_class == per_class - 1
    nothing = np.zeros((0, 2), dtype=np.int64)
    return PreparedData(
        root=Path("generated"),
        names=[f"class {label}" for label in range(CLASSES)],
        images=images,
        keys=[str(index) for index in range(len(labels))],
        files=[str(index) for index in range(len(labels))],
        people=[f"class {label}" for label in labels],
        labels=labels,
        groups=labels,
        train=np.flatnonzero(~held_out),
        validation=np.flatnonzero(held_out),
        unknown=np.zeros(0, dtype=np.int64),
        moved=np.zeros(0, dtype=np.int64),
        leaks=LeakReport(nothing, nothing, nothing, nothing, np.zeros(0, dtype=np.int64)),
        rejected=[],
        left_out={},
        num_computed=0,
        input={"kind": "image", "image_size": [SIDE, SIDE], "values": "RGB, 0 to 255"},
    )


def memory() -> str:
    """Returns the largest resident memory so far, in GiB."""
    unit = 2**30 if sys.platform == "darwin" else 2**20  # ru_maxrss counts bytes there, KiB elsewhere
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--per-class", type=int, default=PER_CLASS)
    parser.add_argument("--steps", type=int, default=100, help="training steps")
    parser.add_argument("--batch-size", type=int, default=32, help="images per step; memory grows with it")
    parser.add_argument("--folder", help="where the 5.3 GB go for the time of the run; the system's temporary folder")
    arguments = parser.parse_args()
    print_header()
    recipe = resolve(
        ClassifyRecipe(
            faces=False,
            backbone="mobilenet_v2",
            image_size=SIDE,
            epochs=1,
            batch_size=arguments.batch_size,
            augment="light",
            precision="float32",
        )
    )
    print_columns("part", "images", "s", "images/s", "largest resident memory, GiB")
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder, training_context(recipe):
        prepared = prepared_data(generated(folder, arguments.per_class), arguments.per_class)
        print_row("written", len(prepared.images), "", "", memory())
        for policy in ("none", "light"):
            read_epoch(prepared, policy)
        if arguments.steps:
            train(prepared, recipe, arguments.steps)


def read_epoch(prepared: PreparedData, policy: str) -> None:
    """Reads the batches of a whole epoch and does nothing with them."""
    labels = prepared.labels[prepared.train]
    batches = training_batches(
        prepared.images.part(prepared.train),
        labels,
        batch_size=128,
        num_classes=CLASSES,
        policy=policy,
        seed=0,
        epoch=0,
    )
    started = time.perf_counter()
    count = sum(len(batch) for batch, _ in batches)
    seconds = time.perf_counter() - started
    print_row(f"one epoch of input, {policy}", count, f"{seconds:.0f}", f"{count / seconds:,.0f}", memory())


def train(prepared: PreparedData, recipe: ClassifyRecipe, steps: int) -> None:
    """Trains for some steps and judges 2,048 of the images trained on: that is what so few steps can show."""
    model = scratch_model(prepared, recipe)
    stage = image_stage("train", model, prepared, recipe, dict)
    started = time.perf_counter()
    stage.model.fit(stage.batches(0, 0).take(steps), shuffle=False, verbose=0)
    seconds, count = time.perf_counter() - started, steps * recipe.batch_size
    print_row(f"{steps} steps of mobilenet_v2", count, f"{seconds:.0f}", f"{count / seconds:,.0f}", memory())
    some = prepared.validation[:2048]
    started = time.perf_counter()
    probabilities, _ = judge_images(model)(prepared.images.part(some))
    top5 = top_k_accuracy(probabilities, prepared.labels[some], 5)
    seconds = time.perf_counter() - started
    part = f"judged with {probabilities.shape[1]:,} classes: top-5 {top5:.2%}"
    print_row(part, len(some), f"{seconds:.0f}", f"{len(some) / seconds:,.0f}", memory())


if __name__ == "__main__":
    main()
