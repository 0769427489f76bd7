"""The view "Sort photos" of the page Gallery: a folder in one answer; embeddings are made up."""

import io
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from kerasface.tasks.sorting.answers import Answer, choose_answers
from kerasface.tasks.sorting.looking import LookedAt
from pages.parts.gallery.sorted.grid import words_of
from pages.parts.gallery.sorted.job import JOB, _free_name
from tests.pages import test_gallery as gallery_tests
from tests.pages.test_gallery import direction, fill, names_of, press, ran, said

for name in ("_own_configuration", "open_file", "people", "sees", "open_view"):
    globals()[name] = getattr(gallery_tests, name)


@pytest.fixture
def folder(tmp_path):
    """Three photos of different colors, and a file that is none."""
    place = tmp_path / "photos"
    place.mkdir()
    for number in range(3):
        Image.new("RGB", (40, 30), (number, 90, 90)).save(place / f"{number}.png")
    (place / "text.jpg").write_text("no photo")
    return place


@pytest.fixture
def sorted_page(open_view, people, sees, folder):
    """The view after the folder was looked at: Ada, nobody known, and no face."""
    page = open_view(view="sort")
    sees([direction(2)], [direction(77)], [])
    page.text_input(key="gallery_sort_folder").set_value(str(folder))
    page.checkbox(key="gallery_sort_remember").set_value(True)
    return press(page, "gallery_sort_look")


def test_a_folder_is_one_answer_and_is_not_looked_at_twice(sorted_page, people, sees):
    assert "3 photos, 1 of them with somebody you know" in said(sorted_page)
    assert "text.jpg" in said(sorted_page)
    assert "**Ada**" in said(sorted_page)
    assert people.seen.count() == 3
    sees()  # nothing is left to see
    press(sorted_page, "gallery_sort_look")
    assert "3 photos, 1 of them" in said(sorted_page)


def test_answers_are_chosen_by_person_and_leave_and_come_back(sorted_page, folder, tmp_path):
    fill(sorted_page, gallery_sort_with=["Ada"])
    assert "0.png" in said(sorted_page)
    assert "1.png" not in said(sorted_page)
    fill(sorted_page, sort_target=str(tmp_path / "out"))
    press(sorted_page, "sort_copy")
    assert (tmp_path / "out" / "Ada" / "0.png").is_file()
    press(sorted_page, "sort_xmp")
    assert (folder / "0.png.xmp").is_file()
    press(sorted_page, "sort_undo")
    press(sorted_page, "sort_undo")
    assert not (tmp_path / "out").exists()
    assert sorted(path.name for path in folder.iterdir()) == ["0.png", "1.png", "2.png", "text.jpg"]
    fill(sorted_page, sort_target=str(folder / "in"))
    press(sorted_page, "sort_link")
    assert "the next time its copies would be looked at" in said(sorted_page)


def test_doubts_are_answered_once_and_the_answers_stay(sorted_page, people):
    before = names_of(people)
    fill(sorted_page, gallery_sort_way="Doubt first")
    question = sorted_page.subheader[-1].value
    assert question.startswith("Is this ")
    press(sorted_page, "sort_no_answer")
    assert people.refusals()
    for _ in range(6):  # two faces and three people
        if "No face is left to ask about" in said(sorted_page):
            break
        press(sorted_page, "sort_skip_answer")
    assert "No face is left to ask about" in said(sorted_page)
    sorted_page.session_state[JOB].passed.clear()
    ran(sorted_page.run())
    assert sorted_page.subheader[-1].value != question
    press(sorted_page, "sort_yes_answer")
    assert sum(names_of(people).values()) >= sum(before.values())


def test_two_files_with_one_content_are_two_cards_and_next_passes_both(open_view, people, sees, folder):
    (folder / "3.png").write_bytes((folder / "0.png").read_bytes())
    page = open_view(view="sort")
    sees([direction(2)], [direction(77)], [], [direction(2)])
    page.text_input(key="gallery_sort_folder").set_value(str(folder))
    press(page, "gallery_sort_look")
    assert "4 photos, 2 of them" in said(page)
    sees([direction(2)], [direction(2)])
    press(page, f"sort_open_{folder / '0.png'}")
    assert "1 of 4" in said(page)
    press(page, "sort_next")
    assert "2 of 4" in said(page)


def test_a_yes_that_the_gate_refuses_is_no_success_and_stays_a_question(sorted_page, people, monkeypatch):
    before = names_of(people)
    refused = SimpleNamespace(refused="low_quality", reason="0.png: The face is blurred.")
    monkeypatch.setattr("pages.parts.gallery.sorted.questions.confirm", lambda *_: refused)
    fill(sorted_page, gallery_sort_way="Doubt first")
    question = sorted_page.subheader[-1].value
    press(sorted_page, "sort_yes_answer")
    assert "It was not enrolled: 0.png: The face is blurred." in said(sorted_page)
    assert not sorted_page.success
    assert (sorted_page.subheader[-1].value, sorted_page.session_state[JOB].passed) == (question, set())
    assert names_of(people) == before


def test_what_the_disk_says_when_something_is_taken_back_is_a_sentence(sorted_page, monkeypatch):
    press(sorted_page, "sort_xmp")

    def refuse(manifest):
        raise PermissionError(13, "Permission denied", str(manifest))

    monkeypatch.setattr("pages.parts.gallery.sorted.leaving.undo", refuse)
    press(sorted_page, "sort_undo")
    assert "Permission denied" in said(sorted_page)
    assert len(sorted_page.session_state[JOB].manifests) == 1


def test_a_persons_page_finds_the_photos(sorted_page, people):
    sorted_page.query_params["person"] = people.person("Ada").person_id
    ran(sorted_page.run())
    press(sorted_page, "person_photos")
    assert "4 photos" in said(sorted_page)  # three samples that were never looked at, and one that was
    assert "0.png" in said(sorted_page)


def test_a_damaged_memory_of_photos_ends_no_persons_page(open_view, people):
    """The page says so and how to mend it, and a person can still be deleted, which mends it too."""
    people.seen.path.write_bytes(b"no database, and longer than the header of one" * 100)
    person_id = people.person("Ada").person_id
    page = open_view(person=person_id)
    assert "What is remembered of photos" in said(page)
    assert "people photos --forget" in said(page)
    for button in ("person_rename", "person_consent"):
        assert any((one.key or "").endswith(button) for one in page.button)
    fill(page, **{f"delete_{person_id}": "Ada"})
    press(page, "person_delete")
    assert "Ada" not in names_of(people)
    assert not people.seen.path.exists()


def test_a_folder_that_is_none_is_named(open_view, people, tmp_path):
    page = open_view(view="sort")
    page.text_input(key="gallery_sort_folder").set_value(str(tmp_path / "nowhere"))
    press(page, "gallery_sort_look")
    assert "is not a folder" in said(page)
    page.text_input(key="gallery_sort_folder").set_value("")
    press(page, "gallery_sort_look")
    assert "Give the folder" in said(page)


def answer(path, date, *faces):
    decided = [
        SimpleNamespace(name=name, decision=decision, normalized_score=score, threshold=5.0)
        for name, decision, score in faces
    ]
    return Answer(LookedAt(path, path, [], date), decided)


def test_names_that_are_still_doubtful_are_left_out_where_that_is_wanted(sorted_page, folder, tmp_path, monkeypatch):
    (face,) = sorted_page.session_state[JOB]._decided[1][0].faces
    above = face.normalized_score - face.threshold
    for nearer, copied in ((0.1, True), (-0.1, False)):  # sure, and doubtful
        monkeypatch.setattr("kerasface.tasks.sorting.answers.SURE", above - nearer)
        target = tmp_path / f"out {copied}"
        fill(sorted_page, sort_target=str(target))
        sorted_page.checkbox(key="sort_sure").set_value(True)
        press(sorted_page, "sort_copy")
        assert (target / "Ada").is_dir() == copied


def test_answers_come_in_the_order_that_is_asked_for():
    answers = [
        answer("a", "2024", ("Bob", "match", 9.0), ("Ada", "match", 8.0)),
        answer("b", None, (None, "unknown", 4.9)),
        answer("c", "2020", ("Ada", "match", 5.5), (None, "low_quality", 5.0)),
        answer("d", None),
    ]

    def chosen(*args, **options):
        return "".join(one.look.path for one in choose_answers(answers, *args, **options))

    assert [chosen(order) for order in ("Person", "Decision", "Date", "Doubt")] == ["cabd", "acbd", "cabd", "bcad"]
    assert chosen("Person", ["Ada", "Bob"]) == "a"
    assert chosen("Person", ["Ada"], unknown=True) == "c"
    assert [words_of(one) for one in answers] == ["Ada, Bob", "1 unknown", "Ada, 1 too poor to decide", "no face"]


def test_uploads_and_a_zip_of_photos_are_looked_at_and_gone_with_the_job(open_view, people, sees, folder, tmp_path):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(folder / "1.png", "album/1.png")
        archive.writestr("notes.txt", "no photo")
    page = open_view(view="sort")
    sees([direction(2)], [direction(77)])
    page.file_uploader(key="gallery_sort_files").set_value(
        [("0.png", (folder / "0.png").read_bytes(), "image/png"), ("p.zip", packed.getvalue(), "application/zip")]
    )
    press(page, "gallery_sort_look")
    assert "2 photos, 1 of them with somebody you know" in said(page)
    assert "notes.txt" in said(page)
    job = page.session_state[JOB]
    assert sorted(map(job.shown, job.paths)) == ["0.png", "album/1.png"]
    fill(page, sort_target=str(tmp_path / "out"))
    press(page, "sort_copy")
    assert (tmp_path / "out" / "Ada" / "0.png").is_file()
    assert not [button for button in page.button if button.key in ("sort_xmp", "sort_link")]
    made = Path(job.folder)
    del job
    sees([direction(2)], [direction(77)], [])
    page.text_input(key="gallery_sort_folder").set_value(str(folder))
    press(page, "gallery_sort_look")
    assert "Give a folder or files, and not both" in said(page)
    assert not made.exists()


@pytest.mark.parametrize("name", ["../../etc/passwd", "..\\x.png", ".hidden", "a/b.png", "\x00\n", "ä é.png"])
def test_an_upload_gets_a_name_in_its_folder(tmp_path, name):
    own = _free_name(name, tmp_path, 1)
    assert (tmp_path / own).resolve().parent == tmp_path.resolve()
    assert not own.startswith(".")
    (tmp_path / own).write_text("there")
    assert _free_name(name, tmp_path, 2) != own


def test_a_changed_photo_under_the_same_name_shows_nobody_else_s_face(sorted_page, folder):
    fill(sorted_page, gallery_sort_way="Doubt first")
    for number in range(3):
        Image.new("RGB", (400, 300), (200, 0, number)).save(folder / f"{number}.png")
    sorted_page.session_state["gallery_thumbnails"].clear()
    ran(sorted_page.run())
    assert "The photo is gone, or another one by now" in said(sorted_page)
