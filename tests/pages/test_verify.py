import dataclasses
import io

import numpy as np
import pytest
from PIL import Image

import kerasface.tasks.verification
from kerasface.models.pretrained import ModelFileError
from pages.parts import models as page_models

QUESTION = "Are two photos of the same person?"
JPEG_THAT_IS_TEXT = ("holiday.jpg", b"not a photo", "image/jpeg")


def upload(page, key, content, name="photo.png"):
    page.file_uploader(key=f"{key}_upload").set_value((name, content, "image/png"))


def all_text(page):
    return " ".join(element.value for element in [*page.title, *page.markdown, *page.caption])


def test_first_start_asks_the_question(open_page):
    page = open_page("verify")
    assert not page.exception
    assert not page.error
    assert page.title[0].value == QUESTION
    assert len(page.file_uploader) == 2


def test_two_photos_of_one_person_match(open_page, portrait_files):
    page = open_page("verify")
    for key, file in zip("ab", portrait_files, strict=True):
        upload(page, key, file.read_bytes(), file.name)
    page.run()
    assert not page.exception
    assert "Match" in page.title[0].value
    assert "1 in 1,000" in all_text(page)
    assert "95 % interval" in all_text(page)
    (groups,) = [one for one in page.expander if one.label == "On whom this was measured"]
    assert "students of Georgia Tech" in " ".join(block.proto.body for block in groups.get("html"))
    assert "with a probability of" in all_text(page)


@pytest.mark.slow
def test_another_error_rate_moves_the_threshold(open_page):
    page = open_page("verify")
    page.button[0].click().run()
    strict = all_text(page)
    page.segmented_control(key="fmr").set_value(0.01).run()
    assert not page.exception
    assert "1 in 100**" in all_text(page)
    assert all_text(page) != strict


def test_the_sample_needs_no_file(open_page):
    page = open_page("verify")
    page.button[0].click().run()
    assert not page.exception
    assert "Match" in page.title[0].value


def test_a_camera_photo_is_taken(open_page, portrait_files):
    page = open_page("verify")
    page.segmented_control(key="a_source").set_value("Sample")
    page.segmented_control(key="b_source").set_value("Camera").run()
    page.camera_input[0].set_value(("shot.jpg", portrait_files[1].read_bytes(), "image/jpeg")).run()
    assert not page.exception
    assert "Match" in page.title[0].value


def test_a_bad_file_in_one_slot_is_one_sentence(open_page, portrait_png):
    page = open_page("verify")
    page.file_uploader(key="a_upload").set_value(JPEG_THAT_IS_TEXT)
    upload(page, "b", portrait_png)
    page.run()
    assert not page.exception
    assert page.title[0].value == QUESTION
    assert len(page.error) == 1
    assert r"holiday\.jpg" in page.error[0].value


def test_a_photo_without_a_face_is_said_as_such(open_page, portrait_png, faceless_png):
    page = open_page("verify")
    upload(page, "a", faceless_png, "wall.png")
    upload(page, "b", portrait_png)
    page.run()
    assert not page.exception
    assert "No face" in page.title[0].value
    assert "Photo A" in all_text(page)
    assert "interval" not in all_text(page)  # no score, so no threshold that it could have passed


def test_of_several_faces_one_is_picked_under_the_photo(open_page, portrait, portrait_png):
    head = portrait[20:240, 130:310]
    party = io.BytesIO()
    Image.fromarray(np.hstack([head, head[:, ::-1]])).save(party, "PNG")
    page = open_page("verify")
    upload(page, "a", party.getvalue(), "party.png")
    upload(page, "b", portrait_png)
    page.run()
    assert "Ambiguous" in page.title[0].value
    (choice,) = [one for one in page.button_group if one.key.startswith("a_face_")]
    choice.set_value(2).run()
    assert not page.exception
    assert "Match" in page.title[0].value


@pytest.mark.parametrize(
    ("decision", "word"), [("no_match", "No match"), ("ambiguous", "Ambiguous"), ("low_quality", "quality")]
)
def test_every_decision_has_its_words(open_page, monkeypatch, decision, word):
    real = kerasface.tasks.verification.verify

    def decided(*arguments, **options):
        return dataclasses.replace(real(*arguments, **options), decision=decision)

    monkeypatch.setattr(kerasface.tasks.verification, "verify", decided)
    page = open_page("verify")
    page.button[0].click().run()
    assert not page.exception
    assert word in page.title[0].value
    assert len(page.get("plotly_chart")) == (
        1 if decision == "no_match" else 0
    )  # a score that decides nothing is not drawn


@pytest.mark.slow
@pytest.mark.usefixtures("no_cached_models")
def test_missing_weights_are_a_sentence(open_page, monkeypatch):
    def missing(*_):
        raise ModelFileError("The weight file x.dat is missing. Run: pip install x")

    monkeypatch.setattr(page_models, "FaceAnalyzer", missing)
    page = open_page("verify")
    page.button[0].click().run()
    assert not page.exception
    assert r"x\.dat is missing" in page.error[0].value


@pytest.mark.slow
def test_a_file_name_is_shown_letter_by_letter(open_page, portrait_png):
    page = open_page("verify")
    upload(page, "a", portrait_png, "[me](http://example.org) :red[x].png")
    upload(page, "b", portrait_png)
    page.run()
    captions = [caption for image in page.image for caption in image.captions]
    assert r"\[me\]\(http\://example\.org\) \:red\[x\]\.png" in captions[0]


@pytest.mark.slow
def test_networks_stay_warm_between_two_runs(open_page, monkeypatch):
    """Streamlit empties Keras after every run: TensorFlow would prepare its kernels anew for every photo."""
    from tensorflow.python.eager.context import Context

    cleared = []
    page = open_page("verify")
    page.button[0].click().run()
    monkeypatch.setattr(Context, "clear_kernel_cache", lambda self: cleared.append(self))
    assert not page.run().exception
    assert cleared == []
