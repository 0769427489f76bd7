"""The three networks of MTCNN, computed a second time with NumPy straight from the published files."""

import io

import cv2
import joblib
import numpy as np
import pytest

from kerasface.models import mtcnn
from kerasface.models.pretrained import ModelFileError, read_verified, weight_file

BUILDERS = {"pnet": mtcnn.build_pnet, "rnet": mtcnn.build_rnet, "onet": mtcnn.build_onet}


def conv(x, kernel, bias):
    """Valid convolution of `(rows, cols, in)` with `(k, k, in, out)`."""
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel.shape[:2], axis=(0, 1))  # (rows, cols, in, k, k)
    return np.einsum("yxcij,ijco->yxo", windows, kernel) + bias


def prelu(x, alpha):
    return np.where(x > 0, x, x * alpha.reshape(-1))


def pool(x, size, *, same):
    """Max-pooling with stride 2; `same` keeps what is left over at the end."""
    rows, cols, _ = x.shape
    if same:
        missing = [max((-(-extent // 2) - 1) * 2 + size - extent, 0) for extent in (rows, cols)]
        before = [total // 2 for total in missing]
        widths = [(start, total - start) for start, total in zip(before, missing, strict=True)]
        x = np.pad(x, [*widths, (0, 0)], constant_values=-np.inf)
    return np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(0, 1))[::2, ::2].max(axis=(3, 4))


def softmax(x):
    exponentials = np.exp(x - x.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def forward(name, image, arrays):
    """The network as the paper's figure 2 draws it; `arrays` in the order of the file."""
    remaining = iter([array.astype(np.float64) for array in arrays])

    def take(count):
        return [next(remaining) for _ in range(count)]

    x = (image.astype(np.float64) - 127.5) / 128
    pools = {
        "pnet": [(2, True), None, None],
        "rnet": [(3, True), (3, False), None],
        "onet": [(3, True), (3, False), (2, True), None],
    }
    for after in pools[name]:
        kernel, bias, alpha = take(3)
        x = prelu(conv(x, kernel, bias), alpha)
        x = pool(x, after[0], same=after[1]) if after else x
    if name != "pnet":
        kernel, bias, alpha = take(3)
        x = prelu(x.transpose(1, 0, 2).ravel() @ kernel + bias, alpha)
    heads = []
    for kernel, bias in [take(2) for _ in range(3 if name == "onet" else 2)]:
        heads.append(x @ kernel.reshape(kernel.shape[-2:]) + bias)
    *regressions, classes = heads
    return [softmax(classes)[..., 1], *regressions]


@pytest.mark.parametrize(("name", "size"), [("pnet", (31, 44)), ("rnet", (24, 24)), ("onet", (48, 48))])
def test_network_equals_numpy(name, size, portrait):
    """Order of the weights, PReLU, pooling at the border, columns before rows: all of it shows in the outputs."""
    image = cv2.resize(portrait[60:180, 170:280], size[::-1], interpolation=cv2.INTER_AREA)
    arrays = joblib.load(io.BytesIO(read_verified(weight_file(f"mtcnn_{name}"))))
    expected = forward(name, image, arrays)
    computed = BUILDERS[name]()(image[None])
    for ours, numpys in zip(computed, expected, strict=True):
        np.testing.assert_allclose(np.asarray(ours)[0], numpys, atol=1e-4)


def conv_parameters(size, before, filters):
    """Kernel, bias, and one PReLU slope per filter."""
    return size * size * before * filters + filters + filters


def dense_parameters(before, units):
    return before * units + units


EXPECTED_PARAMETERS = {
    "pnet": conv_parameters(3, 3, 10)
    + conv_parameters(3, 10, 16)
    + conv_parameters(3, 16, 32)
    + dense_parameters(32, 4)
    + dense_parameters(32, 2),
    "rnet": conv_parameters(3, 3, 28)
    + conv_parameters(3, 28, 48)
    + conv_parameters(2, 48, 64)
    + dense_parameters(3 * 3 * 64, 128)
    + 128
    + dense_parameters(128, 4)
    + dense_parameters(128, 2),
    "onet": conv_parameters(3, 3, 32)
    + conv_parameters(3, 32, 64)
    + conv_parameters(3, 64, 64)
    + conv_parameters(2, 64, 128)
    + dense_parameters(3 * 3 * 128, 256)
    + 256
    + dense_parameters(256, 4)
    + dense_parameters(256, 10)
    + dense_parameters(256, 2),
}


@pytest.mark.parametrize("name", BUILDERS)
def test_number_of_parameters(name):
    assert BUILDERS[name](weights=None).count_params() == EXPECTED_PARAMETERS[name]


def test_a_face_is_told_from_a_wall(portrait):
    """O-Net on the portrait's face, found by eye at rows 60-170 and columns 170-280, and on its plain corner."""
    windows = [portrait[60:170, 170:280], portrait[:40, :40]]
    onet = mtcnn.build_onet()
    face, wall = np.asarray(onet(np.stack([cv2.resize(window, (48, 48)) for window in windows]))[0])
    assert face > 0.9
    assert wall < 0.1


def test_weights_of_another_network_are_refused():
    with pytest.raises(ModelFileError, match="mtcnn_onet"):
        mtcnn.build_rnet(weights="mtcnn_onet")
