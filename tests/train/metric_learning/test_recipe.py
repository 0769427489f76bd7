"""The settings of a metric training."""

import pytest

from kerasface.train.metric_learning.recipe import MetricRecipe, resolve_metric
from kerasface.train.recipe import build_recipe, read_recipe, write_recipe


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"loss": "softmax"}, "loss='softmax'"),
        ({"people": 1}, "people=1"),
        ({"holdout": 1.0}, "holdout=1.0"),
        ({"mining": "all"}, "mining needs loss=triplet"),
        ({"loss": "triplet", "mining": "all"}, "a batch of 768 is too large"),
        ({"loss": "triplet", "temperature": 0.1}, "need loss=supcon"),
        ({"margin": 0.1}, "supcon has no margin"),
        ({"scale": 10.0}, "scale needs loss=arcface"),
        ({"unfreeze": 2}, "unfreeze needs epochs"),
        ({"head_epochs": 0, "stretch": False}, "nothing to do"),
        ({"image_size": 112}, "150 pixels"),
        ({"backbone": "MobileNetV2", "mirror": True}, "only face_resnet averages"),
        ({"weights": "some"}, "weights='some'"),
        ({"weights": "none", "stretch": True}, "with weights=none there is nothing frozen"),
        ({"weights": "none", "head_epochs": 3}, "with weights=none there is nothing frozen"),
        ({"weights": "none", "epochs": 0}, "weights=none needs epochs"),
        ({"dim": 1}, "dim=1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, says):
    with pytest.raises(ValueError, match=says):
        resolve_metric(MetricRecipe(**settings))


def test_a_recipe_comes_back_from_its_file(tmp_path):
    recipe = resolve_metric(MetricRecipe(loss="triplet", seed=3))
    (tmp_path / "recipe.toml").write_text(write_recipe(recipe))
    assert build_recipe(read_recipe(tmp_path / "recipe.toml", MetricRecipe), MetricRecipe) == recipe
    (tmp_path / "recipe.toml").write_text("los = 1\n")
    with pytest.raises(ValueError, match="Did you mean 'loss'"):
        read_recipe(tmp_path / "recipe.toml", MetricRecipe)
    with pytest.raises(ValueError, match="people must be of type int"):
        build_recipe({"people": "many"}, MetricRecipe)


def test_defaults_follow_the_stretch():
    """Beside the constant coordinate 2, distances are 5 ** 0.5 times smaller and differences of cosines 5 times."""
    with_stretch, without = (resolve_metric(MetricRecipe(loss="triplet", stretch=stretch)) for stretch in (True, False))
    assert without.margin / with_stretch.margin == pytest.approx(5**0.5)
    with_stretch, without = (resolve_metric(MetricRecipe(stretch=stretch)) for stretch in (True, False))
    assert without.temperature / with_stretch.temperature == pytest.approx(5)


def test_defaults_follow_the_weights():
    """From random weights there is no head to train alone, and everything learns faster and from other batches."""
    pretrained, scratch = (resolve_metric(MetricRecipe(backbone="resnet34", weights=w)) for w in ("pretrained", "none"))
    assert (pretrained.head_epochs, pretrained.epochs, pretrained.stretch) == (15, 0, True)
    assert (scratch.head_epochs, scratch.stretch, scratch.image_size) == (0, False, 64)
    assert scratch.epochs > 0
    assert scratch.learning_rate > 10 * pretrained.learning_rate
    assert scratch.temperature > pretrained.temperature
    given = MetricRecipe(backbone="resnet34", weights="none", epochs=3, people=5, learning_rate=0.5)
    assert [getattr(resolve_metric(given), name) for name in ("epochs", "people", "learning_rate")] == [3, 5, 0.5]
