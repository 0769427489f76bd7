import numpy as np
import pytest

from kerasface import environment
from pages._home_cards import ALT, CAN, HAVE
from pages._home_pictures import HEIGHT, WIDTH, made_pictures, plain_pictures
from pages._runs import TRAIN_COMMAND


def links(page):
    """Page and query of every link, in order."""
    return [(link.page, link.proto.query_string) for link in page.get("page_link")]


def test_first_start_leads_by_what_one_has(open_page):
    page = open_page("home")
    assert not page.exception
    assert page.title[0].value == "KerasFace"
    assert [heading.value for heading in page.subheader[:2]] == ["What do you have?", "What it can do"]
    assert page.code[0].value == TRAIN_COMMAND
    assert any("No model is trained yet" in text.value for text in page.markdown)
    assert {metric.label for metric in page.metric} == {"Device", "Precision", "Embedding one face", "Weights intact"}
    first = links(page)[: sum(len(entry[1]) for entry in HAVE.values())]
    assert first[:4] == [("verify", ""), ("gallery", "view=unknown"), ("gallery", "view=folder"), ("train", "")]
    # Photos of people are never led to a page where a model of other things would judge them.
    assert "recognise" not in {where for where, _ in first}


def test_what_it_can_do_is_shown_with_pictures_of_the_product(open_page):
    page = open_page("home")
    assert [picture.proto.imgs[0].alt for picture in page.image] == list(ALT.values())
    assert next(iter(CAN)) == "gallery"
    made = made_pictures()
    assert set(CAN) - {"segment"} <= set(made) <= set(CAN)  # an installed package brings no model that segments
    assert {picture.shape for picture in {**plain_pictures(), **made}.values()} == {(HEIGHT, WIDTH, 3)}
    portrait = plain_pictures()["gallery"]
    changed = np.argwhere((made["gallery"] != portrait).any(axis=-1))
    (top, left), (bottom, right) = changed.min(axis=0), changed.max(axis=0)
    assert 0 < top < bottom < HEIGHT
    assert 0 < left < WIDTH // 2 < right + 60 < WIDTH  # around the face, which is left of the middle


def test_a_broken_model_is_listed_and_breaks_nothing(open_page, tmp_path):
    folder = tmp_path / "saved_models" / "old_friends"
    folder.mkdir(parents=True)
    (folder / "card.json").write_text("{", encoding="utf-8")
    page = open_page("home")
    assert not page.exception
    assert len(page.warning) == 1
    assert r"old\_friends" in page.warning[0].value
    assert page.metric  # what stands below the list is still there


@pytest.mark.usefixtures("no_cached_models")
def test_missing_weights_are_a_sentence(open_page, monkeypatch):
    report = environment.report()
    problem = "The weight file x.dat is missing. Run: pip install x"
    report["pretrained"][0]["state"] = problem
    report |= {"missing": [problem], "embedding_seconds": None}
    monkeypatch.setattr(environment, "report", lambda: report)
    page = open_page("home")
    assert not page.exception
    assert page.error[0].value.replace("\\", "") == problem
    total = len(report["pretrained"])
    assert page.metric[-1].value == f"{total - 1} of {total}"
