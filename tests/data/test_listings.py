"""Listings of labelled images: with and without a header, in every form, and each mistake with its line."""

import pytest
from PIL import Image

from kerasface.data.curation import curation_file, decide, read_curated_classes
from kerasface.data.folders import read_identity_folders
from kerasface.data.listings import read_classes, read_listing


@pytest.fixture
def folder(tmp_path):
    """`images/` with six pictures, whose names do not tell what they show."""
    (tmp_path / "images" / "more").mkdir(parents=True)
    for name in ("1.png", "2.png", "3.png", "4.png", "more/5.png", "a b.png"):
        Image.new("RGB", (8, 8)).save(tmp_path / "images" / name)
    return tmp_path


@pytest.fixture
def listed(folder):
    """Function from a listing's text to what is read of it: each image with its label."""

    def read(text, name="train.csv", **rules):
        (folder / name).write_text(text, encoding="utf-8")
        found = read_listing(folder / name, **rules)
        return {found.name_of(path): found.identities[label] for path, label in found.samples}

    return read


EXPECTED = {"images/1.png": "Ada", "images/2.png": "Ada", "images/3.png": "Bea", "images/more/5.png": "Bea"}


@pytest.mark.parametrize(
    "text",
    [
        "path,label\nimages/1.png,Ada\nimages/2.png,Ada\nimages/3.png,Bea\nimages/more/5.png,Bea\n",
        "images/1.png,Ada\n\nimages/2.png,Ada\nimages/3.png,Bea\nimages/more/5.png,Bea\nimages/1.png,Ada\n",
        "Label;Size;File\nAda;9;images/1.png\nAda;9;images/2.png\nBea;9;images/3.png\nBea;9;images/more/5.png\n",
        "images/1.png Ada\nimages/2.png Ada\n\nimages/3.png   Bea\nimages/more/5.png Bea",
        "id\tlabel\nimages\\1.png\tAda\nimages\\2.png\tAda\nimages\\3.png\tBea\nimages\\more\\5.png\tBea\n",
        'sep=,\n"path","label"\n"images/1.png","Ada"\nimages/2.png,Ada\n images/3.png, Bea\nimages/more/5.png,Bea\n',
    ],
    ids=["header", "no header", "other columns", "blanks", "Windows", "spreadsheet"],
)
def test_every_form_of_a_listing_says_the_same(listed, text):
    assert listed(text) == EXPECTED


def test_blanks_may_stand_in_a_file_s_name_and_in_a_label_between_commas(listed, folder):
    assert listed("images/a b.png Ada\nimages/1.png 7\n", "list.txt") == {"images/a b.png": "Ada", "images/1.png": "7"}
    whole = f"{folder}/images/1.png"
    assert listed(f"images/a b.png,Ada Byron\n{whole},Bea\n") == {
        "images/a b.png": "Ada Byron",
        "images/1.png": "Bea",
    }


def test_a_listing_reads_as_the_folder_does(folder):
    for number, name in ((1, "Ada"), (2, "Ada"), (3, "Bea"), (4, "Bea")):
        (folder / "people" / name).mkdir(parents=True, exist_ok=True)
        (folder / "images" / f"{number}.png").rename(folder / "people" / name / f"{number}.png")
    lines = [
        f"people/{name}/{number}.png,{name}\n" for number, name in ((4, "Bea"), (2, "Ada"), (1, "Ada"), (3, "Bea"))
    ]
    (folder / "train.csv").write_text("".join(lines))
    listed, found = read_classes(folder / "train.csv"), read_classes(folder / "people")
    assert found == read_identity_folders(folder / "people")
    assert (listed.identities, listed.samples) == (found.identities, found.samples)
    assert (listed.root, listed.source) == (folder, folder / "train.csv")


def test_what_is_not_there_is_named_with_its_line_and_the_rest_is_used(folder):
    text = "path,label\nimages/1.png,Ada\nimages/9.png,Ada\nimages/3.png,Bea\nimages,Bea\ntrain.csv,Bea\n"
    (folder / "train.csv").write_text(text)
    found = read_listing(folder / "train.csv")
    assert [path.name for path in found.paths] == ["1.png", "3.png"]
    reasons = {path.name: reason for path, reason in found.rejected}
    assert reasons["9.png"] == f"{folder / 'images' / '9.png'}: Not there; it stands on line 3 of train.csv."
    assert "A folder, on line 5" in reasons["images"]
    assert "Not an image" in reasons["train.csv"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "The file is empty"),
        ("path,label\n", "There is no image below the header"),
        ("img,who\nimages/1.png,Ada\n", r"line 1: A listing has a line.*Received: 'img who'"),
        ("images/1.png,Ada,7\n", "line 1: A listing has a line"),
        ("images/1.png\nimages/2.png\n", "line 1: A listing has a line"),
        ("path,label\nimages/1.png,Ada\nimages/2.png\n", "line 3: The lines above have 2 columns. Received: 1"),
        ("path,label\nimages/1.png,\n", "line 2: A listing has a line.*'images/1.png' and ''"),
        ("images/1.png,Ada\nimages/2.png,Bea\nimages/1.png,Bea\n", "line 3: An image has one label.*'Ada' on line 1"),
        ("images/1.png,Ada\nimages/2.png,ada\n", "differ in upper and lower case"),
        ("images/1.png,Ada\nimages/2.png,Ada\n", r"2 labels or more, 1\+ images each. Received: 1 of them"),
        ("pictures/1.png,Ada\npictures/2.png,Bea\n", "None of the 2 images.*on line 1.*give whole paths"),
        (f"{'x' * 5000},Ada\n", "line 1: A listing has a line"),
    ],
)
def test_a_listing_that_cannot_be_used_is_refused_in_a_line(listed, text, message):
    with pytest.raises(ValueError, match=message) as caught:
        listed(text)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_another_file_is_no_listing(folder):
    with pytest.raises(ValueError, match=r"1\.png: No listing.*A listing has a line"):
        read_classes(folder / "images" / "1.png")


def test_names_with_too_few_images_are_left_out(listed, folder):
    text = "images/1.png,Ada\nimages/2.png,Ada\nimages/3.png,Bea\nimages/4.png,Bea\nimages/a b.png,Cleo\n"
    assert "images/a b.png" not in listed(text, min_images=2)
    assert read_listing(folder / "train.csv", min_images=2).left_out == {"Cleo": 1}


def test_second_thoughts_about_a_listing_stand_beside_it(listed, folder):
    listed("images/1.png,Ada\nimages/2.png,Ada\nimages/3.png,Bea\nimages/4.png,Bea\n")
    listing, list_file = folder / "train.csv", curation_file(folder / "train.csv")
    assert list_file.name == "train.csv.curation.json"
    decide(list_file, "images/1.png", "Bea")
    decide(list_file, "images/3.png", None)
    found = read_curated_classes(listing, list_file)
    named = {path.name: found.identities[label] for path, label in found.samples}
    assert named == {"1.png": "Bea", "2.png": "Ada", "4.png": "Bea"}
    assert found.source == listing
