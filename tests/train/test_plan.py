"""What a training will build: the blocks and their weights are those that the training itself makes."""

import keras
import pytest

from kerasface.models.backbones import build_backbone
from kerasface.models.zoo import build_features
from kerasface.train.classification.defaults import resolve
from kerasface.train.metric_learning.recipe import MetricRecipe, resolve_metric
from kerasface.train.plan import COMPUTED, FROZEN, NEW, TRAINED, plan_training
from kerasface.train.recipe import ClassifyRecipe
from kerasface.train.segmentation.recipe import SegmentRecipe, resolve_segment
from kerasface.train.segmentation.stages import build_model

COUNTS = {"num_images": 500, "num_classes": 7}


def states(plan):
    return [block.state for block in plan.blocks]


def test_from_scratch_everything_is_new():
    """Seven classes on 128 channels: 7 * 129 weights."""
    recipe = resolve(ClassifyRecipe(faces=False, backbone="simple_cnn", image_size=32, epochs=3))
    plan = plan_training(recipe, **COUNTS)
    assert set(states(plan)) == {NEW}
    assert (plan.blocks[-1].name, plan.blocks[-1].num_params) == ("head: 7 classes", 7 * 129)
    network = build_features("simple_cnn", (32, 32))
    assert sum(block.num_params for block in plan.blocks) == network.count_params() + 7 * 129
    assert plan.stages == ("Everything begins with random weights and is trained for 3 epochs.",)


@pytest.fixture(scope="module")
def num_blocks():
    return len(build_backbone("face_resnet", (150, 150), weights=None).blocks)


@pytest.mark.parametrize(
    ("settings", "trained", "head", "stages"),
    [
        pytest.param({}, 0, COMPUTED, ("mean direction",), marks=pytest.mark.slow),
        pytest.param(
            {"classifier": "softmax"}, 0, NEW, ("The head alone is trained for 60 epochs",), marks=pytest.mark.slow
        ),
        ({"classifier": "softmax", "epochs": 2}, 2, NEW, ("The head alone", "the head and the last 2 blocks")),
        pytest.param(
            {"epochs": 2, "unfreeze": 1}, 1, TRAINED, ("mean direction", "the last block are"), marks=pytest.mark.slow
        ),
    ],
)
def test_of_a_pretrained_network_the_last_blocks_are_trained(num_blocks, settings, trained, head, stages):
    """By default one block in eight, of 16, with fewer than 1,000 images."""
    plan = plan_training(resolve(ClassifyRecipe(**settings)), **COUNTS)
    assert states(plan) == [FROZEN] * (num_blocks - trained) + [TRAINED] * trained + [head]
    assert len(plan.stages) == len(stages)
    assert all(part in sentence for part, sentence in zip(stages, plan.stages, strict=True))


@pytest.mark.slow
def test_an_embedder_has_a_head_of_its_own(num_blocks):
    plan = plan_training(resolve_metric(MetricRecipe()), **COUNTS)
    assert states(plan) == [FROZEN] * num_blocks + [NEW]
    assert plan.blocks[-1].name == "head: 128 numbers"
    assert "people held out" in plan.stages[-1]
    scratch = resolve_metric(MetricRecipe(faces=False, backbone="simple_cnn", weights="none", image_size=32, dim=16))
    assert set(states(plan_training(scratch, **COUNTS))) == {NEW}


@pytest.mark.slow
def test_a_segmentation_has_a_decoder():
    recipe = resolve_segment(SegmentRecipe(image_size=64, training_size=64))
    plan = plan_training(recipe, **COUNTS)
    encoder, model = build_model(recipe, 7)
    count = len(encoder.backbone.blocks)
    assert states(plan) == [FROZEN] * (count - round(count * 2 / 3)) + [TRAINED] * round(count * 2 / 3) + [NEW]
    assert sum(block.num_params for block in plan.blocks) == model.count_params()
    assert plan.blocks[-1].name == "decoder: 7 classes"
    assert isinstance(model, keras.Model)


@pytest.mark.slow
def test_more_blocks_than_there_are_cannot_be_trained():
    with pytest.raises(ValueError, match=r"face_resnet has \d+ blocks. Received: trainable_blocks=99"):
        plan_training(resolve(ClassifyRecipe(epochs=1, unfreeze=99)), **COUNTS)
