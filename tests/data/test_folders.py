"""Folders of people: sorted, nothing dropped in silence, and a hold-out that leaves every identity some photos."""

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from kerasface.data.folders import read_identity_folders, split_groups, split_holdout


def make(root, *files):
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()
    return root


def test_identities_and_images_are_sorted(tmp_path):
    make(tmp_path, "Zoë/b.JPG", "Zoë/a.png", "Ada/1.heic", "张伟/x.webp")
    found = read_identity_folders(tmp_path)
    assert found.identities == ("Ada", "Zoë", "张伟")
    assert found.paths == [tmp_path / name for name in ("Ada/1.heic", "Zoë/a.png", "Zoë/b.JPG", "张伟/x.webp")]
    assert found.labels.tolist() == [0, 1, 1, 2]
    assert found.labels.dtype == np.int64
    assert found.rejected == ()
    assert found.left_out == {}


def test_identities_with_few_images_are_left_out_and_listed(tmp_path):
    make(tmp_path, "A/1.jpg", "A/2.jpg", "B/1.jpg", "C/1.jpg", "C/2.jpg", "C/3.jpg")
    (tmp_path / "Empty").mkdir()
    found = read_identity_folders(tmp_path, min_images=2)
    assert found.identities == ("A", "C")
    assert found.labels.tolist() == [0, 0, 1, 1, 1]
    assert found.left_out == {"B": 1, "Empty": 0}


def test_empty_folders_are_no_identities(tmp_path):
    make(tmp_path, "A/1.jpg", "B/1.jpg", "OnlyText/notes.txt")
    (tmp_path / "Empty").mkdir()
    found = read_identity_folders(tmp_path)
    assert found.identities == ("A", "B")
    assert found.left_out == {"Empty": 0, "OnlyText": 0}


def test_other_files_are_rejected_with_a_reason(tmp_path):
    make(tmp_path, "A/1.jpg", "A/notes.txt", "A/README", "A/more/2.jpg", "B/1.jpg", "loose.jpg")
    reasons = {
        path.relative_to(tmp_path).as_posix(): reason for path, reason in read_identity_folders(tmp_path).rejected
    }
    told = {
        "A/notes.txt": "Not an image. Supported are JPEG",
        "A/README": "Not an image. Supported are JPEG",
        "A/more": "A folder inside that of a class or person: its photo is not used. Move its photos one folder up.",
        "loose.jpg": "Not inside the folder of a class or person: move it into that of what it shows.",
    }
    assert reasons.keys() == told.keys()
    assert all(reason.startswith(f"{tmp_path / name}: {told[name]}") for name, reason in reasons.items())


def test_hidden_files_and_folders_are_ignored(tmp_path):
    make(tmp_path, "A/1.jpg", "A/.1.jpg", "A/.DS_Store", "B/1.jpg", ".cache/1.jpg", ".DS_Store")
    found = read_identity_folders(tmp_path)
    assert found.identities == ("A", "B")
    assert len(found.samples) == 2
    assert found.rejected == ()


def test_folders_that_cannot_be_used(tmp_path):
    with pytest.raises(ValueError, match="absent does not exist"):
        read_identity_folders(tmp_path / "absent")
    make(tmp_path, "file.jpg")
    with pytest.raises(ValueError, match=r"file\.jpg is not a folder"):
        read_identity_folders(tmp_path / "file.jpg")
    with pytest.raises(ValueError, match="has none"):
        read_identity_folders(tmp_path)
    make(tmp_path, "Ada/1.jpg", "Ada/2.jpg")
    with pytest.raises(ValueError, match="only one, 'Ada',"):
        read_identity_folders(tmp_path)
    make(tmp_path, "Bob/1.jpg")
    with pytest.raises(ValueError, match=r"only one, 'Ada', with 2\+ images.*lower min_images"):
        read_identity_folders(tmp_path, min_images=2)
    with pytest.raises(ValueError, match="Received: min_images=0"):
        read_identity_folders(tmp_path, min_images=0)


def test_relative_roots_work(tmp_path, monkeypatch):
    make(tmp_path, "people/A/1.jpg", "people/B/1.jpg")
    monkeypatch.chdir(tmp_path)
    assert read_identity_folders("people").paths == [Path("people/A/1.jpg"), Path("people/B/1.jpg")]


def test_holdout_counts():
    labels = np.repeat([0, 1, 2, 3], [10, 3, 2, 1])
    _, held_out = split_holdout(labels, 0.2, seed=0)
    # 0.2 of 10 is 2; 0.6 and 0.4 round to 1 and 0, but two or more images give at least one; a single one stays.
    assert np.bincount(labels[held_out], minlength=4).tolist() == [2, 1, 1, 0]
    _, held_out = split_holdout(labels, 0.9, seed=0)
    assert np.bincount(labels[held_out], minlength=4).tolist() == [9, 2, 1, 0]


@given(
    labels=st.lists(st.integers(0, 5), max_size=60),
    fraction=st.floats(0.01, 0.99),
    seed=st.integers(0, 2**32 - 1),
)
def test_holdout_leaves_every_identity_on_both_sides(labels, fraction, seed):
    train, validation = split_holdout(labels, fraction, seed)
    assert sorted([*train, *validation]) == list(range(len(labels)))
    labels = np.array(labels, dtype=int)
    counts = np.bincount(labels, minlength=6)
    assert (np.bincount(labels[train], minlength=6)[counts >= 1] >= 1).all()
    assert (np.bincount(labels[validation], minlength=6)[counts >= 2] >= 1).all()
    for again, first in zip(split_holdout(labels, fraction, seed), (train, validation), strict=True):
        np.testing.assert_array_equal(again, first)


def test_holdout_depends_on_the_seed():
    labels = np.repeat(np.arange(5), 20)
    assert not np.array_equal(split_holdout(labels, 0.3, 1)[1], split_holdout(labels, 0.3, 2)[1])


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5, float("nan")])
def test_holdout_fraction_is_checked(fraction):
    with pytest.raises(ValueError, match="Received: fraction="):
        split_holdout([0, 0], fraction, seed=0)


def test_holdout_shape_is_checked():
    with pytest.raises(ValueError, match=r"shape \(2, 1\)"):
        split_holdout([[0], [1]], 0.5, seed=0)


def test_whole_groups_are_held_out_until_the_fraction_is_reached():
    """Ten groups of three images of one label each: a fifth of 30 is 6, two groups."""
    labels, groups = np.tile([0, 1, 2], 10), np.repeat(np.arange(10), 3)
    train, validation = split_groups(labels, groups, 0.2, seed=0)
    assert len(validation) == 6
    assert len(np.unique(groups[validation])) == 2
    assert not np.intersect1d(groups[train], groups[validation]).size
    assert len(split_groups(labels, groups, 0.21, seed=0)[1]) == 9  # 6 are too few


@given(
    rows=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 8)), min_size=1, max_size=60),
    fraction=st.floats(0.01, 0.99),
    seed=st.integers(0, 2**32 - 1),
)
def test_no_group_is_on_both_sides_and_no_label_lost(rows, fraction, seed):
    labels, groups = np.array(rows).T
    try:
        train, validation = split_groups(labels, groups, fraction, seed)
    except ValueError:
        # Right only if every group has the only images of some label.
        assert all(set(labels) - set(labels[groups != group]) for group in groups)
        return
    assert sorted([*train, *validation]) == list(range(len(rows)))
    assert not np.intersect1d(groups[train], groups[validation]).size
    assert set(labels[train]) == set(labels)
    assert len(validation)
    for group in np.unique(groups[validation]):
        # Without the last group that was taken the fraction was not reached; it is one of those held out.
        if (len(validation) - np.sum(groups == group)) / len(rows) < fraction:
            break
    else:
        raise AssertionError("more groups than the fraction needs")
    for again, first in zip(split_groups(labels, groups, fraction, seed), (train, validation), strict=True):
        np.testing.assert_array_equal(again, first)


def test_the_only_group_of_a_label_stays_for_training():
    """Group 0 alone has label 1: of the two groups only group 1 can be held out, whatever the seed."""
    for seed in range(5):
        train, validation = split_groups([0, 1, 0], [0, 0, 1], 0.5, seed)
        assert (train.tolist(), validation.tolist()) == ([0, 1], [2])


def test_groups_depend_on_the_seed():
    labels, groups = np.zeros(40, dtype=int), np.arange(40)
    assert not np.array_equal(split_groups(labels, groups, 0.3, 1)[1], split_groups(labels, groups, 0.3, 2)[1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0, 0], [0, 1], 1.0), "Received: fraction=1.0"),
        (([0, 0], [0], 0.5), r"shapes \(2,\) and \(1,\)"),
        (([[0]], [[0]], 0.5), r"shapes \(1, 1\)"),
        (([0, 1], [0, 1], 0.5), "No group can be held out.*Received: 2 groups"),
        (([0, 0], [3, 3], 0.5), "No group can be held out.*Received: 1 groups"),
        (([], [], 0.5), "Received: 0 groups"),
    ],
)
def test_groups_that_cannot_be_split_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        split_groups(*arguments, seed=0)


def photo(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 4)).save(path, "PNG")


def test_pictures_are_told_by_their_content_and_what_systems_leave_is_passed_over(tmp_path):
    for name in ("A/1", "A/2.JPG_large", "A/3.txt", "B/1.jpg"):
        photo(tmp_path / name)
    make(tmp_path, "A/Thumbs.db", "A/desktop.ini", "A/.DS_Store", "__MACOSX/1.jpg", "Thumbs.db")
    (tmp_path / "A" / "words").write_text("words")
    found = read_identity_folders(tmp_path)
    assert [path.name for path in found.paths] == ["1", "2.JPG_large", "3.txt", "1.jpg"]
    assert [path.name for path, _ in found.rejected] == ["words"]


@pytest.mark.parametrize(
    ("parts", "best", "judged"), [(("train", "val"), "train", "val"), (("test", "Training"), "Training", None)]
)
def test_a_folder_that_is_split_already_is_called_so(tmp_path, parts, best, judged):
    for part in parts:
        for name in ("a", "b"):
            photo(tmp_path / part / name / "1.png")
    given = re.escape(str(tmp_path / best))
    given += rf", and {re.escape(str(tmp_path / judged))} as --validation" if judged else r"\."
    with pytest.raises(ValueError, match=f"in it hold the folders.*give {given}"):
        read_identity_folders(tmp_path)


def test_a_folder_around_the_folders_of_people_is_called_so(tmp_path):
    for name in ("a", "b"):
        photo(tmp_path / "people" / name / "1.png")
    with pytest.raises(
        ValueError, match=rf"people in it holds the folders: give {re.escape(str(tmp_path / 'people'))}\."
    ):
        read_identity_folders(tmp_path)


def test_loose_photos_are_counted(tmp_path):
    for number in range(3):
        photo(tmp_path / f"{number}.png")
    with pytest.raises(ValueError, match="3 photos lie loose in it: make a folder for each class or person"):
        read_identity_folders(tmp_path)


@pytest.mark.parametrize("other", ["anna", "ANNA"])
def test_names_that_differ_in_case_alone_are_refused(tmp_path, other):
    for name in ("Anna", other):
        photo(tmp_path / name / "1.png")
    if len(list(tmp_path.iterdir())) < 2:
        pytest.skip("this disk takes both names for one")
    with pytest.raises(ValueError, match=f"'{min('Anna', other)}' and '{max('Anna', other)}'.*under one name"):
        read_identity_folders(tmp_path)


def test_letters_that_are_written_in_two_ways_are_one_name(tmp_path):
    for name in ("J\u00fcrgen", "Ju\u0308rgen"):
        photo(tmp_path / name / "1.png")
    if len(list(tmp_path.iterdir())) < 2:
        pytest.skip("this disk takes both names for one")
    with pytest.raises(ValueError, match="the code of a letter"):
        read_identity_folders(tmp_path)
