"""How many images a second are trained on, by network, image size and precision, with and without the input pipeline?

    python benchmarks/train_throughput.py
    KERAS_BACKEND=jax python benchmarks/train_throughput.py --precisions float32 mixed_bfloat16 --batch-size 128

Without: one batch that stays in memory. With: batches from the cache on disk, augmented with `light`. On a processor
choose fewer steps and small batches.
"""

import argparse
import tempfile

import keras
import numpy as np
from machine import print_columns, print_header, print_row

from kerasface.data.cache.store import RecordStore
from kerasface.data.pipelines import training_batches
from kerasface.models.engines.graphs import accelerators, device_name
from kerasface.models.zoo import build_architecture
from kerasface.train.engine.optimizers import build_optimizer
from kerasface.train.throughput import images_per_second

CLASSES = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=["resnet34", "mobilenet_v2"])
    parser.add_argument("--sizes", nargs="+", type=int, default=[112, 224])
    parser.add_argument("--precisions", nargs="+", default=["float32", "mixed_bfloat16"])
    parser.add_argument("--batch-size", type=int, default=128 if accelerators() else 16)
    parser.add_argument("--steps", type=int, default=50 if accelerators() else 4, help="timed after two more")
    arguments = parser.parse_args()
    print_header()
    print(f"{device_name()}, backend {keras.backend.backend()}, batches of {arguments.batch_size}")
    print_columns("network", "image size", "precision", "images/s, batch in memory", "images/s, from disk with light")
    for size in arguments.sizes:
        with tempfile.TemporaryDirectory() as folder:
            images, labels = noise(folder, size, arguments.batch_size * (arguments.steps + 2))
            for network in arguments.networks:
                for precision in arguments.precisions:
                    keras.config.set_dtype_policy(precision)
                    model = build_architecture(network, (size, size), CLASSES)
                    model.compile(build_optimizer("sgd", 0.01, momentum=0.9), "categorical_crossentropy")
                    plain = training_batches(images, labels, **settings(arguments))
                    light = training_batches(images, labels, policy="light", **settings(arguments))
                    timed = arguments.batch_size, arguments.steps
                    alone = images_per_second(model, plain.take(1).cache().repeat(arguments.steps + 2), *timed)
                    piped = images_per_second(model, light, *timed)
                    print_row(network, size, precision, f"{alone:,.1f}", f"{piped:,.1f}")


def settings(arguments) -> dict:
    return {"batch_size": arguments.batch_size, "num_classes": CLASSES, "seed": 0, "epoch": 0}


def noise(folder: str, size: int, count: int):
    """Writes noise images into a cache; returns them as they lie on disk, and labels."""
    rng = np.random.default_rng(0)
    keys = [str(index) for index in range(count)]
    with RecordStore(folder, (size, size, 3), "uint8") as store:
        for key in keys:
            store.add(key, rng.integers(0, 256, store.shape, dtype=np.uint8))
    return store.array(keys), np.arange(count) % CLASSES


if __name__ == "__main__":
    main()
