"""Known pairs tell of a template that is a little wrong: nobody is missed, and yet strangers come nearer."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("keras")
from kerasface.faces.alignment import TEMPLATES, CropTemplate
from kerasface.faces.detection import Face
from kerasface.models.onnx.input_form import InputForm
from kerasface.tasks.embedders import doubts
from kerasface.tasks.embedders.crops import FoundFace

ARCFACE = TEMPLATES["arcface-112"]
FACE = Face((10.0, 10.0, 92.0, 92.0), ARCFACE.points.astype(np.float32), 1.0)


def people(number, photos):
    """Plain pictures, each of a person's own color with a little noise: what is cut out of them is that color."""
    rng = np.random.default_rng(0)
    colors = rng.integers(30, 226, (number, 3))
    made = [(colors[person] + rng.integers(-9, 10, 3), person) for person in range(number) for _ in range(photos)]
    return [FoundFace(np.full((112, 112, 3), color, dtype=np.uint8), FACE, person) for color, person in made]


def as_color(noise):
    """What stands for `embedded`: the color of the crops, of unit length; the first number tells the noise."""

    def embed(model, crops):
        rng = np.random.default_rng(1)
        centred = crops.mean(axis=(1, 2)) - 128 + noise[model] * rng.normal(size=(len(crops), 3))
        return centred / np.linalg.norm(centred, axis=1, keepdims=True)

    return embed


def test_how_well_pairs_are_told_apart_is_counted_by_hand(monkeypatch):
    monkeypatch.setattr(doubts, "embedded", as_color({"net": 0}))
    some = people(10, 4)  # 60 pairs of one person
    error, apart = doubts.told_apart("net", ARCFACE, some)
    vectors = as_color({"net": 0})("net", np.stack([one.photo for one in some]))
    persons = np.array([one.person for one in some])
    rows = np.triu_indices(40, k=1)
    scores, same = (vectors @ vectors.T)[rows], (persons[:, None] == persons)[rows]
    own, other = scores[same], scores[~same]
    assert apart == pytest.approx((own.mean() - other.mean()) / np.sqrt((own.var() + other.var()) / 2), rel=0.02)
    assert 0 <= error < 0.5
    assert doubts.told_apart("net", ARCFACE, people(8, 4))[1] == 0  # 48 pairs of one person say nothing


@pytest.mark.parametrize(("apart", "said"), [(4.0, True), (7.2, False), (0.0, False)])
def test_another_template_that_tells_people_farther_apart_is_said(monkeypatch, apart, said):
    """Nobody is told wrongly with either, so that the error rates say nothing."""
    cut = CropTemplate("shifted", ARCFACE.points + np.array([0, 8]), ARCFACE.image_size)
    monkeypatch.setattr(doubts, "build_network", lambda graph, form, mirrored: "net")

    def told_apart(model, template, some):
        return 0.001, apart if template is cut else 7.4 if np.allclose(template.points, ARCFACE.points) else 3.0

    monkeypatch.setattr(doubts, "told_apart", told_apart)
    found = doubts.doubts_of_people(None, "net", InputForm(), cut, [], mirrored=False)
    assert [
        f"{apart:.1f} standard deviations apart, and with crops cut as arcface-112 7.4" in one for one in found
    ] == ([True] if said else [])
    right = replace(cut, points=ARCFACE.points)
    monkeypatch.setattr(doubts, "told_apart", lambda model, template, some: (0.001, 7.4))
    assert doubts.doubts_of_people(None, "net", InputForm(), right, [], mirrored=False) == []
