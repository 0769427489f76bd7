"""The embedder against dlib itself and against arithmetic."""

import cv2
import keras
import numpy as np
import pytest

from kerasface.data.photos import read_photos
from kerasface.faces.detection import central_face
from kerasface.models.face_resnet import build_face_resnet
from kerasface.models.pretrained import locate, weight_file


@pytest.fixture(scope="module")
def face_resnet():
    return build_face_resnet()


@pytest.fixture(scope="module")
def dlib_features():
    """Function from crops `(n, 150, 150, 3)` to what dlib computes for them, `(n, 128)`, not normalised."""
    dlib = pytest.importorskip("dlib", reason="dlib is not installed, so nothing to compare with: pip install dlib-bin")
    network = dlib.face_recognition_model_v1(str(locate(weight_file("face_resnet"))))
    # The last argument is the number of jittered copies: none.
    return lambda crops: np.array([network.compute_face_descriptor(np.ascontiguousarray(crop), 0) for crop in crops])


def features_of(model, crops):
    """The model's output before normalisation."""
    return np.asarray(keras.Model(model.input, model.get_layer("features").output)(crops))


def variants(crop):
    """Eight crops from one: mirrored, dark, bright, blurred, noisy, grey, turned."""
    noise = np.random.default_rng(0).normal(0, 20, crop.shape)
    grey = np.repeat(crop.mean(axis=2, keepdims=True), 3, axis=2)
    changed = [crop, crop[:, ::-1], crop * 0.4, crop * 1.5, cv2.blur(crop, (7, 7)), crop + noise, grey, crop[::-1]]
    return np.stack([np.clip(image, 0, 255).astype(np.uint8) for image in changed])


def test_it_computes_what_dlib_computes(face_resnet, dlib_features, portrait_crop):
    crops = variants(portrait_crop)
    np.testing.assert_allclose(features_of(face_resnet, crops), dlib_features(crops), atol=1e-5, rtol=0)


@pytest.mark.data
@pytest.mark.slow
def test_it_computes_what_dlib_computes_on_128_real_faces(face_resnet, dlib_features, lfw_dir, detector, embedder):
    paths = sorted(lfw_dir.glob("images/*/*_0001.jpg"))[::20][:140]
    crops = []
    for batch in read_photos(paths):
        images = [photo.image for photo in batch]
        for image, faces in zip(images, detector.detect(images), strict=True):
            crops += [embedder.crop(image, central_face(faces, image.shape))] if faces else []
    crops = np.stack(crops[:128])
    assert len(crops) == 128
    difference = np.abs(np.asarray(features_of(face_resnet, crops)) - dlib_features(crops)).max()
    assert difference <= 1e-5


def test_embeddings_have_length_one(face_resnet, portrait_crop):
    lengths = np.linalg.norm(np.asarray(face_resnet(variants(portrait_crop))), axis=1)
    np.testing.assert_allclose(lengths, 1, atol=1e-6)


@pytest.mark.slow
def test_mirrored_is_the_mean_over_both_images(face_resnet, portrait_crop):
    crops = variants(portrait_crop)
    both = np.asarray(face_resnet(crops)) + np.asarray(face_resnet(np.ascontiguousarray(crops[:, :, ::-1])))
    expected = both / np.linalg.norm(both, axis=1, keepdims=True)
    mirrored = build_face_resnet(views=2)
    np.testing.assert_allclose(np.asarray(mirrored(crops)), expected, atol=1e-6)
    np.testing.assert_allclose(np.asarray(mirrored(crops[:1])), expected[:1], atol=1e-6)


def test_number_of_parameters():
    """A block has two 3x3 convolutions with bias; the first block of a stage takes the channels of the one before."""
    expected = 7 * 7 * 3 * 32 + 32
    channels = 32
    for filters, blocks in ((32, 3), (64, 4), (128, 3), (256, 3), (256, 1)):
        for _ in range(blocks):
            expected += 9 * channels * filters + filters + 9 * filters * filters + filters
            channels = filters
    expected += 256 * 128
    assert build_face_resnet(weights=None).count_params() == expected
