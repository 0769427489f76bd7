"""The losses against NumPy, written from the papers' equations."""

import keras
import numpy as np
import pytest

from kerasface.losses.embeddings import (
    MINING,
    NEGATIVES,
    ArcFace,
    ContrastiveLoss,
    CosFace,
    SupConLoss,
    TripletLoss,
)


@pytest.fixture
def cosines():
    return np.random.default_rng(0).uniform(-0.95, 0.95, (6, 4)).astype(np.float32)


@pytest.fixture
def one_hot():
    return np.eye(4, dtype=np.float32)[[0, 1, 2, 3, 0, 1]]


def cross_entropy(logits, one_hot, smoothing=0.0):
    targets = one_hot * (1 - smoothing) + smoothing / one_hot.shape[1]
    log_softmax = logits - np.log(np.sum(np.exp(logits), axis=1, keepdims=True))
    return -np.sum(targets * log_softmax, axis=1).mean()


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_arcface_is_equation_3(cosines, one_hot, smoothing):
    margin, scale = 0.3, 8.0
    angles = np.arccos(cosines.astype(np.float64))
    assert (angles[one_hot == 1] + margin < np.pi).all()  # within the range where the equation holds as it stands
    logits = scale * np.cos(angles + margin * one_hot)
    loss = ArcFace(margin=margin, scale=scale, label_smoothing=smoothing)(one_hot, cosines)
    assert float(loss) == pytest.approx(cross_entropy(logits, one_hot, smoothing), rel=1e-5)


def test_cosface_is_equation_4(cosines, one_hot):
    logits = 8.0 * (cosines.astype(np.float64) - 0.35 * one_hot)
    loss = CosFace(margin=0.35, scale=8.0)(one_hot, cosines)
    assert float(loss) == pytest.approx(cross_entropy(logits, one_hot), rel=1e-5)


@pytest.mark.parametrize("kind", [ArcFace, CosFace])
def test_no_margin_is_plain_cross_entropy(kind, cosines, one_hot):
    loss = kind(margin=0.0, scale=8.0)(one_hot, cosines)
    assert float(loss) == pytest.approx(cross_entropy(8.0 * cosines.astype(np.float64), one_hot), rel=1e-4)


@pytest.mark.parametrize("kind", [ArcFace, CosFace])
def test_the_loss_falls_as_the_true_cosine_rises_over_the_whole_range(kind):
    # Beyond pi - margin the cosine of the turned angle would rise again.
    true = np.linspace(-0.999, 0.999, 201, dtype=np.float32)
    one_hot = np.tile(np.float32([1, 0]), (len(true), 1))
    cosines = np.stack([true, np.zeros_like(true)], axis=1)
    losses = np.asarray(kind(margin=0.5, scale=4.0).call(one_hot, keras.ops.convert_to_tensor(cosines)))
    assert (np.diff(losses) < 0).all()


@pytest.mark.parametrize("kind", [ArcFace, CosFace])
def test_gradients_are_finite_at_the_ends(kind):
    import tensorflow as tf

    cosines = tf.Variable([[1.0, -1.0], [-1.0, 1.0]])
    with tf.GradientTape() as tape:
        loss = kind()(np.float32([[1, 0], [1, 0]]), cosines)
    assert np.isfinite(loss.numpy())
    assert np.isfinite(tape.gradient(loss, cosines).numpy()).all()


@pytest.mark.parametrize("kind", [ArcFace, CosFace])
def test_configuration_round_trip(kind, cosines, one_hot):
    loss = kind(margin=0.2, scale=16.0, label_smoothing=0.05)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert float(again(one_hot, cosines)) == float(loss(one_hot, cosines))


def unit_embeddings(seed=0, count=10, dim=5):
    vectors = np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


LABELS = np.array([0, 0, 0, 1, 1, 2, 2, 2, 3, 4])  # two people with one picture each


def distance(one, other):
    return float(np.linalg.norm(one.astype(np.float64) - other))


def triplets(embeddings, labels):
    """Every anchor, positive and negative with `d(a, p)` and `d(a, n)`, one after the other."""
    rows = range(len(labels))
    for a in rows:
        for p in rows:
            for n in rows:
                if p != a and labels[p] == labels[a] and labels[n] != labels[a]:
                    yield a, p, distance(embeddings[a], embeddings[p]), distance(embeddings[a], embeddings[n])


# Four pictures on a circle at 0, 60, 180 and 240 degrees; chords of 60, 120 and 180 degrees are 1, sqrt(3) and 2 long.
# Persons: 0 and 60 degrees are one, 180 and 240 the other.
CIRCLE = np.stack([np.cos(np.deg2rad([0, 60, 180, 240])), np.sin(np.deg2rad([0, 60, 180, 240]))], axis=1)
CIRCLE_LABELS = np.array([0, 0, 1, 1])


@pytest.mark.parametrize(
    ("mining", "margin", "expected"),
    [
        # Every d(a, p) is 1. Each anchor has one negative at 2 and one at sqrt(3).
        ("all", 1.2, (1 + 1.2 - 2 + 1 + 1.2 - 3**0.5) / 2),
        ("all", 0.9, (1 + 0.9 - 3**0.5) / 2),  # the one at 2 is far enough
        ("semi-hard", 1.2, 1 + 1.2 - 3**0.5),
        ("batch-hard", 1.2, 1 + 1.2 - 3**0.5),
        ("batch-hard", 0.7, 0.0),
    ],
)
def test_triplet_loss_counted_by_hand(mining, margin, expected):
    loss = TripletLoss(margin=margin, mining=mining)(CIRCLE_LABELS, CIRCLE.astype(np.float32))
    assert float(loss) == pytest.approx(expected, abs=1e-6)


def test_all_triplets_are_counted():
    embeddings = unit_embeddings()
    losses = [max(near + 0.3 - far, 0) for _, _, near, far in triplets(embeddings, LABELS)]
    assert 0 < np.count_nonzero(losses) < len(losses)
    assert float(TripletLoss(0.3, "all")(LABELS, embeddings)) == pytest.approx(np.mean(losses), rel=1e-5)


def test_batch_hard_takes_the_farthest_positive_and_the_nearest_negative_of_each_anchor():
    embeddings = unit_embeddings(1)
    losses = []
    for anchor in np.flatnonzero(np.bincount(LABELS)[LABELS] > 1):
        found = [(near, far) for a, _, near, far in triplets(embeddings, LABELS) if a == anchor]
        losses.append(max(max(near for near, _ in found) + 0.3 - min(far for _, far in found), 0))
    assert float(TripletLoss(0.3, "batch-hard")(LABELS, embeddings)) == pytest.approx(np.mean(losses), rel=1e-5)


def test_semi_hard_takes_the_nearest_negative_beyond_the_positive_else_the_farthest():
    embeddings = unit_embeddings(2)
    pairs = {}
    for a, p, near, far in triplets(embeddings, LABELS):
        pairs.setdefault((a, p, near), []).append(far)
    losses, kinds = [], set()
    for (_, _, near), distances in pairs.items():
        beyond = [far for far in distances if far > near]
        kinds.add(bool(beyond))
        losses.append(max(near + 0.3 - (min(beyond) if beyond else max(distances)), 0))
    assert kinds == {True, False}
    assert float(TripletLoss(0.3, "semi-hard")(LABELS, embeddings)) == pytest.approx(np.mean(losses), rel=1e-5)


def test_contrastive_is_equation_4_with_both_kinds_of_pairs_at_equal_weight():
    embeddings, margin = unit_embeddings(3), 1.1
    kinds = {True: [], False: []}
    for one in range(len(LABELS)):
        for other in range(len(LABELS)):
            if one != other:
                d, same = distance(embeddings[one], embeddings[other]), bool(LABELS[one] == LABELS[other])
                kinds[same].append(d**2 / 2 if same else max(margin - d, 0) ** 2 / 2)
    assert np.count_nonzero(kinds[False]) < len(kinds[False])
    loss = ContrastiveLoss(margin)(LABELS, embeddings)
    assert float(loss) == pytest.approx(np.mean(kinds[True]) + np.mean(kinds[False]), rel=1e-5)


def test_supcon_is_equation_2():
    embeddings, temperature = unit_embeddings(4), 0.3
    powers = np.exp(embeddings.astype(np.float64) @ embeddings.T / temperature)
    rows, losses = np.arange(len(LABELS)), []
    for anchor in rows:
        positives = rows[(LABELS[anchor] == LABELS) & (rows != anchor)]
        if len(positives):
            share = powers[anchor, positives] / powers[anchor, rows != anchor].sum()
            losses.append(-np.log(share).mean())
    assert float(SupConLoss(temperature)(LABELS, embeddings)) == pytest.approx(np.mean(losses), rel=1e-5)


def test_supcon_against_the_batch_lets_each_genuine_pair_compete_with_all_impostor_pairs():
    embeddings, temperature = unit_embeddings(5), 0.3
    powers = np.exp(embeddings.astype(np.float64) @ embeddings.T / temperature)
    others = powers[LABELS[:, None] != LABELS].sum() / len(LABELS)
    rows, losses = np.arange(len(LABELS)), []
    for anchor in rows:
        positives = rows[(LABELS[anchor] == LABELS) & (rows != anchor)]
        if len(positives):
            losses.append(-np.log(powers[anchor, positives] / (powers[anchor, positives] + others)).mean())
    loss = SupConLoss(temperature, negatives="batch")(LABELS, embeddings)
    assert float(loss) == pytest.approx(np.mean(losses), rel=1e-5)


PAIR_LOSSES = [
    *(TripletLoss(0.3, mining) for mining in MINING),
    ContrastiveLoss(0.7),
    *(SupConLoss(0.2, negatives) for negatives in NEGATIVES),
]


def named(loss):
    return f"{loss.name}-{getattr(loss, 'mining', getattr(loss, 'negatives', ''))}"


@pytest.mark.parametrize("loss", PAIR_LOSSES, ids=named)
def test_pair_losses_round_trip_through_their_configuration(loss):
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert type(again) is type(loss)
    assert float(again(LABELS, unit_embeddings())) == float(loss(LABELS, unit_embeddings())) > 0


@pytest.mark.parametrize("loss", PAIR_LOSSES, ids=named)
def test_pair_losses_do_not_depend_on_the_order_of_the_batch(loss):
    order = np.random.default_rng(1).permutation(len(LABELS))
    shuffled = loss(LABELS[order], unit_embeddings()[order])
    assert float(shuffled) == pytest.approx(float(loss(LABELS, unit_embeddings())), rel=1e-5)


@pytest.mark.parametrize("loss", PAIR_LOSSES, ids=named)
def test_pair_losses_have_finite_gradients_where_pictures_are_equal(loss):
    import tensorflow as tf

    embeddings = tf.Variable(np.repeat(unit_embeddings(count=5), 2, axis=0))
    with tf.GradientTape() as tape:
        value = loss(LABELS, embeddings)
    assert np.isfinite(value.numpy())
    assert np.isfinite(tape.gradient(value, embeddings).numpy()).all()


@pytest.mark.parametrize("loss", PAIR_LOSSES, ids=named)
@pytest.mark.parametrize("labels", [np.zeros(10, int), np.arange(10)], ids=["one person", "one picture each"])
def test_pair_losses_stay_finite_without_triplets(loss, labels):
    value = float(loss(labels, unit_embeddings()))
    assert np.isfinite(value)
    if isinstance(loss, TripletLoss):
        assert value == 0


@pytest.mark.parametrize(
    ("make", "argument"),
    [
        (lambda: TripletLoss(margin=0), "margin=0"),
        (lambda: TripletLoss(mining="hard"), "mining='hard'"),
        (lambda: ContrastiveLoss(margin=-1), "margin=-1"),
        (lambda: SupConLoss(temperature=0), "temperature=0"),
        (lambda: SupConLoss(negatives="all"), "negatives='all'"),
    ],
)
def test_pair_losses_refuse_what_makes_no_sense(make, argument):
    with pytest.raises(ValueError, match=f"Received: {argument}"):
        make()
