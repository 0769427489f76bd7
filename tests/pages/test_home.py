import importlib.util
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from PIL import Image

from kerasface import environment
from pages.parts.home.cards import ALT, CAN, HAVE, PICTURES
from pages.parts.listed_runs import TRAIN_COMMAND


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
    assert {metric.label for metric in page.metric} == {
        "Device",
        "Engine",
        "Precision",
        "Embedding one face",
        "Weights intact",
    }
    first = links(page)[: sum(len(entry[1]) for entry in HAVE.values())]
    assert first[:4] == [("verify", ""), ("gallery", "view=unknown"), ("gallery", "view=folder"), ("train", "")]
    # Photos of people are never led to a page where a model of other things would judge them.
    assert "recognise" not in {where for where, _ in first}


def test_what_it_can_do_is_shown_before_a_network_is_loaded(open_page, monkeypatch):
    def not_yet():
        raise RuntimeError("networks are loading")

    monkeypatch.setattr(environment, "report", not_yet)
    st.cache_data.clear()
    page = open_page("home")
    assert page.exception[0].message == "networks are loading"
    pictures = [picture.proto.imgs[0] for picture in page.image]
    assert [picture.alt for picture in pictures] == list(ALT.values())
    assert all(picture.url for picture in pictures)
    assert set(ALT) == set(CAN) == {path.stem for path in PICTURES.glob("*.webp")}


@pytest.mark.slow
def test_the_pictures_are_what_the_product_makes(analyzer):
    """Made anew they differ by what a lossy file loses, and by a network in another precision."""
    path = Path(__file__).resolve().parents[2] / "docs" / "home_pictures.py"
    spec = importlib.util.spec_from_file_location("home_pictures", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    made = script.made_pictures(analyzer)
    assert set(made) == set(CAN)
    for page, picture in made.items():
        shown = np.asarray(Image.open(PICTURES / f"{page}.webp").convert("RGB"), dtype=np.float64)
        assert picture.shape == shown.shape == (320, 480, 3)
        assert np.abs(shown - picture).mean() < 6, page


@pytest.mark.slow
def test_a_broken_model_is_listed_and_breaks_nothing(open_page, tmp_path):
    folder = tmp_path / "saved_models" / "old_friends"
    folder.mkdir(parents=True)
    (folder / "card.json").write_text("{", encoding="utf-8")
    page = open_page("home")
    assert not page.exception
    assert len(page.warning) == 1
    assert r"old\_friends" in page.warning[0].value
    assert page.metric  # what stands below the list is still there


@pytest.mark.slow
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
