"""The page Gallery on tiny galleries; embeddings are made up, so that it is known who is like whom."""

import hashlib
import io
import json
import os
import re
import tempfile
import zipfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from streamlit.proto.WidgetStates_pb2 import WidgetState
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Selectbox

from kerasface.faces.embedders import list_embedders
from kerasface.faces.fingerprint import EMBEDDING_DIM, embedder_fingerprint
from kerasface.gallery.keys import key_path
from kerasface.gallery.opening import open_gallery, recorded_embedder
from kerasface.gallery.store import Consent, NewSample
from pages.parts import models as page_models
from pages.parts.gallery.cards import PER_PAGE, found_people
from pages.parts.gallery.faces import initials
from pages.parts.gallery.who import chance_text
from pages.parts.photos import plain
from tests.faces.rates.test_own_points import own_points

APP = Path(__file__).resolve().parents[2] / "app.py"
WAIT = 90_000  # milliseconds; on the first photo the server imports TensorFlow and builds the models
HOSTILE = "<script>alert(1)</script>"
MARKED = "**Bob** [x](http://x.y) :smile: $a$"
CONSENT = Consent("2026-01-01T00:00:00+00:00", "the album", "2999-01-01T00:00:00+00:00")


@pytest.fixture(autouse=True)
def _own_configuration(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("KERASFACE_KEY", raising=False)
    monkeypatch.delenv("KERASFACE_GALLERY", raising=False)


@pytest.fixture(autouse=True)
def _typed_options(monkeypatch):
    """Sends what a user typed into a box that takes new options, as a browser does; AppTest knows none."""

    def state(box):
        typed = box.value
        return WidgetState(id=box.id, **({} if typed is None else {"string_value": box.format_func(typed)}))

    monkeypatch.setattr(Selectbox, "_widget_state", property(state))


@pytest.fixture
def open_file(tmp_path):
    """Opens the gallery of the page as another program does; closes it in the end."""
    opened = []

    def open_another(**changes):
        settings = {"embedder": embedder_fingerprint(), "embedding_dim": EMBEDDING_DIM} | changes
        opened.append(open_gallery(tmp_path / "kerasface.gallery", **settings))
        return opened[-1]

    yield open_another
    for gallery in opened:
        gallery.close()


@pytest.fixture
def people(open_file):
    """A gallery of two people with hostile names and one with a harmless one, three samples each."""
    gallery = open_file()
    for seed, name in enumerate((HOSTILE, MARKED, "Ada")):
        gallery.enroll(name, [sample(seed, f"{name} {number}") for number in range(3)], consent=CONSENT)
    return gallery


@pytest.fixture
def sees(front_end, monkeypatch):
    """Function that says which embeddings the faces of the next photos have, a list for each photo."""
    monkeypatch.setattr(page_models, "_analyzer", lambda *_: front_end)

    def see(*photos):
        front_end.lists = [list(embeddings) for embeddings in photos]

    return see


def direction(seed):
    """A unit embedding; those of two people are about 0.8 alike, as faces are."""
    common, own = (np.random.default_rng(each).normal(size=EMBEDDING_DIM) for each in (1000, seed))
    vector = 2 * common + own
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def sample(seed, source):
    return NewSample(direction(seed), source, hashlib.sha256(source.encode()).hexdigest())


def photo(name, grey):
    file = io.BytesIO()
    Image.new("RGB", (40, 30), (grey, grey, grey)).save(file, "PNG")
    return name, file.getvalue(), "image/png"


def hash_of(photo):
    return hashlib.sha256(photo[1]).hexdigest()


@pytest.fixture
def open_view(tmp_path, monkeypatch):
    """Function that opens the page at an address, such as `person="1f..."`, in one run: a run takes 0.3 s."""
    monkeypatch.chdir(tmp_path)

    def open_at(**address):
        page = AppTest.from_file(APP, default_timeout=120).switch_page("pages/gallery.py")
        for name, value in address.items():
            page.query_params[name] = value
        return ran(page.run())

    return open_at


def fill(page, **values):
    """Fills in fields, by key, in one run; also such as appear only once another one is filled in."""
    for key, value in values.items():
        page.session_state[key] = value
    return ran(page.run())


def ran(page):
    assert not page.exception
    return page


def upload(page, key, *photos, **values):
    """Gives photos and fills in other fields, in one run."""
    page.file_uploader(key=f"{key}_upload_0").set_value(list(photos))
    return fill(page, **values)


def named(key, name):
    """The fields that say who somebody new is, and that the person agreed."""
    return {f"{key}_name": name, f"{key}_agreed": True}


def press(page, ending):
    (button,) = [button for button in page.button if (button.key or "").endswith(ending)]
    assert not button.disabled
    return ran(button.click().run())


def said(page):
    """All sentences of the page, without escapes."""
    kinds = (page.markdown, page.caption, page.info, page.warning, page.error, page.success)
    return " ".join(element.value for kind in kinds for element in kind).replace("\\", "")


def names_of(gallery):
    return {person.name: person.num_samples for person in gallery.people()}


@pytest.mark.slow
def test_nothing_is_made_before_it_is_asked_for(open_view, tmp_path):
    page = open_view()
    assert "There is no gallery at" in page.info[0].value
    assert str(key_path()) in said(page)
    assert not (tmp_path / "kerasface.gallery").exists()
    assert not key_path().exists()
    press(page, "gallery_make")
    assert "was made" in page.success[0].value
    assert "Nobody is enrolled yet" in page.info[0].value
    assert (tmp_path / "kerasface.gallery").stat().st_mode & 0o077 == 0
    assert key_path().stat().st_mode & 0o077 == 0


def test_a_gallery_begins_with_the_embedder_that_is_chosen(open_view, tmp_path, monkeypatch):
    ships = list_embedders(tmp_path)[0]
    theirs = replace(ships, name="theirs", fingerprint="theirs-1", path=tmp_path, is_calibrated=False)
    monkeypatch.setattr("pages.parts.models.list_embedders", lambda: [ships, theirs])
    made = []

    def analyzer(fingerprint):
        made.append(fingerprint)
        return SimpleNamespace(embedder=SimpleNamespace(fingerprint=fingerprint, embedding_dim=3))

    monkeypatch.setattr("pages.parts.gallery.opening.analyzer_or_stop", analyzer)
    page = open_view()
    page.selectbox(key="gallery_embedder").set_value("theirs").run()
    assert "kerasface embedders calibrate theirs" in said(page)
    press(page, "gallery_make")
    assert made[0] == "theirs-1"
    assert recorded_embedder(tmp_path / "kerasface.gallery") == ("theirs-1", 3)
    assert "Faces are compared by theirs-1, which is not here." in said(open_view(view="file"))


def test_the_path_is_that_of_the_command_line_until_another_is_chosen(open_view, tmp_path, monkeypatch, people):
    monkeypatch.setenv("KERASFACE_GALLERY", str(tmp_path / "other.gallery"))
    page = open_view()
    assert "other.gallery yet" in said(page)
    fill(page, gallery_path="kerasface.gallery")
    assert page.get("page_link")


@pytest.mark.slow
def test_a_gallery_on_a_server_is_made_and_looked_at_and_its_password_shown_nowhere(open_view, monkeypatch, postgres):
    place, shown = postgres.address("page", password="geheim"), postgres.address("page")
    monkeypatch.setenv("KERASFACE_GALLERY", place)
    page = open_view()
    assert f"There is no gallery at {shown} yet" in said(page)
    assert page.text_input(key="gallery_path").placeholder == shown
    press(page, "gallery_make")
    assert "Nobody is enrolled yet" in said(page)
    with open_gallery(place) as gallery:
        gallery.enroll("Ada", [sample(1, "ada")])
    assert [link.proto.label for link in open_view().get("page_link")] == ["**Ada**"]
    page = press(open_view(view="file"), "gallery_check")
    assert "Sound" in said(page)
    assert "geheim" not in said(page)
    fill(page, gallery_path="postgresql://ada:geheim@db@db/faces")
    assert "The address of the gallery is malformed" in page.error[0].value
    fill(page, gallery_path="")
    assert not page.error


def test_the_demonstration_leaves_the_users_files_alone(open_view, tmp_path, tmp_path_factory, monkeypatch, sees):
    elsewhere = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr(tempfile, "tempdir", str(elsewhere))
    page = open_view()
    sees([direction(1)], [direction(1)])
    press(page, "demo_enter")
    assert [link.proto.label for link in page.get("page_link")] == ["**The astronaut**"]
    assert list(tmp_path.iterdir()) == []
    assert b"astronaut" not in b"".join(file.read_bytes() for file in elsewhere.rglob("*") if file.is_file())
    sees([direction(1)])
    fill(page, gallery_view="who", gallery_who_source="Sample")
    assert "**The astronaut**" in said(page)
    press(page, "demo_leave")
    assert "There is no gallery at" in said(page)


def test_a_link_to_a_view_is_followed_in_the_middle_of_a_session(open_view, people):
    page = open_view(view="add")
    page.query_params["view"] = "file"  # as a link of Home has it
    ran(page.run())
    assert page.session_state["gallery_view"] == "file"
    fill(page, gallery_view="people")  # and what is pressed on the page counts as before
    assert page.session_state["gallery_view"] == "people"
    assert page.query_params["view"] == "people"


def test_names_are_shown_letter_by_letter(open_view, people):
    page = open_view()
    labels = [link.proto.label for link in page.get("page_link")]
    assert labels == [f"**{plain(name)}**" for name in (MARKED, HOSTILE, "Ada")]  # by name, whatever the case
    page = open_view(person=people.person(HOSTILE).person_id)
    assert page.subheader[0].value == plain(HOSTILE)
    for element in (*page.markdown, *page.caption, *page.checkbox, *page.button):
        text = getattr(element, "value", "") if element.type in ("markdown", "caption") else element.label
        assert HOSTILE not in str(text)
    assert not any("<script" in html.proto.body for html in page.get("html"))


@pytest.mark.parametrize(
    ("name", "letters"),
    [("Ada Lovelace", "AL"), ("ada", "A"), (HOSTILE, "S"), ("&<>", "?"), ("李小龍", "李"), ("a b c", "AC")],
)
def test_initials_hold_letters_only(name, letters):
    assert initials(name) == letters


def test_people_are_found_sorted_and_paged(open_view, open_file):
    gallery = open_file()
    with gallery.transaction():
        for number in range(PER_PAGE + 1):
            gallery.enroll(f"Person {number:02}", [sample(number, str(number))] if number == 7 else [])
        gallery.rename(gallery.person("Person 30").person_id, "Zoë")
    page = open_view()
    assert len(page.get("page_link")) == PER_PAGE
    ran(page.get("pagination")[0].set_value(2).run())
    assert [link.proto.label for link in page.get("page_link")] == ["**Zoë**"]
    fill(page, gallery_search="nobody")
    assert "Nobody's name" in page.info[0].value
    fill(page, gallery_search=" O", gallery_order="Last change")
    assert page.get("page_link")[0].proto.label == "**Zoë**"
    assert [person.name for person in found_people(gallery.people(), " ZO", "Name")] == ["Zoë"]
    assert found_people(gallery.people(), "", "Samples")[0].name == "Person 07"


def test_nothing_is_enrolled_before_consent_and_button(open_view, open_file, sees):
    gallery = open_file()
    page = open_view(view="add")
    sees([direction(1)], [], [direction(1)])
    upload(page, "gallery_add", photo("one.png", 1), photo("wall.png", 2), photo("two.png", 3), ("cut.png", b"x", ""))
    assert "Say first who it is" in said(page)
    press(page, "add_enrol")
    assert page.warning[0].value == "Say first who it is\\."
    assert r"wall\.png" in page.warning[-1].value
    assert r"cut\.png" in page.error[0].value
    fill(page, add_name=" Ada ")
    press(page, "add_enrol")
    assert "tick that the person agreed" in page.warning[0].value
    assert page.button(key="add_enrol").label == "Enrol 2 photos as Ada"
    page.selectbox(key="add_name").set_value("Bea")  # with the very press: the gate has not judged it
    press(page, "add_enrol")
    assert "Something else was chosen" in page.warning[0].value
    fill(page, add_name=" Ada ")
    assert gallery.people() == []
    page.checkbox(key="add_agreed").check()  # with the very press
    press(page, "add_enrol")
    (ada,) = gallery.people()
    assert (ada.name, ada.num_samples, ada.consent.purpose) == ("Ada", 2, "being recognised in photos on this machine")
    assert gallery.find_source(hash_of(photo("one.png", 1)))[0].source == "one.png"
    assert not page.file_uploader(key="gallery_add_upload_1").value  # offered once
    assert page.session_state["add_name"] is None


def test_the_gate_gives_reasons_and_lets_pass_what_is_ticked(open_view, people, sees):
    page = open_view(view="add")
    sees([direction(2)], [direction(9)], [direction(7), direction(8)])
    upload(page, "gallery_add", photo("a.png", 1), photo("b.png", 2), photo("c.png", 3), **named("add", "Eve"))
    assert "a.png** This looks like Ada, who is enrolled" in said(page)
    assert "It shows 2 faces and none stands out" in said(page)
    assert page.button(key="add_enrol").label == "Enrol 1 photo as Eve"
    (choice,) = [group for group in page.button_group if group.key.startswith("add_face_")]
    choice.set_value(1)
    fill(page, add_pass_0=True)
    assert page.button(key="add_enrol").label == "Enrol 3 photos as Eve"
    press(page, "add_enrol")
    np.testing.assert_allclose(people.embeddings("Eve"), [direction(2), direction(9), direction(8)], atol=1e-6)


def test_what_was_checked_must_still_hold_when_the_button_is_pressed(open_view, people, open_file, sees):
    page = open_view(view="add")
    sees([direction(9)])
    upload(page, "gallery_add", photo("a.png", 1), **named("add", "Eve"))
    other = open_file()
    other.enroll("Eva", [sample(9, "another photo")])
    press(page, "add_enrol")
    assert "other things speak against them now" in page.warning[0].value
    assert "looks like Eva" in said(page)
    fill(page, add_pass_0=True)
    other.enroll("Eve", [sample(10, "a third photo")])
    press(page, "add_enrol")
    assert "has enrolled a 'Eve' since" in said(page)
    assert names_of(people)["Eve"] == 1


def test_corrections_of_who_is_who_persist(open_view, people, sees):
    page = open_view(view="who")
    group = photo("group.png", 1)
    sees([direction(2), direction(0), direction(9)])
    upload(page, "gallery_who", group)
    assert [text in said(page) for text in ("**Ada**", f"**{HOSTILE}**", "**Unknown**")] == [True] * 3
    assert "Among 3 people, at most 1 in 100 strangers may be taken for somebody" in said(page)
    for text in ("% that this is Ada, if every second face", f"% that this is {HOSTILE}, if every"):
        assert text in said(page)
    (boxes,) = page.get("bidi_component")
    assert [face["name"] for face in json.loads(boxes.proto.json)["faces"]] == ["1 Ada", f"2 {HOSTILE}", "3 ?"]
    press(page, "_0_right")
    assert names_of(people)["Ada"] == 4
    assert "This photo is a sample of Ada" in said(page)
    press(page, "_1_not")
    assert f"face 2 is not {HOSTILE}" in said(page)
    assert f"**{HOSTILE}**" not in said(page)
    (refusal,) = people.refused_matches(hash_of(group))
    assert refusal.person_id == people.person(HOSTILE).person_id
    press(page, "_lift_0")
    assert people.refused_matches(hash_of(group)) == []
    assert f"**{HOSTILE}**" in said(page)


def test_a_photo_that_was_turned_to_find_its_faces_is_named(open_view, people, sees, front_end, tmp_path):
    front_end.face = replace(front_end.face, turned=90)
    page = open_view(view="who")
    sees([direction(2)])
    upload(page, "gallery_who", photo("side.png", 1))
    assert "side.png was turned by 90 degrees clockwise." in said(page)
    (tmp_path / "folk" / "Fay").mkdir(parents=True)
    (tmp_path / "folk" / "Fay" / "one.png").write_bytes(photo("", 2)[1])
    page = open_view(view="folder")
    sees([direction(14)])
    fill(page, gallery_many_folder=str(tmp_path / "folk"), gallery_many_agreed=True)
    press(page, "gallery_many_enrol")
    assert "Fay/one.png was turned by 90 degrees clockwise." in said(page)


@pytest.mark.slow
def test_a_face_that_was_taken_for_somebody_gets_its_own_name(open_view, people, sees):
    page = open_view(view="who")
    shot = photo("shot.png", 1)
    sees([direction(2)])
    key = f"who_{hash_of(shot)}_0"
    upload(page, "gallery_who", shot, **named(key, "Adele"))
    press(page, "_0_enrol")
    assert "No photo has passed" in page.warning[0].value  # she looks like Ada
    fill(page, **{f"{key}_pass_0": True})
    press(page, "_0_enrol")
    assert names_of(people)["Adele"] == 1
    assert [refusal.person_id for refusal in people.refused_matches(hash_of(shot))] == [people.person("Ada").person_id]
    assert "**Ada**" not in said(page)


def test_unknown_faces_are_grouped_and_named(open_view, people, sees, tmp_path):
    folder = tmp_path / "album"
    folder.mkdir()
    for number in range(5):
        (folder / f"{number}.png").write_bytes(photo("", 10 * number)[1])
    (folder / "5.png").write_bytes(b"no photo")
    sees([direction(20), direction(2)], [direction(20)], [direction(21)], [direction(20)], [direction(30)])
    page = open_view(view="unknown")
    fill(page, gallery_origin="Folder", gallery_folder=str(folder))
    assert "**6 faces**: 1 unknown person seen more than once, 1 of people you know" in said(page)
    assert "Known: Ada 1" in said(page)
    assert "5.png" in page.error[0].value.replace("\\", "")
    assert headings(page) == ["**Somebody in 3 photos**"]
    key = f"unknown_{hashlib.sha256((folder / '0.png').read_bytes()).hexdigest()}_0"
    fill(page, **{f"{key}_faces_3": [0, 2]}, **named(key, "Cyd"))
    press(page, f"{key}_enrol")
    assert [one.source for one in people.samples("Cyd")] == [str(folder / "0.png"), str(folder / "3.png")]
    assert "0 unknown people seen more than once, 4 of people you know" in said(page)
    fill(page, gallery_folder=str(tmp_path / "none"))
    assert "is not a folder" in page.error[0].value


@pytest.fixture
def album(open_view, people, sees, tmp_path):
    """The view Unknown faces on seven photos: two of person 20, two of 21, two of 22 in one photo with 20 first."""
    folder = tmp_path / "album"
    folder.mkdir()
    for number in range(6):
        (folder / f"{number}.png").write_bytes(photo("", 10 * number)[1])
    sees(
        *([direction(20), direction(22)], [direction(20)]),
        *([direction(21)], [direction(21)], [direction(22)], [direction(30)]),
    )
    page = open_view(view="unknown")
    fill(page, gallery_origin="Folder", gallery_folder=str(folder))
    keys = [
        f"unknown_{hashlib.sha256((folder / f'{number}.png').read_bytes()).hexdigest()}_{face}"
        for number, face in ((0, 0), (0, 1), (2, 0))
    ]
    return page, keys


def headings(page):
    return [box.label for box in page.checkbox if (box.key or "").endswith("_tick")]


def test_unknown_groups_are_made_one_person_and_apart_again(album):
    page, (first, second, third) = album
    assert headings(page) == ["**Somebody in 2 photos**"] * 3
    assert page.button(key="unknown_merge").disabled
    fill(page, **{f"{first}_tick": True, f"{third}_tick": True})
    press(page, "unknown_merge")
    assert headings(page) == ["**Somebody in 4 photos**", "**Somebody in 2 photos**"]
    assert not page.session_state[f"{first}_tick"]
    fill(page, **named(first, "Cyd"))
    assert page.button(key=f"{first}_enrol").label == "Enrol 4 photos as Cyd"
    press(page, "unknown_undo")
    assert headings(page) == ["**Somebody in 2 photos**"] * 3
    fill(page, **{f"{first}_tick": True, f"{second}_tick": True})  # both are in photo 0
    press(page, "unknown_merge")
    assert "0.png shows a face of both groups" in said(page)
    assert len(headings(page)) == 3


def test_an_unknown_group_is_set_aside_until_it_is_brought_back(album):
    page, (first, second, third) = album
    press(page, f"{third}_aside")
    assert len(headings(page)) == 2
    assert any("Set aside: 1 group" in expander.label for expander in page.expander)
    press(page, f"{third}_back")
    assert len(headings(page)) == 3
    for key in (first, second, third):
        press(page, f"{key}_aside")
    assert headings(page) == []
    press(page, "unknown_undo")
    assert len(headings(page)) == 1


def test_the_consent_stands_beside_the_button(open_view, people, sees):
    page = open_view(view="add")
    sees([direction(9)], [direction(9)])
    upload(page, "gallery_add", photo("a.png", 1), photo("b.png", 2), **named("add", "Eve"))
    order = [element.key for element in page.main if getattr(element, "key", None)]
    between = order[order.index("add_agreed") + 1 : order.index("add_enrol")]
    assert set(between) == {"add_purpose", "add_expires"}


def people_zip(**photos):
    """A zip file of a folder of people: name to greys of the photos; None is a file that is no photo."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, greys in photos.items():
            for number, grey in enumerate(greys):
                content = b"no photo" if grey is None else photo("", grey)[1]
                archive.writestr(f"family/{name}/{number}.png", content)
    return "family.zip", file.getvalue(), "application/zip"


def test_a_zip_file_of_people_is_enrolled_at_once(open_view, people, sees, tmp_path, tmp_path_factory, monkeypatch):
    elsewhere = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr(tempfile, "tempdir", str(elsewhere))
    page = open_view(view="folder")
    page.file_uploader(key="gallery_many_zip").set_value(people_zip(Dan=[1, 2], Eve=[3, None, 4]))
    press(page, "gallery_many_enrol")
    assert "tick that they agreed" in page.error[0].value
    assert set(names_of(people)) == {HOSTILE, MARKED, "Ada"}
    sees([direction(11)], [direction(11)], [direction(12)], [direction(2)])  # the last one looks like Ada
    fill(page, gallery_many_agreed=True)
    press(page, "gallery_many_enrol")
    assert (names_of(people)["Dan"], names_of(people)["Eve"]) == (2, 1)
    assert people.person("Dan").consent.purpose == "being recognised in photos on this machine"
    assert [one.source for one in people.samples("Dan")] == ["Dan/0.png", "Dan/1.png"]  # no folder that is gone
    assert "3 of 5 photos enrolled, of 2 people." in said(page)
    table = " ".join(part.proto.body for part in page.get("html"))
    assert "This looks like Ada, who is enrolled" in table
    assert "Eve/1.png" in table
    assert str(elsewhere) not in table
    assert list(elsewhere.iterdir()) == []


def test_a_folder_of_people_is_enrolled_or_said_to_be_none(open_view, people, sees, tmp_path, tables):
    for name, grey in (("Ada", 1), ("Fay", 2)):
        (tmp_path / "folk" / name).mkdir(parents=True)
        (tmp_path / "folk" / name / "one.png").write_bytes(photo("", grey)[1])
    (tmp_path / "folk" / "Gil").mkdir()
    page = open_view(view="folder")
    fill(page, gallery_many_folder=str(tmp_path / "none"), gallery_many_agreed=True)
    press(page, "gallery_many_enrol")
    assert "none does not exist" in page.error[0].value.replace("\\", "")
    sees([direction(2)], [direction(14)])
    fill(page, gallery_many_folder=str(tmp_path / "folk"))
    press(page, "gallery_many_enrol")
    assert (names_of(people)["Ada"], names_of(people)["Fay"]) == (4, 1)
    assert people.person("Ada").consent == CONSENT  # hers still holds
    assert tables(page)[1] == [{"file": "Gil", "why": "No photo lies in this folder."}]
    sees([direction(2)], [direction(14)])
    press(page, "gallery_many_enrol")
    assert "0 of 2 photos enrolled" in said(page)


@pytest.mark.slow
def test_a_person_is_put_right(open_view, people):
    ada = people.person("Ada")
    page = open_view(person=ada.person_id)
    fill(page, **{f"rename_{ada.person_id}": "Ada L."})
    press(page, "person_rename")
    assert people.person(ada.person_id).name == "Ada L."
    first = people.samples(ada.person_id)[0].sample_id
    fill(page, **{f"samples_{ada.person_id}": [first], f"split_{ada.person_id}": "Bea"})
    press(page, "person_split")
    assert (names_of(people)["Ada L."], names_of(people)["Bea"]) == (2, 1)
    fill(page, **{f"merge_{ada.person_id}": people.person("Bea").person_id})
    press(page, "person_merge")
    assert names_of(people)["Ada L."] == 3
    press(page, "person_end_consent")
    assert not people.person(ada.person_id).is_searched
    fill(page, **{f"consent_{ada.person_id}_agreed": True, f"samples_{ada.person_id}": [first]})
    press(page, "person_consent")
    assert people.person(ada.person_id).consent.expires is None
    press(page, "person_delete_samples")
    assert people.person(ada.person_id).num_samples == 2


def test_the_history_names_photos_and_no_bare_hash(open_view, people, tables):
    """A photo that the person was enrolled with by its file, another one by the beginning of its hash."""
    ada = people.person("Ada")
    known, unknown = people.samples(ada.person_id)[0], "5" * 64
    for source_hash in (known.source_hash, unknown):
        people.refuse_match(source_hash, (1, 2, 3, 4), ada.person_id)
    details = [row["detail"] for row in tables(open_view(person=ada.person_id))[-1]]
    assert details[:2] == ["a face of the file with SHA-256 55555555…", f"a face of the file {known.source}"]


def test_a_merge_says_how_alike_they_are_asks_and_can_be_undone(open_view, people):
    ada, other = people.person("Ada"), people.person(HOSTILE)
    page = open_view(person=ada.person_id)
    press(page, "person_merge")
    assert "Choose first" in page.warning[0].value
    page.selectbox(key=f"merge_{ada.person_id}").set_value(other.person_id)  # with the very press: nobody has compared
    press(page, "person_merge")
    assert "Nothing was merged yet" in page.warning[0].value
    assert f"Ada and {HOSTILE} do not look like one person: normalized scores: mean -" in said(page)
    press(page, "person_merge")
    assert "tick that they are one person" in page.warning[0].value
    assert len(names_of(people)) == 3
    fill(page, **{f"merge_sure_{ada.person_id}_{other.person_id}": True})
    press(page, "person_merge")
    assert names_of(people) == {MARKED: 3, "Ada": 6}
    assert f"{HOSTILE} with 3 samples was merged on" in said(page)
    (merge,) = people.merges(ada.person_id)
    press(page, f"person_unmerge_{merge.number}")
    assert f"{HOSTILE} is a person again." in said(page)
    assert (people.person(HOSTILE), people.person("Ada")) == (other, ada)
    assert not [button for button in page.button if (button.key or "").startswith("person_unmerge")]


def test_alike_people_are_merged_without_a_question(open_view, people):
    ada = people.person("Ada")
    people.enroll("Adele", [sample(2, "another")])
    page = open_view(person=ada.person_id)
    fill(page, **{f"merge_{ada.person_id}": people.person("Adele").person_id})
    assert "Ada and Adele are alike, as photos of one person are" in said(page)
    press(page, "person_merge")
    assert names_of(people)["Ada"] == 4


def test_deleting_asks_for_the_name(open_view, people):
    person = people.person(HOSTILE)
    page = open_view(person=person.person_id)
    fill(page, **{f"delete_{person.person_id}": "script"})
    press(page, "person_delete")
    assert "Nothing was deleted" in page.warning[0].value
    assert HOSTILE in names_of(people)
    fill(page, **{f"delete_{person.person_id}": HOSTILE})
    press(page, "person_delete")
    assert HOSTILE not in names_of(people)
    assert "person" not in page.query_params
    assert f"{HOSTILE} was deleted" in said(page)


def test_what_is_typed_and_ticked_goes_with_the_press(open_view, people):
    """It reaches the server with the press: no run of the page has seen it before."""
    ada = people.person("Ada")
    page = open_view(person=ada.person_id)
    page.text_input(key=f"rename_{ada.person_id}").set_value("Grace")
    press(page, "person_rename")
    assert people.person(ada.person_id).name == "Grace"
    page.text_input(key=f"consent_{ada.person_id}_purpose").set_value("a walk")
    page.checkbox(key=f"consent_{ada.person_id}_agreed").check()
    press(page, "person_consent")
    assert people.person(ada.person_id).consent.purpose == "a walk"
    first, second, *_ = (sample.sample_id for sample in people.samples(ada.person_id))
    fill(page, **{f"samples_{ada.person_id}": [first]})
    page.multiselect(key=f"samples_{ada.person_id}").set_value([second])
    press(page, "person_delete_samples")
    assert "nothing was deleted" in page.warning[0].value
    page.text_input(key=f"split_{ada.person_id}").set_value("Bea")
    press(page, "person_split")
    assert (names_of(people)["Grace"], names_of(people)["Bea"]) == (2, 1)
    page.text_input(key=f"delete_{ada.person_id}").set_value("Grace")
    press(page, "person_delete")
    assert "Grace" not in names_of(people)


@pytest.mark.parametrize("button", ["person_rename", pytest.param("person_delete", marks=pytest.mark.slow)])
def test_of_two_who_edit_one_person_the_second_is_told(open_view, people, button):
    ada = people.person("Ada")
    first, second = open_view(person=ada.person_id), open_view(person=ada.person_id)
    rename, confirm = f"rename_{ada.person_id}", f"delete_{ada.person_id}"
    fill(second, **{rename: "Adele", confirm: "Ada"})
    fill(first, **{rename: "Ada Lovelace"})
    press(first, "person_rename")
    press(second, button)
    assert "rename from 'Ada' to 'Ada Lovelace'" in second.warning[0].value.replace("\\", "")
    assert people.person(ada.person_id).name == "Ada Lovelace"
    assert second.subheader[0].value == "Ada Lovelace"  # what is there now
    assert second.text_input(key=rename).value == "Adele"  # what was typed is not lost
    press(second, "person_rename")  # decided again
    assert people.person(ada.person_id).name == "Adele"
    people.delete_person(ada.person_id)
    ran(first.run())
    assert "is not in the gallery" in first.warning[0].value


@pytest.mark.slow
def test_an_export_of_a_person_can_be_imported(open_view, people, tmp_path):
    ada = people.person("Ada")
    page = open_view(person=ada.person_id)
    fill(page, **{f"export_{ada.person_id}": "short"})
    press(page, f"export_{ada.person_id}_make")
    assert "takes 12 characters" in page.warning[0].value
    fill(page, **{f"export_{ada.person_id}": "four words of nobody"})
    press(page, f"export_{ada.person_id}_make")
    assert page.get("download_button")[0].proto.label == "Download"
    page = open_view(view="file")
    people.export(tmp_path / "all", passphrase="four words of nobody")
    people.delete_person(ada.person_id)
    file = ("all", (tmp_path / "all").read_bytes(), "application/octet-stream")
    ran(page.file_uploader(key="gallery_import_0").set_value([file]).run())
    press(page, "gallery_import_button")
    assert "give its passphrase" in page.error[0].value
    fill(page, gallery_import_passphrase="four words of nobody", gallery_import_merge=True)
    press(page, "gallery_import_button")
    assert names_of(people) == {HOSTILE: 3, MARKED: 3, "Ada": 3}
    press(page, "gallery_check")
    assert "Sound" in page.success[0].value


def test_broken_keys_and_files_are_sentences_with_a_way_on(open_view, open_file, tmp_path):
    open_file().enroll("Ada", [sample(1, "a")])
    page = open_view()
    assert page.get("page_link")
    key = key_path().read_bytes()
    key_path().unlink()  # while the page is open
    ran(page.run())
    assert "key of the gallery is missing" in page.error[0].value
    key_path().write_bytes(b"0" * 64)
    os.chmod(key_path(), 0o600)
    ran(page.run())
    assert "not the one that the gallery" in page.error[0].value
    key_path().write_bytes(key)
    press(page, "gallery_again")
    assert page.get("page_link")
    (tmp_path / "letter.txt").write_text("Dear Ada")
    fill(page, gallery_path="letter.txt")
    assert "no gallery of KerasFace" in page.error[0].value
    assert (tmp_path / "letter.txt").read_text() == "Dear Ada"
    fill(page, gallery_path=str(tmp_path))
    assert "cannot be read" in page.error[0].value


def test_a_gallery_that_is_damaged_while_it_is_open_is_a_sentence(open_view, open_file, tmp_path):
    gallery = open_file()
    gallery.enroll("Ada", [sample(1, "a")])
    page = open_view()
    with gallery.transaction() as connection:
        connection.execute("UPDATE persons SET sealed = x'00'")
    ran(page.run())
    assert "was altered or destroyed" in page.error[0].value
    assert page.button(key="gallery_again")


def test_an_older_copy_of_the_gallery_is_a_sentence_that_says_what_to_do(open_view, open_file, tmp_path):
    with open_file() as gallery:
        gallery.enroll("Ada", [sample(1, "a")])
    copy = gallery.path.read_bytes()
    with open_file() as gallery:
        gallery.delete_person("Ada")
    gallery.path.write_bytes(copy)
    page = open_view()
    assert "older copy of itself" in page.error[0].value
    assert "people check" in page.error[0].value


def test_no_session_sees_the_photos_of_another(open_view, people, sees):
    first, second = open_view(view="who"), open_view(view="who")
    sees([direction(2)])
    upload(first, "gallery_who", photo("mine.png", 1))
    assert "**Ada**" in said(first)
    ran(second.run())
    assert "**Ada**" not in said(second)
    assert "gallery_looks" not in second.session_state


@pytest.mark.browser
@pytest.mark.slow
def test_a_hostile_name_is_text_in_a_browser(page, app_server, portrait_files):
    """In the demonstration, which needs neither a gallery nor a key of the user."""
    expect = pytest.importorskip("playwright.sync_api").expect
    hostile = "<img src=x onerror=document.title=1> **Ada** </span><script>document.title=2</script>"
    page.goto(f"{app_server}/gallery?view=who")
    page.get_by_role("button", name="Look at a demonstration").last.click(timeout=WAIT)
    page.get_by_role("radiogroup", name="Photos").get_by_text("Sample").click(timeout=WAIT)
    tag = page.locator(".photo .tag")
    expect(tag).to_have_text("1 The astronaut", timeout=WAIT)
    page.get_by_text("People", exact=True).click()
    page.get_by_role("link", name="The astronaut").click()
    page.locator("summary", has_text="Rename").click()
    page.get_by_role("textbox", name="New name").fill(hostile)
    page.get_by_role("textbox", name="New name").press("Enter")
    page.get_by_role("button", name="Rename").click()
    expect(page.get_by_role("heading", level=3)).to_have_text(hostile, timeout=WAIT)
    expect(page).to_have_url(re.compile(r"[?]person=[0-9a-f]{16}$"), timeout=WAIT)
    page.get_by_role("button", name="All people").click()
    expect(page.get_by_role("link", name=hostile)).to_be_visible(timeout=WAIT)
    page.get_by_text("Who is who", exact=True).click()
    expect(tag).to_have_text(f"1 {hostile}", timeout=WAIT)
    page.get_by_text("Add a person", exact=True).click()
    page.locator("input[type=file]").set_input_files(portrait_files[1])
    expect(page.get_by_text(f"This looks like {hostile}")).to_be_visible(timeout=WAIT)
    assert page.title() == "KerasFace"
    assert page.locator("[onerror]").count() == 0
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize(("normalized", "told"), [(3.0, True), (6.0, False)])
def test_a_chance_is_told_of_an_unknown_face_only_where_the_score_is_why(normalized, told):
    """One that another face of the photo was more alike is refused in spite of its score."""
    face = SimpleNamespace(
        decision="unknown",
        score=0.94,
        normalized_score=normalized,
        threshold=4.8,
        probability=0.97,
        probability_text="97.0 % that this is Ada",
    )
    assert bool(chance_text(face)) == told


@pytest.mark.slow
def test_thresholds_of_ones_own_are_named_above_every_view(people, open_view):
    assert "of one's own" not in said(open_view())
    people.keep_own_points(own_points({0.01: 0.5}).to_dict(), "43 people")
    for view in ("people", "who", "file"):
        assert "The thresholds of 43 people of one's own (crew), measured on 2026-01-02, decide." in said(
            open_view(view=view)
        )
