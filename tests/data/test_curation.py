"""Second thoughts about pictures, in a list beside them."""

import json

import pytest

from kerasface.data.curation import Decision, curation_file, decide, read_curated_classes, read_curation, undo
from kerasface.data.folders import read_identity_folders


@pytest.fixture
def people(tmp_path):
    """Ada with three photos, Emmy with two, Zoe with one; nobody looks into them."""
    for file in ("Ada/1.jpg", "Ada/2.jpg", "Ada/3.jpg", "Emmy/1.jpg", "Emmy/2.jpg", "Zoe/1.jpg", "Ada/notes.txt"):
        path = tmp_path / "people" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return tmp_path / "people"


def listed(found):
    return [(path.relative_to(found.root).as_posix(), found.identities[label]) for path, label in found.samples]


def test_the_list_stands_beside_the_folder_and_touches_nothing_in_it(people):
    before = sorted(people.rglob("*"))
    decide(curation_file(people), "Ada/1.jpg", None)
    assert sorted(people.rglob("*")) == before
    assert sorted(path.name for path in people.parent.iterdir()) == ["people", "people.curation.json"]


def test_pictures_are_left_out_and_renamed(people):
    path = curation_file(people)
    decide(path, "Ada/1.jpg", None)
    decide(path, "Ada/2.jpg", "Zoe")
    found = read_curated_classes(people, path, min_images=1)
    assert listed(found) == [
        ("Ada/3.jpg", "Ada"),
        ("Emmy/1.jpg", "Emmy"),
        ("Emmy/2.jpg", "Emmy"),
        ("Ada/2.jpg", "Zoe"),
        ("Zoe/1.jpg", "Zoe"),
    ]
    reasons = {file.relative_to(people).as_posix(): reason for file, reason in found.rejected}
    assert set(reasons) == {"Ada/notes.txt", "Ada/1.jpg"}
    assert "notes.txt: Not an image." in reasons["Ada/notes.txt"]
    assert reasons["Ada/1.jpg"] == f"{people / 'Ada' / '1.jpg'}: Left out by people.curation.json."


def test_classes_are_counted_after_the_list(people):
    path = curation_file(people)
    decide(path, "Ada/1.jpg", "Zoe")
    found = read_curated_classes(people, path, min_images=2)
    assert (found.identities, found.left_out) == (("Ada", "Emmy", "Zoe"), {})
    decide(path, "Ada/2.jpg", None)
    found = read_curated_classes(people, path, min_images=2)
    assert (found.identities, found.left_out) == (("Emmy", "Zoe"), {"Ada": 1})


def test_a_class_may_be_new(people):
    path = curation_file(people)
    decide(path, "Ada/1.jpg", "Grace")
    assert read_curated_classes(people, path).identities == ("Ada", "Emmy", "Grace", "Zoe")


def test_what_is_decided_again_counts_and_what_is_undone_does_not(people):
    path = curation_file(people)
    decide(path, "Ada/1.jpg", None)
    decide(path, "Ada/2.jpg", None)
    assert decide(path, "Ada/1.jpg", "Emmy") == (Decision("Ada/2.jpg", None), Decision("Ada/1.jpg", "Emmy"))
    assert undo(path, "Ada/2.jpg") == (Decision("Ada/1.jpg", "Emmy"),)
    assert undo(path, "nothing.jpg") == read_curation(path) == (Decision("Ada/1.jpg", "Emmy"),)
    undo(path, "Ada/1.jpg")
    assert read_curated_classes(people, path) == read_identity_folders(people)


def test_without_a_list_the_folder_is_as_it_is(people):
    assert read_curated_classes(people, None, min_images=2) == read_identity_folders(people, min_images=2)


def test_a_name_that_is_not_there_is_reported(people):
    decide(curation_file(people), "../secret.jpg", None)
    found = read_curated_classes(people, curation_file(people))
    assert "not among the images" in found.rejected[-1][1]
    assert len(found.samples) == 6


def test_too_few_classes_are_said(people):
    path = curation_file(people)
    decide(path, "Emmy/1.jpg", None)
    with pytest.raises(ValueError, match=r"has 1 after people\.curation\.json"):
        read_curated_classes(people, path, min_images=2)


def test_names_that_are_no_unicode_come_back(people):
    decide(curation_file(people), "Ada/\udcff.jpg", "Emmy")
    assert read_curation(curation_file(people)) == (Decision("Ada/\udcff.jpg", "Emmy"),)


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "{}", '{"format": 2, "decisions": []}', '{"format": 1, "decisions": [{"file": 3, "label": null}]}'],
)
def test_a_damaged_list_is_a_sentence_and_stays(people, content):
    path = curation_file(people)
    path.write_text(content)
    for use in (read_curation, lambda path: read_curated_classes(people, path), lambda path: decide(path, "a", None)):
        with pytest.raises(ValueError, match="is no list of pictures"):
            use(path)
    assert path.read_text() == content


def test_a_list_that_is_missing_is_an_error_for_a_training(people):
    with pytest.raises(ValueError, match="cannot be read: No such file"):
        read_curated_classes(people, curation_file(people))


def test_a_list_that_cannot_be_written_is_a_sentence(tmp_path):
    with pytest.raises(ValueError, match="cannot be written"):
        decide(tmp_path / "nowhere" / "list.json", "a.jpg", None)
    assert list(tmp_path.iterdir()) == []


def test_a_class_needs_a_name(people):
    with pytest.raises(ValueError, match="needs a name"):
        decide(curation_file(people), "Ada/1.jpg", " ")


def test_the_file_is_plain_json(people):
    decide(curation_file(people), "Ada/1.jpg", None)
    content = json.loads(curation_file(people).read_text())
    assert content == {"format": 1, "decisions": [{"file": "Ada/1.jpg", "label": None}]}
