"""A training on two sets of pictures with different labels: what is read, split and learned, and what is refused."""

import json

import numpy as np
import pytest
from PIL import Image

from kerasface.data.masks.augmentation import OUTSIDE
from kerasface.data.masks.batches import Learning, epoch_rows, masked_batches
from kerasface.data.masks.labels import read_label_file
from kerasface.data.pipelines import epoch_order
from kerasface.losses import pixels
from kerasface.runs.store import load_run
from kerasface.tasks.measuring.masks import measure_masks
from kerasface.tasks.segmentation import Segmenter
from kerasface.train.engine.driver import run_training
from kerasface.train.segmentation.data import check_given, prepare_masks
from kerasface.train.segmentation.recipe import SegmentRecipe, resolve_segment
from kerasface.train.segmentation.stages import build_loss, changes_of, label_accuracy

FINE = ("background", "disc", "square")
COARSE = ("nothing", "thing")
SMALL = {"encoder": "plain", "image_size": 32, "training_size": 32, "augment": "light", "copies": 4, "epochs": 10}
SMALL |= {"batch_size": 8, "holdout": 0.25, "learning_rate": 0.01, "ema": 0.0}
LABELS = '[labels]\nnothing = "background"\nthing = ["disc", "square"]\n'
LISTING = """
[[sets]]
folder = "fine"
groups = '(p\\d)'
share = 3

[[sets]]
folder = "coarse"
labels = "coarse.toml"
share = 1
"""


def draw(generator):
    """A bright disc and a dark square on grey noise, 32 x 32 pixels, and which pixels they are."""
    image = generator.normal(110, 12, (32, 32, 3))
    mask = np.zeros((32, 32), dtype=np.uint8)
    y, x = np.mgrid[:32, :32]
    mask[(y - generator.integers(7, 11)) ** 2 + (x - generator.integers(8, 24)) ** 2 < 30] = 1
    top, left = generator.integers(18, 22), generator.integers(3, 20)
    mask[top : top + 9, left : left + 9] = 2
    image[mask == 1], image[mask == 2] = (230, 200, 60), (20, 30, 90)
    return np.clip(image, 0, 255).astype(np.uint8), mask


def write_set(folder, count, seed, names, change=lambda mask: mask):
    """Writes `count` pictures, two of each person, and their masks after `change`."""
    generator = np.random.default_rng(seed)
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for index in range(count):
        image, mask = draw(generator)
        name = f"{names}{index // 2}_{index % 2}.png"
        Image.fromarray(image).save(folder / "images" / name)
        Image.fromarray(change(mask)).save(folder / "masks" / name)
    return folder


@pytest.fixture
def listing(tmp_path):
    """`fine` with 8 pictures of 4 persons and both classes; `coarse` with 6, where both are one label."""
    write_set(tmp_path / "fine", 8, 0, "p")
    (tmp_path / "fine" / "classes.txt").write_text("\n".join(FINE))
    write_set(tmp_path / "coarse", 6, 1, "q", lambda mask: (mask > 0).astype(np.uint8))
    (tmp_path / "coarse.toml").write_text(LABELS)
    path = tmp_path / "listing.toml"
    path.write_text(LISTING)
    return path


def prepare(listing, **settings):
    return prepare_masks(listing, resolve_segment(SegmentRecipe(**SMALL | settings)), listing.parent / "cache")


def test_sets_are_read_and_split_each_for_itself(listing):
    prepared = prepare(listing)
    assert prepared.classes == FINE
    assert prepared.label_sets == ((0,), (1,), (2,), (1, 2))
    fine, coarse = prepared.sets
    assert (fine.ids.tolist(), coarse.ids.tolist()) == ([0, 1, 2], [0, 3])
    assert (fine.share, coarse.share) == (0.75, 0.25)
    assert (fine.person_known, coarse.person_known) == (True, False)
    for files, of in (
        (prepared.train_files, prepared.train_sets),
        (prepared.validation_files, prepared.validation_sets),
    ):
        assert [file.split("/")[0] for file in files] == [prepared.sets[index].name for index in of]
    # A quarter, rounded up: of the first set whole persons, of the other single pictures.
    assert np.bincount(prepared.train_sets).tolist() == [6, 4]
    assert np.bincount(prepared.validation_sets).tolist() == [2, 2]
    train, held_out = (
        {file[:7] for file in files if file.startswith("fine/")}
        for files in (prepared.train_files, prepared.validation_files)
    )
    assert (len(train), len(held_out), train & held_out) == (3, 1, set())
    of_first, of_second = (set(prepared.train_persons[prepared.train_sets == index]) for index in (0, 1))
    assert not of_first & of_second


def test_class_counts_deal_a_label_of_several_classes_to_them(listing):
    """Disc and square have 1 : 81/n of the fine pixels; the coarse set's `thing` is divided in that proportion."""
    prepared = prepare(listing)
    pixels = [prepared.train[np.flatnonzero(prepared.train_sets == which)][..., 3] for which in (0, 1)]
    fine, coarse = ([np.mean(part == label) for label in range(3)] for part in pixels)
    alone = 0.75 * np.array(fine) + 0.25 * np.array([coarse[0], 0, 0])
    expected = alone + 0.25 * coarse[1] * np.array([0, *alone[1:] / alone[1:].sum()])
    np.testing.assert_allclose(prepared.class_counts / prepared.class_counts.sum(), expected, rtol=1e-6)


def test_an_epoch_is_dealt_by_shares_and_its_masks_hold_labels(listing):
    """Of 8 * 10 samples three quarters are of 6 pictures, a quarter of 4: 10 and 5 of each."""
    prepared = prepare(listing)
    shares = [each.share for each in prepared.sets]
    rows = epoch_rows(prepared.train_persons, 8, 0.5, prepared.train_sets, shares)
    assert np.bincount(rows).tolist() == [10] * 6 + [5] * 4
    recipe = resolve_segment(SegmentRecipe(**SMALL | {"augment": "none"}))
    options = {"sets": prepared.train_sets, "rows": rows, "batch_size": 80, "seed": 0, "epoch": 0}
    learning = [Learning(each.ids, each.map.coarse) for each in prepared.sets]
    ((_, masks),) = masked_batches(prepared.train, changes_of(recipe, prepared.sets), learning, **options)
    order = prepared.train_sets[rows[epoch_order(len(rows), 0, 0)]]
    assert set(np.unique(np.asarray(masks)[order == 0])) == {0, 1, 2}
    assert set(np.unique(np.asarray(masks)[order == 1])) == {0, 3}


def test_borders_of_a_coarse_set_are_not_learned_and_its_background_stays(listing):
    (listing.parent / "coarse.toml").write_text("coarse = 0.0625\n" + LABELS)
    recipe = resolve_segment(SegmentRecipe(**SMALL | {"augment": "strong"}))
    sets = prepare(listing).sets
    fine, coarse = changes_of(recipe, sets)
    assert (fine.policy.background > 0, coarse.policy.background) == (True, 0)
    mask = np.zeros((32, 32), dtype=np.uint8)
    mask[10:] = 1
    fine, coarse = (Learning(each.ids, each.map.coarse).of(mask) for each in sets)
    assert np.unique(fine).tolist() == [0, 1]
    rows = coarse[:, 0].tolist()
    assert rows == [0] * 8 + [OUTSIDE] * 4 + [3] * 20  # two of 32 rows on each side of the border


def test_what_a_pixel_costs_and_whether_it_is_right(listing):
    prepared = prepare(listing)
    recipe = resolve_segment(SegmentRecipe(**SMALL, loss="cross-entropy", class_weights=0.0))
    loss = build_loss(recipe, prepared.class_counts, prepared.label_sets)
    logits = np.log(np.array([[[[0.2, 0.3, 0.5], [0.2, 0.3, 0.5], [0.7, 0.2, 0.1]]]]))
    labels = np.array([[[3, 1, OUTSIDE]]], dtype=np.uint8)
    assert float(loss(labels, logits)) == pytest.approx(-np.log([0.8, 0.3]).mean(), rel=1e-5)
    metric = label_accuracy(prepared.label_sets, 3)
    metric.update_state(labels, logits)
    assert float(metric.result()) == pytest.approx(0.5)  # square is a `thing`, and no disc; the third does not count


@pytest.mark.slow
def test_a_set_of_coarser_labels_helps_and_is_judged_by_them(listing, tmp_path):
    runs, cache = tmp_path / "runs", tmp_path / "cache"
    result = run_training("segment", listing, "both", recipe=SegmentRecipe(**SMALL), runs=runs, cache=cache)
    assert result.metrics["mean_iou"] > 0.7
    assert result.metrics["iou"].keys() == set(FINE)
    of_coarse = result.metrics["sets"]["coarse"]
    assert of_coarse["iou"].keys() == set(COARSE)
    assert (of_coarse["num_images"], of_coarse["num_train"]) == (2, 4)
    assert of_coarse["mean_iou"] > 0.8
    assert result.metrics["sets"]["fine"]["iou"] == result.metrics["iou"]
    card = json.loads((result.folder / "card.json").read_text(encoding="utf-8"))
    assert card["data"]["folder"] == "listing.toml"
    assert card["data"]["sets"][1]["labels"] == {"nothing": ["background"], "thing": ["disc", "square"]}
    assert "coarse, by its own labels" in (result.folder / "report.html").read_text(encoding="utf-8")
    assert any(note.startswith("Pictures of coarse were held out one by one") for note in result.notes)
    # The whole coarse set, by the same file: the pictures trained on among them.
    folder = listing.parent / "coarse"
    said = read_label_file(listing.parent / "coarse.toml")
    segmenter = Segmenter(load_run(runs, "both"))
    assert measure_masks(folder / "images", folder / "masks", segmenter, said=said).result.mean_iou > 0.8


def refused(listing, **settings):
    with pytest.raises(ValueError, match=r".") as caught:
        prepare(listing, **settings)
    return str(caught.value)


def test_a_class_that_nothing_labels_alone_is_named(listing):
    folder = listing.parent / "fine" / "masks"
    for path in folder.iterdir():
        mask = np.array(Image.open(path))
        Image.fromarray(np.where(mask == 2, 0, mask).astype(np.uint8)).save(path)
    (listing.parent / "fine.toml").write_text('[labels]\nbackground = "background"\ndisc = "disc"\nsquare = "square"\n')
    listing.write_text(LISTING.replace('folder = "fine"', 'folder = "fine"\nlabels = "fine.toml"'))
    told = refused(listing, classes=",".join(FINE))
    assert "to it alone. Received: none for square in fine, coarse" in told


def test_a_map_that_names_unknown_classes(listing):
    (listing.parent / "coarse.toml").write_text(LABELS.replace('"disc"', '"disk"'))
    assert "The model has no disk" in refused(listing)


def test_a_background_that_is_none(listing):
    (listing.parent / "coarse.toml").write_text('[labels]\nnothing = "disc"\nthing = ["background", "square"]\n')
    assert "The first class of a set is its background" in refused(listing)


def test_contradicting_colors(listing):
    (listing.parent / "fine" / "classes.txt").write_text("background\ndisc #ff0000\nsquare #ff0000\n")
    assert "have the same colour" in refused(listing)


def test_a_photo_that_is_in_two_sets(listing):
    image, mask = (listing.parent / "fine" / part / "p1_0.png" for part in ("images", "masks"))
    (listing.parent / "coarse" / "images" / "q0_0.png").write_bytes(image.read_bytes())
    ids = np.array(Image.open(mask))
    Image.fromarray((ids > 0).astype(np.uint8)).save(listing.parent / "coarse" / "masks" / "q0_0.png")
    told = refused(listing)
    assert "The same photo is in two sets" in told
    assert "fine/p1_0" in told
    assert "coarse/q0_0" in told


def test_masks_of_another_size_and_a_set_of_one_picture(listing):
    for index, path in enumerate(sorted((listing.parent / "coarse" / "masks").iterdir())):
        if index:
            Image.new("L", (9, 9)).save(path)
    assert "one person or picture in" in refused(listing)
    Image.new("L", (9, 9)).save(listing.parent / "coarse" / "masks" / "q0_0.png")
    assert "6 rejected; the first" in refused(listing)


def test_a_class_on_pictures_held_out_alone_is_refused(listing):
    held_out = prepare(listing).validation_files[0].removeprefix("fine/")[:2]  # a person
    for path in (listing.parent / "fine" / "masks").iterdir():
        if not path.name.startswith(held_out):
            Image.fromarray(np.zeros((32, 32), np.uint8)).save(path)
    assert "Received: disc, square on pictures held out alone" in refused(listing)


def test_a_listing_says_itself_what_a_recipe_says_of_a_folder(listing):
    assert "A listing says of each set what `groups` is" in refused(listing, groups=r"(p\d)")
    assert "A listing says of each set what `validation` is" in refused(
        listing, validation=str(listing.parent / "fine")
    )


def test_what_is_wrong_with_any_set_is_said_before_one_is_decoded(listing, monkeypatch):
    monkeypatch.setattr("kerasface.train.segmentation.sets.load_pairs", None)
    write_set(listing.parent / "judged", 2, 2, "r")
    (listing.parent / "judged" / "classes.txt").write_text("other\nclasses\n")
    listing.write_text(LISTING.replace('labels = "coarse.toml"', 'labels = "coarse.toml"\nvalidation = "judged"'))
    told = "classes.txt names other classes. Received: nothing, thing"
    assert told in refused(listing)
    with pytest.raises(ValueError, match=told):
        check_given(listing, resolve_segment(SegmentRecipe(**SMALL)))


def test_a_label_of_the_first_set_that_is_ignored_is_none_of_the_classes(listing):
    """Alone, with `dark` ignored: its pixels are of no class, and so is its color; another map is other data."""
    (listing.parent / "fine" / "classes.txt").write_text("dark #010203\ndisc #ff0000\nsquare #0000ff\n")
    (listing.parent / "fine.toml").write_text('[labels]\ndark = "ignore"\ndisc = "disc"\nsquare = "background"\n')
    listing.write_text('[[sets]]\nfolder = "fine"\nlabels = "fine.toml"\n')
    prepared = prepare(listing, classes="background,disc")
    assert prepared.colors == ((0, 0, 255), (255, 0, 0))
    assert prepared.sets[0].colors == ((1, 2, 3), (255, 0, 0), (0, 0, 255))
    of_label = np.bincount(prepared.train[np.arange(len(prepared.train))][..., 3].ravel(), minlength=3)
    shares = prepared.class_counts / prepared.class_counts.sum()
    np.testing.assert_allclose(shares, of_label[[2, 1]] / of_label[1:3].sum(), rtol=1e-6)
    (listing.parent / "fine.toml").write_text("coarse = 0.0625\n" + (listing.parent / "fine.toml").read_text())
    assert prepare(listing, classes="background,disc").fingerprint != prepared.fingerprint


def test_a_loss_that_knows_single_classes_only_is_refused(listing, monkeypatch):
    monkeypatch.setattr(pixels, "FocalLoss", lambda: None)
    prepared = prepare(listing)
    with pytest.raises(ValueError, match=r"no label that stands for several classes\. Received: loss=focal"):
        build_loss(SegmentRecipe(loss="focal"), prepared.class_counts, prepared.label_sets)
