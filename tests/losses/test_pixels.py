"""The losses over pixels against NumPy, written from the papers' equations."""

import keras
import numpy as np
import pytest

from kerasface.losses.pixels import DiceLoss, FocalLoss, PixelCrossEntropy, SumOfLosses

NUM_CLASSES = 4
RNG = np.random.default_rng(0)
IDS = RNG.integers(0, NUM_CLASSES, (3, 5, 6)).astype(np.uint8)
LOGITS = RNG.normal(0, 2, (3, 5, 6, NUM_CLASSES)).astype(np.float32)
CLASS_WEIGHTS = [0.5, 1.0, 2.0, 3.0]
BY_IMAGE = np.float32([0.0, 1.0, 2.5])
BY_PIXEL = RNG.uniform(0, 2, IDS.shape).astype(np.float32)
LABEL_SETS = [(0,), (1,), (2,), (3,), (1, 3)]  # the last label stands for two classes
LABELS = np.where(RNG.random(IDS.shape) < 0.3, 4, IDS).astype(np.uint8)
PERFECT = np.where(np.arange(NUM_CLASSES) == IDS[..., None], 60, -60).astype(np.float32)

LOSSES = {
    "dice": DiceLoss(),
    "focal": FocalLoss(),
    "steep focal": FocalLoss(gamma=0.5),
    "cross-entropy": PixelCrossEntropy(),
    "weighted cross-entropy": PixelCrossEntropy(CLASS_WEIGHTS),
    "sum": SumOfLosses([DiceLoss(), FocalLoss(1.0)], [1.0, 0.3]),
    "labels": SumOfLosses([DiceLoss(LABEL_SETS), PixelCrossEntropy(CLASS_WEIGHTS, LABEL_SETS)]),
    "focal labels": FocalLoss(2.0, LABEL_SETS),
}
every_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES.keys())


def softmax(logits):
    powers = np.exp(logits.astype(np.float64))
    return powers / powers.sum(axis=-1, keepdims=True)


def true_probability(logits, ids):
    return np.take_along_axis(softmax(logits), ids[..., None].astype(int), axis=-1)[..., 0]


def dice(logits, ids, weights=None, classes=range(NUM_CLASSES)):
    """Mean over `classes` of `1 - 2 sum(w p t) / sum(w (p + t))`."""
    weights = np.ones(ids.shape) if weights is None else weights
    losses = []
    for class_id in classes:
        p, t = softmax(logits)[..., class_id], ids == class_id
        losses.append(1 - 2 * (weights * p * t).sum() / (weights * (p + t)).sum())
    return np.mean(losses)


def test_dice_is_the_overlap_of_each_class_over_the_whole_batch():
    assert float(DiceLoss()(IDS, LOGITS)) == pytest.approx(dice(LOGITS, IDS), rel=1e-5)


def test_dice_of_one_half_by_hand():
    """Probabilities 0.5 everywhere, one pixel of each of two classes: overlap 2 * 0.5 / (1 + 1), so the loss is 0.5."""
    loss = DiceLoss()(np.uint8([[[0, 1]]]), np.zeros((1, 1, 2, 2), np.float32))
    assert float(loss) == pytest.approx(0.5)


def test_dice_leaves_out_a_class_that_is_neither_in_the_masks_nor_predicted():
    ids = np.where(IDS == 3, 0, IDS)
    assert (LOGITS.argmax(axis=-1) == 3).any()
    assert float(DiceLoss()(ids, LOGITS)) == pytest.approx(dice(LOGITS, ids), rel=1e-5)
    unlikely = LOGITS - np.float32([0, 0, 0, 9])
    assert not (unlikely.argmax(axis=-1) == 3).any()
    assert float(DiceLoss()(ids, unlikely)) == pytest.approx(dice(unlikely, ids, classes=range(3)), rel=1e-5)


def test_dice_does_not_depend_on_which_picture_has_the_pixels():
    moved = DiceLoss()(IDS.reshape(1, 15, 6), LOGITS.reshape(1, 15, 6, NUM_CLASSES))
    assert float(moved) == pytest.approx(float(DiceLoss()(IDS, LOGITS)), rel=1e-5)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_is_equation_4(gamma):
    p = true_probability(LOGITS, IDS)
    expected = (-((1 - p) ** gamma) * np.log(p)).mean()
    assert float(FocalLoss(gamma)(IDS, LOGITS)) == pytest.approx(expected, rel=1e-5)


def test_cross_entropy_with_and_without_class_weights():
    losses = -np.log(true_probability(LOGITS, IDS))
    assert float(PixelCrossEntropy()(IDS, LOGITS)) == pytest.approx(losses.mean(), rel=1e-5)
    weighted = (losses * np.take(CLASS_WEIGHTS, IDS)).mean()
    assert float(PixelCrossEntropy(CLASS_WEIGHTS)(IDS, LOGITS)) == pytest.approx(weighted, rel=1e-5)


def summed(logits, labels):
    """The summed probability of the classes that each pixel's label may mean."""
    probabilities = softmax(logits)
    return sum(probabilities[..., each] * np.isin(labels, labels_with(each)) for each in range(NUM_CLASSES))


def labels_with(*classes):
    """The labels that stand for one of `classes`."""
    return [label for label, meant in enumerate(LABEL_SETS) if set(meant) & set(classes)]


def test_a_label_of_several_classes_costs_the_logarithm_of_their_sum():
    p = summed(LOGITS, LABELS)
    assert float(PixelCrossEntropy(label_sets=LABEL_SETS)(LABELS, LOGITS)) == pytest.approx(-np.log(p).mean(), rel=1e-5)
    focal = float(FocalLoss(2.0, LABEL_SETS)(LABELS, LOGITS))
    assert focal == pytest.approx((-((1 - p) ** 2) * np.log(p)).mean(), rel=1e-5)
    lightest = np.array([*CLASS_WEIGHTS, min(CLASS_WEIGHTS[1], CLASS_WEIGHTS[3])])[LABELS]
    weighted = float(PixelCrossEntropy(CLASS_WEIGHTS, LABEL_SETS)(LABELS, LOGITS))
    assert weighted == pytest.approx((-lightest * np.log(p)).mean(), rel=1e-5)


def test_dice_of_labels_counts_where_a_label_tells_whether_a_pixel_is_of_the_classes():
    """A pixel of the label {1, 3} is of that set, is not of 0 or 2, and may be of 1 or 3: left out there."""
    losses = []
    for meant in LABEL_SETS:
        p = softmax(LOGITS)[..., list(meant)].sum(axis=-1)
        of_set = np.isin(LABELS, [label for label, other in enumerate(LABEL_SETS) if set(other) <= set(meant)])
        told = of_set | ~np.isin(LABELS, labels_with(*meant))
        losses.append(1 - 2 * (told * p * of_set).sum() / (told * (p + of_set)).sum())
    assert float(DiceLoss(LABEL_SETS)(LABELS, LOGITS)) == pytest.approx(np.mean(losses), rel=1e-5)


@pytest.mark.parametrize("kind", [DiceLoss, FocalLoss, PixelCrossEntropy])
def test_labels_of_one_class_each_are_classes(kind):
    alone = [[index] for index in range(NUM_CLASSES)]
    assert float(kind(label_sets=alone)(IDS, LOGITS)) == pytest.approx(float(kind()(IDS, LOGITS)), rel=1e-6)


def test_a_sum_adds_its_losses_by_their_weights():
    parts = [float(loss(IDS, LOGITS, BY_IMAGE)) for loss in (DiceLoss(), PixelCrossEntropy())]
    weighted = SumOfLosses([DiceLoss(), PixelCrossEntropy()], [0.25, 2.0])(IDS, LOGITS, BY_IMAGE)
    assert float(weighted) == pytest.approx(0.25 * parts[0] + 2 * parts[1], rel=1e-6)
    plain = SumOfLosses([DiceLoss(), PixelCrossEntropy()])(IDS, LOGITS, BY_IMAGE)
    assert float(plain) == pytest.approx(sum(parts), rel=1e-6)


@pytest.mark.parametrize("weights", [BY_IMAGE, BY_PIXEL], ids=["by image", "by pixel"])
def test_sample_weights(weights):
    of_pixels = np.broadcast_to(weights.reshape(len(IDS), *(weights.shape[1:] or (1, 1))), IDS.shape)
    entropy = -(of_pixels * np.log(true_probability(LOGITS, IDS))).mean()
    assert float(PixelCrossEntropy()(IDS, LOGITS, weights)) == pytest.approx(entropy, rel=1e-5)
    assert float(FocalLoss(0.0)(IDS, LOGITS, weights)) == pytest.approx(entropy, rel=1e-5)
    assert float(DiceLoss()(IDS, LOGITS, weights)) == pytest.approx(dice(LOGITS, IDS, of_pixels), rel=1e-5)
    assert float(DiceLoss()(IDS, LOGITS, weights / 1000)) == pytest.approx(dice(LOGITS, IDS, of_pixels), rel=1e-5)


@every_loss
def test_pixels_outside_a_picture_do_not_count(loss):
    """A border of 255 around the masks leaves the loss as it was."""
    border = ((0, 0), (2, 1), (0, 3))
    ids = np.pad(IDS, border, constant_values=255)
    logits = np.pad(LOGITS, (*border, (0, 0)), constant_values=1)
    assert float(loss(ids, logits)) == pytest.approx(float(loss(IDS, LOGITS)), rel=1e-5)


@every_loss
def test_a_batch_without_a_labelled_pixel_costs_nothing(loss):
    assert float(loss(np.full_like(IDS, 255), LOGITS)) == 0


@every_loss
def test_what_is_right_costs_nothing_and_what_is_wrong_does(loss):
    assert float(loss(IDS, PERFECT)) == pytest.approx(0, abs=1e-6)
    assert float(loss(IDS, -PERFECT)) > 0.5


@every_loss
@pytest.mark.parametrize("logits", [LOGITS, PERFECT, -PERFECT], ids=["usual", "perfect", "all wrong"])
def test_gradients_are_finite_and_point_downhill(loss, logits):
    import tensorflow as tf

    variable = tf.Variable(logits)
    with tf.GradientTape() as tape:
        value = loss(IDS, variable)
    gradient = tape.gradient(value, variable).numpy()
    assert np.isfinite(gradient).all()
    if logits is LOGITS:
        assert (np.abs(gradient).max(axis=(0, 1, 2)) > 1e-5).all()  # of every class
        assert float(loss(IDS, logits - 0.1 * gradient)) < float(value)


@every_loss
def test_round_trip_through_the_configuration(loss):
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert type(again) is type(loss)
    assert float(again(IDS, LOGITS, BY_PIXEL)) == float(loss(IDS, LOGITS, BY_PIXEL)) > 0


@every_loss
def test_16_bits_are_computed_in_32(loss):
    """Of 90,000 pixels of one class a sum in 16 bits ends at 65,504 or stops at 256; p = 0.5 makes all values known."""
    ids = np.zeros((1, 300, 300), np.uint8)
    flat = np.zeros((1, 300, 300, NUM_CLASSES))
    expected = float(loss(ids, flat.astype(np.float32)))
    for dtype in ("float16", "bfloat16"):
        value = loss(ids, keras.ops.cast(flat, dtype))
        assert keras.backend.standardize_dtype(value.dtype) == "float32"
        assert float(value) == pytest.approx(expected, rel=1e-6)


@every_loss
@pytest.mark.parametrize("weights", [None, pytest.param(BY_IMAGE, marks=pytest.mark.slow)], ids=["plain", "weighted"])
def test_compile_and_fit(loss, weights):
    """The first step reports the loss of the untrained model; steps bring it down."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((5, 6, 3)), keras.layers.Conv2D(NUM_CLASSES, 1)])
    images = np.eye(NUM_CLASSES, dtype=np.float32)[IDS][..., :3]  # the class can be seen in the colour
    before = float(loss(IDS, model(images), weights))
    model.compile(keras.optimizers.Adam(0.3), loss=loss)
    history = model.fit(images, IDS, sample_weight=weights, epochs=10, batch_size=3, shuffle=False, verbose=0)
    assert history.history["loss"][0] == pytest.approx(before, rel=1e-4)
    assert history.history["loss"][-1] < 0.7 * before


def test_a_compiled_model_is_saved_and_loaded_with_its_loss(tmp_path):
    model = keras.Sequential([keras.Input((5, 6, 3)), keras.layers.Conv2D(NUM_CLASSES, 1)])
    model.compile("sgd", loss=LOSSES["sum"])
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.loss.weights == [1.0, 0.3]
    assert [type(loss) for loss in again.loss.losses] == [DiceLoss, FocalLoss]
    assert again.loss.losses[1].gamma == 1.0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FocalLoss(gamma=-1), "gamma=-1"),
        (lambda: PixelCrossEntropy([1, -2]), r"class_weights=\[1, -2\]"),
        (lambda: PixelCrossEntropy([]), r"class_weights=\[\]"),
        (lambda: PixelCrossEntropy([1, 2])(IDS, LOGITS), "2 class_weights for 4 classes"),
        (lambda: SumOfLosses([]), "0 losses"),
        (lambda: DiceLoss([[0], []]), r"label_sets=\[\[0\], \[\]\]"),
        (lambda: DiceLoss([[0], [4]])(IDS, LOGITS), r"label_sets=\[\[0\], \[4\]\], 4 classes"),
        (lambda: SumOfLosses([DiceLoss()], [1.0, 2.0]), r"1 losses, weights=\[1.0, 2.0\]"),
    ],
)
def test_what_makes_no_sense_is_refused(make, message):
    with pytest.raises(ValueError, match=f"Received: {message}"):
        make()
