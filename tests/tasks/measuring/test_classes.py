"""A folder of pictures asked of a classifier that answers by colour."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from kerasface.faces.detection import Face
from kerasface.reports.error_rates import classification_document
from kerasface.tasks.measuring.classes import measure_classes, name_pictures

CLASSES = ("green", "red")  # sorted otherwise than the classifier's channels
COLORS = {"red": (250, 0, 0), "green": (0, 250, 0), "blue": (0, 0, 250)}


def answer(image):
    red, green, _ = np.asarray(image).reshape(-1, 3).mean(axis=0) / 255
    top = sorted((("red", red), ("green", green)), key=lambda one: -one[1])
    return SimpleNamespace(top=tuple(top), score=max(red, green))


def by_colour(images):
    return [answer(image) for image in images]


def face_at(x, y, side, image):
    landmarks = np.zeros((5, 2), dtype=np.float32)
    face = Face(box=(float(x), float(y), float(side), float(side)), landmarks=landmarks, detection_score=0.99)
    return SimpleNamespace(face=face, **vars(answer(image[y : y + side, x : x + side])))


@pytest.fixture
def folder(tmp_path):
    """Two pictures of red, one of which is green, one of green, two of blue; a text and a broken file among them."""
    for name, colors in {"red": ("red", "green"), "green": ("green",), "blue": ("blue", "red")}.items():
        (tmp_path / name).mkdir()
        for number, color in enumerate(colors):
            Image.new("RGB", (30, 20), COLORS[color]).save(tmp_path / name / f"{number}.png")
    (tmp_path / "green" / "notes.txt").write_text("no picture")
    (tmp_path / "red" / "cut.png").write_bytes(b"no picture either")
    return tmp_path


def test_every_picture_gets_its_answer_and_other_folders_are_strangers(folder):
    steps = []
    named = name_pictures(
        folder, by_colour, CLASSES, threshold=0.9, on_progress=lambda done, total: steps.append((done, total))
    )
    assert [path.relative_to(folder).as_posix() for path in named.paths] == [
        *("green/0.png", "red/0.png", "red/1.png", "red/cut.png")
    ]
    trial = named.trial
    assert trial.labels.tolist() == [0, 1, 1, 1]
    assert trial.named.tolist() == [0, 1, 0, -1]
    assert trial.wrong.tolist() == [False, False, True, True]
    np.testing.assert_allclose(trial.probabilities[:2], [[250 / 255, 0], [0, 250 / 255]], rtol=1e-6)
    assert trial.found.tolist() == [True, True, True, False]
    np.testing.assert_allclose(trial.unknown_scores, [0, 250 / 255])
    assert (named.strangers, trial.threshold, trial.num_unknown_failed) == (("blue",), 0.9, 0)
    assert {path.name for path, _ in named.rejected} == {"notes.txt", "cut.png"}
    assert steps[0] == (0, 6)
    assert steps[-1] == (6, 6)


def test_of_several_faces_the_central_one_counts_and_none_is_no_answer(folder):
    def faces(images):
        """In red/0.png a green face in the corner and a red one in the middle; elsewhere none."""
        found = []
        for image in images:
            image = image.copy()
            image[:8, :8] = COLORS["green"]
            is_red = image[10, 15, 0] > 200
            found.append([face_at(0, 0, 8, image), face_at(11, 6, 8, image)] if is_red else [])
        return found

    named = name_pictures(folder, faces, CLASSES)
    assert named.trial.named.tolist() == [-1, 1, -1, -1]
    assert named.trial.threshold is None
    assert named.trial.num_unknown_failed == 1
    assert sum("No face was found" in reason for _, reason in named.rejected) == 3


def test_a_folder_of_one_class_alone_will_do(folder):
    for name in ("green", "blue"):
        (folder / name).rename(folder / f".{name}")
    assert name_pictures(folder, by_colour, CLASSES).trial.labels.tolist() == [1, 1, 1]


def test_folders_that_no_class_has_are_refused_with_both_names(folder):
    with pytest.raises(ValueError, match=r"blue, green, red; the classes: Ada, Bea, Cleo and 1 more"):
        name_pictures(folder, by_colour, ("Ada", "Bea", "Cleo", "Dora"))
    with pytest.raises(ValueError, match="does not exist"):
        name_pictures(folder / "nowhere", by_colour, CLASSES)
    (folder / "empty").mkdir()
    with pytest.raises(ValueError, match="A class or person with a photo is needed"):
        name_pictures(folder / "empty", by_colour, CLASSES)


def test_the_same_pictures_are_asked_of_two_models(folder, tmp_path):
    """Both answer by color; the second one takes everything for red."""
    input_of = SimpleNamespace(of_faces=False)

    def classifier(name, answers, labels=CLASSES):
        card = SimpleNamespace(input=input_of, open_set=SimpleNamespace(threshold=0.5))
        run = SimpleNamespace(name=name, labels=labels, card=card)
        return SimpleNamespace(run=run, recognize=lambda images, top: answers(images))

    def red(images):
        return [SimpleNamespace(top=(("red", 0.8), ("green", 0.2)), score=0.8) for _ in images]

    both = [classifier("sharp", by_colour), classifier("blind", red)]
    rates = measure_classes(folder, both)
    assert (rates.names, rates.of_faces, rates.folder) == (("sharp", "blind"), False, folder)
    assert [report.top1.value for report in rates.reports] == [0.5, 0.5]  # green/0 and red/0; red/0 and red/1
    assert (rates.comparison.mcnemar.only_a, rates.comparison.mcnemar.only_b) == (1, 1)
    told = json.loads(json.dumps(rates.to_dict()))
    assert told["models"]["blind"]["top1"]["value"] == 0.5
    assert {Path(one["image"]).name for one in told["models"]["sharp"]["failed"]} == {"notes.txt", "cut.png"}
    html = classification_document("<b>Pictures</b>", rates)
    assert "&lt;b&gt;Pictures" in html
    assert "taken for green" in html
    assert "Next to the other model" in html
    assert "Next to the other model" not in classification_document("Pictures", measure_classes(folder, both[:1]))
    with pytest.raises(ValueError, match="sharp and other know different classes"):
        measure_classes(folder, [both[0], classifier("other", red, ("red", "blue"))])
