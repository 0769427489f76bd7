"""The project with `KERAS_BACKEND=jax`, in processes of their own, because a process has one backend.

This file is also what those processes run: `python test_jax.py outputs FILE` and `python test_jax.py training FOLDER`.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PRETRAINED = ("face_resnet", "pnet", "rnet", "onet")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("jax") is None, reason="This test computes on JAX. Run: pip install jax"
    ),
]


def run_on_jax(task, path):
    """Runs a task of this file on JAX; fails with what it wrote."""
    environment = {
        "KERAS_BACKEND": "jax",
        "PYTHONPATH": str(ROOT),
        # Compiling is most of the time: the same step is compiled once, and without optimization.
        "XLA_FLAGS": "--xla_backend_optimization_level=0",
        "JAX_COMPILATION_CACHE_DIR": str(path.parent / "compiled"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    # What pyproject.toml says of warnings.
    strict = ("-W", "error", "-W", "ignore:__array__ implementation:DeprecationWarning")
    command = [sys.executable, *strict, __file__, task, str(path)]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def built_models():
    """Yields name and model of everything that is built here, each with the same weights on every backend."""
    from kerasface.models import backbones, face_resnet, mtcnn, zoo

    for name in zoo.ARCHITECTURES:
        yield name, zoo.build_architecture(name, (32, 32), 5)
    options = zoo.ArchitectureOptions(dropblock=0.1, norm="group")
    yield "resnet34 with options", zoo.build_architecture("resnet34", (32, 32), 5, options=options)
    yield "MobileNetV2", backbones.build_backbone("MobileNetV2", (32, 32), weights=None).model
    yield "face_resnet", face_resnet.build_face_resnet(views=6)
    for name, build in {"pnet": mtcnn.build_pnet, "rnet": mtcnn.build_rnet, "onet": mtcnn.build_onet}.items():
        yield name, build()


def outputs():
    """Returns by name what each model makes of three random images."""
    from kerasface.models.runtime import compile_network

    found = {}
    for name, model in built_models():
        generator = np.random.default_rng(0)
        if name not in PRETRAINED:
            model.set_weights([_weight(variable, generator) for variable in model.weights])
        images = generator.integers(0, 256, (3, *(side or 24 for side in model.inputs[0].shape[1:]))).astype(np.uint8)
        found |= {f"{name} {index}": output for index, output in enumerate(compile_network(model)(images))}
    return found


def _weight(variable, generator):
    """Random weights that neither blow up nor fade away, so that a difference would show; counts and rates as built."""
    value = np.asarray(variable)
    if value.dtype.kind != "f" or value.ndim == 0:
        return value
    if value.ndim > 1:
        return generator.normal(0, 1 / np.sqrt(np.prod(value.shape[:-1])), value.shape).astype(value.dtype)
    centre = 1 if variable.name in ("gamma", "moving_variance", "variance") else 0
    return (centre + generator.normal(0, 0.1, value.shape)).astype(value.dtype)


def without_random_weights():
    """Lets JAX begin with zeros: the generator would be compiled for every shape, half a second each."""
    import jax
    import jax.numpy as jnp

    jax.random.uniform = lambda key, shape, dtype, minval, maxval: jnp.zeros(shape, dtype)
    jax.random.truncated_normal = lambda key, lower, upper, shape, dtype: jnp.zeros(shape, dtype)


def write_outputs(path):
    without_random_weights()
    np.savez(path, **outputs())


class Killed(BaseException):
    """Ends a training as nothing in it expects."""


def killer(stage, done, total):
    """Kills the training in its third epoch, between two updates of accumulated gradients."""
    if stage == "train" and done == 9:
        raise Killed


def write_trainings(folder):
    """Trains a whole run and one that is killed and resumed; writes what the whole one says of its pictures."""
    from PIL import Image

    from kerasface.runs.store import load_run
    from kerasface.train.engine.driver import resume_training, run_training
    from kerasface.train.recipe import ClassifyRecipe

    generator = np.random.default_rng(0)
    pictures = generator.integers(0, 120, (3, 12, 16, 16, 3))
    for label, name in enumerate(("blue", "green", "red")):
        (folder / "data" / name).mkdir(parents=True)
        pictures[label, ..., 2 - label] += 100
        for index, picture in enumerate(pictures[label].astype(np.uint8)):
            Image.fromarray(picture).save(folder / "data" / name / f"{index}.png")
    recipe = ClassifyRecipe(
        faces=False,
        image_size=16,
        backbone="simple_cnn",
        dropout=0.3,
        epochs=3,
        batch_size=8,
        augment="standard",
        mix="mixup",
        ema=0.8,
        accumulate=2,
        clip_norm=1.0,
        early_stopping=5,
        checkpoint_seconds=0.0,
        precision="float32",
    )
    options = {"cache": folder / "cache"}
    run_training("classify", folder / "data", "colours", recipe=recipe, runs=folder / "whole", **options)
    try:
        run_training(
            "classify",
            folder / "data",
            "colours",
            recipe=recipe,
            runs=folder / "resumed",
            on_progress=killer,
            **options,
        )
    except Killed:
        resume_training("colours", runs=folder / "resumed", **options)
    images = pictures.reshape(36, 16, 16, 3).astype(np.uint8)
    np.savez(
        folder / "predicted.npz", images=images, said=np.asarray(load_run(folder / "whole", "colours").model(images))
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Folder with the runs `whole` and `resumed` that JAX trained, and what it predicts."""
    folder = tmp_path_factory.mktemp("jax")
    run_on_jax("training", folder)
    return folder


def test_every_model_gives_what_it_gives_on_tensorflow(tmp_path):
    run_on_jax("outputs", tmp_path / "outputs.npz")
    expected = outputs()
    with np.load(tmp_path / "outputs.npz") as found:
        assert list(found) == list(expected)
        for name, output in expected.items():
            assert output.std() > 1e-3, name  # outputs that are all alike would agree whatever was computed
            np.testing.assert_allclose(found[name], output, atol=1e-4, err_msg=name)


def test_killed_and_resumed_ends_as_if_nothing_had_happened(trained):
    from kerasface.runs.store import load_run

    whole, resumed = (load_run(trained / runs, "colours").model.get_weights() for runs in ("whole", "resumed"))
    for one, other in zip(whole, resumed, strict=True):
        np.testing.assert_allclose(other, one, atol=1e-6)


def test_a_run_of_jax_predicts_the_same_on_tensorflow(trained):
    from kerasface.runs.store import load_run

    with np.load(trained / "predicted.npz") as predicted:
        said = np.asarray(load_run(trained / "whole", "colours").model(predicted["images"]))
        np.testing.assert_allclose(said, predicted["said"], atol=1e-5)


if __name__ == "__main__":
    {"outputs": write_outputs, "training": write_trainings}[sys.argv[1]](Path(sys.argv[2]))
