"""From a folder to what a training needs: a split without leaks, strangers, and every bad file with its reason."""

import errno
import shutil
from collections import namedtuple

import numpy as np
import pytest
from PIL import Image

from kerasface.data.cache.store import RecordStore
from kerasface.data.curation import curation_file, decide
from kerasface.images.decoding import decode
from kerasface.images.squares import fit_square
from kerasface.models.shipped import IMAGE_SIZE
from kerasface.train.classification import data as prepare_module
from kerasface.train.classification.data import prepare
from kerasface.train.classification.defaults import resolve
from kerasface.train.recipe import ClassifyRecipe

SIDE = 16


def recipe(**changes):
    return resolve(ClassifyRecipe(**{"faces": False, "backbone": "linear", "epochs": 1, "image_size": SIDE, **changes}))


def picture(seed):
    """A picture that is like no other: coarse noise, which survives being resized."""
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((24, 20), Image.Resampling.NEAREST)


def fill(root, **counts):
    """Writes folders of pictures, `name=number of them`; no two alike, and none like those of another root."""
    for name, count in counts.items():
        (root / name).mkdir(parents=True, exist_ok=True)
        for index in range(count):
            seed = [*f"{root.name}/{name}/{index}".encode()]
            picture(seed).save(root / name / f"{index}.png")
    return root


@pytest.fixture
def data(tmp_path):
    """Ada has 10 pictures, Bea 5, Cleo 1."""
    return fill(tmp_path / "data", Ada=10, Bea=5, Cleo=1)


@pytest.fixture
def ready(data, tmp_path):
    """Function from changes of the recipe to the prepared data."""
    return lambda **changes: prepare(data, recipe(**changes), tmp_path / "cache")


def files(prepared, part):
    return [prepared.files[index] for index in getattr(prepared, part)]


def test_a_fifth_of_each_class_is_held_out(ready, data):
    """A fifth of 10 is 2, of 5 is 1; Cleo has fewer than two pictures and is a stranger."""
    prepared = ready()
    assert prepared.root == data
    assert prepared.names == ["Ada", "Bea"]
    assert prepared.balance() == [
        {"name": "Ada", "num_train": 8, "num_validation": 2},
        {"name": "Bea", "num_train": 4, "num_validation": 1},
    ]
    assert sorted([*prepared.train, *prepared.validation, *prepared.unknown]) == list(range(16))
    assert files(prepared, "unknown") == ["Cleo/0.png"]
    assert prepared.labels[prepared.unknown].tolist() == [-1]
    assert prepared.left_out == {"Cleo": 1}
    assert prepared.rejected == []
    assert prepared.input.to_dict() == {"kind": "image", "image_size": [SIDE, SIDE], "values": "RGB, 0 to 255"}
    for index, file in enumerate(prepared.files):
        np.testing.assert_array_equal(prepared.images[index : index + 1][0], fit_square(decode(data / file), SIDE))
        name = file.partition("/")[0]
        assert prepared.labels[index] == (prepared.names.index(name) if name in prepared.names else -1)


def test_the_seed_decides_what_is_held_out(ready):
    held_out = [set(files(ready(seed=seed), "validation")) for seed in (0, 0, 1, 2)]
    assert held_out[0] == held_out[1]
    assert held_out[0] != held_out[2] or held_out[0] != held_out[3]


def test_the_second_time_nothing_is_decoded_and_all_is_the_same(ready):
    first, second = ready(), ready()
    assert (first.num_computed, second.num_computed) == (16, 0)
    assert first.fingerprint == second.fingerprint
    np.testing.assert_array_equal(first.images[:], second.images[:])


def test_the_fingerprint_does_not_know_what_was_cached(data, tmp_path):
    part = fill(tmp_path / "part", Dora=2, Eve=2)
    shutil.copy(data / "Ada" / "3.png", part / "Dora")
    prepare(part, recipe(), tmp_path / "partly")
    partly = prepare(data, recipe(), tmp_path / "partly")
    assert partly.num_computed == 15
    assert partly.fingerprint == prepare(data, recipe(), tmp_path / "empty").fingerprint


@pytest.mark.parametrize(
    "change",
    [
        lambda data: picture(99).save(data / "Ada" / "0.png"),
        lambda data: (data / "Ada" / "0.png").unlink(),
        lambda data: (data / "Ada" / "0.png").rename(data / "Bea" / "9.png"),
        lambda data: (data / "Bea").rename(data / "Zoe"),
        lambda data: picture(99).save(data / "Cleo" / "0.png"),
    ],
    ids=["another image", "an image less", "another label", "another name", "another stranger"],
)
def test_other_data_have_another_fingerprint(ready, data, change):
    before = ready().fingerprint
    change(data)
    assert ready().fingerprint != before


@pytest.mark.parametrize("changes", [{"holdout": 0.4}, {"image_size": 17}, {"min_images": 1}])
def test_another_split_or_size_has_another_fingerprint(ready, changes):
    assert ready(**changes).fingerprint != ready().fingerprint


def test_a_file_s_name_is_no_part_of_the_fingerprint(ready, data):
    """Renamed so that the order stays."""
    before = ready().fingerprint
    for index in range(10):
        (data / "Ada" / f"{index}.png").rename(data / "Ada" / f"photo{index}.png")
    assert ready().fingerprint == before


def test_persons_are_held_out_as_a_whole(data, tmp_path):
    """Pictures p0_ to p4_ of each class are of five persons: one of them is a fifth of all."""
    for name in ("Ada", "Bea"):
        for index, path in enumerate(sorted((data / name).iterdir())):
            path.rename(path.with_name(f"p{index % 5}_{index}.png"))
    prepared = prepare(data, recipe(groups=r"^(p\d)_", holdout=0.2), tmp_path / "cache")
    persons = [{file.partition("/")[2][:2] for file in files(prepared, part)} for part in ("train", "validation")]
    assert len(persons[1]) == 1
    assert not persons[0] & persons[1]
    assert len(prepared.validation) == 3  # two of Ada's ten and one of Bea's five
    assert prepared.leaks.shared_labels.size == 0
    groups = prepared.groups
    assert not np.intersect1d(groups[prepared.train], groups[prepared.validation]).size
    assert len(np.unique(groups[: len(groups) - 1])) == 5


def test_a_person_on_both_sides_through_an_equal_picture_is_named(tmp_path):
    """One picture of each person is the same picture, so whoever is held out, one of theirs goes to the training."""
    data = fill(tmp_path / "data", near=3, far=3)
    for name in ("near", "far"):
        for index in range(3):
            (data / name / f"{index}.png").rename(data / name / f"p{index}.png")
    for index in (1, 2):
        shutil.copy(data / "near" / "p0.png", data / "near" / f"p{index}.png")
    prepared = prepare(data, recipe(groups=r"(p\d)", holdout=0.3), tmp_path / "cache")
    (held_out,) = files(prepared, "validation")
    assert held_out.startswith("far/")
    (moved,) = files(prepared, "moved")
    assert moved == held_out.replace("far", "near")
    assert prepared.leaks.shared_labels.tolist() == [prepared.groups[prepared.moved[0]]]


def test_duplicates_of_one_class_do_not_stand_on_both_sides(tmp_path):
    """Bea's two pictures are one: whichever was to be held out goes to the training side, and Ada's stays."""
    data = fill(tmp_path / "data", Ada=2, Bea=1)
    shutil.copy(data / "Bea" / "0.png", data / "Bea" / "again.png")
    prepared = prepare(data, recipe(), tmp_path / "cache")
    assert [row["num_validation"] for row in prepared.balance()] == [1, 0]
    (moved,) = files(prepared, "moved")
    assert moved.startswith("Bea/")
    assert prepared.leaks.exact.size == prepared.leaks.near.size == 0


def test_a_smaller_copy_counts_as_the_same_picture(portrait, tmp_path):
    data = fill(tmp_path / "data", Ada=2, Bea=1)
    photo = Image.fromarray(portrait)
    photo.save(data / "Bea" / "0.png")
    photo.resize((200, 200)).save(data / "Bea" / "small.jpg", quality=80)
    prepared = prepare(data, recipe(image_size=64), tmp_path / "cache")
    assert len(prepared.moved) == 1
    assert len(set(prepared.keys)) == 4


def test_a_picture_under_two_names_is_reported(tmp_path):
    data = fill(tmp_path / "data", Ada=3, Bea=3)
    shutil.copy(data / "Ada" / "1.png", data / "Bea" / "same.png")
    prepared = prepare(data, recipe(), tmp_path / "cache")
    ((one, other),) = prepared.leaks.two_labels_exact
    assert {prepared.files[one], prepared.files[other]} == {"Ada/1.png", "Bea/same.png"}
    sides = [set(part) for part in (prepared.train, prepared.validation)]
    assert any({one, other} <= side for side in sides)


def test_strangers_come_from_the_classes_left_out_and_from_their_folder(data, tmp_path):
    strangers = fill(tmp_path / "strangers", Dora=2, Eve=1)
    (strangers / "Eve" / "notes.txt").write_text("no picture")
    (strangers / "Dora" / "cut.png").write_bytes((strangers / "Dora" / "0.png").read_bytes()[:80])
    prepared = prepare(data, recipe(unknown=str(strangers)), tmp_path / "cache")
    assert files(prepared, "unknown") == ["Cleo/0.png", "Dora/0.png", "Dora/1.png", "Eve/0.png"]
    groups = prepared.groups[prepared.unknown]
    assert len(np.unique(groups)) == 3
    assert groups[1] == groups[2]
    known = prepared.groups[np.concatenate([prepared.train, prepared.validation])]
    assert not np.intersect1d(groups, known).size
    reasons = {path.rpartition("/")[2]: reason for path, reason in prepared.rejected}
    assert set(reasons) == {"notes.txt", "cut.png"}
    assert "truncated" in reasons["cut.png"]


def test_somebody_known_is_no_stranger(data, tmp_path):
    """A picture of Ada lies among the strangers, under another name; the rest of that folder stays."""
    strangers = fill(tmp_path / "strangers", Dora=1, Eve=1)
    shutil.copy(data / "Ada" / "0.png", strangers / "Dora" / "who.png")
    prepared = prepare(data, recipe(unknown=str(strangers)), tmp_path / "cache")
    assert files(prepared, "unknown") == ["Cleo/0.png", "Dora/0.png", "Eve/0.png"]
    ((one, other),) = prepared.leaks.two_labels_exact
    assert {prepared.files[one], prepared.files[other]} == {"Ada/0.png", "Dora/who.png"}


def test_a_stranger_s_folder_has_the_name_of_somebody_known(data, tmp_path):
    """Another Ada is another person."""
    strangers = fill(tmp_path / "strangers", Ada=1, Eve=1)
    prepared = prepare(data, recipe(unknown=str(strangers)), tmp_path / "cache")
    assert files(prepared, "unknown") == ["Cleo/0.png", "Ada/0.png", "Eve/0.png"]
    assert len(np.unique(prepared.groups)) == 5


@pytest.mark.parametrize(
    ("most", "expected"),
    [
        (100, ["Cleo/0", "Dora/0", "Dora/1", "Dora/2", "Eve/0", "Eve/1", "Fay/0"]),
        (5, ["Cleo/0", "Dora/0", "Eve/0", "Fay/0"]),  # 4 for 3 people: one each
        (7, ["Cleo/0", "Dora/0", "Dora/1", "Eve/0", "Eve/1", "Fay/0"]),  # 6 for 3 people: two each
        (3, ["Cleo/0", "Dora/0", "Eve/0"]),
        (1, ["Cleo/0"]),
    ],
)
def test_of_too_many_strangers_as_many_people_as_possible_are_taken(data, tmp_path, monkeypatch, most, expected):
    monkeypatch.setattr(prepare_module, "MAX_UNKNOWN", most)
    strangers = fill(tmp_path / "strangers", Dora=3, Eve=2, Fay=1)
    prepared = prepare(data, recipe(unknown=str(strangers)), tmp_path / "cache")
    assert files(prepared, "unknown") == [f"{name}.png" for name in expected]


def test_the_strangers_folder_is_checked_before_any_image_is_read(data, tmp_path, monkeypatch):
    monkeypatch.setattr(prepare_module, "cache_images", lambda *arguments: pytest.fail("read the images"))
    same = data / ".." / "data"
    with pytest.raises(ValueError, match="cannot be the people trained on"):
        prepare(data, recipe(unknown=str(same)), tmp_path / "cache")
    with pytest.raises(ValueError, match="nowhere does not exist"):
        prepare(data, recipe(unknown=str(tmp_path / "nowhere")), tmp_path / "cache")


def test_every_bad_file_is_rejected_with_its_reason_and_the_rest_is_used(data, tmp_path):
    bad = {
        "empty.jpg": b"",
        "text.png": b"not an image",
        "cut.png": (data / "Ada" / "0.png").read_bytes()[:80],
        "movie.mp4": b"\x00\x00\x00\x18ftypmp42",
    }
    for name, content in bad.items():
        (data / "Ada" / name).write_bytes(content)
    (data / "Ada" / "gone.png").symlink_to(tmp_path / "nothing.png")
    (data / "Ada" / "folder.png").mkdir()
    shutil.copy(data / "Ada" / "text.png", data / "Bea" / "text.png")
    prepared = prepare(data, recipe(), tmp_path / "cache")
    reasons = {path.rpartition("data/")[2]: reason for path, reason in prepared.rejected}
    assert set(reasons) == {*(f"Ada/{name}" for name in bad), "Ada/gone.png", "Ada/folder.png", "Bea/text.png"}
    assert "empty (0 bytes)" in reasons["Ada/empty.jpg"]
    assert "Not an image." in reasons["Ada/text.png"]
    assert reasons["Bea/text.png"].startswith(str(data / "Bea" / "text.png"))
    assert "truncated" in reasons["Ada/cut.png"]
    assert "movie.mp4: Not an image." in reasons["Ada/movie.mp4"]
    assert "No such file" in reasons["Ada/gone.png"]
    assert "A folder inside" in reasons["Ada/folder.png"]
    assert not any("\n" in reason for reason in reasons.values())
    assert sum(row["num_train"] + row["num_validation"] for row in prepared.balance()) == 15


def test_sixteen_bit_and_cmyk_files_can_be_trained_on(data, tmp_path):
    noise = np.random.default_rng(0).integers(0, 65536, (20, 20), dtype=np.uint16)
    Image.fromarray(noise).save(data / "Bea" / "deep.png")
    picture(7).convert("CMYK").save(data / "Bea" / "print.jpg")
    prepared = prepare(data, recipe(), tmp_path / "cache")
    assert prepared.rejected == []
    assert {"Bea/deep.png", "Bea/print.jpg"} <= set(prepared.files)


def test_a_class_whose_files_cannot_be_used_is_left_out(data, tmp_path):
    """Bea keeps one picture of the two that a class needs; with Dora there are still two classes."""
    fill(data, Dora=2)
    for index in range(1, 5):
        (data / "Bea" / f"{index}.png").write_text("not an image")
    prepared = prepare(data, recipe(), tmp_path / "cache")
    assert prepared.names == ["Ada", "Dora"]
    assert prepared.left_out == {"Bea": 1, "Cleo": 1}
    assert len(prepared.rejected) == 4
    used = [*files(prepared, "train"), *files(prepared, "validation")]
    assert {file.partition("/")[0] for file in used} == {"Ada", "Dora"}
    assert set(prepared.labels[prepared.train]) == {0, 1}


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({}, "has none"),
        ({"Ada": 4}, "only one, 'Ada'"),
        ({"Ada": 4, "Bea": 1}, r"only one, 'Ada', with 2\+ images\. Add photos or lower min_images"),
        ({"Ada": 0, "Bea": 0}, "has none"),
    ],
    ids=["empty", "one class", "a class of one image", "empty classes"],
)
def test_a_folder_with_too_little_says_so_in_a_line(tmp_path, counts, message):
    (tmp_path / "data").mkdir()
    fill(tmp_path / "data", **counts)
    with pytest.raises(ValueError, match=message) as caught:
        prepare(tmp_path / "data", recipe(), tmp_path / "cache")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "cache").exists()


def test_equal_pictures_leave_nothing_to_hold_out(tmp_path):
    data = fill(tmp_path / "data", Ada=1, Bea=1)
    for name in ("Ada", "Bea"):
        shutil.copy(data / name / "0.png", data / name / "again.png")
    with pytest.raises(ValueError, match=r"No image can be held out.*several equal ones"):
        prepare(data, recipe(), tmp_path / "cache")


def test_a_pattern_of_persons_must_fit_every_file(ready):
    with pytest.raises(ValueError, match=r"Received: groups='person\(\\\\d\+\)', 0\.png"):
        ready(groups=r"person(\d+)")


def test_more_classes_than_images_in_a_batch(tmp_path):
    data = fill(tmp_path / "data", **{f"class{index:02}": 2 for index in range(12)})
    prepared = prepare(data, recipe(batch_size=4, holdout=0.01), tmp_path / "cache")
    assert (len(prepared.names), len(prepared.train), len(prepared.validation)) == (12, 12, 12)


def test_progress_ends_at_the_number_of_files(data, tmp_path):
    told = []
    prepare(data, recipe(), tmp_path / "cache", lambda *counts: told.append(counts))
    assert (told[0], told[-1]) == ((0, 16), (16, 16))


def test_a_disk_without_room_is_named_before_anything_is_decoded(data, tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1000, 900, 100))
    with pytest.raises(OSError, match=r"are free.*KERASFACE_CACHE"):
        prepare(data, recipe(), tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def fill_disk_after(monkeypatch, count):
    """Lets the disk take `count` records and refuse what follows; returns a function that frees it again."""
    write, written = RecordStore._write, []

    def refusing(self, key, record, note):
        if len(written) == count:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(key)
        return write(self, key, record, note)

    monkeypatch.setattr(RecordStore, "_write", refusing)
    return lambda: monkeypatch.setattr(RecordStore, "_write", write)


def test_a_disk_that_fills_up_is_named_and_what_was_stored_stays(data, tmp_path, monkeypatch):
    free = fill_disk_after(monkeypatch, 5)
    with pytest.raises(OSError, match=r"No space left on device.*holds stays usable.*KERASFACE_CACHE") as caught:
        prepare(data, recipe(), tmp_path / "cache")
    assert caught.value.errno == errno.ENOSPC
    assert "\n" not in str(caught.value)
    free()
    assert prepare(data, recipe(), tmp_path / "cache").num_computed == 11


@pytest.fixture
def people(portrait, tmp_path):
    """Two "people" made from one, two photos each, a stranger, and a photo without a face."""
    folder = tmp_path / "people"
    head = portrait[:260, 100:340]
    for name, image in {
        "Ada/0": head,
        "Ada/1": head[20:, ::-1],
        "Bea/0": head[..., ::-1] // 2,
        "Bea/1": head[10:, ::-1, ::-1] // 2,
        "Cleo/0": head[..., 1:2].repeat(3, axis=2),
        "Ada/wall": np.full((60, 60, 3), 127, dtype=np.uint8),
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.ascontiguousarray(image)).save(folder / f"{name}.png")
    return folder


@pytest.mark.slow
def test_faces_are_aligned_and_may_be_resized(people, tmp_path, embedder, detector):
    faces = {"faces": True, "backbone": "face_resnet", "epochs": 0, "image_size": None}
    full = prepare(people, recipe(**faces), tmp_path / "cache")
    assert full.names == ["Ada", "Bea"]
    assert full.images.shape == (len(full.files), *IMAGE_SIZE, 3)
    assert [path.rpartition("/")[2] for path, _ in full.rejected] == ["wall.png"]
    assert "no face was found" in full.rejected[0][1]
    assert files(full, "unknown") == ["Cleo/0.png"]
    assert full.input.to_dict() == {
        "kind": "face",
        "image_size": [150, 150],
        "values": "RGB, 0 to 255",
        "alignment": embedder.template.fingerprint,
        "detector": detector.fingerprint,
    }
    small = prepare(people, recipe(faces=True, backbone="linear"), tmp_path / "cache")
    assert small.num_computed == 0
    np.testing.assert_array_equal(small.images[:], [fit_square(crop, SIDE) for crop in full.images[:]])
    assert small.fingerprint != full.fingerprint


def test_a_list_of_pictures_is_followed_and_nothing_on_it_becomes_a_stranger(data, tmp_path):
    """Of Ada's ten one is left out and one is Cleo's, who has two then and is no stranger any more."""
    path = curation_file(data)
    decide(path, "Ada/3.png", None)
    decide(path, "Ada/4.png", "Cleo")
    found = prepare(data, recipe(curation=str(path)), tmp_path)
    assert found.names == ["Ada", "Bea", "Cleo"]
    assert {row["name"]: row["num_train"] + row["num_validation"] for row in found.balance()} == {
        "Ada": 8,
        "Bea": 5,
        "Cleo": 2,
    }
    labels = dict(zip(found.files, found.labels.tolist(), strict=True))
    assert "Ada/3.png" not in labels
    assert labels["Ada/4.png"] == 2
    assert len(found.unknown) == 0
    left_out = str(data / "Ada" / "3.png")
    assert found.rejected == [(left_out, f"{left_out}: Left out by data.curation.json.")]
    assert found.fingerprint != prepare(data, recipe(), tmp_path).fingerprint


def test_a_picture_that_is_left_out_of_a_small_class_is_no_stranger(data, tmp_path):
    path = curation_file(data)
    decide(path, "Cleo/0.png", None)
    found = prepare(data, recipe(curation=str(path)), tmp_path)
    assert (len(found.unknown), found.left_out) == (0, {"Cleo": 0})
