"""A gallery of the portrait embedded anew by a network of colors: from its photos, wherever they are now."""

import hashlib

import cv2
import keras
import numpy as np
import pytest
from PIL import Image

from kerasface.faces.alignment import ARCFACE_TEMPLATE
from kerasface.faces.analyzer import FaceAnalyzer
from kerasface.faces.run_embedder import RunEmbedder
from kerasface.gallery.store import GalleryError, NewSample
from kerasface.runs.card import ModelCard
from kerasface.runs.store import Run
from kerasface.tasks.enrollment import Enroller
from kerasface.tasks.identification import Identifier
from kerasface.tasks.reembedding import LostSamplesError, reembed_gallery


@pytest.fixture(scope="module")
def colors():
    """An embedder of crops of 112 x 112: their mean color."""
    inputs = keras.Input((112, 112, 3))
    mean = keras.layers.GlobalAveragePooling2D()(inputs)
    model = keras.Model(inputs, keras.layers.UnitNormalization()(mean))
    arcface = {"kind": "face", "image_size": [112, 112], "template": ARCFACE_TEMPLATE.tolist()}
    card = {"task": "embed", "input": arcface, "embedding": {"dim": 3, "fingerprint": "colors-1"}}
    return RunEmbedder(Run("colors", ModelCard.from_dict(card), model))


@pytest.fixture
def photos(portrait, tmp_path):
    """The portrait, and a picture with two faces: itself and a smaller, redder one."""
    folder = tmp_path / "photos"
    folder.mkdir()
    small = cv2.resize(portrait, (256, 256), interpolation=cv2.INTER_AREA)
    both = np.zeros((512, 768, 3), np.uint8)
    both[:, :512], both[:256, 512:] = portrait, (small * (1, 0.6, 0.6)).astype(np.uint8)
    for name, image in (("one.png", portrait), ("two.png", both)):
        Image.fromarray(image).save(folder / name)
    return folder


@pytest.fixture
def enrolled(gallery, photos, analyzer):
    files = {"Ada": [photos / "one.png"]}
    results = Enroller(Identifier(gallery, fpir=0.003)).enroll_files(files, analyzer)
    assert [result.refused for result in results] == [None]
    return gallery


def expected(colors, analyzer, image, number=0):
    faces = analyzer.detector.detect([image])[0]
    return colors.embed(colors.crop(image, faces[number])[None])[0]


def test_the_face_that_was_enrolled_is_cut_out_anew(enrolled, analyzer, colors, portrait):
    told = []
    assert reembed_gallery(enrolled, colors, on_progress=lambda *counts: told.append(counts)) == []
    assert (enrolled.embedder, told[-1]) == ("colors-1", (1, 1))
    np.testing.assert_allclose(enrolled.embeddings("Ada")[0], expected(colors, analyzer, portrait), atol=1e-3)
    ((row,),) = Identifier(enrolled).decide(FaceAnalyzer(analyzer.detector, colors).analyze([portrait]))
    assert (row.most_alike, row.decision) == ("Ada", "not_calibrated")
    with pytest.raises(GalleryError, match="templates of colors already"):
        reembed_gallery(enrolled, colors)


def test_photos_that_moved_are_found_by_their_content(enrolled, photos, colors, tmp_path):
    photos.rename(tmp_path / "moved")
    with pytest.raises(
        LostSamplesError, match=r"1 sample of 1 cannot.*nothing was changed.*of Ada: .*is gone"
    ) as caught:
        reembed_gallery(enrolled, colors)
    assert [sample.name for sample in caught.value.lost] == ["Ada"]
    assert enrolled.embedder != "colors-1"
    assert reembed_gallery(enrolled, colors, folders=[tmp_path / "moved"]) == []


def test_another_photo_in_its_place_is_no_source(enrolled, photos, colors):
    (photos / "one.png").write_bytes((photos / "two.png").read_bytes())
    lost = reembed_gallery(enrolled, colors, without_lost=True)
    assert ["is another photo than it was" in sample.reason for sample in lost] == [True]
    assert enrolled.person("Ada").num_samples == 0
    enrolled.undo_reembed()
    assert enrolled.person("Ada").num_samples == 1


def test_a_sample_of_old_is_found_in_its_photo_by_the_former_embedder(gallery, photos, analyzer, colors):
    """The second face is enrolled, and nothing says that it is the second."""
    file = photos / "two.png"
    image = np.asarray(Image.open(file))
    faces = analyzer.analyze([image])[0]
    source_hash = hashlib.sha256(file.read_bytes()).hexdigest()
    gallery.enroll("Small", [NewSample(faces[1].embedding, str(file), source_hash)])
    with pytest.raises(LostSamplesError, match="which face it is was not kept"):
        reembed_gallery(gallery, colors)
    assert reembed_gallery(gallery, colors, former=analyzer) == []
    np.testing.assert_allclose(gallery.embeddings("Small")[0], expected(colors, analyzer, image, 1), atol=1e-3)
    assert not np.allclose(gallery.embeddings("Small")[0], expected(colors, analyzer, image, 0), atol=1e-3)
