"""Training over two devices, in processes of their own: TensorFlow and JAX divide a processor only before they start.

This file is also what those processes run: `python test_strategy.py FOLDER`.
"""

import importlib.util
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kerasface.train.recipe import ClassifyRecipe

ROOT = Path(__file__).resolve().parent.parent.parent
# What must not depend on the number of devices: no BatchNorm, whose statistics are each device's, and no dropout, whose
# draws are. 30 images in batches of 7 divide among two devices neither in whole batches nor in the last one.
ALIKE = ClassifyRecipe(
    faces=False,
    image_size=16,
    backbone="simple_cnn",
    norm="none",
    epochs=2,
    batch_size=7,
    class_weights="balanced",
    weight_decay=0.05,
    ema=0.8,
    accumulate=2,
    clip_norm=0.5,
    checkpoint_seconds=0.0,
    precision="float32",
)
STATEFUL = replace(ALIKE, norm="batch", dropout=0.3, strategy="mirrored")

pytestmark = pytest.mark.slow


class Killed(BaseException):
    """Ends a training as nothing in it expects."""


def killer(stage, done, total):
    """Kills the training in its second epoch, between two updates of accumulated gradients."""
    if stage == "train" and done == 7:
        raise Killed


def write_trainings(folder):
    """Trains on one device and on two, and on two once more, killed and resumed."""
    import keras
    from PIL import Image

    from kerasface.train.engine.driver import resume_training, run_training

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        (processor,) = tf.config.list_physical_devices("CPU")
        tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
    generator = np.random.default_rng(0)
    for label, name in enumerate(("blue", "green", "red")):
        (folder / "data" / name).mkdir(parents=True)
        for index in range(12):
            picture = generator.integers(0, 120, (16, 16, 3))
            picture[..., 2 - label] += 100
            Image.fromarray(picture.astype(np.uint8)).save(folder / "data" / name / f"{index}.png")

    def train(runs, recipe, **options):
        run_training(
            "classify", folder / "data", "c", recipe=recipe, runs=folder / runs, cache=folder / "cache", **options
        )

    train("one", replace(ALIKE, strategy="one"))
    train("two", replace(ALIKE, strategy="mirrored"))
    train("whole", STATEFUL)
    try:
        train("resumed", STATEFUL, on_progress=killer)
    except Killed:
        resume_training("c", runs=folder / "resumed", cache=folder / "cache")


@pytest.fixture(scope="module", params=["tensorflow", "jax"])
def trained(request, tmp_path_factory):
    """Folder of the runs `one`, `two`, `whole` and `resumed`."""
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"This test computes on {request.param}. Run: pip install {request.param}")
    folder = tmp_path_factory.mktemp(request.param)
    environment = {
        "KERAS_BACKEND": request.param,
        "PYTHONPATH": str(ROOT),
        "CUDA_VISIBLE_DEVICES": "",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "JAX_PLATFORMS": "cpu",
        # Compiling is most of the time: the same step is compiled once, and without optimization.
        "XLA_FLAGS": "--xla_force_host_platform_device_count=2 --xla_backend_optimization_level=0",
        "JAX_COMPILATION_CACHE_DIR": str(folder / "compiled"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.1",
    }
    strict = ("-W", "error", "-W", "ignore:__array__ implementation:DeprecationWarning")
    command = [sys.executable, *strict, __file__, str(folder)]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def weights(folder, runs):
    from kerasface.runs.store import load_run

    return load_run(folder / runs, "c").model.get_weights()


def test_two_devices_end_where_one_does(trained):
    """About: sums are taken in another order, and AdamW's first steps divide by gradients, however small they are.

    A lost image or clipping by each device would show: an update moves weights by up to 1e-3.
    """
    for one, two in zip(weights(trained, "one"), weights(trained, "two"), strict=True):
        np.testing.assert_allclose(two, one, atol=1e-4)


def test_killed_and_resumed_ends_as_if_nothing_had_happened(trained):
    for whole, resumed in zip(weights(trained, "whole"), weights(trained, "resumed"), strict=True):
        np.testing.assert_allclose(resumed, whole, atol=1e-6)


if __name__ == "__main__":
    write_trainings(Path(sys.argv[1]))
