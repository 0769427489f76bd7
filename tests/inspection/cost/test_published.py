"""What was published, against what is counted of the networks here."""

import pytest

from kerasface.inspection.cost.arithmetic import layer_table, model_cost
from kerasface.inspection.cost.comparison import build_by_name
from kerasface.inspection.cost.published import CONTEST, FAMILY, PEOPLE_ERROR
from kerasface.models.backbones import backbone_names

SAME = {"AlexNet": 0.05, "MobileNet": 0.02, "MobileNetV2": 0.05, "VGG-16": 0.01}


def test_the_errors_fall_year_by_year():
    """Figures of the review of 2010 to 2014 and of the winners' papers after it."""
    assert [entry.year for entry in CONTEST] == list(range(2010, 2018))
    assert [entry.error for entry in CONTEST] == [0.282, 0.258, 0.164, 0.117, 0.067, 0.0357, 0.0299, 0.0225]
    assert all(entry.source for entry in CONTEST)
    assert min(entry.year for entry in CONTEST if entry.error < PEOPLE_ERROR) == 2015


def test_each_leads_to_a_network_here():
    assert {network.built_as for network in FAMILY} <= set(backbone_names())
    assert all(network.top1 or network.top5 for network in FAMILY)


@pytest.mark.slow
@pytest.mark.parametrize("name", SAME)
def test_weights_are_about_those_that_were_published(name):
    """Papers round, and leave biases or the classifier out."""
    (network,) = [network for network in FAMILY if network.name == name]
    cost = model_cost(layer_table(build_by_name(network.built_as, (224, 224))))
    assert cost.parameters == pytest.approx(network.parameters, rel=SAME[name])
    if name.startswith("Mobile"):
        assert cost.multiply_adds == pytest.approx(network.multiply_adds, rel=0.01)
