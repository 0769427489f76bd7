"""How many images a second does the input pipeline alone deliver from a cache on disk, by augmentation?

    python benchmarks/input_pipeline.py
    python benchmarks/input_pipeline.py --num-images 140000 --whole-epoch --policies none

The images are noise of 112 x 112 pixels in 7,000 classes, in batches of 256 with one-hot labels. 140,000 of them are
5.3 GB: the largest resident memory shows that they are not held in memory.
"""

import argparse
import resource
import sys
import tempfile
import time

import numpy as np
from machine import print_columns, print_header, print_row

from kerasface.data.augmentation import MIXES, POLICIES
from kerasface.data.cache.store import RecordStore, StoredArray
from kerasface.data.pipelines import training_batches

IMAGE_SIZE = 112
NUM_CLASSES = 7000
BATCH_SIZE = 256


def fill(folder: str, num_images: int) -> StoredArray:
    rng = np.random.default_rng(0)
    keys = [str(index) for index in range(num_images)]
    with RecordStore(folder, (IMAGE_SIZE, IMAGE_SIZE, 3), "uint8") as store:
        for key in keys:
            store.add(key, rng.integers(0, 256, store.shape, dtype=np.uint8))
    return store.array(keys)


def images_per_second(images: StoredArray, policy: str, mix: str, seconds: float) -> tuple[float, int]:
    """Returns the rate and the number of images after the first batch, over `seconds` or the rest of the epoch."""
    settings = {"batch_size": BATCH_SIZE, "num_classes": NUM_CLASSES, "seed": 0, "epoch": 0}
    labels = np.arange(len(images)) % NUM_CLASSES
    batches = iter(training_batches(images, labels, policy=policy, mix=mix, **settings))
    next(batches)  # builds the graph
    started, count = time.perf_counter(), 0
    for batch, _ in batches:
        count += len(batch)
        if time.perf_counter() - started > seconds:
            break
    return count / (time.perf_counter() - started), count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--num-images", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=5.0, help="per row; one epoch at most")
    parser.add_argument("--whole-epoch", action="store_true", help="measure until the epoch ends")
    parser.add_argument("--policies", nargs="+", default=[*POLICIES], choices=[*POLICIES])
    parser.add_argument("--mixes", nargs="+", default=["none"], choices=MIXES)
    arguments = parser.parse_args()
    print_header()
    print_columns("policy", "mix", "images/s", "images", "largest resident memory, MiB")
    unit = 2**20 if sys.platform == "darwin" else 2**10  # ru_maxrss counts bytes there, KiB elsewhere
    with tempfile.TemporaryDirectory() as folder:
        images = fill(folder, arguments.num_images)
        for policy in arguments.policies:
            for mix in arguments.mixes:
                seconds = float("inf") if arguments.whole_epoch else arguments.seconds
                rate, count = images_per_second(images, policy, mix, seconds)
                memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
                print_row(policy, mix, f"{rate:,.0f}", f"{count:,}", f"{memory:,.0f}")


if __name__ == "__main__":
    main()
