"""`kerasface inspect map` on made-up embeddings and small photos."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from kerasface.cli.inspection.map import map_command


@pytest.fixture
def run(tmp_path):
    def call(*words, code=0, as_json=True):
        words = [*map(str, words), "--out", str(tmp_path / "out"), *(["--json"] if as_json else [])]
        done = CliRunner().invoke(map_command, words)
        assert done.exit_code == code, (done.stdout, done.stderr)
        return json.loads(done.stdout) if as_json and code == 0 else done

    return call


@pytest.fixture
def faces(tmp_path):
    """Six pictures of each of three people, far apart; one of Emmy's lies in Ada's folder."""
    names = [name for name in ("Ada", "Emmy", "Grace") for _ in range(6)]
    embeddings = np.repeat(np.eye(3, 16), 6, axis=0) + 0.02 * np.random.default_rng(0).normal(size=(18, 16))
    paths = []
    for number, name in enumerate(names):
        path = tmp_path / "photos" / ("Ada" if number == 8 else name) / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((40, 40, 3), 10 * number, dtype=np.uint8)).save(path)
        paths.append(str(path))
    boxes = np.tile(np.float32([10, 10, 20, 20]), (18, 1))
    np.savez(tmp_path / "faces.npz", paths=np.array(paths), boxes=boxes, embeddings=embeddings.astype(np.float32))
    return tmp_path / "faces.npz"


@pytest.mark.parametrize("method", ["tsne", "pca"])
def test_a_map_of_embeddings_names_the_misplaced_picture(run, faces, tmp_path, method):
    told = run(faces, "--method", method)
    assert (told["method"], told["num_points"], told["num_names"], told["rejected"]) == (method, 18, 3, [])
    (suspect,) = told["label_errors"]
    assert (suspect["index"], suspect["label"], suspect["suggested"]) == (8, "Ada", "Emmy")
    assert suspect["image"] == str(tmp_path / "photos" / "Ada" / "8.png")
    text = (tmp_path / "out" / "map.html").read_text(encoding="utf-8").split("<body>")[1]
    assert told["out"] == str(tmp_path / "out" / "map.html")
    assert "looks like <b>Emmy</b>" in text
    assert "18 of 18" not in text  # every point has its picture, which need not be said
    assert text.count('"17":') == 1
    assert ("of the variance" in text) == (method == "pca")


def test_a_map_tells_in_words(run, faces):
    told = run(faces, "--method", "pca", as_json=False).stdout
    assert "8.png: named Ada, looks like Emmy (margin " in told
    assert "18 faces of 3 names, misnamed as it seems: 1" in told


def test_a_gallery_has_a_map_without_pictures(run, gallery, tmp_path, monkeypatch):
    from kerasface.gallery.store import NewSample

    monkeypatch.setenv("KERASFACE_KEY", bytes(range(32)).hex())
    for number, name in enumerate(("Ada", "Emmy")):
        vector = np.eye(2, gallery.embedding_dim, dtype=np.float32)[number]
        gallery.enroll(name, [NewSample(vector, f"{name}.jpg", f"{number}" * 64)])
    told = run("--gallery", gallery.path, "--method", "pca")
    assert (told["num_points"], told["label_errors"]) == (2, [])
    text = (tmp_path / "out" / "map.html").read_text(encoding="utf-8")
    assert "0 of 2 points show their picture" in text
    assert "Ada.jpg" in text


@pytest.mark.slow
def test_a_folder_of_photos_is_embedded(run, portrait_files, tmp_path):
    for name, file in zip(("Eileen", "Twin"), portrait_files, strict=True):
        (tmp_path / "people" / name).mkdir(parents=True)
        (tmp_path / "people" / name / file.name).write_bytes(file.read_bytes())
    Image.fromarray(np.full((90, 90, 3), 120, dtype=np.uint8)).save(tmp_path / "people" / "Twin" / "wall.png")
    told = run(tmp_path / "people", "--method", "pca")
    assert (told["num_points"], told["num_names"]) == (2, 2)
    assert [row["image"].rsplit("/", 1)[1] for row in told["rejected"]] == ["wall.png"]
    assert "Not on the map: 1 photo without a face, or not readable." in (tmp_path / "out" / "map.html").read_text(
        encoding="utf-8"
    )


def test_wrong_calls_say_what_is_wanted(run, faces, tmp_path):
    assert "one of them only" in run(code=2, as_json=False).stderr
    assert "one of them only" in run(faces, "--gallery", "x", code=2, as_json=False).stderr
    assert "There is no gallery" in run("--gallery", tmp_path / "x", code=1, as_json=False).stderr
    assert "no file of embeddings" in run(__file__, code=1, as_json=False).stderr
    assert "No such file" in run(tmp_path / "x.npz", code=1, as_json=False).stderr
    np.savez(tmp_path / "two.npz", paths=["a/b", "c/d"], boxes=np.zeros((2, 4)), embeddings=np.eye(2))
    assert "needs 5 points or more" in run(tmp_path / "two.npz", code=1, as_json=False).stderr
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """Runs with `colours`, a classifier of pictures whose features are the means of red, green and blue."""
    import keras

    from kerasface.runs.card import ModelCard
    from kerasface.runs.store import write_run

    inputs = keras.Input((8, 8, 3))
    means = keras.layers.GlobalAveragePooling2D(name="means")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(means))
    card = {"task": "classify", "labels": ["dark", "light"], "input": {"kind": "image", "image_size": [8, 8]}}
    root = tmp_path_factory.mktemp("runs")
    write_run(root, "colours", model=model, card=ModelCard.from_dict(card), metrics={}, history=[])
    return root


def test_a_map_by_a_classifier_of_ones_own(run, own, tmp_path):
    for name, color in (("dark", (60, 5, 5)), ("light", (5, 5, 200))):
        (tmp_path / "set" / name).mkdir(parents=True)
        for index in range(4):
            Image.new("RGB", (20, 14), tuple(value + index for value in color)).save(
                tmp_path / "set" / name / f"{index}.png"
            )
    (tmp_path / "set" / "dark" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    words = (tmp_path / "set", "--model", "colours", "--runs", own, "--method", "pca")
    told = run(*words)
    assert (told["num_points"], told["num_names"], told["label_errors"]) == (8, 2, [])
    assert "broken.png" in told["rejected"][0]["image"]
    text = (tmp_path / "out" / "map.html").read_text(encoding="utf-8").split("<body>")[1]
    assert text.count('"7":') == 1  # every point has its picture
    assert "8 pictures of 2 names" in run(*words, as_json=False).stdout
    assert "takes the place of --embedder" in run(*words, "--embedder", "face_resnet", code=2).stderr
    assert "looks at the photos of a FOLDER" in run("--gallery", "g", "--model", "colours", code=2).stderr
