"""Batches: every image once, the same again, and the same from the middle on."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasface.data.augmentation import POLICIES
from kerasface.data.cache.store import RecordStore
from kerasface.data.pipelines import (
    epoch_order,
    feature_batches,
    identity_batches,
    identity_rows,
    num_steps,
    training_batches,
    with_class_weights,
)

COUNT, SIZE, CLASSES = 22, 12, 5
IMAGES = np.random.default_rng(0).integers(0, 256, (COUNT, SIZE, SIZE, 3), dtype=np.uint8)
LABELS = np.arange(COUNT) % CLASSES
SETTINGS = {"batch_size": 4, "num_classes": CLASSES, "seed": 7, "epoch": 3}


def collected(dataset):
    return [(images.numpy(), labels.numpy()) for images, labels in dataset]


def assert_equal_batches(ones, others):
    assert len(ones) == len(others)
    for (images, labels), (other_images, other_labels) in zip(ones, others, strict=True):
        np.testing.assert_array_equal(images, other_images)
        np.testing.assert_array_equal(labels, other_labels)


def contents(batches):
    """The images as bytes, and each one's label."""
    return [
        (image.tobytes(), int(label.argmax()))
        for images, labels in batches
        for image, label in zip(images, labels, strict=True)
    ]


def test_every_image_comes_once_with_its_label():
    batches = collected(training_batches(IMAGES, LABELS, **SETTINGS))
    assert [len(images) for images, _ in batches] == [4, 4, 4, 4, 4, 2]
    assert len(batches) == num_steps(COUNT, 4)
    expected = [(image.tobytes(), label) for image, label in zip(IMAGES, LABELS, strict=True)]
    assert sorted(contents(batches)) == sorted(expected)
    assert contents(batches) != expected
    images, labels = batches[0]
    assert images.dtype == np.uint8
    assert labels.dtype == np.float32
    np.testing.assert_array_equal(labels.sum(axis=1), 1)


@pytest.mark.parametrize(
    ("policy", "mix"),
    [
        *((policy, "none") for policy in POLICIES if policy != "strong"),
        pytest.param("strong", "none", marks=pytest.mark.slow),
        pytest.param("strong", "mixup", marks=pytest.mark.slow),
        ("none", "cutmix"),
    ],
)
def test_batches_from_any_step_are_those_of_the_whole_epoch(policy, mix):
    whole = collected(training_batches(IMAGES, LABELS, policy=policy, mix=mix, **SETTINGS))
    for start in range(len(whole) + 1):
        rest = training_batches(IMAGES, LABELS, policy=policy, mix=mix, start_step=start, **SETTINGS)
        assert_equal_batches(collected(rest), whole[start:])


@pytest.mark.parametrize("change", [{"seed": 8}, {"epoch": 4}])
def test_another_seed_or_epoch_has_another_order_and_other_changes(change):
    one = collected(training_batches(IMAGES, LABELS, **SETTINGS))
    other = collected(training_batches(IMAGES, LABELS, **SETTINGS | change))
    assert contents(one) != contents(other)
    # The same images in every batch, so that only the augmentation can differ.
    same = np.repeat(IMAGES[:1], COUNT, axis=0)
    one = collected(training_batches(same, LABELS, policy="standard", **SETTINGS))
    other = collected(training_batches(same, LABELS, policy="standard", **SETTINGS | change))
    assert sorted(image for image, _ in contents(one)) != sorted(image for image, _ in contents(other))


def test_two_batches_of_an_epoch_are_changed_differently():
    same = np.repeat(IMAGES[:1], 8, axis=0)
    first, second = collected(training_batches(same, LABELS[:8], policy="light", **SETTINGS))
    assert (first[0] != second[0]).any()


def test_policies_differ():
    results = [collected(training_batches(IMAGES, LABELS, policy=policy, **SETTINGS))[0][0] for policy in POLICIES]
    for index, one in enumerate(results):
        assert all((one != other).any() for other in results[index + 1 :])


def test_a_store_on_disk_gives_the_batches_of_the_array(tmp_path):
    for half in (range(0, 11), range(11, COUNT)):  # two shards
        with RecordStore(tmp_path, (SIZE, SIZE, 3), "uint8") as store:
            for index in half:
                store.add(str(index), IMAGES[index])
    stored = RecordStore(tmp_path, (SIZE, SIZE, 3), "uint8").array([str(index) for index in range(COUNT)])
    assert_equal_batches(
        collected(training_batches(stored, LABELS, **SETTINGS)), collected(training_batches(IMAGES, LABELS, **SETTINGS))
    )


def test_a_memory_map_will_do(tmp_path):
    np.save(tmp_path / "images.npy", IMAGES)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    assert_equal_batches(
        collected(training_batches(mapped, LABELS, **SETTINGS)), collected(training_batches(IMAGES, LABELS, **SETTINGS))
    )


def test_the_shapes_are_known_before_the_first_batch():
    images, labels = training_batches(IMAGES, LABELS, policy="strong", mix="mixup", **SETTINGS).element_spec
    assert images.shape.as_list() == [None, SIZE, SIZE, 3]
    assert labels.shape.as_list() == [None, CLASSES]


def test_a_model_trains_on_the_batches():
    model = keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 3)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Flatten(),
            keras.layers.Dense(CLASSES, activation="softmax"),
        ]
    )
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    batches = training_batches(IMAGES, LABELS, policy="light", mix="mixup", **SETTINGS)
    history = model.fit(
        batches,
        shuffle=False,  # Keras warns otherwise that it will not shuffle a dataset
        validation_data=(IMAGES, np.eye(CLASSES)[LABELS]),
        verbose=0,
    )
    assert np.isfinite(history.history["loss"]).all()
    assert np.isfinite(history.history["val_loss"]).all()


def test_an_epoch_has_an_order_of_its_own():
    order = epoch_order(COUNT, 7, 3)
    assert sorted(order) == list(range(COUNT))
    np.testing.assert_array_equal(order, epoch_order(COUNT, 7, 3))
    for other in (epoch_order(COUNT, 8, 3), epoch_order(COUNT, 7, 4)):
        assert not np.array_equal(order, other)
    first = next(iter(training_batches(IMAGES, LABELS, **SETTINGS)))
    np.testing.assert_array_equal(first[0], IMAGES[order[:4]])  # what names the files of a batch


def copies_of(count, num_copies=1, dim=3):
    """Features that tell sample and copy: `sample + 1000 * copy` in every dimension, `(count, dim)` for each copy."""
    return [np.tile(np.arange(count, dtype=np.float32)[:, None] + 1000 * copy, (1, dim)) for copy in range(num_copies)]


def test_every_sample_comes_once_with_its_label_whichever_copy():
    batches = collected(feature_batches(copies_of(COUNT, 3), LABELS, **SETTINGS))
    assert [features.shape for features, _ in batches] == [(4, 3)] * 5 + [(2, 3)]
    features = np.concatenate([part for part, _ in batches])
    labels = np.concatenate([part for _, part in batches])
    assert features.dtype == labels.dtype == np.float32
    samples = features[:, 0].astype(int) % 1000
    np.testing.assert_array_equal(samples, epoch_order(COUNT, 7, 3))
    np.testing.assert_array_equal(labels, np.eye(CLASSES)[LABELS[samples]])
    np.testing.assert_array_equal(features, np.repeat(features[:, :1], 3, axis=1))


def test_copies_are_drawn_anew_each_epoch_and_all_of_them():
    """Of 300 samples 100 are expected of each copy, with a standard deviation of 8.2; five of them are 41."""
    draws = []
    for epoch in (0, 1):
        settings = SETTINGS | {"epoch": epoch, "batch_size": 128}
        batches = collected(feature_batches(copies_of(300, 3, 1), np.zeros(300, dtype=int), **settings))
        values = np.concatenate([features[:, 0] for features, _ in batches]).astype(int)
        copies = np.empty(300, dtype=int)
        copies[values % 1000] = values // 1000
        counts = np.bincount(copies, minlength=3)
        assert counts.sum() == 300
        assert np.abs(counts - 100).max() <= 41
        draws.append(copies)
    assert 0.5 < np.mean(draws[0] != draws[1]) < 0.85  # two of three, if independent


def test_feature_batches_from_any_step_are_those_of_the_whole_epoch():
    features = copies_of(COUNT, 2)
    whole = collected(feature_batches(features, LABELS, **SETTINGS))
    for start in range(len(whole) + 1):
        rest = feature_batches(features, LABELS, start_step=start, **SETTINGS)
        assert_equal_batches(collected(rest), whole[start:])


def test_features_on_disk_give_the_batches_of_those_in_memory(tmp_path):
    (features,) = copies_of(COUNT)
    with RecordStore(tmp_path, (3,), "float32") as store:
        for index, feature in enumerate(features):
            store.add(str(index), feature)
    stored = store.array([str(index) for index in range(COUNT)])
    assert_equal_batches(
        collected(feature_batches([stored], LABELS, **SETTINGS)),
        collected(feature_batches([features], LABELS, **SETTINGS)),
    )


def test_a_sample_weighs_what_its_class_does():
    weights = np.array([1, 2, 3, 4, 5])
    weighted = with_class_weights(feature_batches(copies_of(COUNT), LABELS, **SETTINGS), weights)
    for _, labels, weight in weighted:
        np.testing.assert_array_equal(weight, 1 + labels.numpy().argmax(axis=1))


def test_a_soft_label_weighs_the_mean_of_its_classes():
    """0.25 of a class of weight 2 and 0.75 of one of weight 6: 0.5 + 4.5 = 5."""
    soft = np.array([[0.25, 0.75, 0], [0, 0, 1]], dtype=np.float32)
    batches = tf.data.Dataset.from_tensors((np.zeros((2, 1), np.float32), soft))
    ((_, labels, weight),) = with_class_weights(batches, np.array([2.0, 6.0, 0.5]))
    np.testing.assert_array_equal(labels, soft)
    np.testing.assert_allclose(weight, [5, 0.5])


def test_without_weights_the_batches_stay_as_they_are():
    batches = feature_batches(copies_of(COUNT), LABELS, **SETTINGS)
    assert with_class_weights(batches, None) is batches


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_size": 0}, "batch_size=0"),
        ({"num_classes": 4}, "labels from 0 to 4"),
        ({"start_step": 7}, "between 0 and 6. Received: start_step=7"),
        ({"start_step": -1}, "start_step=-1"),
        ({"seed": -1}, "seed=-1"),
        ({"epoch": -1}, "epoch=-1"),
        ({"policy": "medium"}, "policy='medium'"),
        ({"labels": LABELS[:-1]}, r"Received: int64 of shape \(21,\)"),
        ({"labels": np.eye(CLASSES)[LABELS]}, "labels must be integers"),
        ({"images": IMAGES.astype(np.float32)}, "images must be uint8"),
        ({"images": IMAGES[..., 0]}, "images must be uint8 of shape"),
    ],
)
def test_wrong_arguments_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        training_batches(**{"images": IMAGES, "labels": LABELS} | SETTINGS | change)


# People 0 to 4 have 5, 2, 3, 2 and 4 images, 5 to 8 one.
PEOPLE = np.repeat(np.arange(9), [5, 2, 3, 2, 4, 1, 1, 1, 1])
P_TIMES_K = {"people": 2, "images": 3, "singles": 2}


def test_batches_of_people_hold_p_persons_with_k_images_each_and_some_singles():
    rows = identity_rows(PEOPLE, **P_TIMES_K, seed=1, epoch=0)
    assert rows.shape == (3, 2 * 3 + 2)  # five persons with several images, two at a time
    persons = PEOPLE[rows[:, :6]].reshape(3, 2, 3)
    assert (persons == persons[:, :, :1]).all()
    assert (persons[:, 0, 0] != persons[:, 1, 0]).all()
    assert set(persons.ravel()) == {0, 1, 2, 3, 4}
    assert (PEOPLE[rows[:, 6:]] >= 5).all()
    assert (rows[:, 6] != rows[:, 7]).all()


def test_images_of_a_person_repeat_only_where_there_are_too_few():
    rows = identity_rows(PEOPLE, **P_TIMES_K, seed=1, epoch=0)
    for of_person in rows[:, :6].reshape(-1, 3):
        available = np.sum(PEOPLE[of_person[0]] == PEOPLE)
        assert len(set(of_person)) == min(available, 3)


def test_every_image_of_a_person_comes_in_some_epoch():
    seen = {row for epoch in range(12) for row in identity_rows(PEOPLE, **P_TIMES_K, seed=1, epoch=epoch).ravel()}
    assert seen == set(range(len(PEOPLE)))


def test_people_come_in_another_order_in_another_epoch_and_for_another_seed():
    first = identity_rows(PEOPLE, **P_TIMES_K, seed=1, epoch=0)
    np.testing.assert_array_equal(first, identity_rows(PEOPLE, **P_TIMES_K, seed=1, epoch=0))
    assert (first != identity_rows(PEOPLE, **P_TIMES_K, seed=1, epoch=1)).any()
    assert (first != identity_rows(PEOPLE, **P_TIMES_K, seed=2, epoch=0)).any()


def test_more_people_and_singles_than_there_are_give_all_there_are():
    rows = identity_rows(PEOPLE, people=50, images=2, singles=50, seed=1, epoch=0)
    assert rows.shape == (1, 5 * 2 + 4)
    assert set(PEOPLE[rows[0]]) == set(range(9))


@pytest.mark.parametrize("change", [{"people": 1}, {"images": 1}, {"singles": -1}])
def test_batches_without_both_kinds_of_pairs_are_refused(change):
    with pytest.raises(ValueError, match=f"Received: .*{next(iter(change))}={next(iter(change.values()))}"):
        identity_rows(PEOPLE, **P_TIMES_K | change, seed=0, epoch=0)


@pytest.mark.parametrize("labels", [np.arange(5), np.array([0, 0, 0]), np.array([0, 0, 1])])
def test_people_with_one_image_each_or_one_person_are_refused(labels):
    with pytest.raises(ValueError, match="At least two people with two images each"):
        identity_rows(labels, **P_TIMES_K, seed=0, epoch=0)


@pytest.mark.parametrize("policy", ["none", "light", "standard"])
def test_batches_of_people_from_any_step_are_those_of_the_whole_epoch(policy):
    labels = np.arange(COUNT) // 3
    rows = identity_rows(labels, people=2, images=2, seed=7, epoch=3)
    settings = {"policy": policy, "seed": 7, "epoch": 3}
    whole = collected(identity_batches(IMAGES, labels, rows, **settings))
    assert len(whole) == len(rows) == 4
    for step, (images, people) in enumerate(whole):
        np.testing.assert_array_equal(people, labels[rows[step]])
        if policy == "none":
            np.testing.assert_array_equal(images, IMAGES[rows[step]])
    for start in range(len(rows) + 1):
        rest = identity_batches(IMAGES, labels, rows, start_step=start, **settings)
        assert_equal_batches(collected(rest), whole[start:])


def test_batches_of_features_draw_a_copy_for_each_sample():
    labels = np.arange(COUNT) // 3
    rows = identity_rows(labels, people=4, images=3, seed=7, epoch=3)
    copies = [np.stack([np.arange(COUNT), np.full(COUNT, copy)], axis=1).astype(np.float32) for copy in range(3)]
    whole = collected(identity_batches(copies, labels, rows, seed=7, epoch=3))
    for step, (features, people) in enumerate(whole):
        np.testing.assert_array_equal(features[:, 0], rows[step])
        np.testing.assert_array_equal(people, labels[rows[step]])
    assert {copy for features, _ in whole for copy in features[:, 1]} == {0, 1, 2}
    rest = identity_batches(copies, labels, rows, seed=7, epoch=3, start_step=1)
    assert_equal_batches(collected(rest), whole[1:])
